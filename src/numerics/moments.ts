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

  add(left: ArrayLike<number>, right: ArrayLike<number> = left): void {
    this.addAll([left], [right]);
  }

  /**
   * Several rows: four at a time, so that each sum is read and written once for them; of moments with themselves one triangle, then the
   * other. Inputs behind a ReLU are often zero.
   */
  addAll(left: readonly ArrayLike<number>[], right: readonly ArrayLike<number>[] = left): void {
    const { leftLength, rightLength, sums, leftTotals, rightTotals } = this;
    this.count += left.length;
    left.forEach((row, r) => {
      for (let i = 0; i < leftLength; i++) leftTotals[i]! += row[i]!;
      for (let j = 0; j < rightLength; j++) rightTotals[j]! += right[r]![j]!;
    });
    const symmetric = left === right;
    let r = 0;
    for (; r + 4 <= left.length; r += 4) {
      const [a, b, c, d] = [left[r]!, left[r + 1]!, left[r + 2]!, left[r + 3]!];
      const [p, q, s, t] = [right[r]!, right[r + 1]!, right[r + 2]!, right[r + 3]!];
      for (let i = 0; i < leftLength; i++) {
        const [fa, fb, fc, fd] = [a[i]!, b[i]!, c[i]!, d[i]!];
        if (fa === 0 && fb === 0 && fc === 0 && fd === 0) continue;
        const start = i * rightLength;
        const end = symmetric ? i + 1 : rightLength;
        for (let j = 0; j < end; j++) sums[start + j]! += fa * p[j]! + fb * q[j]! + fc * s[j]! + fd * t[j]!;
      }
    }
    for (; r < left.length; r++) {
      const row = right[r]!;
      for (let i = 0; i < leftLength; i++) {
        const factor = left[r]![i]!;
        if (factor === 0) continue;
        const start = i * rightLength;
        const end = symmetric ? i + 1 : rightLength;
        for (let j = 0; j < end; j++) sums[start + j]! += factor * row[j]!;
      }
    }
    for (let i = 0; symmetric && i < leftLength; i++)
      for (let j = 0; j < i; j++) sums[j * leftLength + i] = sums[i * leftLength + j]!;
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
