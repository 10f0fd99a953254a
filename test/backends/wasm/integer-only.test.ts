/** The scan must know every instruction: each that binaryen can build, float or not, is fed to it. */
import binaryen from "binaryen";
import { describe, expect, test } from "vitest";
import { emitWasm } from "../../../backends/wasm/emit.ts";
import { assertIntegerOnly, findFloats } from "../../../backends/wasm/integer-only.ts";
import { isValidWasm } from "../../../backends/wasm/web-assembly.ts";
import { add, convert, mulhi, zip } from "../../../src/loops/build.ts";
import { f32Type, i32Type, vector } from "../../../src/loops/loop.ts";
import { at, constantBuffer, program, put, scratchBuffer } from "./harness.ts";

type Builder = (...operands: unknown[]) => number;
const groups = [
  "i32",
  "i64",
  "f32",
  "f64",
  "v128",
  "i8x16",
  "i16x8",
  "i32x4",
  "i64x2",
  "f32x4",
  "f64x2",
] as const;
/** Outside of what the scan knows: atomics, wide arithmetic, exceptions. */
const unknown = new Set(["pop", "atomic", "add128", "sub128", "mul_wide_s", "mul_wide_u"]);
const types = [binaryen.i32, binaryen.i64, binaryen.f32, binaryen.f64, binaryen.v128];
const features = binaryen.Features.SIMD128 | binaryen.Features.SignExt | binaryen.Features.NontrappingFPToInt;

interface Sample {
  /** As the text format spells it. */
  readonly instruction: string;
  readonly bytes: Uint8Array;
}

/** Every list of operands an instruction of this name may want; locals 0 to 4 are of the five types. */
function* operandLists(
  module: binaryen.Module,
  group: string,
  name: string,
  builder: Builder,
): Generator<unknown[]> {
  const local = (type: number): number => module.local.get(types.indexOf(type), type);
  const { i32, i64, f32, f64, v128 } = binaryen;
  if (name === "const" || name === "const_bits") {
    yield [
      group === "v128"
        ? new Array<number>(16).fill(1)
        : group === "i64" || (name === "const_bits" && group === "f64")
          ? 1n
          : 1,
    ];
  } else if (/^(load|store).*_lane$/.test(name)) yield [0, 1, 0, local(i32), local(v128)];
  else if (name.startsWith("load")) yield [0, 1, local(i32)];
  else if (name.startsWith("store")) {
    yield [0, 1, local(i32), local({ i32, i64, f32, f64 }[group] ?? v128)];
  } else if (name === "shuffle")
    yield [local(v128), local(v128), Array.from({ length: 16 }, (_, lane) => lane)];
  else if (name.startsWith("extract_lane")) yield [local(v128), 0];
  else if (name === "replace_lane") for (const type of types) yield [local(v128), 0, local(type)];
  else if (builder.length === 3) yield [local(v128), local(v128), local(v128)];
  else if (builder.length === 1) for (const type of types) yield [local(type)];
  else for (const left of types) for (const right of types) yield [local(left), local(right)];
}

