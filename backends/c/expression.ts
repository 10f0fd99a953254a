/**
 * Loop expressions as C expressions.
 *
 * C computes integers in the type its operands happen to have, the loop IR in the type a node states. So every printed
 * piece carries the C type it really has:
 *
 *     int   a narrow load, a comparison or a small literal, promoted, with a known range inside 16 bits
 *     i32   i64   f32   f64   the stated type
 *
 * and a cast is printed just where the C type of both operands is too narrow for the result. Ranges keep `x[i] * w[i]` on
 * bytes free of casts and right even where `int` has 16 bits. Widening i32 to i64 is left to C's own conversions.
 *
 * Additions, subtractions and multiplications are plain signed arithmetic: that they do not overflow is proved before
 * (interval analysis), and a sanitizer shall see it if not. Operands of unsigned division are computed unsigned. Shifts left go through unsigned and wrap. Shift counts outside
 * the width are refused when constant, and the compiler's duty when not.
 */
import type { Address, Buffer, LoopExpression } from "../../src/loops/loop.ts";
import { scalarElement, scalarTypes } from "./helpers.ts";
import type { ScalarElement } from "./helpers.ts";
import { indexText } from "./index-text.ts";
import { literal } from "./literals.ts";
import { enclose, level } from "./printed.ts";
import type { Names, Printed, Range } from "./printed.ts";

const narrow: Range = [-32768, 32767];
const within = ([low, high]: Range, [least, most]: Range): boolean => low >= least && high <= most;

const cast = (type: string, piece: Printed): string => `(${type})${enclose(piece, level.unary)}`;

/** The piece with the C type `element`, at the cost of a cast unless it has it. */
export const as = (piece: Printed, element: ScalarElement): Printed =>
  piece.type === element
    ? piece
    : { text: cast(scalarTypes[element], piece), level: level.unary, type: element };

const call = (name: string, type: ScalarElement, ...operands: readonly Printed[]): Printed => ({
  text: `${name}(${operands.map((operand) => operand.text).join(", ")})`,
  level: level.primary,
  type,
});

/** @throws internal, when the expression or one in it is a vector's, or types do not fit */
export function printExpression(expression: LoopExpression, names: Names): Printed {
  const element = scalarElement(expression.type.element, expression.type.lanes);
  const print = (operand: LoopExpression): Printed => printExpression(operand, names);
  switch (expression.kind) {
    case "register":
      return { text: names.register(expression.register), level: level.primary, type: element };
    case "constant":
      return constant(expression.value, element);
    case "load":
      return load(expression, element, names);
    case "unary":
      return unary(expression, element, names);
    case "binary":
      return binary(expression, element, names);
    case "compare":
      return compare(expression.operator, print(expression.left), print(expression.right), names);
    case "select": {
      const condition = truth(print(expression.condition));
      const [yes, no] = [print(expression.whenTrue), print(expression.whenFalse)];
      const text = `${condition} ? ${enclose(yes, level.bitwise)} : ${enclose(no, level.bitwise)}`;
      return { text, level: level.conditional, ...united(yes, no, element) };
    }
    case "convert":
      return convert(print(expression.operand), expression.operand.type.element, element, names);
    case "dot":
      return arithmetic(
        "add",
        print(expression.acc),
        arithmetic("mul", print(expression.left), print(expression.right), element),
        element,
      );
    case "mulhi":
      return call(names.helper("mulhi_i32"), "i32", print(expression.left), print(expression.right));
    case "splat":
      return print(expression.operand);
    default:
      throw new Error(`internal: the C back end does not print '${expression.kind}'`);
  }
}

function constant(value: number, element: ScalarElement): Printed {
  const text = literal(value, element);
  const strength = text.startsWith("-") ? level.unary : level.primary;
  const range: Range = [value, value];
  if (element === "f32" || element === "f64") return { text, level: strength, type: element };
  if (within(range, narrow)) return { text, level: strength, type: "int", range };
  const fits = within(range, [-(2 ** 31), 2 ** 31 - 1]);
  if (!fits && element === "i32") throw new Error(`internal: ${value} is no i32`);
  return { text, level: strength, type: fits ? "i32" : "i64" };
}

const narrowLoads: Readonly<Partial<Record<Buffer["element"], Range>>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: narrow,
};

