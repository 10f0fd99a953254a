/**
 * Into which pieces weights are cut to be pruned: what a sparse kernel could skip as a whole.
 *
 * A layer's weights are [outputs, ...window, depth] as they are stored, row-major; what follows the outputs is the reduction axis of its
 * matrix product, one row an output. A piece never spans two outputs.
 *
 *     weights   one weight
 *     blocks    `size` neighbouring input channels of one tap; the last block of a tap is shorter where the channels do not divide
 *     vectors   one row of a kernel: the taps along the window's last axis, of one input channel
 *     kernels   one kernel: all taps of one input channel
 *     groups    `size` consecutive weights along the reduction axis, for N:M; the last group of a row is shorter where it does not divide
 *
 * In a layer without a window, or with a window of one tap, vectors and kernels are single weights.
 */
export type Pieces = "weights" | "blocks" | "vectors" | "kernels" | "groups";

export interface Cut {
  /** The piece of each weight. */
  readonly pieceOf: Int32Array;
  readonly count: number;
}

export function cutWeights(pieces: Pieces, shape: readonly number[], size: number): Cut {
  const depth = shape.at(-1)!;
  const length = shape.slice(1).reduce((product, extent) => product * extent, 1);
  const rowTaps = shape.length > 2 ? shape.at(-2)! : 1;
  const [outputs] = shape as [number];
  const cut = (perRow: number, pieceInRow: (at: number) => number): Cut => ({
    pieceOf: Int32Array.from({ length: outputs * length }, (_, i) => {
      const output = Math.floor(i / length);
      return output * perRow + pieceInRow(i - output * length);
    }),
    count: outputs * perRow,
  });
  switch (pieces) {
    case "weights":
      return cut(length, (at) => at);
    case "blocks": {
      const blocks = Math.ceil(depth / size);
      return cut((length / depth) * blocks, (at) => {
        const tap = Math.floor(at / depth);
        return tap * blocks + Math.floor((at - tap * depth) / size);
      });
    }
    case "vectors":
      return cut(length / rowTaps, (at) => Math.floor(at / (rowTaps * depth)) * depth + (at % depth));
    case "kernels":
      return cut(depth, (at) => at % depth);
    case "groups":
      return cut(Math.ceil(length / size), (at) => Math.floor(at / size));
  }
}

/** The weights of each piece, ascending. */
export function membersOf({ pieceOf, count }: Cut): readonly (readonly number[])[] {
  const members = Array.from({ length: count }, (): number[] => []);
  pieceOf.forEach((piece, i) => members[piece]!.push(i));
  return members;
}
