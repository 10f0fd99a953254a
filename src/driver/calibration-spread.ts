/** How many samples of a larger file calibrate a network (docs/quantization.md, "Samples"). */
import { roundedBits } from "../../passes/quantize/round-weights.ts";
import type { Graph } from "../ir/graph.ts";
import { isConstant } from "../ir/match.ts";
import type { PipelineStep } from "../text/pipeline.ts";
import { elementCount } from "../tensor/tensor.ts";
import { measureGraph } from "./layers.ts";
import type { SampleSpread } from "./samples.ts";

const usual: SampleSpread = { samples: 150, elements: 2 ** 19 };

/**
 * Rounding to second order solves for all weights of an output at once, and a fully connected layer shows it one row a sample: fewer
 * rows than columns say little. Small samples of small networks get as many as cost little, each of these bounds for all samples together.
 */
const rounding = {
  samples: 2 ** 11,
  elements: 2 ** 21,
  macs: 2 ** 33,
  /** Numbers of the largest value inside: before each layer all samples wait. */
  waiting: 2 ** 24,
};

/** @param steps the passes it goes through */
export function calibrationSpread(graph: Graph, steps: readonly PipelineStep[] = []): SampleSpread {
  if (!roundsWeights(steps)) return usual;
  const elements = graph.callerInputs.reduce((sum, { type }) => sum + elementCount(type.shape), 0);
  const { macs } = measureGraph(graph);
  const largest = Math.max(
    ...graph.operations.map(({ result }) => (isConstant(result) ? 0 : elementCount(result.type.shape))),
  );
  const affordable = Math.min(
    rounding.samples,
    rounding.elements / Math.max(1, elements),
    rounding.macs / Math.max(1, macs),
    rounding.waiting / Math.max(1, largest),
  );
  // Not by elements as well: small samples of a network that grows inside would be more than these bounds allow.
  return { samples: Math.max(usual.samples, Math.floor(affordable)), elements: 0 };
}

/** Whether `round-weights` will have something to do. */
function roundsWeights(steps: readonly PipelineStep[]): boolean {
  const numberOf = (pass: string, option: string): number | undefined => {
    const value = steps.find((step) => step.pass === pass)?.options[option];
    return typeof value === "number" ? value : undefined;
  };
  if (!steps.some(({ pass }) => pass === "round-weights")) return false;
  const bits = numberOf("insert-fake-quantization", "bits") ?? 8;
  const ends = numberOf("insert-fake-quantization", "first-last-bits") || bits;
  return Math.min(bits, ends) <= (numberOf("round-weights", "bits") ?? roundedBits);
}
