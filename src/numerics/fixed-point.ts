/**
 * The fixed-point arithmetic of gemmlowp that TensorFlow Lite's softmax is made of. Q(i) is an i32 with i bits before the point and a
 * sign, so that its one is 2^(31 - i). A product of Q(a) and Q(b) is the high half of the doubled product, rounded:
 * `rescale(a, b, 31)`, in Q(a + b).
 *
 * Here is what tables are made of when a network is compiled; what is left for run time stands in ops/softmax-tflite.ts as an
 * expression. Source: gemmlowp fixedpoint/fixedpoint.h, TensorFlow Lite reference/softmax.h.
 */
import { divideByPowerOfTwo, rescale, toDyadic } from "./dyadic.ts";
import { pow2 } from "./float-bits.ts";

/** Differences from the largest element are Q(5), down to -32. */
const differenceBits = 5;

const product = (a: number, b: number): number => rescale(a, b, 31);

/** e^(-1/8) and 1/3 in Q(0). */
const expOfMinusEighth = 1895147668;
const third = 715827883;

/** e^a for a in [-1/4, 0), both in Q(0): the Taylor polynomial of degree 4 around -1/8. */
function expNearZero(a: number): number {
  const x = a + pow2(28);
  const square = product(x, x);
  const cube = product(square, x);
  const fourth = divideByPowerOfTwo(product(square, square), 2);
  const tail = divideByPowerOfTwo(product(fourth + cube, third) + square, 1);
  return expOfMinusEighth + product(expOfMinusEighth, x + tail);
}

/** e^(-2^k) in Q(0), k from -2 to 4. */
const powers = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242];

/** e^a in Q(0), for an a in Q(5) of at most 0: the quarters one by one, what is left by the polynomial. */
export function expOfNegative(a: number): number {
  if (a === 0) return 2 ** 31 - 1;
  const quarter = pow2(31 - differenceBits - 2);
  // The rest in [-1/4, 0); bits of a negative a below the quarter, as two's complement has them.
  const rest = (a & (quarter - 1)) - quarter;
  const quarters = rest - a;
  let result = expNearZero(rest * pow2(differenceBits));
  powers.forEach((power, k) => {
    if ((quarters & (quarter * pow2(k))) !== 0) result = product(result, power);
  });
  return result;
}

/**
 * e^(-scale · d) in Q(0) for d = 0 … 255, and 0 from where scale · d leaves Q(5).
 *
 * @param scale above 2^-26, so that the multiplier of a difference is above 1
 */
export function tfliteExponentials(scale: number): number[] {
  const unit = pow2(31 - differenceBits);
  // From 2^30 on the multiplier has a left shift of 31, which no difference but 0 survives.
  const isSteep = scale * unit >= 2 ** 30;
  const { multiplier, shift } = toDyadic(isSteep ? 1 : scale * unit);
  const radius = isSteep ? 0 : Math.floor(((pow2(differenceBits) - 1) * unit) / pow2(31 - shift));
  return Array.from({ length: 256 }, (_, d) =>
    d > radius ? 0 : expOfNegative(rescale(-d, multiplier, shift)),
  );
}
