/**
 * Second moments of rows that stream by: what a layer's least-squares problems need to know of its inputs, in memory that does not
 * grow with their number.
 *
 *     moments[i, j] = sum over rows of left[i] right[j]
 *
 * Of rows with themselves it is XᵀX, the Hessian of ‖Xw - y‖² up to a factor 2; with the rows of two networks it relates one to the other.
 *
 * Rows wait until a block of them is full. Then each sum grows by a dot product along the block, four by four, so that what is read from
 * memory is used four times.
 */
const blockRows = 32;

export class Moments {
  readonly leftLength: number;
  readonly rightLength: number;
  /** Σ left and Σ right. */
  readonly leftTotals: Float64Array;
  readonly rightTotals: Float64Array;
  /** Rows seen. */
  count = 0;
  readonly #symmetric: boolean;
  /** Of moments of rows with themselves only on and below the diagonal, until they are read. */
  readonly #sums: Float64Array;
  #mirrored = true;
  /** Entry k of waiting row r at k · blockRows + r. */
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  #waiting = 0;

  /** @param rightLength of the other rows; rows with themselves unless given */
  constructor(leftLength: number, rightLength?: number) {
    this.#symmetric = rightLength === undefined;
    this.leftLength = leftLength;
    this.rightLength = rightLength ?? leftLength;
    this.#sums = new Float64Array(leftLength * this.rightLength);
    this.leftTotals = new Float64Array(leftLength);
    this.rightTotals = this.#symmetric ? this.leftTotals : new Float64Array(this.rightLength);
    this.#left = new Float64Array(leftLength * blockRows);
    this.#right = this.#symmetric ? this.#left : new Float64Array(this.rightLength * blockRows);
  }

  /** Row-major, leftLength × rightLength. */
  get sums(): Float64Array {
    this.#flush();
    if (!this.#mirrored) mirror(this.#sums, this.leftLength);
    this.#mirrored = true;
    return this.#sums;
  }

  /** @param right wanted exactly where rows are not taken with themselves */
  add(left: ArrayLike<number>, right?: ArrayLike<number>): void {
    if ((right === undefined) !== this.#symmetric)
      throw new Error("internal: moments of rows with themselves take one row, others two");
    this.count++;
    this.#wait(this.#left, this.leftTotals, left);
    if (right !== undefined) this.#wait(this.#right, this.rightTotals, right);
    if (++this.#waiting === blockRows) this.#flush();
  }

  #wait(block: Float64Array, totals: Float64Array, row: ArrayLike<number>): void {
    for (let k = 0; k < totals.length; k++) {
      const x = row[k]!;
      totals[k]! += x;
      block[k * blockRows + this.#waiting] = x;
    }
  }

  #flush(): void {
    if (this.#waiting === 0) return;
    addProducts(this.#sums, this.#left, this.#right, this.#waiting, this.#symmetric);
    this.#mirrored = !this.#symmetric;
    this.#waiting = 0;
  }

  /** Of the rows less their means: what is left to explain once a bias has moved the mean. */
  centered(): Moments {
    const { leftLength, rightLength, sums, leftTotals, rightTotals, count } = this;
    const moments = this.#sized(leftLength, rightLength);
    for (let i = 0; i < leftLength; i++)
      for (let j = 0; j < rightLength; j++) {
        const at = i * rightLength + j;
        moments.#sums[at] = sums[at]! - (leftTotals[i]! * rightTotals[j]!) / Math.max(1, count);
      }
    return moments;
  }

  /** Those of some entries of the rows. */
  select(left: ArrayLike<number>, right: ArrayLike<number> = left): Moments {
    const { sums, rightLength } = this;
    const moments = this.#sized(left.length, right.length);
    for (let i = 0; i < left.length; i++) {
      const row = left[i]! * rightLength;
      moments.leftTotals[i] = this.leftTotals[left[i]!]!;
      for (let j = 0; j < right.length; j++) moments.#sums[i * right.length + j] = sums[row + right[j]!]!;
    }
    for (let j = 0; j < right.length; j++) moments.rightTotals[j] = this.rightTotals[right[j]!]!;
    return moments;
  }

  /** Of as many rows. No more are added to it: a part may have lost the symmetry of the whole. */
  #sized(leftLength: number, rightLength: number): Moments {
    const moments = new Moments(leftLength, rightLength);
    moments.count = this.count;
    return moments;
  }

  at(left: number, right: number): number {
    return this.sums[left * this.rightLength + right]!;
  }
}

/** sums[i, j] += Σ over the rows of left[i] right[j], for j ≤ i at least where the result is symmetric. */
function addProducts(
  sums: Float64Array,
  left: Float64Array,
  right: Float64Array,
  rows: number,
  symmetric: boolean,
): void {
  const [height, width] = [left.length / blockRows, right.length / blockRows];
  let i = 0;
  for (; i + 2 <= height; i += 2) {
    const [a, b] = [i * blockRows, (i + 1) * blockRows];
    const [first, second] = [i * width, (i + 1) * width];
    const end = symmetric ? i + 2 : width;
    let j = 0;
    for (; j + 2 <= end; j += 2) {
      const [c, d] = [j * blockRows, (j + 1) * blockRows];
      let [ac, ad, bc, bd] = [0, 0, 0, 0];
      for (let r = 0; r < rows; r++) {
        const [x, y, u, v] = [left[a + r]!, left[b + r]!, right[c + r]!, right[d + r]!];
        ac += x * u;
        ad += x * v;
        bc += y * u;
        bd += y * v;
      }
      sums[first + j]! += ac;
      sums[first + j + 1]! += ad;
      sums[second + j]! += bc;
      sums[second + j + 1]! += bd;
    }
    for (; j < end; j++) {
      sums[first + j]! += dot(left, a, right, j * blockRows, rows);
      sums[second + j]! += dot(left, b, right, j * blockRows, rows);
    }
  }
  for (; i < height; i++)
    for (let j = 0; j < (symmetric ? i + 1 : width); j++)
      sums[i * width + j]! += dot(left, i * blockRows, right, j * blockRows, rows);
}

function dot(left: Float64Array, from: number, right: Float64Array, to: number, rows: number): number {
  let sum = 0;
  for (let r = 0; r < rows; r++) sum += left[from + r]! * right[to + r]!;
  return sum;
}

/** The part above the diagonal from the part below. */
function mirror(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) matrix[j * size + i] = matrix[i * size + j]!;
}