function load(
  { address }: Extract<LoopExpression, { kind: "load" }>,
  element: ScalarElement,
  names: Names,
): Printed {
  const text = elementText(address, names);
  const memory = address.buffer.element;
  const mixed = element.startsWith("f") !== memory.startsWith("f");
  if (mixed || (element.startsWith("f") && element !== memory) || (element === "i32" && memory === "i64")) {
    throw new Error(`internal: a load of ${element} from the ${memory} buffer "${address.buffer.name}"`);
  }
  const range = narrowLoads[memory];
  const copy = { text, element: memory };
  if (range !== undefined) return { text, level: level.primary, type: "int", range, copy };
  // u16 promotes to an unsigned type where int has 16 bits, and u32 never becomes signed by itself.
  const signed = memory === "u16" ? "i32" : memory === "u32" ? element : undefined;
  if (signed !== undefined) {
    return { text: `(${scalarTypes[signed]})${text}`, level: level.unary, type: signed, copy };
  }
  return { text, level: level.primary, type: memory as ScalarElement, copy };
}

/** `buffer[index]`, for loads and stores. */
export function elementText(address: Address, names: Names): string {
  if (address.unit !== undefined) {
    throw new Error(`internal: the C back end has no byte addresses ("${address.buffer.name}")`);
  }
  const dynamic = address.dynamic && printExpression(address.dynamic, names);
  return `${names.buffer(address.buffer)}[${indexText(address.index, names, dynamic)}]`;
}

const mathCalls = {
  sqrt: "sqrt",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  nearest: "nearbyint",
} as const;

function unary(
  { operator, operand }: Extract<LoopExpression, { kind: "unary" }>,
  element: ScalarElement,
  names: Names,
): Printed {
  const inner = printExpression(operand, names);
  const isInteger = element === "i32" || element === "i64";
  switch (operator) {
    case "neg": {
      const { range } = inner;
      const negated: Range | undefined = range && [0 - range[1], 0 - range[0]];
      if (negated && within(negated, narrow)) {
        return { text: `-${enclose(inner, level.primary)}`, level: level.unary, type: "int", range: negated };
      }
      const wide = isInteger ? as(inner, element) : inner;
      // A cast before the operand binds as tightly as the minus; a second minus would make a decrement.
      const text = `-${wide.text.startsWith("-") ? `(${wide.text})` : enclose(wide, level.unary)}`;
      return { text, level: level.unary, type: element };
    }
    case "abs":
      if (isInteger) return call(names.helper(`abs_${element}`), element, inner);
      return call(element === "f32" ? "fabsf" : "fabs", element, inner);
    case "pow2":
    case "exponent":
    case "significand":
      if (element !== "f64") throw new Error(`internal: '${operator}' on ${element}`);
      return call(names.helper(`${operator}_f64`), element, inner);
    default:
      if (isInteger) throw new Error(`internal: '${operator}' on ${element}`);
      return call(`${mathCalls[operator]}${element === "f32" ? "f" : ""}`, element, inner);
  }
}

function binary(
  expression: Extract<LoopExpression, { kind: "binary" }>,
  element: ScalarElement,
  names: Names,
): Printed {
  const clamped = clamp(expression, element, names);
  if (clamped !== undefined) return clamped;
  const { operator } = expression;
  const isInteger = element === "i32" || element === "i64";
  if (operator === "divu") return unsignedQuotient(expression, element, names);
  const left = printExpression(expression.left, names);
  const right = printExpression(expression.right, names);
  switch (operator) {
    case "add":
    case "sub":
    case "mul":
      return arithmetic(operator, left, right, element);
    case "div":
      if (isInteger) throw new Error(`internal: 'div' on ${element}`);
      return {
        text: `${enclose(left, level.product)} / ${enclose(right, level.unary)}`,
        level: level.product,
        type: element,
      };
    case "min":
    case "max":
      return call(names.helper(`${operator}_${element}`), element, left, right);
    case "and":
    case "or":
    case "xor":
      return bitwise(operator, left, right, element);
    case "shl":
    case "shr":
      return shift(operator, left, right, element, names);
    case "addsatu":
    case "shru":
      throw new Error(`internal: '${operator}' on ${element}`);
  }
}

