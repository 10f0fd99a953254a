/**
 * Folds padding with zeros into the window operator behind it, which reads zeros outside its input anyway.
 *
 *     conv2d(pad(x))    = conv2d(x) with larger pads
 *     avg_pool(pad(x))  = avg_pool(x) with larger pads, counting padding
 *     max_pool(pad(x))  = max_pool(x) with larger pads, if x >= 0: its padding never wins where zero never would
 *
 * Declines when the padding is not zero or pads other axes than height and width, when average pooling has pads of its own that
 * it does not count, and when a maximum may be negative or a window may lie in the padding alone.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { inPlaceOf, matchOperation, supersede, type Match } from "../../src/ir/match.ts";
import { avgPool } from "../../src/ops/avg-pool.ts";
import { conv2d } from "../../src/ops/conv2d.ts";
import { maxPool } from "../../src/ops/max-pool.ts";
import { pad } from "../../src/ops/pad.ts";
import { definePass } from "../../src/pass/pass.ts";

export const foldPad = definePass({
  name: "fold-pad",
  summary: "fold padding with zeros into the window operator behind it",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      const input = operation.operands[0];
      const padding = matchOperation(input?.producer, pad);
      if (padding === undefined || !padsWindowsWithZeros(padding.attributes)) continue;
      const replacement = folded(graph, operation, padding.operands.input, padding.attributes);
      if (replacement === undefined) continue;
      supersede(graph, operation, replacement.result);
      count("folded");
    }
  },
});

interface Padding {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

function padsWindowsWithZeros({ before, after, value }: Padding): boolean {
  const entries = [...before, ...after];
  const others = [before[0], before[3], after[0], after[3]];
  return value === 0 && before.length === 4 && entries.every((n) => n >= 0) && others.every((n) => n === 0);
}

function folded(
  graph: Graph,
  operation: Operation,
  input: Value,
  { before, after }: Padding,
): Operation | undefined {
  const extra = [before[1]!, before[2]!, after[1]!, after[2]!];
  const larger = (pads: readonly number[]): number[] => pads.map((n, i) => n + extra[i]!);
  const place = inPlaceOf(operation);

  const convolution = matchOperation(operation, conv2d);
  if (convolution !== undefined) {
    const { operands, attributes } = convolution;
    return graph.create(
      conv2d,
      { ...operands, input },
      { ...attributes, pads: larger(attributes.pads) },
      place,
    );
  }
  const average = matchOperation(operation, avgPool);
  if (average !== undefined) {
    const { attributes } = average;
    const uncounted = !attributes.count_include_pad && attributes.pads.some((n) => n > 0);
    const pads = larger(attributes.pads);
    if (uncounted || exceedsKernel(pads, attributes.kernel)) return undefined;
    return graph.create(avgPool, { input }, { ...attributes, pads, count_include_pad: true }, place);
  }
  const maximum = matchOperation(operation, maxPool);
  if (maximum === undefined || !isNonNegative(input)) return undefined;
  return foldIntoMaximum(graph, maximum, input, larger(maximum.attributes.pads));
}

function foldIntoMaximum(
  graph: Graph,
  { operation, attributes }: Match<typeof maxPool.operands, typeof maxPool.attrs>,
  input: Value,
  pads: readonly number[],
): Operation | undefined {
  const { kernel, dilations } = attributes as unknown as {
    kernel: readonly number[];
    dilations: readonly number[];
  };
  if (exceedsKernel(pads, kernel) || dilations.some((d) => d !== 1)) return undefined;
  return graph.createGeneric(maxPool, [input], { ...operation.attributes, pads }, inPlaceOf(operation));
}

/** Pads as large as the window leave windows that see padding alone. */
const exceedsKernel = (pads: readonly number[], kernel: readonly number[]): boolean =>
  pads.some((n, i) => n >= kernel[i % 2]!);

function isNonNegative(value: Value): boolean {
  const form = value.producer?.definition.integer;
  return form?.kind === "clamp" && form.bounds(value.producer!.attributes).low >= 0;
}
