/** Random well-typed programs: nested loops, affine addresses of either sign, all operators. WebAssembly and the interpreter must agree. */
import { describe, expect, test } from "vitest";
import { wasmLayout } from "../../../backends/wasm/layout.ts";
import { instantiateWasm } from "../../../backends/wasm/web-assembly.ts";
import { emitWasm } from "../../../backends/wasm/emit.ts";
import * as b from "../../../src/loops/build.ts";
import { loadProgram } from "../../../src/loops/interpret.ts";
import type {
  Buffer,
  LaneElement,
  LoopBinary,
  LoopExpression,
  LoopProgram,
  LoopUnary,
  MemoryElement,
  Register,
  RegisterType,
  Statement,
} from "../../../src/loops/loop.ts";
import { f32Type, f64Type, i32Type, i64Type, laneBytes, vector } from "../../../src/loops/loop.ts";
import { printProgram } from "../../../src/loops/print.ts";
import { constantBuffer, program, scratchBuffer } from "./harness.ts";

const scalars = [i32Type, i64Type, f32Type, f64Type];
const vectors = (
  [
    ["i8", 16],
    ["i16", 8],
    ["i32", 4],
    ["i64", 2],
    ["f32", 4],
    ["f64", 2],
  ] as const
).map(([element, lanes]) => vector(element, lanes));
const types = [...scalars, ...vectors];
const memoryElements: readonly MemoryElement[] = [
  "i8",
  "u8",
  "i16",
  "u16",
  "i32",
  "u32",
  "i64",
  "f32",
  "f64",
];
/** Loops run to at most 6 and factors to 3, so that any constant from `margin` to `margin + spread` stays inside. */
const [margin, spread, elementCount] = [40, 20, 160];

