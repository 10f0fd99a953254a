/**
 * What criteria know of a network besides its weights, measured once on the samples that choices are made from: second moments of what
 * consumers see, statistics of channels, and the loss of the network without a channel. Samples stream.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { enoughRows, enoughSamples, ownMoments, rowReader } from "../../src/measure/layer-inputs.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import type { Moments } from "../../src/numerics/moments.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { Random } from "../../src/pass/random.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { elementCount, numbersOf, stridesOf, type Tensor } from "../../src/tensor/tensor.ts";
import { consumerLayers, consumersOf, type Consumer } from "./consumer-columns.ts";
import { entriesOf, type DependencyGroup } from "./dependency-groups.ts";
import { lossWithoutChannels } from "./gated-loss.ts";

export interface ChannelStatistics {
  /** Values seen, over samples and positions. */
  count: number;
  zeros: number;
  sum: number;
  sumOfSquares: number;
  /** The mean of each sample. */
  readonly means: number[];
}

export interface GroupEvidence {
  readonly group: DependencyGroup;
  readonly consumers: readonly Consumer[];
  /** Of the rows that a consumer sees, one for each of its groups. */
  readonly momentsOf: (consumer: Consumer) => readonly Moments[];
  /** Of what consumers read, channel by channel. */
  readonly statistics: readonly ChannelStatistics[];
  /** The network's loss without each channel. */
  readonly losses: Float64Array;
  readonly random: Random;
}

export type Need = "weights" | "statistics" | "moments" | "losses";

export interface Measuring {
  readonly createExecutor: ExecutorFactory;
  readonly samples: SampleSource;
}

/** @throws DiagnosticError `no-samples` */
export function measuringOf({ samples, executor }: PassContext, pass: string): Measuring {
  if (samples === undefined)
    fail("no-samples", `'${pass}' has no samples to measure`, { help: "give some with --calibrate X.npy" });
  if (executor === undefined) throw new Error("no executor in the context");
  return { createExecutor: executor, samples };
}

/** More if a layer has so many columns, or its samples so few rows, that it takes them. */
const usualSamples = 256;
const mostLossSamples = 16;

export type MomentsByLayer = ReadonlyMap<Operation, readonly Moments[]>;

export interface Evidence {
  readonly moments: MomentsByLayer;
  readonly groups: readonly GroupEvidence[];
}

export async function gatherEvidence(
  graph: Graph,
  groups: readonly DependencyGroup[],
  needs: ReadonlySet<Need>,
  measuring: Measuring | undefined,
  random: Random,
  progress?: (done: number, total: number) => void,
): Promise<Evidence> {
  const moments = new Map<Operation, readonly Moments[]>();
  const statistics = new Map(groups.map((group) => [group, group.channels.map(newStatistics)]));
  let losses: readonly Float64Array[] = groups.map(() => new Float64Array());
  if (measuring !== undefined && (needs.has("moments") || needs.has("statistics")))
    await observe(graph, groups, needs, measuring, moments, statistics, progress);
  if (measuring !== undefined && needs.has("losses")) {
    const samples = fittedSamples(measuring.samples, mostLossSamples);
    losses = await lossWithoutChannels(graph, groups, measuring.createExecutor, samples, progress);
  }
  return {
    moments,
    groups: groups.map((group, g) => ({
      group,
      consumers: consumersOf(group),
      momentsOf: ({ layer }) => moments.get(layer.operation)!,
      statistics: statistics.get(group)!,
      losses: losses[g]!,
      random,
    })),
  };
}

const newStatistics = (): ChannelStatistics => ({ count: 0, zeros: 0, sum: 0, sumOfSquares: 0, means: [] });

async function observe(
  graph: Graph,
  groups: readonly DependencyGroup[],
  needs: ReadonlySet<Need>,
  { createExecutor, samples }: Measuring,
  moments: Map<Operation, readonly Moments[]>,
  statistics: ReadonlyMap<DependencyGroup, readonly ChannelStatistics[]>,
  progress: ((done: number, total: number) => void) | undefined,
): Promise<void> {
  const layers = needs.has("moments") ? [...consumerLayers(groups).values()] : [];
  for (const { operation, unfolding } of layers) moments.set(operation, ownMoments(unfolding));
  const read = needs.has("statistics") ? groups.flatMap((group) => readChannels(group)) : [];
  const inputs = new Map(graph.inputs.map((input, i) => [input.name, i]));
  const names = new Set([...layers.map(({ input }) => input.name), ...read.map(({ value }) => value.name)]);
  const chosen = fittedSamples(
    samples,
    Math.max(usualSamples, ...layers.map(({ unfolding }) => enoughSamples(unfolding))),
  );
  const readers = layers.map(({ operation, input, unfolding }) => ({
    input: input.name,
    moments: moments.get(operation)!,
    read: rowReader(unfolding, enoughRows(unfolding, chosen.length)),
  }));
  const executor = await createExecutor(graph, new Set([...names].filter((name) => !inputs.has(name))));
  try {
    const look = (name: string, tensor: Tensor): void => {
      if (!names.has(name)) return;
      for (const reader of readers)
        if (reader.input === name)
          reader.read([tensor], ([row], group) => {
            reader.moments[group]!.add(row!);
          });
      for (const { group, value, axis } of read)
        if (value.name === name) addStatistics(group, statistics.get(group)!, value, axis, tensor);
    };
    chosen.forEach((sample, done) => {
      progress?.(done, chosen.length);
      graph.inputs.forEach(({ name }, i) => {
        look(name, sample[i]!);
      });
      executor.run(sample, (name, tensor) => {
        if (!inputs.has(name)) look(name, tensor);
      });
    });
  } finally {
    executor.dispose();
  }
}

export interface ReadAxis {
  readonly group: DependencyGroup;
  readonly value: Value;
  readonly axis: number;
}

/** The tensors that consumers read the channels from, once each. */
export function readChannels(group: DependencyGroup): ReadAxis[] {
  const read = group.consumers.flatMap(({ operation }) =>
    operation.operands.filter((value) => group.activations.some((activation) => activation.value === value)),
  );
  return group.activations
    .filter(({ value }) => read.includes(value))
    .map(({ value, axis }) => ({ group, value, axis }));
}

function addStatistics(
  { channels }: DependencyGroup,
  statistics: readonly ChannelStatistics[],
  value: Value,
  axis: number,
  tensor: Tensor,
): void {
  const numbers = numbersOf(tensor);
  const stride = stridesOf(tensor.shape)[axis]!;
  const period = stride * tensor.shape[axis]!;
  channels.forEach((channel, c) => {
    const found = statistics[c]!;
    let [sum, count] = [0, 0];
    for (const entry of entriesOf(channel, value, axis))
      for (let start = entry * stride; start < elementCount(tensor.shape); start += period)
        for (let i = start; i < start + stride; i++) {
          const x = numbers[i]!;
          sum += x;
          count++;
          found.sumOfSquares += x * x;
          if (x === 0) found.zeros++;
        }
    found.sum += sum;
    found.count += count;
    found.means.push(sum / count);
  });
}
