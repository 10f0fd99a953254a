/** What holds of every operator that can be written as ONNX: read back, it computes what it did, in whatever order its axes come. */
import { describe, expect, test } from "vitest";
import { writers } from "../../../backends/onnx/writers/index.ts";
import { Graph, type Value } from "../../../src/ir/graph.ts";
import { withShape, type TensorType } from "../../../src/ir/types.ts";
import { operators } from "../../../src/ops/index.ts";
import { transpose } from "../../../src/ops/transpose.ts";
import { inversePermutation, permuteShape } from "../../../src/tensor/transpose.ts";
import { graphOf } from "../../ops/run-operator.ts";
import { expectSame } from "./written-and-read.ts";

/** Operators without a row, and why. */
const unwritten: Readonly<Record<string, string>> = {
  constant: "an initializer, written where it is read",
  batch_norm: "folded or rewritten before a graph is quantized",
  max_pool_indices: "has no integer form",
  requantize: "of stored graphs",
  interpolate: "of stored graphs",
  lookup: "of stored graphs",
  rescaled_add: "of stored graphs",
  rescaled_sub: "of stored graphs",
  aligned_add: "of stored graphs",
  aligned_sub: "of stored graphs",
  mod: "of reals: see below",
  wide_value: "nothing alone: see below",
};
const seenBelow = ["mod", "wide_value"];

test("every operator has a row, or a reason to have none", () => {
  const missing = operators.filter((op) => !writers.has(op)).map(({ name }) => name);
  const without = Object.keys(unwritten).filter((name) => !seenBelow.includes(name));
  expect(missing).toEqual(without.toSorted((a, b) => missing.indexOf(a) - missing.indexOf(b)));
});

const written = operators.filter(({ name }) => !Object.hasOwn(unwritten, name));

describe.each(written.map((op) => [op.name, op] as const))("%s", (_, op) => {
  const example = graphOf(op.example, op.given);

  test("computes the same after it was written and read", () => {
    expectSame(example);
  });

  test("between transpositions", () => {
    const graph = new Graph("turned");
    const operands = example.inputs.map(({ name, type }) => turnedInput(graph, name, type));
    const { attributes, result } = example.operations[0]!;
    const made = graph.createGeneric(op, operands, attributes, { type: result.type });
    const rank = result.type.shape.length;
    const back = Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
    graph.setOutputs([graph.create(transpose, { input: made.result }, { permutation: back }).result]);
    expectSame(graph);
  });
});

test("integers divided with rest", () => {
  expectSame(graphOf("%y = mod %a, %b : tensor<4xi32>", { "%a": "tensor<4xi32>", "%b": "tensor<4xi32>" }));
});

test("a value of 16 bits on its way", () => {
  const lines = ["%a = relu %x", "%b = wide_value %a", "%y = neg %b"];
  expectSame(graphOf(lines.map((line) => `${line} : tensor<4xf32>`).join("\n  "), { "%x": "tensor<4xf32>" }));
});

/** An input whose axes are turned around, transposed to the type. */
function turnedInput(graph: Graph, name: string, type: TensorType): Value {
  const rank = type.shape.length;
  const permutation = Array.from({ length: rank }, (_, axis) => (axis + 1) % rank);
  const shape = permuteShape(type.shape, inversePermutation(permutation));
  const input = graph.addInput(name, withShape(type, shape));
  return rank < 2 ? input : graph.create(transpose, { input }, { permutation }).result;
}