/** Marsaglia's xorshift32. */
function randomFrom(seed: number): { below: (n: number) => number; of: <T>(from: readonly T[]) => T } {
  let state = seed * 2_654_435_761 + 1;
  const below = (n: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
  return { below, of: (from) => from[below(from.length)]! };
}

function randomProgram(seed: number): LoopProgram {
  const random = randomFrom(seed);
  const isFloat = (type: RegisterType): boolean => b.isFloatLane(type.element);
  const edges = [
    0,
    1,
    -1,
    2,
    -2,
    127,
    -128,
    255,
    32_767,
    -32_768,
    65_535,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 30,
    12_345,
  ];
  const integer = (): number => (random.below(2) === 0 ? random.of(edges) : random.below(2 ** 32) | 0);
  const float = (): number => random.of([0, -0, 0.5, -1.5, 1e10, -3e9, 1e-40, 2.5, random.below(1000) / 7]);

  const inputs = new Map<MemoryElement, Buffer>();
  const outputs = new Map<MemoryElement, Buffer>();
  for (const element of memoryElements) {
    const values = Array.from({ length: elementCount }, () =>
      element.startsWith("f")
        ? float()
        : element === "i64"
          ? BigInt(integer()) * BigInt(random.below(1 << 30))
          : integer(),
    );
    inputs.set(element, constantBuffer(`in_${element}`, element, values));
    outputs.set(element, scratchBuffer(`out_${element}`, element, elementCount));
  }
  const registers = new Map<RegisterType, Register[]>(
    types.map((type) => [type, [0, 1].map((at) => b.register(`${b.formatRegisterType(type)}_${at}`, type))]),
  );
  const loops: Register[] = [];

  const sameType = (type: RegisterType): RegisterType =>
    types.find((known) => b.sameRegisterType(known, type))!;
  const fitting = (type: RegisterType): MemoryElement[] =>
    memoryElements.filter((element) => {
      const hasFloat = isFloat(type) || element === "f32" || element === "f64";
      return hasFloat ? element === type.element : laneBytes[element] <= laneBytes[type.element];
    });
  const index = (): ReturnType<typeof b.loopAffine> =>
    b.loopAffine(
      margin + random.below(spread),
      loops.map((variable) => ({ register: variable, factor: random.below(7) - 3 })),
    );

  const leaf = (type: RegisterType): LoopExpression => {
    const kind = random.below(4);
    if (kind === 0) return b.constant(type, narrowed(type.element, isFloat(type) ? float() : integer()));
    if (kind === 1) return b.read(random.of(registers.get(sameType(type))!));
    const from = inputs.get(random.of(fitting(type)))!;
    const dynamic = random.below(4) === 0 ? b.binary("and", value(i32Type, 1), b.i32(15)) : undefined;
    const splats = [1, 2, 4, 8, 16].filter((g) => g <= type.lanes);
    const splat = type.lanes > 1 && random.below(3) === 0 ? random.of(splats) : undefined;
    return b.load(type, b.address(from, index(), dynamic), splat);
  };
  const narrowed = (element: LaneElement, x: number): number =>
    element === "i8"
      ? (x << 24) >> 24
      : element === "i16"
        ? (x << 16) >> 16
        : element === "f32"
          ? Math.fround(x)
          : x;

  const value = (type: RegisterType, depth: number): LoopExpression => {
    if (depth === 0) return leaf(type);
    const part = (of: RegisterType): LoopExpression =>
      value(of, depth - 1 - random.below(2) * Math.min(1, depth - 1));
    const { element, lanes } = type;
    const options: (() => LoopExpression)[] = [() => leaf(type)];
    const operators: LoopBinary[] = isFloat(type)
      ? ["add", "sub", "mul", "div", "min", "max"]
      : ["add", "sub", "mul", "min", "max", "and", "or", "xor"];
    options.push(() => b.binary(random.of(operators), part(type), part(type)));
    options.push(() => b.binary(random.of(operators), part(type), part(type)));
    const unary: LoopUnary[] = isFloat(type)
      ? ["neg", "abs", "sqrt", "floor", "ceil", "trunc", "nearest"]
      : ["neg", "abs"];
    options.push(() => b.unary(random.of(unary), part(type)));
    options.push(() => {
      const compared = random.of(
        types.filter(
          (t) => b.sameRegisterType(b.maskType(t), b.maskType(type)) || (t.lanes === 1 && lanes === 1),
        ),
      );
      const condition = b.compare(
        random.of(["eq", "ne", "lt", "le", "gt", "ge"]),
        part(compared),
        part(compared),
      );
      return b.select(condition, part(type), part(type));
    });
    if (!isFloat(type)) {
      options.push(() =>
        b.binary(random.of(["shl", "shr"]), part(type), b.i32(random.below(8 * laneBytes[element]))),
      );
    }
    if (lanes > 1 && !isFloat(type))
      options.push(() => b.shru(part(type), b.i32(random.below(8 * laneBytes[element]))));
    if (element === "i8" || element === "i16") options.push(() => b.addsatu(part(type), part(type)));
    if (lanes > 1) {
      const scalar = b.laneScalar(type);
      options.push(() => b.splat(type, part(scalar)));
      options.push(() => b.zip(random.of([0, 1]), part(type), part(type)));
      options.push(() =>
        b.build(
          type,
          Array.from({ length: lanes }, () => leaf(scalar)),
        ),
      );
    } else {
      const from = random.of(vectors.filter((t) => b.sameRegisterType(b.laneScalar(t), type)));
      options.push(() => b.extract(random.below(from.lanes), part(from)));
      options.push(() => b.convert(type, part(random.of(scalars))));
    }
    const name = b.formatRegisterType(type);
    const [i8x16, i16x8, i32x4, i64x2, f32x4, f64x2] = vectors as [
      RegisterType,
      RegisterType,
      RegisterType,
      RegisterType,
      RegisterType,
      RegisterType,
    ];
    const narrower = { i16x8: i8x16, i32x4: i16x8, i64x2: i32x4 }[name];
    if (narrower !== undefined) options.push(() => b.widen(random.of([0, 1]), part(narrower)));
    const wider = { i8x16: i16x8, i16x8: i32x4, i32x4: i64x2 }[name];
    if (wider !== undefined) options.push(() => b.narrow(part(wider), part(wider)));
    if (wider !== undefined && wider !== i64x2)
      options.push(() => b.narrowUnsigned(part(wider), part(wider)));
    const converted = { i32x4: f32x4, f32x4: i32x4, i64x2: f64x2, f64x2: i64x2 }[name];
    if (converted !== undefined) options.push(() => b.convert(type, part(converted)));
    if (element === "i32") options.push(() => b.mulhi(part(type), part(type)));
    if (!isFloat(type)) options.push(() => b.dot(part(type), part(type), part(type)));
    if (name === "i32x4") {
      for (const operand of [i16x8, i8x16])
        options.push(() => b.dot(part(type), part(operand), part(operand)));
    }
    if (name === "i32") {
      const compared = random.of(scalars);
      options.push(() => b.compare(random.of(["eq", "lt", "ge"]), part(compared), part(compared)));
      options.push(() => b.binary("divu", part(type), b.binary("or", part(type), b.i32(1))));
    }
    return random.of(options)();
  };

  const statements = (count: number, depth: number): Statement[] =>
    Array.from({ length: count }, (_, at): Statement => {
      const kind = random.below(depth > 0 ? 5 : 4);
      const type = random.of(types);
      if (kind <= 1) return b.set(random.of(registers.get(type)!), value(type, 1 + random.below(3)));
      if (kind <= 3) {
        const stored = value(type, 1 + random.below(3));
        const lanes = random.below(2) === 0 ? undefined : 1 + random.below(type.lanes);
        return b.store(b.address(outputs.get(random.of(fitting(type)))!, index()), stored, lanes);
      }
      const variable = b.register(`v${loops.length}_${at}_${random.below(1 << 30)}`);
      const from = random.below(7) - 3;
      const to = b.binary("add", b.i32(from + random.below(4)), b.binary("and", leaf(i32Type), b.i32(3)));
      loops.push(variable);
      const body = statements(3, depth - 1);
      loops.pop();
      return b.loop(
        variable,
        from,
        random.below(2) === 0 ? to : from + random.below(4),
        1 + random.below(2),
        body,
      );
    });

  const start = types.flatMap((type) =>
    registers.get(type)!.map((register) => {
      const buffer = inputs.get(random.of(fitting(type)))!;
      return b.set(register, b.load(type, b.address(buffer, random.below(margin))));
    }),
  );
  return program([...inputs.values(), ...outputs.values()], [...start, ...statements(12, 2)]);
}

/** NaN payloads are outside the contract: every NaN counts as one. */
const comparable = (buffer: Buffer, bytes: Uint8Array): unknown => {
  if (buffer.element === "f32") return Array.from(new Float32Array(bytes.slice().buffer));
  if (buffer.element === "f64") return Array.from(new Float64Array(bytes.slice().buffer));
  return Array.from(bytes);
};

describe.each(Array.from({ length: 10 }, (_, block) => block))("seeds of block %d", (block) => {
  test("agree", async () => {
    for (let seed = block * 30; seed < block * 30 + 30; seed++) {
      const random = randomProgram(seed);
      const machine = loadProgram(random);
      machine.run();
      const bytes = await emitWasm(random, { optimize: seed % 2 === 1 });
      const { memory, run } = await instantiateWasm(bytes);
      run();
      const addresses = wasmLayout(random);
      for (const buffer of random.buffers) {
        if (buffer.role === "constant") continue;
        const sizeBytes = buffer.count * laneBytes[buffer.element];
        const expected = machine.memories.get(buffer)!;
        const at = addresses.get(buffer)!;
        expect(
          comparable(buffer, memory.subarray(at, at + sizeBytes)),
          `seed ${seed}, ${buffer.name}\n${printProgram(random)}`,
        ).toEqual(
          comparable(buffer, expected.bytes.subarray(expected.baseBytes, expected.baseBytes + sizeBytes)),
        );
      }
    }
  });
});
