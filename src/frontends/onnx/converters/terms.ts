/**
 * Arithmetic in the words of our operators, for converters that state an ONNX operator as a formula: `t.over(x, t.root(variance))`.
 */
import type { Value } from "../../../ir/graph.ts";
import { abs } from "../../../ops/abs.ts";
import { add } from "../../../ops/add.ts";
import { cast } from "../../../ops/cast.ts";
import { div } from "../../../ops/div.ts";
import { equal } from "../../../ops/equal.ts";
import { exp } from "../../../ops/exp.ts";
import { less } from "../../../ops/less.ts";
import { log } from "../../../ops/log.ts";
import { maximum } from "../../../ops/maximum.ts";
import { minimum } from "../../../ops/minimum.ts";
import { mul } from "../../../ops/mul.ts";
import { pow } from "../../../ops/pow.ts";
import { reduceMax } from "../../../ops/reduce-max.ts";
import { reduceMean } from "../../../ops/reduce-mean.ts";
import { reduceSum } from "../../../ops/reduce-sum.ts";
import { select } from "../../../ops/select.ts";
import { sqrt } from "../../../ops/sqrt.ts";
import { sub } from "../../../ops/sub.ts";
import { isBigInteger, isNarrow, type ElementType } from "../../../tensor/element-type.ts";
import { tensor, type Tensor } from "../../../tensor/tensor.ts";
import type { NodeView } from "../node-view.ts";

type Term = Value | number;

/** One number of any element type. */
export const scalarTensor = (element: ElementType, value: number): Tensor =>
  isBigInteger(element) ? tensor(element, [], [BigInt(value)]) : tensor(element, [], [value]);

export interface Terms {
  readonly plus: (a: Term, b: Term) => Value;
  readonly minus: (a: Term, b: Term) => Value;
  readonly times: (a: Term, b: Term) => Value;
  readonly over: (a: Term, b: Term) => Value;
  readonly power: (a: Term, b: Term) => Value;
  readonly larger: (a: Term, b: Term) => Value;
  readonly smaller: (a: Term, b: Term) => Value;
  readonly isEqual: (a: Term, b: Term) => Value;
  readonly isLess: (a: Term, b: Term) => Value;
  readonly when: (condition: Value, yes: Term, no: Term) => Value;
  readonly root: (x: Value) => Value;
  readonly exponential: (x: Value) => Value;
  readonly logarithm: (x: Value) => Value;
  readonly size: (x: Value) => Value;
  readonly as: (element: ElementType, x: Value) => Value;
  /** Over axes that stay, with extent 1, unless told otherwise. */
  readonly sum: (x: Value, axes: readonly number[], keepdims?: boolean) => Value;
  readonly mean: (x: Value, axes: readonly number[], keepdims?: boolean) => Value;
  readonly greatest: (x: Value, axes: readonly number[], keepdims?: boolean) => Value;
}

/** Numbers take the element type of the value they meet. */
export function termsOf(node: NodeView): Terms {
  const number = (value: number, beside: Value): Value =>
    node.constant(scalarTensor(beside.type.element, value), "number");
  const both =
    (definition: typeof add) =>
    (a: Term, b: Term): Value => {
      const [lhs, rhs] = pair(a, b);
      return node.create(definition, { lhs, rhs }, {});
    };
  const pair = (a: Term, b: Term): [Value, Value] => {
    if (typeof a !== "number") return [a, typeof b === "number" ? number(b, a) : b];
    if (typeof b !== "number") return [number(a, b), b];
    throw new Error("internal: a term of two numbers");
  };
  const one =
    (definition: typeof sqrt) =>
    (input: Value): Value =>
      node.create(definition, { input }, {});
  const reduced =
    (definition: typeof reduceSum) =>
    (input: Value, axes: readonly number[], keepdims = true): Value =>
      axes.length === 0 ? input : node.create(definition, { input }, { axes, keepdims });
  return {
    plus: both(add),
    minus: both(sub),
    times: both(mul),
    over: both(div),
    power: both(pow),
    larger: both(maximum),
    smaller: both(minimum),
    isEqual: both(equal),
    isLess: both(less),
    when(condition, yes, no) {
      const [lhs, rhs] = pair(yes, no);
      return node.create(select, { condition, lhs, rhs }, {});
    },
    root: one(sqrt),
    exponential: one(exp),
    logarithm: one(log),
    size: one(abs),
    as(to, input) {
      if (input.type.element === to) return input;
      if (isNarrow(to)) throw new Error(`internal: a cast to ${to}`);
      return node.create(cast, { input }, { to });
    },
    sum: reduced(reduceSum),
    mean: reduced(reduceMean),
    greatest: reduced(reduceMax),
  };
}
