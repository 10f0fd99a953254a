/**
 * Measures the statistics of batch normalizations anew.
 *
 * mean and variance of a normalization are those of what it saw in training. Once channels before it are gone its input has
 * others, and a normalization with the old ones shifts and scales what it should centre. One after the other, each sees what the
 * corrected ones before it give (Li et al., "EagleEye: fast sub-net evaluation by adaptive batch normalization", section 3.3).
 *
 * For graphs whose normalizations are not folded yet: declines otherwise, and where statistics are shared or computed.
 */
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { inPlaceOf, isConstant, matchOperation, supersede } from "../../src/ir/match.ts";
import { int } from "../../src/ir/attributes.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { constant } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";
import { numbersOf, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { measuringOf, type Measuring } from "./evidence.ts";

export const reestimateBatchNorm = definePass({
  name: "reestimate-batch-norm",
  summary: "measure the statistics of batch normalizations anew",
  options: { samples: int(256) },
  async run(graph, { options, context, count }) {
    const names = graph.operations.flatMap((operation) => {
      const found = matchOperation(operation, batchNorm);
      if (found === undefined) return [];
      const { mean, variance } = found.operands;
      return [mean, variance].every((value) => isConstant(value) && value.users.size === 1)
        ? [operation.result.name]
        : [];
    });
    if (names.length === 0) return;
    const measuring = measuringOf(context, "reestimate-batch-norm");
    const samples = fittedSamples(measuring.samples, options.samples);
    for (const [done, name] of names.entries()) {
      context.progress?.(done, names.length);
      const { operands, attributes } = matchOperation(
        graph.operations.find(({ result }) => result.name === name),
        batchNorm,
      )!;
      const { input, mean, variance } = operands;
      const rank = input.type.shape.length;
      const axis = attributes.axis < 0 ? attributes.axis + rank : attributes.axis;
      const found = await statisticsOf(graph, input, axis, samples, measuring);
      replaceContents(graph, mean, found.mean);
      replaceContents(graph, variance, found.variance);
      count("measured");
    }
  },
});

async function statisticsOf(
  graph: Graph,
  input: Value,
  axis: number,
  samples: readonly (readonly Tensor[])[],
  { createExecutor }: Measuring,
): Promise<{ readonly mean: Float64Array; readonly variance: Float64Array }> {
  const channels = input.type.shape[axis]!;
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  let counted = 0;
  const add = (values: Tensor): void => {
    const stride = stridesOf(values.shape)[axis]!;
    numbersOf(values).forEach((x: number, i: number) => {
      const channel = Math.floor(i / stride) % channels;
      sums[channel]! += x;
      squares[channel]! += x * x;
    });
    counted += values.data.length / channels;
  };
  const given = graph.inputs.findIndex(({ name }) => name === input.name);
  const executor = await createExecutor(copyGraph(graph), new Set([input.name]));
  try {
    for (const sample of samples)
      if (given >= 0) add(sample[given]!);
      else
        executor.run(sample, (name, values) => {
          if (name === input.name) add(values);
        });
  } finally {
    executor.dispose();
  }
  const mean = sums.map((sum) => sum / counted);
  return { mean, variance: squares.map((sum, c) => Math.max(0, sum / counted - mean[c]! * mean[c]!)) };
}

function replaceContents(graph: Graph, { producer, type }: Value, contents: Float64Array): void {
  const value = tensor("f32", type.shape, Float32Array.from(contents));
  supersede(graph, producer!, graph.create(constant, {}, { value }, inPlaceOf(producer!)).result);
}
