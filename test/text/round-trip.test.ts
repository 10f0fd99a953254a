/** parse ∘ print is the identity on graphs, print ∘ parse on printed text: for random graphs and for every operator's example. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bool,
  choice,
  float,
  floats,
  int,
  ints,
  tensorAttribute,
  type AttributeValue,
} from "../../src/ir/attributes.ts";
import { Graph, type Range, type Value, type WideElement } from "../../src/ir/graph.ts";
import { defineOp, operandSpecs } from "../../src/ir/operation.ts";
import { tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { constant } from "../../src/ops/constant.ts";
import { operators } from "../../src/ops/index.ts";
import {
  elementRange,
  elementTypes,
  holdsInteger,
  isBigInteger,
  isFloat,
  isInteger,
  wholeElementTypes,
  type ElementType,
} from "../../src/tensor/element-type.ts";
import { parseSafetensors, writeSafetensors } from "../../src/tensor/safetensors.ts";
import { elementCount, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph, parseGraphs, parseType } from "../../src/text/parse.ts";
import { printGraph, printGraphs } from "../../src/text/print.ts";

/** An operator of every kind of attribute, whose result type is as declared. */
const anything = defineOp({
  name: "anything",
  doc: "",
  example: "",
  given: {},
  operands: ["first?", "rest*"],
  attrs: {
    whole: int(3),
    wholes: ints(undefined, [1, 2]),
    real: float(-0),
    reals: floats(),
    flag: bool(false),
    word: { kind: "string", default: "" },
    mode: choice(["one", "two"], "one"),
    value: tensorAttribute(),
  },
  infer: (_operands, _attrs, fail, declared) => declared ?? fail("type", "has no type"),
  express: () => [],
});

const number = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 1e21, 5e-324));
const whole = fc.maxSafeInteger();
const shape = fc.array(fc.nat(3), { maxLength: 3 });
const scale = fc.oneof(
  fc.constantFrom(0.5, 0.25),
  fc.double({ min: 1e-9, max: 1e9, noNaN: true }),
  fc.float({ min: Math.fround(1e-9), max: Math.fround(1e9), noNaN: true }),
);

const typeOf = (elements: readonly ElementType[]): fc.Arbitrary<TensorType> =>
  fc.tuple(fc.constantFrom(...elements), shape).chain(([element, extents]) => {
    const plain = fc.constant(tensorType(element, extents));
    if (!isInteger(element) || isBigInteger(element)) return plain;
    const { min, max } = elementRange(element);
    const zero = fc.integer({ min: Math.max(min, -128), max: Math.min(max, 127) });
    const quantizations: fc.Arbitrary<Quantization>[] = [
      fc.record({ scale: fc.tuple(scale), zero: fc.tuple(zero) }),
    ];
    extents.forEach((length, axis) => {
      const scales = fc.array(scale, { minLength: length, maxLength: length });
      const zeros = fc.oneof(
        fc.array(zero, { minLength: length, maxLength: length }),
        zero.map((z) => Array.from({ length }, () => z)),
      );
      quantizations.push(fc.record({ scale: scales, zero: zeros, axis: fc.constant(axis) }));
    });
    return fc.oneof(
      plain,
      fc.oneof(...quantizations).map((q) => tensorType(element, extents, q)),
    );
  });

/** Values' types: integers of less than a byte are constants' alone. */
const type = typeOf(wholeElementTypes);

const tensorOf = ({ element, shape }: TensorType): fc.Arbitrary<Tensor> => {
  const count = elementCount(shape);
  const sized = { minLength: count, maxLength: count };
  const bounds = isFloat(element) || isBigInteger(element) ? undefined : elementRange(element);
  const item: fc.Arbitrary<number | bigint> =
    element === "f32"
      ? fc.oneof(fc.float(), fc.constant(0))
      : element === "f64"
        ? number
        : element === "i64"
          ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
          : element === "u64"
            ? fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
            : fc.integer(bounds).filter((x) => holdsInteger(element, x));
  const all = fc.oneof(
    fc.array(item, sized),
    item.map((x) => Array.from({ length: count }, () => x)),
  );
  return all.map((data) => tensor(element, shape, data as number[]));
};

const range = fc.option(
  fc.tuple(fc.double({ noNaN: true }), fc.double({ noNaN: true })).map(([a, b]) => ({
    min: Math.min(a, b),
    max: Math.max(a, b),
  })),
  { nil: undefined },
);
const storedAs = fc.constantFrom(undefined, "i16" as const);
const valueName = fc.stringMatching(/^[A-Za-z0-9_.]{1,8}$/);
const text = fc.string({ unit: "binary", maxLength: 8 });

const operation = fc.record({
  name: valueName,
  type,
  range,
  storedAs,
  origin: fc.option(text, { nil: undefined }),
  operands: fc.array(fc.nat(), { maxLength: 3 }),
  other: typeOf(elementTypes),
  ownType: fc.boolean(),
  attributes: fc.record(
    {
      whole,
      wholes: fc.array(whole, { maxLength: 3 }),
      real: number,
      flag: fc.boolean(),
      word: text,
      mode: fc.constantFrom("one", "two"),
    },
    { requiredKeys: [] },
  ),
  reals: fc.array(number, { maxLength: 3 }),
});

