/**
 * Recognizes a sum of products: what contraction and depthwise schedules work on.
 *
 *     E[ initial + Σ over r of (x[…] - z) · w[…] ]
 *
 * with one reduction, constant weights w, and activations x whose storage already holds x - z (or floats), readable wherever
 * the indices go. E, the epilogue, must run in lanes.
 */
import {
  isAffine,
  type Expression,
  type IndexVariable,
  type Load,
  type Step,
} from "../../src/expr/expression.ts";
import { runsInLanes } from "../../src/expr/lanes.ts";
import { loadsOf } from "../../src/expr/rewrite.ts";
import { nodesOf } from "../../src/expr/walk.ts";
import { flatIndex } from "../../src/loops/layout.ts";
import { isNarrow } from "../../src/tensor/element-type.ts";
import { openAxes } from "./lower-expression.ts";
import type { Lowering } from "./lowering.ts";

export interface Product {
  readonly reduce: Extract<Expression, { kind: "reduce" }>;
  readonly activation: Load;
  readonly weight: Load;
  /** Products of i16 lanes summed in i32, or of f32 lanes summed in f32. */
  readonly element: "i16" | "f32";
  /** Loads of the epilogue and of the initial value. */
  readonly others: readonly Load[];
}

export function matchProduct(step: Step, lowering: Lowering): Product | undefined {
  const reductions = nodesOf(step.value).filter((e) => e.kind === "reduce");
  const [reduce] = reductions;
  if (reductions.length !== 1 || reduce?.operator !== "add" || !runsInLanes(step.value)) return undefined;
  const { body } = reduce;
  if (body.kind !== "binary" || body.operator !== "mul") return undefined;
  const factors = [factorOf(body.left, lowering), factorOf(body.right, lowering)];
  const weight = factors.find((load) => load?.tensor.data !== undefined);
  const activation = factors.find((load) => load !== undefined && load !== weight);
  if (weight === undefined || activation === undefined || activation.tensor.data !== undefined)
    return undefined;
  const { buffer } = lowering.layoutOf(activation.tensor);
  const element =
    reduce.type === "i32" && buffer.element === "i16" && fitsI16(weight)
      ? "i16"
      : reduce.type === "f32"
        ? "f32"
        : undefined;
  if (element === undefined) return undefined;
  const others = loadsOf(step.value).filter((load) => load !== weight && load !== activation);
  return others.every((load) => openAxes(load, lowering.layoutOf(load.tensor)).length === 0)
    ? { reduce, activation, weight, element, others }
    : undefined;
}

/** The load whose stored value is this factor: `x` stored as it is, or `x - z` stored with bias z. */
function factorOf(e: Expression, lowering: Lowering): Load | undefined {
  const [load, zero] =
    e.kind === "binary" && e.operator === "sub" && e.right.kind === "constant"
      ? [e.left, e.right.value]
      : [e, 0];
  if (load.kind !== "load" || !load.index.every(isAffine)) return undefined;
  const layout = lowering.layoutOf(load.tensor);
  return layout.bias === zero && openAxes(load, layout).length === 0 ? load : undefined;
}

const fitsI16 = ({ tensor: { element } }: Load): boolean =>
  element === "i8" || element === "u8" || element === "i16" || isNarrow(element);

/** In elements of the tensor's buffer, per step of `v`. */
export function strideOf(load: Pick<Load, "tensor" | "index">, v: IndexVariable, lowering: Lowering): number {
  const flat = flatIndex(lowering.layoutOf(load.tensor), load.index.filter(isAffine));
  return flat.terms.find(({ variable }) => variable === v)?.factor ?? 0;
}

export const mentions = (load: Pick<Load, "index">, v: IndexVariable): boolean =>
  load.index.some((part) => isAffine(part) && part.terms.some(({ variable }) => variable === v));