/** The first of the operand lists that makes a valid module, in the engine's eyes. */
function sampleOf(group: (typeof groups)[number], path: readonly string[]): Sample | undefined {
  const lists = (module: binaryen.Module): readonly [Builder, unknown[][]] => {
    const builder = path.reduce<unknown>(
      (value, key) => (value as Record<string, unknown>)[key],
      module[group],
    ) as Builder;
    return [builder, [...operandLists(module, group, path[0]!, builder)]];
  };
  const count = lists(new binaryen.Module())[1].length;
  for (let choice = 0; choice < count; choice++) {
    const module = new binaryen.Module();
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
    module.setFeatures(features);
    module.setMemory(1, 1);
    const [builder, operands] = lists(module);
    const expression = builder(...operands[choice]!);
    const isStatement = binaryen.getExpressionType(expression) === binaryen.none;
    const body = isStatement ? expression : module.drop(expression);
    module.addFunction("f", binaryen.none, binaryen.none, types, body);
    const instruction = /^\s*\(([a-z0-9_.]+)/.exec(binaryen.emitText(expression))![1]!;
    const bytes = module.emitBinary();
    module.dispose();
    if (isValidWasm(bytes)) return { instruction, bytes };
  }
  return undefined;
}

function pathsOf(group: (typeof groups)[number]): string[][] {
  const builders = new binaryen.Module()[group] as unknown as Record<string, unknown>;
  return Object.entries(builders)
    .filter(([name]) => !unknown.has(name))
    .flatMap(([name, value]) =>
      typeof value === "function" ? [[name]] : Object.keys(value as object).map((from) => [name, from]),
    );
}

describe.each(groups)("instructions of %s", (group) => {
  test("are all recognized", () => {
    const paths = pathsOf(group);
    expect(paths.length).toBeGreaterThan(15);
    for (const path of paths) {
      const sample = sampleOf(group, path);
      expect(sample, `${group}.${path.join(".")}`).toBeDefined();
      const { instruction, bytes } = sample!;
      const uses = findFloats(bytes).filter(({ what }) => !what.startsWith("local"));
      const isFloat = /f32|f64/.test(instruction);
      expect(uses.length > 0, instruction).toBe(isFloat);
      const isScalar = /^[if]\d\d\./.test(instruction);
      if (isFloat && isScalar && !/extract_lane/.test(instruction)) {
        expect(uses.map(({ what }) => what)).toContain(instruction);
      }
    }
  });
});

describe("emitted programs", () => {
  const words = constantBuffer("words", "i32", [1, 2, 3, 4]);
  const reals = constantBuffer("reals", "f32", [1]);
  const out = scratchBuffer("out", "i32", 4);
  const four = at(vector("i32", 4), words);

  test("integers pass", async () => {
    const bytes = await emitWasm(
      program([words, out], [put(out, mulhi(zip(1, four, four), add(four, four)))]),
    );
    expect(findFloats(bytes)).toEqual([]);
    expect(() => {
      assertIntegerOnly(bytes);
    }).not.toThrow();
  });

  test("a float is found, with function and instruction", async () => {
    const real = convert(i32Type, at(f32Type, reals));
    const bytes = await emitWasm(program([words, reals, out], [put(out, four)], [put(out, real)]));
    expect(findFloats(bytes).map(({ where, what }) => `${where}: ${what}`)).toEqual([
      "function 1: f32.load",
      "function 1: i32.trunc_sat_f32_s",
    ]);
    expect(() => {
      assertIntegerOnly(bytes, ["first", "second"]);
    }).toThrow(/^internal: wasm: f32.load in function 1 \('second'\), byte \d+, and 1 more use/);
  });

  test("types, results, globals, locals and blocks", () => {
    const found = (text: string): string[] => {
      const module = binaryen.parseText(text);
      const bytes = module.emitBinary();
      module.dispose();
      return findFloats(bytes).map(({ where, what }) => `${where}: ${what}`);
    };
    expect(found('(module (func (export "f") (param f32) (result f64) unreachable))')).toEqual([
      "type 0: parameter f32",
      "type 0: result f64",
    ]);
    expect(found('(module (global (export "g") f64 (f64.const 1)))')).toEqual([
      "global 0: type f64",
      "global 0: f64.const",
    ]);
    expect(found('(module (func (export "f") (local f32)))')).toEqual(["function 0: local f32"]);
    expect(found('(module (import "a" "b" (func)) (func (export "f") (local i32 f64)))')).toEqual([
      "function 1: local f64",
    ]);
  });

  test("what is not understood is refused", async () => {
    const bytes = await emitWasm(program([out], [put(out, { kind: "constant", type: i32Type, value: 7 })]));
    expect(() => findFloats(bytes.subarray(0, bytes.length - 3))).toThrow(
      /internal: wasm: the reader met the end/,
    );
    expect(() => findFloats(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))).toThrow(/no WebAssembly module/);
    const place = bytes.findIndex((byte, index) => byte === 0x41 && bytes[index + 1] === 7);
    const strange = bytes.slice();
    strange[place] = 0xd0;
    expect(() => findFloats(strange)).toThrow(/internal: wasm: the reader met opcode 0xd0/);
  });
});