const graph: fc.Arbitrary<Graph> = fc
  .record({
    name: text,
    inputs: fc.array(fc.tuple(valueName, type, range, storedAs), { maxLength: 4 }),
    operations: fc
      .array(operation, { maxLength: 6 })
      .chain((list) =>
        fc.tuple(
          ...list.map((o) => tensorOf(o.ownType ? o.other : o.type).map((value) => ({ ...o, value }))),
        ),
      ),
    outputs: fc.array(fc.nat(), { maxLength: 3 }),
  })
  .map(({ name, inputs, operations, outputs }) => {
    const built = new Graph(name);
    const pick = (indices: readonly number[]): Value[] =>
      built.values.length === 0 ? [] : indices.map((i) => built.values[i % built.values.length]!);
    const wish = (
      value: Value,
      wished: { range?: Range | undefined; storedAs: WideElement | undefined },
    ): void => {
      built.setRange(value, wished.range);
      built.storeAs(value, wished.storedAs);
    };
    for (const [inputName, inputType, inputRange, wide] of inputs)
      wish(built.addInput(inputName, inputType), { range: inputRange, storedAs: wide });
    for (const o of operations) {
      const attributes = { ...o.attributes, reals: o.reals, value: o.value };
      const options = { name: o.name, type: o.type, origin: o.origin };
      wish(built.createGeneric(anything, pick(o.operands), attributes, options).result, o);
    }
    built.setOutputs(pick(outputs));
    return built;
  });

/** Everything a graph says, as plain data. */
function contents(g: Graph): object {
  const names = (values: readonly Value[]): string[] => values.map((v) => v.name);
  return {
    name: g.name,
    inputs: names(g.inputs),
    values: g.values.map((v) => ({ name: v.name, type: v.type, range: v.range, storedAs: v.storedAs })),
    operations: g.operations.map((o) => ({
      operator: o.definition.name,
      operands: names(o.operands),
      attributes: Object.entries<AttributeValue>(o.attributes),
      result: o.result.name,
      origin: o.origin,
    })),
    outputs: names(g.outputs),
  };
}

const options = { operators: [anything] };

describe("random graphs", () => {
  test("come back from their text, and their text from them", () => {
    fc.assert(
      fc.property(graph, (g) => {
        const printed = printGraph(g);
        const read = parseGraph(printed, options);
        expect(contents(read)).toEqual(contents(g));
        expect(printGraph(read)).toBe(printed);
        expect(verify(read)).toEqual([]);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test("come back with large tensors beside the text, several in a file", () => {
    fc.assert(
      fc.property(graph, (g) => {
        const other = new Graph(`${g.name} 2`);
        const large = tensor(
          "i16",
          [3, 11],
          Int16Array.from({ length: 33 }, (_, i) => i),
        );
        other.createGeneric(
          anything,
          [],
          { reals: [], value: large },
          { name: "w", type: tensorType("i16", [3, 11]) },
        );
        other.createGeneric(
          anything,
          [],
          { reals: [], value: large },
          { name: "w", type: tensorType("i16", [3, 11]) },
        );
        const externals = new Map<string, Tensor>();
        const printed = printGraphs([g, other], { externals });
        expect([...externals.keys()].slice(-2)).toEqual(["w", "w_1"]);
        const read = parseGraphs(printed, { ...options, externals });
        expect(read.map(contents)).toEqual([g, other].map(contents));
      }),
      { numRuns: 30, seed: 2 },
    );
  });
});

test("weights of less than a byte come back through a safetensors file, and others do not pass for them", () => {
  const odd = tensor(
    "odd2",
    [3, 11],
    Int8Array.from({ length: 33 }, (_, i) => [-3, -1, 1, 3][i % 4]!),
  );
  const built = new Graph("net");
  built.setOutputs([built.create(constant, {}, { value: odd }, { name: "w" }).result]);
  const externals = new Map<string, Tensor>();
  const printed = printGraph(built, { externals });
  const beside = parseSafetensors(writeSafetensors(externals), "net.safetensors");
  expect(beside.get("w")).toEqual({ ...odd, element: "i8" });
  const read = parseGraph(printed, { externals: beside });
  expect(read.operations[0]!.attributes["value"]).toEqual(odd);
  expect(printed).toContain('external<"w">} : tensor<3x11xodd2>');
  expect(() => parseGraph(printed.replace("odd2", "i2"), { externals: beside })).toThrow(
    "-3 of element 0 is none of i2",
  );
});

describe("examples of operators", () => {
  test.each(operators.map((op) => [op.name, op] as const))("%s", (name, definition) => {
    const inputs = Object.entries(definition.given).map(([value, written]) => `${value}: ${written}`);
    const result = definition.example.split(" ")[0]!;
    const read = parseGraph(
      `graph @example(${inputs.join(", ")}) {\n  ${definition.example}\n  return ${result}\n}`,
    );
    expect(read.operations.map((o) => o.definition.name)).toEqual([name]);
    expect(operandSpecs(definition).length === 0 || read.operations[0]!.operands.length > 0).toBe(true);
    const withoutAliases = printGraph(read).replaceAll(/^#q\d+ = .*\n/gm, "");
    const aliases = new Map([...printGraph(read).matchAll(/^(#q\d+) = (.*)$/gm)].map(([, a, q]) => [a!, q!]));
    const line = withoutAliases.split("\n").find((l) => l.startsWith(`  ${result} = `));
    const expanded = line?.trim().replaceAll(/#q\d+/g, (alias) => aliases.get(alias)!);
    expect(expanded).toBe(definition.example);
    expect(contents(parseGraph(printGraph(read)))).toEqual(contents(read));
  });
});

test("types alone", () => {
  expect(parseType("tensor<f32>")).toEqual(tensorType("f32", []));
  expect(parseType("tensor<2x3xi8, {0.5, 0.25}:{1, 2} @0>")).toEqual(
    tensorType("i8", [2, 3], { scale: [0.5, 0.25], zero: [1, 2], axis: 0 }),
  );
  expect(parseType("tensor<2x3xi8, {0.5, 0.25}:-1 @0>").quantization?.zero).toEqual([-1, -1]);
  expect(() => parseType("tensor<2x3xi8, #q0>")).toThrow("there is no quantization #q0 above");
});
