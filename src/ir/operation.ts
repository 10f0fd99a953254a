/**
 * What an operator is. One `defineOp` per file in `src/ops` holds everything the compiler knows about it: documentation, operands,
 * attributes, the type rule (which is also the verifier), its expression (which is its meaning and all a back end ever
 * gets), and how it is carried over to stored integers. Nothing else in the compiler knows an operator by name.
 */
import type { Step, TensorReference } from "../expr/expression.ts";
import type { GroupCodes } from "../numerics/group-codes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttributeInput, Attributes, AttributesOf, AttributeSpec } from "./attributes.ts";
import type { Quantization, TensorType } from "./types.ts";
import type { Unfolding } from "./unfolding.ts";

/** Ends an `infer` with a diagnostic; `notes` explain what was expected. */
export type InferFail = (code: string, message: string, ...notes: string[]) => never;

/** An operand as its expression sees it: the tensor to read and its type (for zero points). */
export interface ExpressOperand {
  readonly tensor: TensorReference;
  readonly type: TensorType;
}

export interface ExpressResult extends ExpressOperand {
  /** A further tensor of this kernel, for operators of several steps. */
  temporary(name: string, element: TensorType["element"], shape: readonly number[]): TensorReference;
  /** A constant tensor that comes with the kernel: multipliers, tables. */
  constant(name: string, data: Tensor): TensorReference;
}

/**
 * How an operator lives in integers, which decides where fake quantization puts quantize/dequantize pairs and what the
 * requantize pass makes of them. An operator without an entry has no integer form, and compiling to integers says so.
 */
export type IntegerForm =
  /**
   * i8 operands give an i32 accumulator (conv2d, matmul, avg_pool): `infer` states its scale. `weight` names an operand quantized
   * symmetrically per slice of `weightAxis`, `bias` one quantized to i32 at the accumulator's scale. `averages`: it is a mean of
   * its operand's elements, which may keep the operand's quantization; it has an attribute `rounded` to do so at once.
   */
  | {
      readonly kind: "accumulator";
      readonly weight?: string;
      readonly weightAxis?: number;
      readonly bias?: string;
      readonly averages?: boolean;
      /** Works element by element, on operands of 16 bits too. */
      readonly wide?: boolean;
      /** How many times its operand's magnitude its result has at most, where that follows from its attributes. */
      readonly growth?: (attrs: Attributes) => number;
    }
  /** Works on stored integers as they are, result and operands sharing one quantization (reshape, max_pool, relu's clamp). */
  | { readonly kind: "same" }
  /** Takes stored integers of one quantization as they are and gives integers or truth values that mean themselves (arg_max, less). */
  | { readonly kind: "plain" }
  /** `low <= y <= high` in reals, absorbed by the clamp of the requantization that feeds it. */
  | { readonly kind: "clamp"; bounds(attrs: Attributes): { readonly low: number; readonly high: number } }
  /** A function of one element: a 256-entry table from its expression. */
  | { readonly kind: "table"; readonly result?: Quantization }
  /** The operand itself, in 16 bits: see `wide_value`. */
  | { readonly kind: "wide" }
  /**
   * Stored integers in, stored integers of a fixed quantization out (softmax). `tflite` are the attributes with which it computes
   * as TensorFlow Lite's kernel.
   */
  | { readonly kind: "fixed"; readonly result: Quantization; readonly tflite?: Attributes }
  /**
   * Two operands of different scales, each rescaled into the result's (add). `stored` is the operator that does so, with
   * attributes `multipliers`, `shift` and `clamp`; `aligned` the one that does as TensorFlow Lite's kernel (ops/aligned.ts).
   */
  | { readonly kind: "rescaled"; readonly stored: OpDefinition; readonly aligned: OpDefinition };

type OptionalName<S> = S extends `${infer Name}?` ? Name : never;
type VariadicName<S> = S extends `${infer Name}*` ? Name : never;
type PlainName<S> = S extends `${string}?` | `${string}*` ? never : S;

