/** Batch normalization as what it is at inference: one gain and one offset for each channel, in doubles. */
import type { Operation, Value } from "../../src/ir/graph.ts";
import { constantOf, matchOperation } from "../../src/ir/match.ts";
import type { ChannelStatistics } from "../../src/pass/pass.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";

export type ByChannel = (channel: number) => number;

export interface Normalization {
  readonly input: Value;
  /** Of the channels, from the front. */
  readonly axis: number;
  /** y = gain x + offset */
  readonly gain: ByChannel;
  readonly offset: ByChannel;
  /** Of its results, as far as training saw them. */
  readonly statistics: ChannelStatistics;
}

/** A batch normalization with constant statistics as one gain and offset for each channel. */
export function normalizationOf(operation: Operation): Normalization | undefined {
  const norm = matchOperation(operation, batchNorm);
  if (norm === undefined) return undefined;
  const { input, scale, bias, mean, variance } = norm.operands;
  const statistics = [scale, bias, mean, variance].map((value) => constantOf(value)?.data);
  if (statistics.includes(undefined)) return undefined;
  const [gamma, beta, mu, sigmaSquared] = statistics.map(
    (data) => (channel: number) => Number(data![channel]),
  ) as [ByChannel, ByChannel, ByChannel, ByChannel];
  const { epsilon, axis } = norm.attributes;
  const gain: ByChannel = (c) => gamma(c) / Math.sqrt(sigmaSquared(c) + epsilon);
  const rank = input.type.shape.length;
  const channels = scale.type.shape[0]!;
  return {
    input,
    axis: (axis + rank) % rank,
    gain,
    offset: (c) => beta(c) - gain(c) * mu(c),
    statistics: {
      axis: (axis + rank) % rank,
      mean: Array.from({ length: channels }, (_, c) => beta(c)),
      deviation: Array.from({ length: channels }, (_, c) => Math.abs(gamma(c))),
    },
  };
}
