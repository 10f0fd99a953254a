/**
 * Arithmetic of tensor elements as expressions. A tensor knows eleven element types, an expression computes in four: i8 to u32 and
 * bool in i32, 64-bit integers in i64, u32 and u64 by their bits. What is said here, once, is what the difference costs:
 *
 *     wrap       a sum of narrow integers wraps to its element: sign-extended from, or masked to, its low bits
 *     widen      where the upper bits matter (products, quotients) an element is computed in a type that holds them
 *     ordered    comparisons are signed: u32 widens to i64, u64 has its top bit turned (both keep the order)
 *
 * Floats are computed as they are, integers wrap as two's complement; conversions of reals to integers truncate and saturate.
 */
import {
  elementRange,
  elementSizeBytes,
  isFloat,
  isSigned,
  type ElementType,
} from "../tensor/element-type.ts";
import {
  add,
  and,
  compare,
  constant,
  convert,
  div,
  divu,
  f64,
  i32,
  max,
  min,
  mul,
  or,
  reduce,
  select,
  shl,
  shr,
  sub,
  unary,
  xor,
} from "./build.ts";
import type { CompareOperator, Expression, IndexVariable, ScalarType } from "./expression.ts";

const i64 = (value: number): Expression => constant("i64", value);

/** A number of the same type as `x`; f32 numbers are rounded. */
export const like = (x: Expression, value: number): Expression =>
  constant(x.type, x.type === "f32" ? Math.fround(value) : value);

/** The sign bit, which no number holds exactly beside its neighbours. */
const topBit = shl(i64(1), i64(63));

/** The type that elements of this kind are computed in. */
export const computedIn = (element: ElementType): ScalarType => {
  if (element === "f32" || element === "f64") return element;
  return elementSizeBytes(element) === 8 ? "i64" : "i32";
};

const isWide = (element: ElementType): boolean => elementSizeBytes(element) === 8;

/** A u32 as the number it is. */
const unsigned32 = (x: Expression): Expression => and(convert("i64", x), i64(2 ** 32 - 1));

/** In i64 where 32 bits are not enough for the number itself. */
const asNumber = (element: ElementType, x: Expression): Expression => (element === "u32" ? unsigned32(x) : x);

/** The element with the low bits of an i32 or i64; floats as they are. */
export const wrapElement = (element: ElementType, x: Expression): Expression =>
  isFloat(element) ? x : wrap(element, x);

function wrap(element: ElementType, x: Expression): Expression {
  const bits = 8 * elementSizeBytes(element);
  if (bits === 64) return convert("i64", x);
  const low = convert("i32", x);
  if (bits === 32) return low;
  if (!isSigned(element)) return and(low, i32(2 ** bits - 1));
  return shr(shl(low, i32(32 - bits)), i32(32 - bits));
}

type Arithmetic = (element: ElementType, a: Expression, b: Expression) => Expression;

/** Sums and differences of 32-bit integers are taken in 64 bits: C leaves their overflow undefined. */
const inWide = (element: ElementType, x: Expression): Expression =>
  element === "i32" || element === "u32" ? convert("i64", x) : x;

const wrapping =
  (of: (a: Expression, b: Expression) => Expression): Arithmetic =>
  (element, a, b) =>
    isFloat(element) ? of(a, b) : wrap(element, of(inWide(element, a), inWide(element, b)));

export const addElements = wrapping(add);
export const subElements = wrapping(sub);

/** The product of two u16 leaves 32 bits too. */
export const mulElements: Arithmetic = (element, a, b) => {
  if (isFloat(element)) return mul(a, b);
  const wide = elementSizeBytes(element) >= 2;
  return wrap(element, wide ? mul(convert("i64", a), convert("i64", b)) : mul(a, b));
};

/** Floats as IEEE 754 divides; integers towards zero, and by zero to 0. */
export const divElements: Arithmetic = (element, a, b) =>
  isFloat(element) ? div(a, b) : wrap(element, quotient(element, a, b));

function quotient(element: ElementType, a: Expression, b: Expression): Expression {
  const wide = (x: Expression): Expression =>
    elementSizeBytes(element) === 4 ? convert("i64", asNumber(element, x)) : x;
  const [x, y] = [wide(a), wide(b)];
  const zero = like(x, 0);
  const none = compare("eq", y, zero);
  const divisor = select(none, like(y, 1), y);
  if (!isSigned(element)) return select(none, zero, divu(x, divisor));
  const size = divu(unary("abs", x), unary("abs", divisor));
  const negative = compare("lt", xor(x, y), zero);
  return select(none, zero, select(negative, sub(zero, size), size));
}

