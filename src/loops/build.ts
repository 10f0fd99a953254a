/**
 * Constructors of the loop IR. They check lane types where they build, so that a schedule's slip is found at its source, and
 * fold i32 constants and neutral elements, so that the printed loops are what one would write by hand.
 */
import {
  f32Type,
  f64Type,
  i32Type,
  i64Type,
  type Address,
  type Buffer,
  type LaneElement,
  type LoopAffine,
  type LoopBinary,
  type LoopCompare,
  type LoopExpression,
  type LoopUnary,
  type Register,
  type RegisterType,
  type Statement,
} from "./loop.ts";

export const sameRegisterType = (a: RegisterType, b: RegisterType): boolean =>
  a.element === b.element && a.lanes === b.lanes;
/** `i32`, `i16x8` */
export const formatRegisterType = ({ element, lanes }: RegisterType): string =>
  lanes === 1 ? element : `${element}x${lanes}`;
export const isFloatLane = (element: LaneElement): boolean => element === "f32" || element === "f64";

const wider: Partial<Record<LaneElement, LaneElement>> = { i8: "i16", i16: "i32", i32: "i64" };

function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`internal: ill-typed loop expression: ${what}`);
}
function expectSame(what: string, a: RegisterType, b: RegisterType): void {
  expect(sameRegisterType(a, b), `${what} of ${formatRegisterType(a)} and ${formatRegisterType(b)}`);
}
const expectIndex = (what: string, e: LoopExpression): void => {
  expectSame(what, e.type, i32Type);
};

export const register = (name: string, type: RegisterType = i32Type): Register => ({ name, type });
export const read = (register: Register): LoopExpression => ({
  kind: "register",
  type: register.type,
  register,
});

// Affine indices and addresses.

/** constant + Σ factor·register; merges repeated registers and drops zero factors. */
export function loopAffine(constant: number, terms: LoopAffine["terms"] = []): LoopAffine {
  const factors = new Map<Register, number>();
  for (const { register, factor } of terms) factors.set(register, (factors.get(register) ?? 0) + factor);
  return {
    constant,
    terms: [...factors].filter(([, f]) => f !== 0).map(([register, factor]) => ({ register, factor })),
  };
}
export const addLoopAffine = (a: LoopAffine, b: LoopAffine): LoopAffine =>
  loopAffine(a.constant + b.constant, [...a.terms, ...b.terms]);
export const scaleLoopAffine = (a: LoopAffine, by: number): LoopAffine =>
  loopAffine(
    a.constant * by,
    a.terms.map(({ register, factor }) => ({ register, factor: factor * by })),
  );
export const shiftLoopAffine = (a: LoopAffine, by: number): LoopAffine => ({
  ...a,
  constant: a.constant + by,
});

export function address(buffer: Buffer, index: LoopAffine | number, dynamic?: LoopExpression): Address {
  const affine = typeof index === "number" ? loopAffine(index) : index;
  if (dynamic === undefined) return { buffer, index: affine };
  expectIndex("dynamic index", dynamic);
  if (isConstant(dynamic)) return { buffer, index: shiftLoopAffine(affine, dynamic.value) };
  return { buffer, index: affine, dynamic };
}

/** The affine index as an i32 expression. */
export function affineValue({ constant: offset, terms }: LoopAffine): LoopExpression {
  const sum = terms.reduce<LoopExpression>(
    (total, { register, factor }) => add(total, mul(read(register), i32(factor))),
    i32(0),
  );
  return offset < 0 ? sub(sum, i32(-offset)) : add(sum, i32(offset));
}

// Leaves.

export const constant = (type: RegisterType, value: number): LoopExpression => ({
  kind: "constant",
  type,
  value,
});
export const i32 = (value: number): LoopExpression => constant(i32Type, value);
export const i64 = (value: number): LoopExpression => constant(i64Type, value);
export const f32 = (value: number): LoopExpression => constant(f32Type, Math.fround(value));
export const f64 = (value: number): LoopExpression => constant(f64Type, value);

export function load(type: RegisterType, from: Address, splat?: number): LoopExpression {
  if (splat === undefined) return { kind: "load", type, address: from };
  expect(splat >= 1 && type.lanes % splat === 0, `splat ${splat} into ${formatRegisterType(type)}`);
  return { kind: "load", type, address: from, splat };
}

// Arithmetic.

export const isConstant = (
  e: LoopExpression,
  value?: number,
): e is Extract<LoopExpression, { kind: "constant" }> =>
  e.kind === "constant" && (value === undefined || e.value === value);

