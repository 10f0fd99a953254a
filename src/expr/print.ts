/**
 * Prints tensor expressions as a mathematician would write them:
 *
 *     out[y, o] = clamp(rescale(sum(k < 16) (in[2*y + k - 1]?83 - 83) * w[o, k] from b[o], m[o], 39), -128, 127)
 *
 * `t[…]?v` reads v outside the tensor; a reduction starts `from` its initial value unless that is the operator's neutral
 * element; nodes used more than once are named below, under `where`. Parentheses also show the order of operations where
 * floats would round differently.
 */
import { formatNumber } from "../numerics/shortest.ts";
import {
  isAffine,
  type Affine,
  type BinaryOperator,
  type CompareOperator,
  type Expression,
  type Load,
  type Reduce,
  type ScalarType,
  type Step,
} from "./expression.ts";
import { children, sharedNodes } from "./walk.ts";

/** How tightly a form holds together; an operand weaker than its place is put in parentheses. */
const weakest = {
  select: 0,
  reduce: 1,
  compare: 2,
  or: 3,
  xor: 4,
  and: 5,
  shift: 6,
  sum: 7,
  product: 8,
  sign: 9,
  atom: 10,
};

const infix: Partial<Record<BinaryOperator, readonly [string, number]>> = {
  add: ["+", weakest.sum],
  sub: ["-", weakest.sum],
  mul: ["*", weakest.product],
  div: ["/", weakest.product],
  and: ["&", weakest.and],
  or: ["|", weakest.or],
  xor: ["^", weakest.xor],
  shl: ["<<", weakest.shift],
  shr: [">>", weakest.shift],
};

const comparison: Record<CompareOperator, string> = {
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};
const reduction: Record<Reduce["operator"], string> = { add: "sum", mul: "product", min: "min", max: "max" };
const neutral: Record<Reduce["operator"], number> = { add: 0, mul: 1, min: Infinity, max: -Infinity };

type Names = ReadonlyMap<Expression, string>;
interface Printed {
  readonly text: string;
  readonly strength: number;
}

const atom = (text: string): Printed => ({ text, strength: weakest.atom });

/** One line, or several when nodes are shared. */
export function printStep(step: Step): string {
  const target = `${step.target.name}[${step.index.map(printAffine).join(", ")}]`;
  return `${target} = ${printExpression(step.value)}`;
}

export function printExpression(expression: Expression): string {
  const named = [...sharedNodes(expression)].filter((e) => sizeOf(e) > 3).reverse();
  const names = new Map(named.map((e, i) => [e, `t${i}`]));
  const lines = named.map((e, i) => `  where t${i} = ${print(e, names, true).text}`);
  return [print(expression, names).text, ...lines].join("\n");
}

/** `2*y + ky - 1` */
export function printAffine({ constant, terms }: Affine): string {
  const parts = terms.map(({ variable, factor }) => ({
    negative: factor < 0,
    text: Math.abs(factor) === 1 ? variable.name : `${Math.abs(factor)}*${variable.name}`,
  }));
  if (constant !== 0 || parts.length === 0)
    parts.push({ negative: constant < 0, text: String(Math.abs(constant)) });
  return parts
    .map(({ negative, text }, i) =>
      i === 0 ? (negative ? `-${text}` : text) : negative ? ` - ${text}` : ` + ${text}`,
    )
    .join("");
}