/** a - b * (a / b): of the dividend's sign with `truncated`, else of the divisor's. By an integer zero it is a. */
export function modElements(
  element: ElementType,
  a: Expression,
  b: Expression,
  truncated: boolean,
): Expression {
  if (isFloat(element)) {
    const [x, y] = [convert("f64", a), convert("f64", b)];
    const whole = unary(truncated ? "trunc" : "floor", div(x, y));
    const rest = sub(x, mul(whole, y));
    // A finite number by an infinite one: 0 times infinity would be no number.
    const infinite = compare("eq", unary("abs", y), f64(Infinity));
    return convert(computedIn(element), truncated ? select(infinite, x, rest) : rest);
  }
  const q = quotient(element, a, b);
  const [x, y] = [a, b].map((e) => convert(q.type, asNumber(element, e))) as [Expression, Expression];
  const rest = sub(x, mul(q, y));
  if (truncated || !isSigned(element)) return wrap(element, rest);
  const zero = like(rest, 0);
  const differs = and(compare("ne", rest, zero), compare("lt", xor(rest, y), zero));
  return wrap(element, select(and(differs, compare("ne", y, zero)), add(rest, y), rest));
}

/** The element in a type where signed comparison is its order. */
export function ordered(element: ElementType, x: Expression): Expression {
  if (element === "u32") return unsigned32(x);
  return element === "u64" ? xor(x, topBit) : x;
}

/** The element that `ordered` was given. */
export function fromOrdered(element: ElementType, x: Expression): Expression {
  if (element === "u32") return convert("i32", x);
  return element === "u64" ? xor(x, topBit) : x;
}

/** The smallest element, in its order; -infinity of floats. */
export function lowestOrdered(element: ElementType): Expression {
  if (isFloat(element)) return constant(element, -Infinity);
  if (isWide(element)) return topBit;
  if (element === "u32") return i64(0);
  return i32(elementRange(element).min);
}

/** The largest element, in its order. */
export function highestOrdered(element: ElementType): Expression {
  if (isFloat(element)) return constant(element, Infinity);
  if (isWide(element)) return xor(topBit, i64(-1));
  if (element === "u32") return i64(2 ** 32 - 1);
  return i32(elementRange(element).max);
}

/** 1 or 0. */
export const compareElements = (
  operator: CompareOperator,
  element: ElementType,
  a: Expression,
  b: Expression,
): Expression => compare(operator, ordered(element, a), ordered(element, b));

const choosing =
  (of: (a: Expression, b: Expression) => Expression): Arithmetic =>
  (element, a, b) =>
    fromOrdered(element, of(ordered(element, a), ordered(element, b)));

export const minElements = choosing(min);
export const maxElements = choosing(max);

/** An element of one type as one of another: integers keep their low bits, reals are truncated and saturate, bools are 0 and 1. */
export function convertElement(from: ElementType, to: ElementType, x: Expression): Expression {
  if (from === to) return x;
  if (to === "bool") return compare("ne", x, like(x, 0));
  if (isFloat(from)) return isFloat(to) ? convert(to, x) : truncated(to, x);
  if (!isFloat(to)) return wrap(to, asNumber(from, x));
  if (from !== "u64") return convert(to, asNumber(from, x));
  const high = convert("f64", and(shr(x, i64(32)), i64(2 ** 32 - 1)));
  const low = convert("f64", and(x, i64(2 ** 32 - 1)));
  return convert(to, add(mul(high, f64(2 ** 32)), low));
}

function truncated(to: ElementType, x: Expression): Expression {
  if (to === "i64") return convert("i64", x);
  if (to === "i32") return convert("i32", x);
  if (to === "u32") {
    const whole = convert("i64", x);
    return convert("i32", min(max(whole, i64(0)), i64(2 ** 32 - 1)));
  }
  if (to === "u64") {
    const big = convert("f64", x);
    const above = compare("ge", big, f64(2 ** 63));
    const upper = or(convert("i64", sub(big, f64(2 ** 63))), topBit);
    const past = compare("ge", big, f64(2 ** 64));
    const lower = max(convert("i64", big), i64(0));
    return select(past, i64(-1), select(above, upper, lower));
  }
  const { min: low, max: high } = elementRange(to);
  return min(max(convert("i32", x), i32(low)), i32(high));
}

/** A sum, product, minimum or maximum of elements, in the order of the loops. */
export function reduceElements(
  operator: "add" | "mul" | "min" | "max",
  element: ElementType,
  over: readonly IndexVariable[],
  x: Expression,
): Expression {
  if (operator === "min" || operator === "max") {
    const start = operator === "min" ? highestOrdered(element) : lowestOrdered(element);
    return fromOrdered(element, reduce(operator, over, ordered(element, x), start));
  }
  const wide = inWide(element, x);
  return wrapElement(element, reduce(operator, over, wide, like(wide, operator === "add" ? 0 : 1)));
}
