/**
 * Which pieces of weights go, by their scores: squared magnitudes, or squared errors that their loss brings.
 *
 * Within a layer those of the lowest scores. Across layers raw scores say more about a layer's scale than about its weights; LAMP (Lee
 * et al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", section 3) compares what a piece is of all that would be left
 * with it,
 *
 *     score(u) / Σ score(v) over the pieces v of its layer that are not pruned before u
 *
 * which a factor on the layer does not change. The last piece of a layer has 1, so that no layer is emptied before others. Equal scores go
 * in order of layers and positions.
 */
export interface ScoredPieces {
  /** Not negative. */
  readonly scores: Float64Array;
  /** Weights in each piece. */
  readonly sizes: ArrayLike<number>;
}

export type Scope = "local" | "global";

/** For each layer and piece 1 where it is kept: as many go as come nearest to the share of all weights, half up. */
export function choosePieces(layers: readonly ScoredPieces[], share: number, scope: Scope): Uint8Array[] {
  const kept = layers.map(({ scores }) => new Uint8Array(scores.length).fill(1));
  const candidates = layers.map(({ scores, sizes }, layer) => {
    const order = [...scores.keys()].sort((a, b) => scores[a]! - scores[b]! || a - b);
    const rank = scope === "global" ? lampScores(scores, order) : scores;
    return order.map((piece) => ({ layer, piece, size: sizes[piece]!, rank: rank[piece]! }));
  });
  const pools = scope === "global" ? [candidates.flat().sort((a, b) => a.rank - b.rank)] : candidates;
  for (const pool of pools) {
    const target = share * pool.reduce((sum, { size }) => sum + size, 0);
    let gone = 0;
    for (const { layer, piece, size } of pool) {
      if (2 * gone + size > 2 * target) break;
      kept[layer]![piece] = 0;
      gone += size;
    }
  }
  return kept;
}

/** @param order of the pieces, by ascending score */
export function lampScores(scores: Float64Array, order: readonly number[]): Float64Array {
  const lamp = new Float64Array(scores.length);
  let left = 0;
  for (const piece of order.toReversed()) {
    left += scores[piece]!;
    lamp[piece] = left > 0 ? scores[piece]! / left : 0;
  }
  return lamp;
}

/** Keeps in each group the n weights of the highest scores, the first of equal ones. */
export function keepLargest(
  groups: readonly (readonly number[])[],
  scores: Float64Array,
  n: number,
): Uint8Array {
  const kept = new Uint8Array(scores.length);
  for (const group of groups)
    for (const at of group.toSorted((a, b) => scores[b]! - scores[a]! || a - b).slice(0, n)) kept[at] = 1;
  return kept;
}
