/** Padding in its modes. All but constant padding read entries of the tensor again, at indices known here. */
import type { Value } from "../../../ir/graph.ts";
import { gather } from "../../../ops/gather.ts";
import { pad } from "../../../ops/pad.ts";
import { slice } from "../../../ops/slice.ts";
import { saturatedNumbersOf, tensor } from "../../../tensor/tensor.ts";
import { axisAt, type NodeView } from "../node-view.ts";
import { isKnown } from "../operand.ts";
import { since, type ConverterTable } from "./converter.ts";
import { integers } from "./shape.ts";
import { termsOf } from "./terms.ts";

export const padding: ConverterTable = {
  Pad: since(1, convertPad, "pads are attributes until 10, constant inputs since; all four modes"),
};

interface Pads {
  /** One entry for each axis; negative ones cut. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

function readPads(node: NodeView): Pads {
  const rank = node.shape(0).length;
  const given = node.attributes.ints("paddings") ?? integers(node, 1, "pads");
  const list = node.attributes.required("pads", given);
  const axes = node.has(3)
    ? Array.from(saturatedNumbersOf(node.known(3, "axes")), (axis) => axisAt(node, axis, rank))
    : Array.from({ length: rank }, (_, axis) => axis);
  if (list.length !== 2 * axes.length)
    node.fail("onnx-attribute", `has ${list.length} pads, expected ${2 * axes.length}`);
  const before = Array<number>(rank).fill(0);
  const after = Array<number>(rank).fill(0);
  axes.forEach((axis, i) => {
    before[axis] = list[i]!;
    after[axis] = list[i + axes.length]!;
  });
  return { before, after };
}

function convertPad(node: NodeView): Value {
  const pads = readPads(node);
  const mode = node.attributes.string("mode") ?? "constant";
  const kept = cut(node, node.value(0), pads);
  const [before, after] = [pads.before, pads.after].map((counts) => counts.map((n) => Math.max(n, 0))) as [
    number[],
    number[],
  ];
  if ([...before, ...after].every((count) => count === 0)) return kept;
  if (mode === "constant") return surround(node, kept, before, after);
  const read = modes[mode];
  if (read === undefined)
    return node.fail("onnx-attribute", `has mode '${mode}', expected constant, reflect, edge or wrap`);
  return kept.type.shape.reduce((value, extent, axis) => {
    const count = before[axis]! + extent + after[axis]!;
    if (count === extent) return value;
    if (extent === 0)
      return node.fail("operand-shape", `pads axis ${axis}, which has no entries, from itself`);
    const places = Array.from({ length: count }, (_, i) => read(i - before[axis]!, extent));
    const indices = node.constant(tensor("i32", [count], places), "places");
    return node.create(gather, { input: value, indices }, { axis });
  }, kept);
}

/** The entry that stands at position i, before 0 and from extent on too. */
const modes: Readonly<Record<string, ((i: number, extent: number) => number) | undefined>> = {
  edge: (i, extent) => Math.max(0, Math.min(extent - 1, i)),
  wrap: (i, extent) => ((i % extent) + extent) % extent,
  reflect(i, extent) {
    if (extent === 1) return 0;
    const period = 2 * (extent - 1);
    const place = ((i % period) + period) % period;
    return place < extent ? place : period - place;
  },
};

/** A computed constant is added where the padding, of zeros, is. */
function surround(node: NodeView, input: Value, before: readonly number[], after: readonly number[]): Value {
  const operand = node.operands[2];
  if (operand !== undefined && !isKnown(operand)) {
    const t = termsOf(node);
    const zeros = node.create(pad, { input }, { before, after, value: 0 });
    const inside = tensor("u8", input.type.shape, new Uint8Array(node.reserve(input.type.shape)).fill(1));
    const mask = node.create(pad, { input: node.constant(inside, "inside") }, { before, after, value: 0 });
    return t.when(t.isEqual(mask, 0), node.reshape(operand.value, []), zeros);
  }
  const value =
    operand === undefined ? (node.attributes.float("value") ?? 0) : Number(operand.tensor.data[0] ?? 0);
  return node.create(pad, { input }, { before, after, value });
}

function cut(node: NodeView, input: Value, { before, after }: Pads): Value {
  const axes = before.flatMap((count, axis) => (count < 0 || after[axis]! < 0 ? [axis] : []));
  if (axes.length === 0) return input;
  const starts = axes.map((axis) => Math.max(-before[axis]!, 0));
  const ends = axes.map((axis) => Math.max(input.type.shape[axis]! + Math.min(after[axis]!, 0), 0));
  return node.create(slice, { input }, { starts, ends, axes, steps: axes.map(() => 1) });
}
