/**
 * Constructors of tensor expressions: the vocabulary operators are written in. They fold constants and neutral elements as
 * they build (x - 0, min of constants), exactly, so that what is printed is what an author would write by hand. Floats are
 * folded only where it cannot change a bit.
 */
import type {
  Affine,
  BinaryOperator,
  CompareOperator,
  Expression,
  Index,
  IndexVariable,
  Load,
  ScalarType,
  Step,
  TensorReference,
  UnaryOperator,
} from "./expression.ts";

export const variable = (name: string, extent: number): IndexVariable => ({ name, extent });

/** constant + Σ factor·variable; merges repeated variables and drops zero factors. */
export function affine(constant: number, ...terms: readonly (readonly [IndexVariable, number])[]): Affine {
  const factors = new Map<IndexVariable, number>();
  for (const [v, factor] of terms) factors.set(v, (factors.get(v) ?? 0) + factor);
  return {
    constant,
    terms: [...factors].filter(([, f]) => f !== 0).map(([variable, factor]) => ({ variable, factor })),
  };
}

export const at = (v: IndexVariable): Affine => affine(0, [v, 1]);
export const addAffine = (a: Affine, b: Affine): Affine =>
  affine(
    a.constant + b.constant,
    ...[...a.terms, ...b.terms].map(({ variable, factor }) => [variable, factor] as const),
  );
export const scaleAffine = (a: Affine, by: number): Affine =>
  affine(a.constant * by, ...a.terms.map(({ variable, factor }) => [variable, factor * by] as const));

/** Smallest and largest value over the whole index space. */
export function affineBounds(a: Affine): { min: number; max: number } {
  let min = a.constant;
  let max = a.constant;
  for (const { variable, factor } of a.terms) {
    const far = factor * (variable.extent - 1);
    min += Math.min(0, far);
    max += Math.max(0, far);
  }
  return { min, max };
}

export const constant = (type: ScalarType, value: number): Expression => ({ kind: "constant", type, value });
export const i32 = (value: number): Expression => constant("i32", value);
export const f32 = (value: number): Expression => constant("f32", Math.fround(value));
export const f64 = (value: number): Expression => constant("f64", value);
export const indexValue = (index: Affine): Expression => ({ kind: "index", type: "i32", index });

/** The register type an element is computed in. */
export function scalarTypeOf(tensor: TensorReference): ScalarType {
  switch (tensor.element) {
    case "f32":
      return "f32";
    case "f64":
      return "f64";
    case "i64":
    case "u64":
      return "i64";
    default:
      return "i32";
  }
}

export function load(tensor: TensorReference, index: readonly Index[], fill?: number): Load {
  if (index.length !== tensor.shape.length)
    throw new Error(
      `internal: ${tensor.name} has rank ${tensor.shape.length}, read with ${index.length} indices`,
    );
  const type = scalarTypeOf(tensor);
  return fill === undefined
    ? { kind: "load", type, tensor, index }
    : { kind: "load", type, tensor, index, fill };
}

const isConstant = (e: Expression, value?: number): e is Extract<Expression, { kind: "constant" }> =>
  e.kind === "constant" && (value === undefined || e.value === value);

const foldI32: Partial<Record<BinaryOperator, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  min: Math.min,
  max: Math.max,
};

/** x + c or x - c: what a further constant can meet. i32 wraps, so meeting is exact. */
function additiveConstant(e: Expression): { rest: Expression; constant: number } | undefined {
  if (e.kind !== "binary" || (e.operator !== "add" && e.operator !== "sub") || !isConstant(e.right))
    return undefined;
  return { rest: e.left, constant: e.operator === "add" ? e.right.value : -e.right.value | 0 };
}

