/** Norms of the weights of each channel, for criteria that look at weights alone. */
import { constantOf } from "../../../src/ir/match.ts";
import { stridesOf } from "../../../src/tensor/tensor.ts";
import { entriesOf, type ConstantAxis, type DependencyGroup } from "../dependency-groups.ts";

/** Weights of layers that make the channels and that read them; without biases and normalizations. */
export const weightAxes = ({ producers, consumers }: DependencyGroup): readonly ConstantAxis[] => [
  ...producerWeights(producers),
  ...consumers,
];

export const producerWeights = (producers: readonly ConstantAxis[]): readonly ConstantAxis[] =>
  producers.filter(
    ({ operation, value }) =>
      operation.definition.integer?.kind === "accumulator" && value.type.shape.length > 1,
  );

/** Calls back with every weight of a channel along one axis. */
export function forEachWeight(
  { channels }: DependencyGroup,
  channel: number,
  { value, axis }: ConstantAxis,
  visit: (weight: number) => void,
): void {
  const { data, shape } = constantOf(value)!;
  const stride = stridesOf(shape)[axis]!;
  const period = stride * shape[axis]!;
  for (const entry of entriesOf(channels[channel]!, value, axis))
    for (let start = entry * stride; start < data.length; start += period)
      for (let i = start; i < start + stride; i++) visit(Number(data[i]));
}

/** Σ |w|^p for each channel. */
export function powerSums(group: DependencyGroup, axis: ConstantAxis, p: number): Float64Array {
  const power = p === 1 ? Math.abs : p === 2 ? (w: number) => w * w : (w: number) => Math.sqrt(Math.abs(w));
  return Float64Array.from(group.channels, (_, channel) => {
    let sum = 0;
    forEachWeight(group, channel, axis, (w) => (sum += power(w)));
    return sum;
  });
}

/**
 * ‖w‖_p of every slice, divided by its mean over the channels and averaged over the coupled weights, so that none of them decides
 * by its scale alone (Fang et al., "DepGraph", equation 6).
 */
export function coupledNorms(group: DependencyGroup, p: 0.5 | 1 | 2): Float64Array {
  const axes = weightAxes(group);
  const scores = new Float64Array(group.channels.length);
  for (const axis of axes) {
    const norms = powerSums(group, axis, p).map((sum) =>
      p === 1 ? sum : p === 2 ? Math.sqrt(sum) : sum * sum,
    );
    const mean = norms.reduce((sum, norm) => sum + norm, 0) / norms.length;
    if (mean > 0)
      norms.forEach((norm, channel) => {
        scores[channel]! += norm / mean / axes.length;
      });
  }
  return scores;
}
