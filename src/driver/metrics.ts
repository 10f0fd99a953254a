/** What `evaluate` counts for each network, sample by sample, and what it makes of it in the end. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { elementCount, numbersOf, type Tensor } from "../tensor/tensor.ts";
import {
  addToGroups,
  areaUnderCurve,
  correlation,
  meanSquaredDifference,
  newGroupMeans,
  type AreaUnderCurve,
  type GroupMeans,
} from "./scores.ts";
import { argmax, NoiseMeter, proportion, type Proportion } from "./statistics.ts";

/**
 *     top1      the largest output is the label's
 *     mse-auc   recordings with an anomaly, label 1, are reproduced worse than those without (scores.ts)
 */
export const metricNames = ["top1", "mse-auc"] as const;
export type MetricName = (typeof metricNames)[number];

export interface Metric {
  readonly name: MetricName;
  /** For `mse-auc`: samples of one recording. */
  readonly group: number;
  readonly labels?: Tensor;
  /** Where the labels come from, for diagnostics. */
  readonly labelsFile?: string;
}

/** How many labels there must be. */
export const labelCount = ({ name, group }: Pick<Metric, "name" | "group">, samples: number): number =>
  name === "mse-auc" ? samples / group : samples;

export interface Tally {
  hits: number;
  agreements: number;
  timeMs: number;
  samples: number;
  readonly noise: NoiseMeter;
  readonly errors: GroupMeans;
}

export const newTally = ({ group }: Metric): Tally => ({
  hits: 0,
  agreements: 0,
  timeMs: 0,
  samples: 0,
  noise: new NoiseMeter(),
  errors: newGroupMeans(group),
});

/**
 * Counts one sample.
 *
 * @param input its reals
 * @param output the network's, in reals
 * @param expected the reference's
 */
export function count(tally: Tally, metric: Metric, input: Tensor, output: Tensor, expected?: Tensor): void {
  const sample = tally.samples++;
  if (expected !== undefined) tally.noise.add(expected, output);
  if (metric.name === "mse-auc") {
    addToGroups(tally.errors, meanSquaredDifference(input, output));
    return;
  }
  const found = argmax(output);
  if (metric.labels !== undefined && Number(metric.labels.data[sample]) === found) tally.hits++;
  if (expected !== undefined && argmax(expected) === found) tally.agreements++;
}

export interface MetricResult {
  readonly top1?: Proportion;
  /** With the reference. */
  readonly agreement?: Proportion;
  readonly outputSqnrDb?: number;
  readonly auc?: AreaUnderCurve;
  /** Of the recordings' scores with the reference's. */
  readonly scoreCorrelation?: number;
  /** One for each recording. */
  readonly scores?: readonly number[];
}

/** @param reference the reference's tally, unless this is the reference's own */
export function summarize(tally: Tally, { name, labels }: Metric, reference?: Tally): MetricResult {
  const noise = reference === undefined ? {} : { outputSqnrDb: tally.noise.decibels };
  if (name === "top1") {
    const { hits, agreements, samples } = tally;
    return {
      ...(labels === undefined ? {} : { top1: proportion(hits, samples) }),
      ...(reference === undefined ? {} : { agreement: proportion(agreements, samples) }),
      ...noise,
    };
  }
  const scores = tally.errors.means;
  return {
    ...(labels === undefined ? {} : { auc: areaUnderCurve(scores, numbersOf(labels)) }),
    ...(reference === undefined ? {} : { scoreCorrelation: correlation(scores, reference.errors.means) }),
    ...noise,
    scores,
  };
}

/** @throws DiagnosticError `label-count`, `label-value`, `metric`, `group-size` */
export function checkMetric(metric: Metric, samples: number, graph: Graph): void {
  const { name, group, labels, labelsFile } = metric;
  const [input, output] = [graph.inputs[0]!, graph.outputs[0]!];
  if (name === "mse-auc") {
    const [found, expected] = [elementCount(output.type.shape), elementCount(input.type.shape)];
    if (graph.inputs.length !== 1 || found !== expected)
      fail("metric", `'mse-auc' compares the output of ${found} numbers with the input of ${expected}`, {
        help: "it is for networks that reproduce their input; use --metric top1 for classes",
      });
    if (group < 1 || samples % group !== 0)
      fail("group-size", `${samples} samples cannot be put into groups of ${group}`, {
        help: "give the samples of one recording with --group",
      });
  }
  if (labels === undefined) return;
  const subject = labelsFile === undefined ? "the labels" : `file "${labelsFile}"`;
  const needed = labelCount(metric, samples);
  const { length } = labels.data;
  if (length !== needed)
    fail("label-count", `${length} labels for ${needed} ${group > 1 ? "recordings" : "samples"}`, {
      subject,
      help: group > 1 ? "give one label for each recording" : "give one label for each",
    });
  const classes = name === "mse-auc" ? 2 : elementCount(output.type.shape);
  const seen = new Set<number>();
  for (let i = 0; i < needed; i++) {
    const label = Number(labels.data[i]);
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      fail("label-value", `label ${i} is ${label}, expected 0 to ${classes - 1}`, {
        subject,
        help:
          name === "mse-auc"
            ? "1 stands for an anomaly, 0 for none"
            : "labels number the network's outputs, from 0",
      });
    seen.add(label);
  }
  if (name === "mse-auc" && seen.size < 2)
    fail("label-value", `all labels are ${[...seen].join()}, expected 0 and 1`, {
      subject,
      help: "an area under the curve compares recordings with an anomaly, 1, and without, 0",
    });
}