/** `definition`: prints what a name stands for instead of the name. */
function print(e: Expression, names: Names, definition = false): Printed {
  const name = definition ? undefined : names.get(e);
  if (name !== undefined) return atom(name);
  const inside = (part: Expression, least = weakest.select): string => {
    const { text, strength } = print(part, names);
    return strength < least ? `(${text})` : text;
  };
  const call = (callee: string, ...args: readonly Expression[]): Printed =>
    atom(`${callee}(${args.map((arg) => inside(arg)).join(", ")})`);

  switch (e.kind) {
    case "constant": {
      const text = printConstant(e.type, e.value);
      return { text, strength: text.startsWith("-") ? weakest.sign : weakest.atom };
    }
    case "index": {
      const text = printAffine(e.index);
      return {
        text,
        strength: /^\w+$/.test(text) ? weakest.atom : text.includes(" ") ? weakest.sum : weakest.product,
      };
    }
    case "load":
      return atom(printLoad(e, inside));
    case "reduce": {
      const over = e.over.map((v) => `${v.name} < ${v.extent}`).join(", ");
      const plain = e.initial.kind === "constant" && Object.is(e.initial.value, neutral[e.operator]);
      const from = plain ? "" : ` from ${inside(e.initial, weakest.sum)}`;
      return {
        text: `${reduction[e.operator]}(${over}) ${inside(e.body, weakest.product)}${from}`,
        strength: weakest.reduce,
      };
    }
    case "unary":
      return e.operator === "neg"
        ? { text: `-${inside(e.operand, weakest.atom)}`, strength: weakest.sign }
        : call(e.operator, e.operand);
    case "binary": {
      const clamped = matchClamp(e);
      if (clamped !== undefined) return call("clamp", ...clamped);
      const symbol = infix[e.operator];
      if (symbol === undefined) return call(e.operator, e.left, e.right);
      return printInfix(e, symbol, inside);
    }
    case "compare": {
      const [left, right] = [inside(e.left, weakest.compare + 1), inside(e.right, weakest.compare + 1)];
      return { text: `${left} ${comparison[e.operator]} ${right}`, strength: weakest.compare };
    }
    case "select": {
      const condition = inside(e.condition, weakest.compare);
      const [whenTrue, whenFalse] = [inside(e.whenTrue, weakest.reduce), inside(e.whenFalse, weakest.reduce)];
      return { text: `${condition} ? ${whenTrue} : ${whenFalse}`, strength: weakest.select };
    }
    case "convert":
      return call(e.type, e.operand);
    case "rescale":
      return call("rescale", e.acc, e.multiplier, e.shift);
  }
}

function printInfix(
  { operator, left, right }: Extract<Expression, { kind: "binary" }>,
  [symbol, strength]: readonly [string, number],
  inside: (part: Expression, least: number) => string,
): Printed {
  const sum = operator === "add" || operator === "sub";
  // x + -3 reads x - 3: the same bits in integers and floats, but for -2^31, which has no opposite.
  if (sum && right.kind === "constant" && right.value < 0 && right.value !== -(2 ** 31)) {
    const opposite: Expression = { ...right, value: -right.value };
    return {
      text: `${inside(left, strength)} ${operator === "add" ? "-" : "+"} ${inside(opposite, strength)}`,
      strength,
    };
  }
  return { text: `${inside(left, strength)} ${symbol} ${inside(right, strength + 1)}`, strength };
}

function printLoad(e: Load, inside: (part: Expression) => string): string {
  const index = e.index.map((axis) => (isAffine(axis) ? printAffine(axis) : inside(axis.value)));
  const fill = e.fill === undefined ? "" : `?${printConstant(e.type, e.fill)}`;
  return `${e.tensor.name}[${index.join(", ")}]${fill}`;
}

/** Integers bare, floats with a point or an exponent. */
function printConstant(type: ScalarType, value: number): string {
  if (type === "i32" || type === "i64") return String(value);
  const text = type === "f32" ? formatNumber(Math.fround(value), "f32") : formatNumber(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** `min(max(x, low), high)`; also `max(min(x, high), low)` where the bounds are known to be in order. */
function matchClamp(
  e: Extract<Expression, { kind: "binary" }>,
): [Expression, Expression, Expression] | undefined {
  const inner = e.left;
  if (inner.kind !== "binary") return undefined;
  if (e.operator === "min" && inner.operator === "max") return [inner.left, inner.right, e.right];
  if (e.operator !== "max" || inner.operator !== "min") return undefined;
  const [low, high] = [e.right, inner.right];
  const ordered = low.kind === "constant" && high.kind === "constant" && low.value <= high.value;
  return ordered ? [inner.left, low, high] : undefined;
}

/** Nodes of the tree, counted no further than needed to tell small from large. */
function sizeOf(e: Expression): number {
  let size = 1;
  for (const child of children(e)) {
    size += sizeOf(child);
    if (size > 3) break;
  }
  return size;
}