export function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  if (left.type !== right.type) throw new Error(`internal: ${operator} of ${left.type} and ${right.type}`);
  const integer = left.type === "i32" || left.type === "i64";
  if (integer) {
    if (left.type === "i32" && isConstant(left) && isConstant(right)) {
      const folded = foldI32[operator]?.(left.value, right.value);
      if (folded !== undefined) return i32(folded);
    }
    if (isConstant(right, 0) && ["add", "sub", "shl", "shr", "or", "xor"].includes(operator)) return left;
    if (isConstant(left, 0) && operator === "add") return right;
    if (isConstant(right, 1) && operator === "mul") return left;
    if (isConstant(left, 1) && operator === "mul") return right;
    if (left.type === "i32" && isConstant(right) && (operator === "add" || operator === "sub")) {
      const inner = additiveConstant(left);
      if (inner !== undefined) {
        const sum = (inner.constant + (operator === "add" ? right.value : -right.value)) | 0;
        if (sum === 0) return inner.rest;
        const subtract = sum < 0 && sum !== -(2 ** 31);
        return binary(subtract ? "sub" : "add", inner.rest, i32(subtract ? -sum : sum));
      }
    }
  }
  return { kind: "binary", operator, type: left.type, left, right };
}

export const add = (a: Expression, b: Expression): Expression => binary("add", a, b);
export const sub = (a: Expression, b: Expression): Expression => binary("sub", a, b);
export const mul = (a: Expression, b: Expression): Expression => binary("mul", a, b);
export const div = (a: Expression, b: Expression): Expression => binary("div", a, b);
export const divu = (a: Expression, b: Expression): Expression => binary("divu", a, b);
export const min = (a: Expression, b: Expression): Expression => binary("min", a, b);
export const max = (a: Expression, b: Expression): Expression => binary("max", a, b);
export const and = (a: Expression, b: Expression): Expression => binary("and", a, b);
export const or = (a: Expression, b: Expression): Expression => binary("or", a, b);
export const xor = (a: Expression, b: Expression): Expression => binary("xor", a, b);
export const shl = (a: Expression, b: Expression): Expression => binary("shl", a, b);
export const shr = (a: Expression, b: Expression): Expression => binary("shr", a, b);
export const clamp = (x: Expression, low: Expression, high: Expression): Expression => min(max(x, low), high);

export const unary = (operator: UnaryOperator, operand: Expression): Expression => ({
  kind: "unary",
  operator,
  type: operand.type,
  operand,
});

export const compare = (operator: CompareOperator, left: Expression, right: Expression): Expression => ({
  kind: "compare",
  operator,
  type: "i32",
  left,
  right,
});

export const select = (condition: Expression, whenTrue: Expression, whenFalse: Expression): Expression => ({
  kind: "select",
  type: whenTrue.type,
  condition,
  whenTrue,
  whenFalse,
});

export const convert = (type: ScalarType, operand: Expression): Expression =>
  operand.type === type ? operand : { kind: "convert", type, operand };

export const rescale = (acc: Expression, multiplier: Expression, shift: Expression): Expression => ({
  kind: "rescale",
  type: "i32",
  acc,
  multiplier,
  shift,
});

export function reduce(
  operator: "add" | "min" | "max" | "mul",
  over: readonly IndexVariable[],
  body: Expression,
  initial: Expression,
): Expression {
  // Over nothing it is where it starts: schedules may take every reduction to run at least once.
  if (over.some(({ extent }) => extent === 0)) return initial;
  return { kind: "reduce", operator, type: body.type, over, initial, body };
}

export const sum = (over: readonly IndexVariable[], body: Expression, initial: Expression): Expression =>
  reduce("add", over, body, initial);

/** One index variable per axis of a shape. */
export const axes = (shape: readonly number[], names: readonly string[]): IndexVariable[] =>
  shape.map((extent, i) => variable(names[i] ?? `i${i}`, extent));

/** `target[v0, v1, …] = value`, one variable per axis. */
export const compute = (
  target: TensorReference,
  domain: readonly IndexVariable[],
  value: Expression,
  index: readonly Affine[] = domain.map(at),
): Step => ({ target, domain, index, value });