/** `["input", "bias?", "rest*"]` → `{ input: T; bias?: T; rest: T[] }`. */
export type OperandsOf<O extends readonly string[], T> = {
  readonly [K in PlainName<O[number]> & string]: T;
} & { readonly [K in OptionalName<O[number]>]?: T } & {
  readonly [K in VariadicName<O[number]>]: readonly T[];
};

/** What is left of a tensor after entries along some of its axes were removed or repeated, axis by axis. */
export type Kept = readonly {
  /** Before. */
  readonly extent: number;
  /** Ascending, an entry that is repeated as often as it is there. */
  readonly indices: readonly number[];
}[];

export interface Permuted<A> {
  readonly attributes: A;
  /** Of the result. */
  readonly permutation: readonly number[];
  /** How many operands, from the first, are transposed; all unless given. */
  readonly operands?: number;
}

type AttributeSpecs = Readonly<Record<string, AttributeSpec>>;

export interface OpSpec<O extends readonly string[], A extends AttributeSpecs> {
  /** snake_case; the word in the text. */
  readonly name: string;
  /** What it computes, with formula and source. */
  readonly doc: string;
  /** One line of the textual form; its operands are declared by `given`. */
  readonly example: string;
  /** Types of the example's operands: `{ "%x": "tensor<4xf32>" }`. */
  readonly given: Readonly<Record<string, string>>;
  /** Operand names in order; `name?` may be absent, a last `name*` takes any number. */
  readonly operands: O;
  readonly attrs: A;
  /** The type rule. `declared` is the result type as written, for operators that cannot infer all of it. */
  infer(
    operands: OperandsOf<O, TensorType>,
    attrs: AttributesOf<A>,
    fail: InferFail,
    declared: TensorType | undefined,
  ): TensorType;
  /** Its arithmetic, step by step; the last step's target is the result, which several last steps may write in parts. */
  express(
    operands: OperandsOf<O, ExpressOperand>,
    attrs: AttributesOf<A>,
    result: ExpressResult,
  ): readonly Step[];
  readonly integer?: IntegerForm;
  /** What a user can do where an operator of reals has no integer form: the help of the diagnostic that says so. */
  readonly rewrite?: string;
  /** Multiply-accumulates of one evaluation, padded taps counted. */
  macs?(operands: OperandsOf<O, TensorType>, attrs: AttributesOf<A>, result: TensorType): number;
  /** An accumulator with weights as a matrix product of rows of its input, its weight's axis 0 being the output. */
  unfold?(operands: OperandsOf<O, TensorType>, attrs: AttributesOf<A>, result: TensorType): Unfolding;
  /** Independent oracle of an integer kernel: its meaning on stored integers by other means than `express`. */
  evalStored?(
    operands: OperandsOf<O, Tensor>,
    attrs: AttributesOf<A>,
    types: { readonly operands: OperandsOf<O, TensorType>; readonly result: TensorType },
  ): Tensor;
  /** The value itself, for `constant` alone. */
  value?(attrs: AttributesOf<A>): Tensor;
  /** What memory may keep instead of the value's integers. */
  codes?(attrs: AttributesOf<A>): GroupCodes | undefined;
  /** Only moves elements: what an observer of real ranges need not look at. */
  readonly movesOnly?: boolean;
  /**
   * How it works on transposed operands. If every operand x is transpose(z, permutation), then op(x…) is
   * transpose(op'(z…), p) with op' having `attributes` and p being `permutation` of what is returned. Absent when the axes
   * have fixed meanings (NHWC, matrices).
   */
  permute?(attrs: AttributesOf<A>, permutation: readonly number[]): Permuted<AttributeInput<A>>;
  /**
   * Its attributes after entries of operands and result were removed or repeated that belong together by its expression, for an operator whose
   * attributes count or place such entries. Others keep the attributes they have.
   */
  narrow?(attrs: AttributesOf<A>, operands: OperandsOf<O, Kept>, result: Kept): AttributeInput<A>;
}

