/**
 * Tensor expressions: what an operator means, element by element. An operator states
 *
 *     out[n, y, x, o] = clamp(rescale(sum over ky, kx, k of (in[n, y+ky-1, x+kx-1, k] - z) * w[o, ky, kx, k], m[o], s) …)
 *
 * and nothing else: fusion substitutes expressions, schedules turn them into loops, the interpreter evaluates them.
 * Expressions are pure, typed, and stay in *logical* integers: how a tensor is stored (width, border, offset) is the
 * schedule's business. Integer arithmetic is two's complement of the node's type; f32 nodes round after every operation.
 */
import type { GroupCodes } from "../numerics/group-codes.ts";
import type { ElementType } from "../tensor/element-type.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type ScalarType = "i32" | "i64" | "f32" | "f64";

/** A loop of an expression: an output axis or a reduction axis. Compared by identity. */
export interface IndexVariable {
  readonly name: string;
  readonly extent: number;
}

/** constant + sum of factor * variable; no two terms name the same variable, no factor is 0. */
export interface Affine {
  readonly constant: number;
  readonly terms: readonly { readonly variable: IndexVariable; readonly factor: number }[];
}

/** A tensor an expression reads or writes. Compared by identity. `data` is there when it is a constant. */
export interface TensorReference {
  readonly name: string;
  readonly shape: readonly number[];
  readonly element: ElementType;
  readonly data?: Tensor;
  /** What memory may keep of a constant instead of its elements. */
  readonly codes?: GroupCodes;
  /** The integer that stands for real zero, where the tensor is quantized as a whole: what a centred storage subtracts. */
  readonly zero?: number;
}

export type UnaryOperator =
  | "neg"
  | "abs"
  | "sqrt"
  | "floor"
  | "ceil"
  | "trunc"
  /** nearest integer, ties to even */
  | "nearest"
  /** f64 2^k for an integral k in [-1022, 1023] */
  | "pow2"
  /** f64: the unbiased exponent of a positive normal number */
  | "exponent"
  /** f64: the significand in [1, 2) of a positive normal number */
  | "significand";

export type BinaryOperator =
  | "add"
  | "sub"
  | "mul"
  /** floats only */
  | "div"
  /** integers: both operands taken as unsigned, quotient rounded down; the divisor is never 0 */
  | "divu"
  | "min"
  | "max"
  | "and"
  | "or"
  | "xor"
  | "shl"
  /** arithmetic shift right */
  | "shr";

export type CompareOperator = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

export type Index = Affine | { readonly value: Expression };

export interface Load {
  readonly kind: "load";
  readonly type: ScalarType;
  readonly tensor: TensorReference;
  readonly index: readonly Index[];
  /** Reads outside the tensor's shape give this logical value; without it an index is always inside. */
  readonly fill?: number;
}

export interface Reduce {
  readonly kind: "reduce";
  readonly operator: "add" | "min" | "max" | "mul";
  readonly type: ScalarType;
  /** Outermost first; f32 reductions run in exactly this order, starting from `initial`. */
  readonly over: readonly IndexVariable[];
  readonly initial: Expression;
  readonly body: Expression;
}

export type Expression =
  | { readonly kind: "constant"; readonly type: ScalarType; readonly value: number }
  | { readonly kind: "index"; readonly type: "i32"; readonly index: Affine }
  | Load
  | Reduce
  | {
      readonly kind: "unary";
      readonly operator: UnaryOperator;
      readonly type: ScalarType;
      readonly operand: Expression;
    }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly type: ScalarType;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** 1 or 0 */
  | {
      readonly kind: "compare";
      readonly operator: CompareOperator;
      readonly type: "i32";
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "select";
      readonly type: ScalarType;
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  /** Between scalar types: exact or rounded to nearest even; float to integer truncates, saturates, NaN gives 0; i64 to i32 wraps. */
  | { readonly kind: "convert"; readonly type: ScalarType; readonly operand: Expression }
  /** i32 (acc * multiplier + 2^(shift-1)) >> shift over a 64-bit product: the one requantization of docs/arithmetic.md. */
  | {
      readonly kind: "rescale";
      readonly type: "i32";
      readonly acc: Expression;
      readonly multiplier: Expression;
      readonly shift: Expression;
    };

/**
 * `target[index] = value` for every point of `domain`. `index` covers every element of the target exactly once; or several steps,
 * one after the other, write parts of one target that together do (concat), and none of them reads it.
 */
export interface Step {
  readonly target: TensorReference;
  readonly domain: readonly IndexVariable[];
  readonly index: readonly Affine[];
  readonly value: Expression;
}

export const isAffine = (index: Index): index is Affine => "terms" in index;
