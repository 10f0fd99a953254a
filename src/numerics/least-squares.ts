/**
 * Least squares on second moments (moments.ts), by Cholesky factors.
 *
 * A layer y = W x is to be done with other inputs z: pruned, quantized, or fewer of them. The weights closest to it over all rows,
 * and to P where the rows say little (Tikhonov's damping; Frantar et al., "GPTQ", section 3.3 take 1 % of the mean diagonal), are
 *
 *     W* = argmin Σ ‖y - W* z‖² + λ ‖W* - P‖² = (Σ y zᵀ + λ P) (Σ z zᵀ + λ I)⁻¹,      Σ y zᵀ = W · Σ x zᵀ
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { Moments } from "./moments.ts";

export const defaultDamping = 0.01;

/** A positive definite matrix, factored. All matrices are row-major. */
export interface Factored {
  readonly size: number;
  /** λ, what was added to the diagonal. */
  readonly added: number;
  /** X with A X = B, for B of size × columns. */
  solve(right: ArrayLike<number>, columns: number): Float64Array;
  /** A⁻¹ */
  inverse(): Float64Array;
  /** The upper triangular U with A⁻¹ = Uᵀ U, whose row i tells how an error in i is best spread over what comes after it. */
  inverseUpper(): Float64Array;
}

/**
 * Factors a symmetric matrix after adding `damping` times its mean diagonal to its diagonal; more, by factors of ten, while it is not
 * positive definite in doubles. A matrix of zeros becomes the identity.
 *
 * @param matrix size × size, row-major; its lower triangle is taken for both
 */
export function factorDamped(
  matrix: ArrayLike<number>,
  size: number,
  damping: number = defaultDamping,
): Factored {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * size + i]!;
  if (!Number.isFinite(trace)) throw new Error("internal: moments are not finite");
  const mean = trace > 0 ? trace / size : 1;
  for (let share = trace > 0 ? damping : 1; ; share = Math.max(share * 10, 1e-12)) {
    const damped = symmetric(matrix, size);
    for (let i = 0; i < size; i++) damped.set(i, i, damped.get(i, i) + share * mean);
    const factors = new CholeskyDecomposition(damped);
    if (factors.isPositiveDefinite()) return factored(factors, damped, size, share * mean);
  }
}

function factored(factors: CholeskyDecomposition, damped: Matrix, size: number, added: number): Factored {
  const lower = flat(factors.lowerTriangularMatrix);
  const solve = (right: ArrayLike<number>, columns: number): Float64Array =>
    substitute(lower, size, Float64Array.from(right), columns);
  const inverse = (): Float64Array => {
    const identity = new Float64Array(size * size);
    for (let i = 0; i < size; i++) identity[i * size + i] = 1;
    return substitute(lower, size, identity, size);
  };
  return {
    size,
    added,
    solve,
    inverse,
    inverseUpper: () => invertUpper(upperFactor(damped, size), size),
  };
}

/**
 * The weights that do on inputs z what `weights` do on inputs x.
 *
 * @param weights outputs × x, row-major
 * @param prior outputs × z: what to stay at where the rows say nothing
 * @param cross Σ x zᵀ
 * @param own Σ z zᵀ
 * @returns outputs × z
 */
export function reconstruct(
  weights: ArrayLike<number>,
  prior: ArrayLike<number>,
  cross: Moments,
  own: Moments,
  damping?: number,
): Float64Array {
  const { sums, leftLength, rightLength } = cross;
  const outputs = weights.length / leftLength;
  const wanted = new Float64Array(outputs * rightLength);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < leftLength; i++) {
      const weight = weights[o * leftLength + i]!;
      if (weight === 0) continue;
      const [row, from] = [o * rightLength, i * rightLength];
      for (let j = 0; j < rightLength; j++) wanted[row + j]! += weight * sums[from + j]!;
    }
  return fitWeights(wanted, prior, own, damping);
}

/**
 * The weights whose results on inputs z are closest to y.
 *
 * @param wanted Σ y zᵀ, outputs × z, row-major
 * @param prior outputs × z: what to stay at where the rows say nothing
 * @param own Σ z zᵀ
 * @returns outputs × z
 */
export function fitWeights(
  wanted: ArrayLike<number>,
  prior: ArrayLike<number>,
  own: Moments,
  damping?: number,
): Float64Array {
  const length = own.leftLength;
  const outputs = length === 0 ? 0 : wanted.length / length;
  const factors = factorDamped(own.sums, length, damping);
  // Transposed: (Σ z zᵀ + λ I) W*ᵀ = Σ z yᵀ + λ Pᵀ is what the factors solve.
  const right = new Float64Array(length * outputs);
  for (let o = 0; o < outputs; o++)
    for (let j = 0; j < length; j++)
      right[j * outputs + o] = wanted[o * length + j]! + factors.added * prior[o * length + j]!;
  const solved = factors.solve(right, outputs);
  return Float64Array.from({ length: outputs * length }, (_, at) => {
    const o = Math.floor(at / length);
    return solved[(at - o * length) * outputs + o]!;
  });
}

/** X with L Lᵀ X = B, in place of B: row by row, so that the innermost loop runs along memory. */
function substitute(lower: Float64Array, size: number, right: Float64Array, columns: number): Float64Array {
  const subtract = (row: number, other: number, factor: number): void => {
    if (factor === 0) return;
    for (let j = 0; j < columns; j++) right[row * columns + j]! -= factor * right[other * columns + j]!;
  };
  const divide = (row: number): void => {
    const pivot = lower[row * size + row]!;
    for (let j = 0; j < columns; j++) right[row * columns + j]! /= pivot;
  };
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) subtract(i, k, lower[i * size + k]!);
    divide(i);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) subtract(i, k, lower[k * size + i]!);
    divide(i);
  }
  return right;
}

/** The upper triangular R with A = R Rᵀ: Cholesky's method from the last row up. */
function upperFactor(matrix: Matrix, size: number): Float64Array {
  const upper = new Float64Array(size * size);
  for (let j = size - 1; j >= 0; j--)
    for (let i = j; i >= 0; i--) {
      let rest = matrix.get(i, j);
      const [row, column] = [i * size, j * size];
      for (let k = j + 1; k < size; k++) rest -= upper[row + k]! * upper[column + k]!;
      upper[row + j] = i === j ? Math.sqrt(rest) : rest / upper[column + j]!;
    }
  return upper;
}

/** Of an upper triangular matrix. A⁻¹ = R⁻ᵀ R⁻¹, so R⁻¹ is the U of `inverseUpper`. */
function invertUpper(upper: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let i = size - 1; i >= 0; i--) {
    const row = i * size;
    inverse[row + i] = 1;
    for (let k = i + 1; k < size; k++) {
      const factor = upper[row + k]!;
      for (let j = k; j < size; j++) inverse[row + j]! -= factor * inverse[k * size + j]!;
    }
    const pivot = upper[row + i]!;
    for (let j = i; j < size; j++) inverse[row + j]! /= pivot;
  }
  return inverse;
}

function symmetric(matrix: ArrayLike<number>, size: number): Matrix {
  const copy = Matrix.zeros(size, size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      copy.set(i, j, matrix[i * size + j]!);
      copy.set(j, i, matrix[i * size + j]!);
    }
  return copy;
}

function flat(matrix: Matrix): Float64Array {
  const { rows, columns } = matrix;
  const numbers = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) numbers[i * columns + j] = matrix.get(i, j);
  return numbers;
}