/** The quotient of the bits; the operands themselves are plain signed arithmetic, whose overflow a sanitizer would see. */
function unsignedQuotient(
  { left, right }: Extract<LoopExpression, { kind: "binary" }>,
  element: ScalarElement,
  names: Names,
): Printed {
  if (element !== "i32" && element !== "i64") throw new Error(`internal: 'divu' on ${element}`);
  names.assume("wrapping conversion");
  const quotient = `${printUnsigned(left, element, names)} / ${printUnsigned(right, element, names)}`;
  return { text: `(${scalarTypes[element]})(${quotient})`, level: level.unary, type: element };
}

/** An integer expression as the unsigned integer of the same bits. */
function printUnsigned(expression: LoopExpression, element: "i32" | "i64", names: Names): string {
  if (expression.kind === "constant" && expression.value >= 0 && element === "i32")
    return `${literal(expression.value, "i32")}U`;
  const inner = printExpression(expression, names);
  if (element === "i64") return cast("uint64_t", as(inner, "i64"));
  return inner.copy?.element === "u32" ? inner.copy.text : cast("uint32_t", inner);
}

/** Bounds in either order around one value, which reads better as one call; floats keep their two comparisons. */
function clamp(
  outer: Extract<LoopExpression, { kind: "binary" }>,
  element: ScalarElement,
  names: Names,
): Printed | undefined {
  if (element !== "i32" && element !== "i64") return undefined;
  const { operator } = outer;
  if (operator !== "min" && operator !== "max") return undefined;
  const bound = constantSide(outer);
  if (bound?.other.kind !== "binary") return undefined;
  const inner = bound.other;
  if (inner.operator !== (operator === "min" ? "max" : "min")) return undefined;
  const opposite = constantSide(inner);
  if (opposite === undefined) return undefined;
  const [low, high] = operator === "min" ? [opposite.value, bound.value] : [bound.value, opposite.value];
  if (low > high) return undefined;
  const value = printExpression(opposite.other, names);
  return call(
    names.helper(`clamp_${element}`),
    element,
    value,
    constant(low, element),
    constant(high, element),
  );
}

function constantSide({
  left,
  right,
}: Extract<LoopExpression, { kind: "binary" }>): { value: number; other: LoopExpression } | undefined {
  if (right.kind === "constant") return { value: right.value, other: left };
  if (left.kind === "constant") return { value: left.value, other: right };
  return undefined;
}

function rangeOf(operator: "add" | "sub" | "mul", left: Range, right: Range): Range {
  if (operator === "add") return [left[0] + right[0], left[1] + right[1]];
  if (operator === "sub") return [left[0] - right[1], left[1] - right[0]];
  const products = left.flatMap((a) => right.map((b) => a * b));
  return [Math.min(...products), Math.max(...products)];
}

function arithmetic(
  operator: "add" | "sub" | "mul",
  left: Printed,
  right: Printed,
  element: ScalarElement,
): Printed {
  const range = left.range && right.range && rangeOf(operator, left.range, right.range);
  const stays = range !== undefined && within(range, narrow);
  const [a, b] = stays ? [left, right] : widened(left, right, element);
  const kind = stays ? ({ type: "int", range } as const) : { type: element };
  if (operator === "mul") {
    const text = `${enclose(a, level.product)} * ${enclose(b, level.unary)}`;
    return { text, level: level.product, ...kind };
  }
  const opposite = b.text.startsWith("-") && b.level === level.unary && /^-[\w.]+$/.test(b.text);
  const sign = (operator === "add") === opposite ? "-" : "+";
  const magnitude = opposite ? b.text.slice(1) : enclose(b, level.product);
  return { text: `${enclose(a, level.sum)} ${sign} ${magnitude}`, level: level.sum, ...kind };
}

const isLiteral = ({ text }: Printed): boolean => /^-?\d[\w.]*$/.test(text);

/** One of the operands with the result's C type, so that C computes in it: the left one, unless that is a literal. */
function widened(left: Printed, right: Printed, element: ScalarElement): [Printed, Printed] {
  if (left.type === element || right.type === element) return [left, right];
  return isLiteral(left) ? [left, as(right, element)] : [as(left, element), right];
}

/** The C type of what mixes two operands; never needs a cast, as no value changes. */
function united(left: Printed, right: Printed, element: ScalarElement): Pick<Printed, "type" | "range"> {
  if (left.range && right.range) {
    const low = Math.min(left.range[0], right.range[0]);
    const high = Math.max(left.range[1], right.range[1]);
    return { type: "int", range: [low, high] };
  }
  if (element === "i64") return { type: left.type === "i64" || right.type === "i64" ? "i64" : "i32" };
  return { type: element };
}