const foldI32: Partial<Record<LoopBinary, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  min: Math.min,
  max: Math.max,
};
const rightNeutralZero: readonly LoopBinary[] = ["add", "sub", "shl", "shr", "shru", "or", "xor"];

export const isShift = (operator: LoopBinary): boolean =>
  operator === "shl" || operator === "shr" || operator === "shru";

export function binary(operator: LoopBinary, left: LoopExpression, right: LoopExpression): LoopExpression {
  const { type } = left;
  const shift = isShift(operator);
  if (operator === "addsatu")
    expect(type.element === "i8" || type.element === "i16", `addsatu of ${formatRegisterType(type)}`);
  if (operator === "shru")
    expect(type.lanes > 1 && !isFloatLane(type.element), `shru of ${formatRegisterType(type)}`);
  if (shift && type.lanes > 1) expectIndex("shift amount", right);
  else if (shift)
    expect(right.type.lanes === 1 && !isFloatLane(right.type.element), "shift by a float or vector");
  else expectSame(operator, type, right.type);
  if (!isFloatLane(type.element)) {
    const fold = sameRegisterType(type, i32Type) ? foldI32[operator] : undefined;
    if (fold !== undefined && isConstant(left) && isConstant(right))
      return i32(fold(left.value, right.value));
    if (isConstant(right, 0) && rightNeutralZero.includes(operator)) return left;
    if (isConstant(left, 0) && operator === "add") return right;
    if (isConstant(right, 1) && operator === "mul") return left;
    if (isConstant(left, 1) && operator === "mul") return right;
    if (type.element === "i32" && isConstant(right) && (operator === "add" || operator === "sub"))
      return addConstant(left, operator === "add" ? right.value : -right.value | 0);
  }
  return { kind: "binary", operator, type, left, right };
}

/** Additive constants meet: (x + a) - b is x + (a - b), exactly, since i32 wraps. Zero points cancel here. */
function addConstant(e: LoopExpression, value: number): LoopExpression {
  let [rest, sum] = [e, value];
  while (
    rest.kind === "binary" &&
    (rest.operator === "add" || rest.operator === "sub") &&
    isConstant(rest.right)
  ) {
    sum = (rest.operator === "add" ? sum + rest.right.value : sum - rest.right.value) | 0;
    rest = rest.left;
  }
  if (sum === 0) return rest;
  const subtract = sum < 0 && sum !== -(2 ** 31);
  const right = constant(e.type, subtract ? -sum : sum);
  return { kind: "binary", operator: subtract ? "sub" : "add", type: e.type, left: rest, right };
}

export const add = (a: LoopExpression, b: LoopExpression): LoopExpression => binary("add", a, b);
export const sub = (a: LoopExpression, b: LoopExpression): LoopExpression => binary("sub", a, b);
export const mul = (a: LoopExpression, b: LoopExpression): LoopExpression => binary("mul", a, b);
export const min = (a: LoopExpression, b: LoopExpression): LoopExpression => binary("min", a, b);
export const max = (a: LoopExpression, b: LoopExpression): LoopExpression => binary("max", a, b);
export const shl = (a: LoopExpression, amount: LoopExpression): LoopExpression => binary("shl", a, amount);
export const shr = (a: LoopExpression, amount: LoopExpression): LoopExpression => binary("shr", a, amount);
export const addsatu = (a: LoopExpression, b: LoopExpression): LoopExpression => binary("addsatu", a, b);
export const shru = (a: LoopExpression, amount: LoopExpression): LoopExpression => binary("shru", a, amount);
export const clamp = (x: LoopExpression, low: LoopExpression, high: LoopExpression): LoopExpression =>
  min(max(x, low), high);

export const unary = (operator: LoopUnary, operand: LoopExpression): LoopExpression => ({
  kind: "unary",
  operator,
  type: operand.type,
  operand,
});

/** The mask of a vector comparison has integer lanes of the operands' width; a scalar comparison gives an i32. */
export function maskType({ element, lanes }: RegisterType): RegisterType {
  if (lanes === 1) return i32Type;
  return { element: element === "f32" ? "i32" : element === "f64" ? "i64" : element, lanes };
}

export function compare(operator: LoopCompare, left: LoopExpression, right: LoopExpression): LoopExpression {
  expectSame(operator, left.type, right.type);
  return { kind: "compare", operator, type: maskType(left.type), left, right };
}

export function select(
  condition: LoopExpression,
  whenTrue: LoopExpression,
  whenFalse: LoopExpression,
): LoopExpression {
  expectSame("select", whenTrue.type, whenFalse.type);
  expectSame("select condition", condition.type, maskType(whenTrue.type));
  return { kind: "select", type: whenTrue.type, condition, whenTrue, whenFalse };
}

