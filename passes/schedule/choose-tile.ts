/**
 * Chooses the contraction's tile by counting instructions: loads, dots, loop overhead and epilogues over the whole layer, ragged
 * edges included, under the register limit. codegen.md found such a count within 6 % of the best tile tried.
 */
export interface Tile {
  /** Pixels. */
  readonly pixels: number;
  /** Accumulator vectors of channels. */
  readonly vectors: number;
}

export interface TileProblem {
  /** Pixels in a row. */
  readonly row: number;
  /** Vectors of channels in all. */
  readonly vectors: number;
  /** Steps of the reduction. */
  readonly steps: number;
  /** Accumulators the target keeps in registers beside the operands. */
  readonly accumulators: number;
}

const maximumPixels = 8;
const maximumVectors = 6;
/** Two pointers, a counter, a test. */
const loopCost = 4;
/** Bias, high product, rounding, shift, clamp, store. */
const epilogueCost = 14;
const tileCost = 12;

export function chooseTile(problem: TileProblem): Tile {
  let best: Tile = { pixels: 1, vectors: 1 };
  let bestCost = Infinity;
  for (let pixels = 1; pixels <= Math.min(maximumPixels, problem.row); pixels++)
    for (let vectors = 1; vectors <= Math.min(maximumVectors, problem.vectors); vectors++) {
      if (pixels * vectors > problem.accumulators) continue;
      const cost = layerCost(problem, { pixels, vectors });
      if (cost < bestCost) [best, bestCost] = [{ pixels, vectors }, cost];
    }
  return best;
}

function layerCost({ row, vectors, steps }: TileProblem, tile: Tile): number {
  const rowCost = (width: number): number =>
    Math.floor(row / tile.pixels) * cost(tile.pixels, width, steps) +
    (row % tile.pixels > 0 ? cost(row % tile.pixels, width, steps) : 0);
  const rest = vectors % tile.vectors;
  return Math.floor(vectors / tile.vectors) * rowCost(tile.vectors) + (rest > 0 ? rowCost(rest) : 0);
}

const cost = (pixels: number, vectors: number, steps: number): number =>
  steps * (pixels + vectors + 2 * pixels * vectors + loopCost) + pixels * vectors * epilogueCost + tileCost;
