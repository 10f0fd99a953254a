/** Reading and writing at indices, known or computed. */
import type { Value } from "../../../ir/graph.ts";
import { gather } from "../../../ops/gather.ts";
import { gatherElements } from "../../../ops/gather-elements.ts";
import { gatherNd } from "../../../ops/gather-nd.ts";
import { scatterElements } from "../../../ops/scatter-elements.ts";
import { scatterNd } from "../../../ops/scatter-nd.ts";
import { slice } from "../../../ops/slice.ts";
import { elementCount, saturatedNumbersOf, tensor } from "../../../tensor/tensor.ts";
import { axisAt, type NodeView } from "../node-view.ts";
import { isKnown } from "../operand.ts";
import { since, type ConverterTable } from "./converter.ts";
import { termsOf } from "./terms.ts";

export const gathering: ConverterTable = {
  Gather: since(1, convertGather),
  GatherElements: since(11, (node) => {
    const axis = axisAt(node, node.attributes.int("axis") ?? 0, node.shape(0).length);
    return node.create(gatherElements, { input: node.value(0), indices: node.value(1) }, { axis });
  }),
  GatherND: since(11, (node) => {
    const batch = node.attributes.int("batch_dims") ?? 0;
    return node.create(gatherNd, { input: node.value(0), indices: node.value(1) }, { batch_dims: batch });
  }),
  OneHot: since(9, convertOneHot, "depth must be constant"),
  Scatter: since(9, convertScatterElements, { until: 10 }),
  ScatterElements: since(11, convertScatterElements),
  ScatterND: since(11, convertScatterNd),
};

/** Known indices are counted from the start and kept in 32 bits; a run of neighbours is a slice. */
function convertGather(node: NodeView): Value {
  const extents = node.shape(0);
  const axis = axisAt(node, node.attributes.int("axis") ?? 0, extents.length);
  const given = node.operand(1);
  if (!isKnown(given)) return node.create(gather, { input: node.value(0), indices: node.value(1) }, { axis });
  const list = Array.from(saturatedNumbersOf(given.tensor), (index) =>
    index < 0 ? index + extents[axis]! : index,
  );
  const outside = list.find((index) => index < 0 || index >= extents[axis]!);
  if (outside !== undefined)
    node.fail("onnx-axis", `gathers entry ${outside} of axis ${axis}, expected one of ${extents[axis]!}`);
  const { shape } = given.tensor;
  const [first] = list;
  if (first !== undefined && list.every((index, i) => index === first + i)) {
    const run = { starts: [first], ends: [first + list.length], axes: [axis], steps: [1] };
    const taken = node.create(slice, { input: node.value(0) }, run);
    return node.reshape(taken, [...extents.slice(0, axis), ...shape, ...extents.slice(axis + 1)]);
  }
  const indices = node.constant(tensor("i32", shape, list), "indices");
  return node.create(gather, { input: node.value(0), indices }, { axis });
}

/** (i = 0 … depth - 1 along axis) equals the index, negative ones counted from the end: the second of values, else the first. */
function convertOneHot(node: NodeView): Value {
  const depth = Number(saturatedNumbersOf(node.known(1, "depth"))[0]);
  if (!(depth >= 0)) node.fail("onnx-attribute", `has depth ${depth}, expected at least 0`);
  const t = termsOf(node);
  const rank = node.shape(0).length + 1;
  const axis = axisAt(node, node.attributes.int("axis") ?? -1, rank);
  const whole = t.as("i64", node.value(0));
  const counted = t.when(t.isLess(whole, 0), t.plus(whole, depth), whole);
  const indices = node.reshape(counted, whole.type.shape.toSpliced(axis, 0, 1));
  const shape = Array<number>(rank).fill(1).with(axis, depth);
  const range = new BigInt64Array(node.reserve(shape));
  for (let i = 0; i < range.length; i++) range[i] = BigInt(i);
  const hot = t.isEqual(indices, node.constant(tensor("i64", shape, range), "range"));
  const values = node.value(2);
  const value = (at: number): Value => {
    const run = { starts: [at], ends: [at + 1], axes: [0], steps: [1] };
    return node.reshape(node.create(slice, { input: values }, run), []);
  };
  return t.when(hot, value(1), value(0));
}

/** ONNX's names of what joins updates. */
const reductions: Readonly<Record<string, "none" | "add" | "mul" | "min" | "max" | undefined>> = {
  none: "none",
  add: "add",
  mul: "mul",
  min: "min",
  max: "max",
};

function reductionOf(node: NodeView): "none" | "add" | "mul" | "min" | "max" {
  const word = node.attributes.string("reduction") ?? "none";
  return (
    reductions[word] ?? node.fail("onnx-attribute", `has reduction '${word}', expected add, mul, min or max`)
  );
}

function convertScatterElements(node: NodeView): Value {
  const axis = axisAt(node, node.attributes.int("axis") ?? 0, node.shape(0).length);
  const [input, indices, updates] = [0, 1, 2].map((index) => node.value(index)) as [Value, Value, Value];
  return node.create(scatterElements, { input, indices, updates }, { axis, reduction: reductionOf(node) });
}

function convertScatterNd(node: NodeView): Value {
  const extents = node.shape(0);
  const depth = node.shape(1).at(-1) ?? 0;
  const count = elementCount(node.shape(1).slice(0, -1));
  const indices = node.reshape(node.value(1), [count, depth]);
  const updates = node.reshape(node.value(2), [count, ...extents.slice(depth)]);
  return node.create(scatterNd, { input: node.value(0), indices, updates }, { reduction: reductionOf(node) });
}