/** An operator with its static types erased: what lists, graphs and passes hold. */
export interface OpDefinition {
  readonly name: string;
  readonly doc: string;
  readonly example: string;
  readonly given: Readonly<Record<string, string>>;
  readonly operands: readonly string[];
  readonly attrs: AttributeSpecs;
  readonly integer?: IntegerForm;
  readonly rewrite?: string;
  readonly movesOnly?: boolean;
  infer(
    operands: Readonly<Record<string, TensorType | readonly TensorType[] | undefined>>,
    attrs: Attributes,
    fail: InferFail,
    declared: TensorType | undefined,
  ): TensorType;
  express(
    operands: Readonly<Record<string, ExpressOperand | readonly ExpressOperand[] | undefined>>,
    attrs: Attributes,
    result: ExpressResult,
  ): readonly Step[];
  macs?(
    operands: Readonly<Record<string, TensorType | readonly TensorType[] | undefined>>,
    attrs: Attributes,
    result: TensorType,
  ): number;
  unfold?(
    operands: Readonly<Record<string, TensorType | readonly TensorType[] | undefined>>,
    attrs: Attributes,
    result: TensorType,
  ): Unfolding;
  evalStored?(
    operands: Readonly<Record<string, Tensor | readonly Tensor[] | undefined>>,
    attrs: Attributes,
    types: {
      readonly operands: Readonly<Record<string, TensorType | readonly TensorType[] | undefined>>;
      readonly result: TensorType;
    },
  ): Tensor;
  value?(attrs: Attributes): Tensor;
  codes?(attrs: Attributes): GroupCodes | undefined;
  permute?(attrs: Attributes, permutation: readonly number[]): Permuted<Attributes>;
  narrow?(
    attrs: Attributes,
    operands: Readonly<Record<string, Kept | readonly Kept[] | undefined>>,
    result: Kept,
  ): Attributes;
}

/** The typed face of an `OpDefinition`: the phantom field carries operands and attributes to `graph.create`. */
export interface TypedOp<O extends readonly string[], A extends AttributeSpecs> extends OpDefinition {
  readonly signature?: { readonly operands: O; readonly attrs: A };
}

export function defineOp<const O extends readonly string[], const A extends AttributeSpecs>(
  spec: OpSpec<O, A>,
): TypedOp<O, A> {
  // The names were checked against `spec` above; past this point they are data, and the verifier checks values.
  return spec as unknown as TypedOp<O, A>;
}

export type OperandSpec = { readonly name: string; readonly kind: "one" | "optional" | "variadic" };

export function operandSpecs(definition: OpDefinition): OperandSpec[] {
  return definition.operands.map((word) => {
    if (word.endsWith("?")) return { name: word.slice(0, -1), kind: "optional" };
    if (word.endsWith("*")) return { name: word.slice(0, -1), kind: "variadic" };
    return { name: word, kind: "one" };
  });
}

/** Names positional operands: `[a, b, c]` → `{ input: a, weight: b, bias: c }`. */
export function nameOperands<T>(
  definition: OpDefinition,
  operands: readonly T[],
): Record<string, T | readonly T[] | undefined> {
  const named: Record<string, T | readonly T[] | undefined> = {};
  operandSpecs(definition).forEach(({ name, kind }, i) => {
    if (kind === "variadic") named[name] = operands.slice(i);
    else if (operands[i] !== undefined) named[name] = operands[i];
  });
  return named;
}

/** Why the number of operands is wrong, or undefined. */
export function operandCountMismatch(definition: OpDefinition, count: number): string | undefined {
  const specs = operandSpecs(definition);
  const least = specs.filter((s) => s.kind === "one").length;
  const most = specs.some((s) => s.kind === "variadic") ? Infinity : specs.length;
  if (count >= least && count <= most) return undefined;
  const expected =
    most === least ? String(least) : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  return `has ${count} operands, expected ${expected} (${definition.operands.join(", ")})`;
}
