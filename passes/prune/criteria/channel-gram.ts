/**
 * How the contributions of channels to what reads them go together.
 *
 * With Z_i = W_i x_i what channel i adds to a consumer's outputs, centred, and the sum over consumers taken in shares of each
 * consumer's variance,
 *
 *     gram[i, j] = Σ ⟨Z_i, Z_j⟩ / Σ ‖Z‖²
 *
 * which second moments of the rows give: ⟨Z_i, Z_j⟩ = Σ over columns a of i, b of j of M[a, b] (WᵀW)[a, b].
 */
import { constantOf } from "../../../src/ir/match.ts";
import type { Consumer } from "../consumer-columns.ts";
import type { GroupEvidence } from "../evidence.ts";
import { numbersOf } from "../../../src/tensor/tensor.ts";

/** Channels × channels, row-major. */
export function channelGram({ group, consumers, momentsOf }: GroupEvidence): Float64Array {
  const channels = group.channels.length;
  const gram = new Float64Array(channels * channels);
  for (const consumer of consumers) {
    const own = gramOf(
      consumer,
      group.channels.map((channel) => consumer.columnsOf(channel)),
      momentsOf(consumer),
    );
    const total = own.total > 0 ? own.total : 1;
    for (let at = 0; at < gram.length; at++) gram[at]! += own.gram[at]! / total / consumers.length;
  }
  return gram;
}

function gramOf(
  { layer }: Consumer,
  columns: readonly (readonly number[])[],
  moments: ReturnType<GroupEvidence["momentsOf"]>,
): { readonly gram: Float64Array; readonly total: number } {
  const weights = numbersOf(constantOf(layer.weight)!);
  const { groups, length } = layer.unfolding;
  const outputs = layer.outputs / groups;
  const gram = new Float64Array(columns.length * columns.length);
  let total = 0;
  moments.forEach((uncentred, g) => {
    const own = layer.bias === undefined ? uncentred : uncentred.centered();
    const products = squared(weights, g * outputs, outputs, length);
    for (let at = 0; at < products.length; at++) {
      products[at]! *= own.sums[at]!;
      total += products[at]!;
    }
    columns.forEach((rows, i) => {
      columns.forEach((others, j) => {
        let sum = 0;
        for (const a of rows) for (const b of others) sum += products[a * length + b]!;
        gram[i * columns.length + j]! += sum;
      });
    });
  });
  return { gram, total };
}

/** WᵀW of some outputs. */
function squared(weights: ArrayLike<number>, first: number, outputs: number, length: number): Float64Array {
  const products = new Float64Array(length * length);
  for (let o = first; o < first + outputs; o++)
    for (let a = 0; a < length; a++) {
      const factor = weights[o * length + a]!;
      if (factor === 0) continue;
      for (let b = 0; b < length; b++) products[a * length + b]! += factor * weights[o * length + b]!;
    }
  return products;
}