function bitwise(
  operator: "and" | "or" | "xor",
  left: Printed,
  right: Printed,
  element: ScalarElement,
): Printed {
  if (element !== "i32" && element !== "i64") throw new Error(`internal: '${operator}' on ${element}`);
  const symbol = { and: "&", or: "|", xor: "^" }[operator];
  const text = `${enclose(left, level.unary)} ${symbol} ${enclose(right, level.unary)}`;
  const both = united(left, right, element);
  return { text, level: level.bitwise, type: both.type, ...(both.range && { range: narrow }) };
}

function shift(
  operator: "shl" | "shr",
  left: Printed,
  right: Printed,
  element: ScalarElement,
  names: Names,
): Printed {
  if (element !== "i32" && element !== "i64") throw new Error(`internal: '${operator}' on ${element}`);
  const bits = element === "i32" ? 32 : 64;
  const count = right.range?.[0] === right.range?.[1] ? right.range?.[0] : undefined;
  if (count !== undefined && !(count >= 0 && count < bits)) {
    throw new Error(`internal: a shift of ${element} by ${count}`);
  }
  const by = enclose(right, level.unary);
  if (operator === "shr") {
    names.assume("arithmetic shift");
    if (left.range !== undefined && count !== undefined && count < 15) {
      const range: Range = [left.range[0] >> count, left.range[1] >> count];
      return { text: `${enclose(left, level.unary)} >> ${by}`, level: level.shift, type: "int", range };
    }
    return { text: `${enclose(as(left, element), level.unary)} >> ${by}`, level: level.shift, type: element };
  }
  if (left.range !== undefined && count !== undefined && count < 15) {
    const factor = 2 ** count;
    const range: Range = [left.range[0] * factor, left.range[1] * factor];
    if (within(range, narrow)) return arithmetic("mul", left, constant(factor, element), element);
  }
  names.assume("wrapping conversion");
  const shifted = `${cast(`uint${bits}_t`, left)} << ${by}`;
  return { text: `(${scalarTypes[element]})(${shifted})`, level: level.unary, type: element };
}

const symbols = { eq: "==", ne: "!=", lt: "<", le: "<=", gt: ">", ge: ">=" } as const;

function compare(operator: keyof typeof symbols, left: Printed, right: Printed, names: Names): Printed {
  const isSuspicious = isDecided(operator, left, right);
  const visible = (piece: Printed): Printed =>
    isSuspicious && !isLiteral(piece) ? call(names.helper("wide_i32"), "i32", piece) : piece;
  const [a, b] = [visible(left), visible(right)];
  return {
    text: `${enclose(a, level.sum)} ${symbols[operator]} ${enclose(b, level.sum)}`,
    level: operator === "eq" || operator === "ne" ? level.equality : level.relation,
    type: "int",
    range: [0, 1],
  };
}

/** Whether the types of narrow operands decide the comparison, which compilers warn of. */
function isDecided(operator: keyof typeof symbols, left: Printed, right: Printed): boolean {
  const [a, b] = [extent(left), extent(right)];
  if (a === undefined || b === undefined) return false;
  if (operator === "eq" || operator === "ne") return a[1] < b[0] || b[1] < a[0];
  return a[1] <= b[0] || b[1] <= a[0];
}

function extent(piece: Printed): Range | undefined {
  if (piece.range !== undefined || !isLiteral(piece)) return piece.range;
  return [Number(piece.text), Number(piece.text)];
}

/** A condition; anything but a comparison or a plain value is compared with 0, since compilers suspect a slip there. */
function truth(condition: Printed): string {
  if (condition.level === level.equality || condition.level === level.relation) return condition.text;
  return condition.level === level.primary ? condition.text : `${enclose(condition, level.sum)} != 0`;
}

function convert(operand: Printed, from: string, to: ScalarElement, names: Names): Printed {
  if (from === to) return operand;
  if (to === "f32" || to === "f64") return as(operand, to);
  if (from === "f32" || from === "f64") return call(names.helper(`${to}_from_${from}`), to, operand);
  if (to === "i64" || operand.type !== "i64") return operand;
  names.assume("wrapping conversion");
  return as(operand, "i32");
}
