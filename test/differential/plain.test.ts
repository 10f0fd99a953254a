/**
 * Plain elements of every type through every engine: sums that wrap, quotients and remainders of either sign and by zero, comparisons
 * of unsigned numbers beyond the signed ones, conversions that saturate, indices beyond their axes.
 */
import { describe, expect, test } from "vitest";
import { interpret } from "../../src/exec/interpreter.ts";
import { Graph, type Value } from "../../src/ir/graph.ts";
import { tensorType } from "../../src/ir/types.ts";
import { argMax } from "../../src/ops/arg-max.ts";
import { cast } from "../../src/ops/cast.ts";
import { cumSum } from "../../src/ops/cum-sum.ts";
import { gather } from "../../src/ops/gather.ts";
import { operatorNamed } from "../../src/ops/index.ts";
import { scatterElements } from "../../src/ops/scatter-elements.ts";
import { topKIndices } from "../../src/ops/top-k-indices.ts";
import { elementRange, isFloat, wholeElementTypes } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "./engines.ts";

type Element = (typeof wholeElementTypes)[number];

/** Ends of the range and of narrower ones; of i64 nothing whose sum leaves it, which C leaves undefined. */
function edges(element: Element): (number | bigint)[] {
  if (element === "bool") return [0, 1];
  if (isFloat(element)) return [0, -0, 1, -1.5, 2.5, -7, 1e9, -1e9, 300.7, Infinity, -Infinity];
  if (element === "u64")
    return [0n, 1n, 3n, 7n, 2n ** 31n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
  if (element === "i64") return [0n, 1n, -1n, 3n, -7n, 2n ** 31n, -(2n ** 31n), 2n ** 32n + 5n, -(2n ** 32n)];
  const { min, max } = elementRange(element);
  return [0, 1, 3, 7, max, max - 1, min, min + 1, ...(min < 0 ? [-1, -7] : [])];
}

const numbers = wholeElementTypes.filter((element) => element !== "bool");
const binaries = [
  "add",
  "sub",
  "div",
  "mod",
  "remainder",
  "minimum",
  "maximum",
  "equal",
  "less",
  "less_equal",
];

describe.each(numbers)("%s", (element) => {
  const values = edges(element);
  const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
  const tensorOf = (list: readonly (number | bigint)[]): Tensor =>
    tensor(element, [list.length], list as number[]);

  test("arithmetic and comparisons are the same in every engine", async () => {
    const graph = new Graph("plain");
    const type = tensorType(element, [pairs.length]);
    const [a, b] = [graph.addInput("a", type), graph.addInput("b", type)];
    const products = element === "u64" || element === "i64" ? [] : ["mul"];
    const results = [...binaries, ...products].map(
      (name): Value => graph.createGeneric(operatorNamed(name)!, [a, b], {}).result,
    );
    graph.setOutputs(results);
    await expectAgreement(graph, [[tensorOf(pairs.map(([x]) => x)), tensorOf(pairs.map(([, y]) => y))]]);
  });

  test("casts to every other type are the same in every engine", async () => {
    const graph = new Graph("casts");
    const input = graph.addInput("x", tensorType(element, [values.length]));
    graph.setOutputs(wholeElementTypes.map((to) => graph.create(cast, { input }, { to }).result));
    await expectAgreement(graph, [[tensorOf(values)]]);
  });
});

test("what the operators mean, by hand", () => {
  const binary = (
    name: string,
    element: Element,
    a: readonly unknown[],
    b: readonly unknown[],
  ): unknown[] => {
    const graph = new Graph("one");
    const type = tensorType(element, [a.length]);
    const values = [graph.addInput("a", type), graph.addInput("b", type)];
    graph.setOutputs([graph.createGeneric(operatorNamed(name)!, values, {}).result]);
    const [x, y] = [a, b].map((list) => tensor(element, [list.length], list as number[]));
    return Array.from(interpret(graph, [x!, y!])[0]!.data as ArrayLike<unknown>);
  };
  expect(binary("add", "i8", [127, -128], [1, -1])).toEqual([-128, 127]);
  expect(binary("mul", "u16", [65535], [65535])).toEqual([1]);
  expect(binary("div", "i32", [-7, 7, -(2 ** 31), 5], [2, -2, -1, 0])).toEqual([-3, -3, -(2 ** 31), 0]);
  expect(binary("mod", "i16", [-7, 7, -7, 5], [3, -3, -3, 0])).toEqual([2, -2, -1, 5]);
  expect(binary("remainder", "i16", [-7, 7, -7, 5], [3, -3, -3, 0])).toEqual([-1, 1, -1, 5]);
  expect(binary("div", "u64", [2n ** 64n - 1n], [10n])).toEqual([1844674407370955161n]);
  expect(binary("less", "u64", [2n ** 63n, 1n], [1n, 2n ** 63n])).toEqual([0, 1]);
  expect(binary("less", "u32", [2 ** 31], [1])).toEqual([0]);
  expect(binary("maximum", "u32", [2 ** 31], [1])).toEqual([2 ** 31]);
  expect(binary("remainder", "f32", [-7.5, 7.5, 3], [2, -2, Infinity])).toEqual([-1.5, 1.5, 3]);
});

test("indices beyond the axis never leave it, in any engine", async () => {
  const graph = new Graph("indices");
  const x = graph.addInput("x", tensorType("f32", [2, 5]));
  const indices = graph.addInput("i", tensorType("i64", [2, 4]));
  const updates = graph.addInput("u", tensorType("f32", [2, 4]));
  const operands = { input: x, indices, updates };
  graph.setOutputs([
    graph.create(gather, { input: x, indices }, { axis: 1 }).result,
    graph.create(scatterElements, operands, { axis: 1 }).result,
    graph.create(scatterElements, operands, { axis: 1, reduction: "add" }).result,
    graph.create(topKIndices, { input: x }, { axis: 1, k: 3 }).result,
    graph.create(argMax, { input: x }, { axis: 1, last: true }).result,
    graph.create(cumSum, { input: x }, { axis: 1, exclusive: true, reverse: true }).result,
  ]);
  const list = [0n, -1n, 5n, 2n ** 33n, -(2n ** 40n), 4n, -5n, -6n];
  await expectAgreement(graph, [
    [
      tensor("f32", [2, 5], [3, 1, 3, -2, 0, 5, 5, -Infinity, 5, 4]),
      tensor("i64", [2, 4], list),
      tensor("f32", [2, 4], [10, 20, 30, 40, 50, 60, 70, 80]),
    ],
  ]);
});
