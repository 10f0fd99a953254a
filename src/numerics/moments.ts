/**
 * Second moments of rows that stream by: what a layer's least-squares problems need to know of its inputs, in memory that does not
 * grow with their number.
 *
 *     moments[i, j] = sum over rows of left[i] right[j]
 *
 * With left = right = x it is XᵀX, the Hessian of ‖Xw - y‖² up to a factor 2; with the rows of two networks it relates one to the other.
 */
export class Moments {
  readonly leftLength: number;
  readonly rightLength: number;
  /** Row-major, leftLength × rightLength. */
  readonly sums: Float64Array;
  /** Σ left and Σ right. */
  readonly leftTotals: Float64Array;
  readonly rightTotals: Float64Array;
  /** Rows seen. */
  count = 0;

  constructor(leftLength: number, rightLength = leftLength) {
    this.leftLength = leftLength;
    this.rightLength = rightLength;
    this.sums = new Float64Array(leftLength * rightLength);
    this.leftTotals = new Float64Array(leftLength);
    this.rightTotals = new Float64Array(rightLength);
  }

  /** Inputs behind a ReLU are zero half of the time: their products are left out. */
  add(left: ArrayLike<number>, right: ArrayLike<number> = left): void {
    const { leftLength, rightLength, sums, leftTotals, rightTotals } = this;
    for (let j = 0; j < rightLength; j++) rightTotals[j]! += right[j]!;
    for (let i = 0; i < leftLength; i++) {
      const factor = left[i]!;
      if (factor === 0) continue;
      leftTotals[i]! += factor;
      const start = i * rightLength;
      for (let j = 0; j < rightLength; j++) sums[start + j]! += factor * right[j]!;
    }
    this.count++;
  }

  /** Of the rows less their means: what is left to explain once a bias has moved the mean. */
  centered(): Moments {
    const { leftLength, rightLength, sums, leftTotals, rightTotals, count } = this;
    const moments = new Moments(leftLength, rightLength);
    moments.count = count;
    for (let i = 0; i < leftLength; i++)
      for (let j = 0; j < rightLength; j++) {
        const at = i * rightLength + j;
        moments.sums[at] = sums[at]! - (leftTotals[i]! * rightTotals[j]!) / Math.max(1, count);
      }
    return moments;
  }

  /** Those of some entries of the rows. */
  select(left: ArrayLike<number>, right: ArrayLike<number> = left): Moments {
    const moments = new Moments(left.length, right.length);
    moments.count = this.count;
    for (let i = 0; i < left.length; i++) {
      moments.leftTotals[i] = this.leftTotals[left[i]!]!;
      for (let j = 0; j < right.length; j++)
        moments.sums[i * right.length + j] = this.at(left[i]!, right[j]!);
    }
    for (let j = 0; j < right.length; j++) moments.rightTotals[j] = this.rightTotals[right[j]!]!;
    return moments;
  }

  at(left: number, right: number): number {
    return this.sums[left * this.rightLength + right]!;
  }
}
