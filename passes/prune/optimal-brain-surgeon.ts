/**
 * Second-order pruning of one layer (Hassibi and Stork, "Optimal Brain Surgeon"; layer-wise as in Frantar and Alistarh, "Optimal Brain
 * Compression"). With H = Σ x xᵀ of the rows a layer sees, a change δ of an output's weights w costs δᵀ H δ. Losing the weights S
 * at the least cost,
 *
 *     cost(S) = w_Sᵀ ([H⁻¹]_SS)⁻¹ w_S         δ = -H⁻¹_:S ([H⁻¹]_SS)⁻¹ w_S
 *
 * which is the least-squares fit of the other weights to what the output was. H is damped (least-squares.ts).
 */
import { factorDamped } from "../../src/numerics/least-squares.ts";
import type { Moments } from "../../src/numerics/moments.ts";

export interface Surgeon {
  /** Of losing some weights of a row, in units of the squared output over all rows seen. */
  cost(row: ArrayLike<number>, lost: readonly number[]): number;
  /** The row without the lost weights, the others fitted. */
  fit(row: ArrayLike<number>, lost: readonly number[]): Float64Array;
}

export function surgeonFor({ sums, leftLength: size }: Moments, damping?: number): Surgeon {
  const factored = factorDamped(sums, size, damping);
  const { added } = factored;
  const inverse = factored.inverse();
  const select = (
    matrix: ArrayLike<number>,
    rows: readonly number[],
    columns: readonly number[],
  ): Float64Array =>
    Float64Array.from({ length: rows.length * columns.length }, (_, i) => {
      const row = Math.floor(i / columns.length);
      return matrix[rows[row]! * size + columns[i - row * columns.length]!]!;
    });
  /** ([H⁻¹]_SS)⁻¹ w_S */
  const forces = (row: ArrayLike<number>, lost: readonly number[]): Float64Array => {
    const right = lost.map((at) => row[at]!);
    if (lost.length === 1) return Float64Array.of(right[0]! / inverse[lost[0]! * size + lost[0]!]!);
    return factorDamped(select(inverse, lost, lost), lost.length, 0).solve(right, 1);
  };
  /** H_KK⁻¹ H_KS w_S for the kept K: the same, and less work where most is lost. */
  const shifts = (row: ArrayLike<number>, kept: readonly number[], lost: readonly number[]): Float64Array => {
    const own = select(sums, kept, kept);
    for (let i = 0; i < kept.length; i++) own[i * kept.length + i]! += added;
    const right = kept.map((k) => lost.reduce((sum, s) => sum + sums[k * size + s]! * row[s]!, 0));
    return factorDamped(own, kept.length, 0).solve(right, 1);
  };
  return {
    cost(row, lost) {
      const force = forces(row, lost);
      return lost.reduce((sum, at, i) => sum + row[at]! * force[i]!, 0);
    },
    fit(row, lost) {
      const fitted = Float64Array.from(row);
      if (lost.length === 0) return fitted;
      const gone = new Set(lost);
      const kept = [...fitted.keys()].filter((at) => !gone.has(at));
      if (lost.length > kept.length) {
        if (kept.length > 0) shifts(row, kept, lost).forEach((shift, i) => (fitted[kept[i]!]! += shift));
      } else {
        const force = forces(row, lost);
        for (const k of kept)
          fitted[k]! -= lost.reduce((sum, s, i) => sum + inverse[k * size + s]! * force[i]!, 0);
      }
      for (const at of lost) fitted[at] = 0;
      return fitted;
    },
  };
}