export function convert(type: RegisterType, operand: LoopExpression): LoopExpression {
  expect(
    type.lanes === operand.type.lanes,
    `${formatRegisterType(operand.type)} to ${formatRegisterType(type)}`,
  );
  return sameRegisterType(type, operand.type) ? operand : { kind: "convert", type, operand };
}

// Vectors.

/** The scalar a lane is put in and taken out as: narrow lanes travel as i32. */
export const laneScalar = ({ element }: RegisterType): RegisterType =>
  element === "i8" || element === "i16" ? i32Type : { element, lanes: 1 };

export function splat(type: RegisterType, operand: LoopExpression): LoopExpression {
  expectSame("splat", operand.type, laneScalar(type));
  return isConstant(operand) ? constant(type, operand.value) : { kind: "splat", type, operand };
}

export function dot(acc: LoopExpression, left: LoopExpression, right: LoopExpression): LoopExpression {
  expectSame("dot", left.type, right.type);
  expect(left.type.lanes % acc.type.lanes === 0, "dot of lanes that do not divide");
  return { kind: "dot", type: acc.type, acc, left, right };
}

export function mulhi(left: LoopExpression, right: LoopExpression): LoopExpression {
  expectSame("mulhi", left.type, right.type);
  expect(left.type.element === "i32", "mulhi of other than i32");
  return { kind: "mulhi", type: left.type, left, right };
}

export function widen(part: 0 | 1, operand: LoopExpression): LoopExpression {
  const element = wider[operand.type.element];
  expect(element !== undefined && operand.type.lanes % 2 === 0, `widen ${formatRegisterType(operand.type)}`);
  return { kind: "widen", type: { element, lanes: operand.type.lanes / 2 }, part, operand };
}

export function narrow(left: LoopExpression, right: LoopExpression): LoopExpression {
  expectSame("narrow", left.type, right.type);
  const element = (["i8", "i16", "i32"] as const).find((e) => wider[e] === left.type.element);
  expect(element !== undefined, `narrow ${formatRegisterType(left.type)}`);
  return { kind: "narrow", type: { element, lanes: left.type.lanes * 2 }, left, right };
}

export function narrowUnsigned(left: LoopExpression, right: LoopExpression): LoopExpression {
  const joined = narrow(left, right);
  expect(joined.type.element !== "i32", "unsigned narrow of i64");
  return { ...joined, unsigned: true } as LoopExpression;
}

export function zip(part: 0 | 1, left: LoopExpression, right: LoopExpression): LoopExpression {
  expectSame("zip", left.type, right.type);
  expect(left.type.lanes % 2 === 0, "zip of an odd number of lanes");
  return { kind: "zip", type: left.type, part, left, right };
}

export function build(type: RegisterType, parts: readonly LoopExpression[]): LoopExpression {
  expect(parts.length === type.lanes, `${parts.length} parts of ${formatRegisterType(type)}`);
  for (const part of parts) expectSame("build", part.type, laneScalar(type));
  return { kind: "build", type, parts };
}

export function extract(lane: number, operand: LoopExpression): LoopExpression {
  expect(lane >= 0 && lane < operand.type.lanes, `lane ${lane} of ${formatRegisterType(operand.type)}`);
  return { kind: "extract", type: laneScalar(operand.type), lane, operand };
}

// Statements.

export function loop(
  variable: Register,
  from: LoopExpression | number,
  to: LoopExpression | number,
  step: number,
  body: readonly Statement[],
): Statement {
  const [first, end] = [from, to].map((bound) => (typeof bound === "number" ? i32(bound) : bound)) as [
    LoopExpression,
    LoopExpression,
  ];
  expectIndex("loop start", first);
  expectIndex("loop end", end);
  expect(Number.isInteger(step) && step > 0, `loop step ${step}`);
  return { kind: "for", variable, from: first, to: end, step, body };
}

export function set(register: Register, value: LoopExpression): Statement {
  expectSame(`set ${register.name}`, register.type, value.type);
  return { kind: "set", register, value };
}

export function store(to: Address, value: LoopExpression, lanes?: number): Statement {
  if (lanes === undefined || lanes === value.type.lanes) return { kind: "store", address: to, value };
  expect(lanes >= 1 && lanes < value.type.lanes, `store ${lanes} lanes of ${formatRegisterType(value.type)}`);
  return { kind: "store", address: to, value, lanes };
}

export const fence = (...registers: readonly Register[]): Statement => ({ kind: "fence", registers });
export const comment = (text: string): Statement => ({ kind: "comment", text });
