/**
 * The loop IR: loop nests over buffers with typed registers. Schedules make it from tensor expressions, shared passes
 * rewrite it, back ends print it and know nothing else. Expressions are pure; only `set`, `store` and `for` have effects.
 *
 * Integer arithmetic is two's complement at the lane's width. f32 lanes round after every operation, nothing is
 * contracted or reordered. `min`/`max` on floats are comparisons: min(a, b) = b < a ? b : a, max(a, b) = a < b ? b : a.
 */

import type { BinaryOperator, CompareOperator, UnaryOperator } from "../expr/expression.ts";
import type { ElementType } from "../tensor/element-type.ts";

export type LaneElement = "i8" | "i16" | "i32" | "i64" | "f32" | "f64";

/** `lanes` 1 is a scalar (i32, i64, f32, f64 only); otherwise a vector that fills the target's vector register. */
export interface RegisterType {
  readonly element: LaneElement;
  readonly lanes: number;
}

/** A mutable register or a loop variable. Compared by identity; names are unique within a procedure. */
export interface Register {
  readonly name: string;
  readonly type: RegisterType;
}

export type MemoryElement = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "f32" | "f64";

export type BufferData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/**
 * A run of memory. `constant` buffers carry their data and live in flash or the data segment; the others live in the arena, where
 * the memory plan gives them an offset (`LoopProgram.offsetsBytes`). Compared by identity.
 */
export interface Buffer {
  readonly name: string;
  readonly element: MemoryElement;
  /** Elements a store may reach, borders included. */
  readonly count: number;
  /** Bytes past the end that may be read (never written); their contents do not influence any result. */
  readonly slackBytes: number;
  readonly alignBytes: number;
  readonly role: "input" | "output" | "constant" | "scratch";
  readonly data?: BufferData;
}

/** constant + Σ factor · register, in elements of the buffer. Registers are loop variables or pointers made by the pointer pass. */
export interface LoopAffine {
  readonly constant: number;
  readonly terms: readonly { readonly register: Register; readonly factor: number }[];
}

export interface Address {
  readonly buffer: Buffer;
  readonly index: LoopAffine;
  /** A computed part (table look-ups), an i32 in elements, added to `index`. */
  readonly dynamic?: LoopExpression;
  /**
   * "byte": `index` is an absolute address in bytes, the buffer's base included (the pointer pass puts it into its pointer registers),
   * the sum of its registers and its constant are both >= 0. Back ends with a linear memory then add nothing. `dynamic` stays in elements.
   */
  readonly unit?: "byte";
}

/** On every lane what they are on expressions. Shifts of vectors take one amount, a constant or a scalar i32 register; `divu` is scalar. */
export type LoopUnary = UnaryOperator;
export type LoopBinary =
  | BinaryOperator
  /** Vectors of i8 and i16: the sum of lanes taken as unsigned, or the largest unsigned number where it is larger. */
  | "addsatu"
  /** Vectors: logical shift right. */
  | "shru";
export type LoopCompare = CompareOperator;

export type LoopExpression =
  | { readonly kind: "register"; readonly type: RegisterType; readonly register: Register }
  /** Every lane the same value. i64 values are integers a double holds exactly. */
  | { readonly kind: "constant"; readonly type: RegisterType; readonly value: number }
  /**
   * `lanes` consecutive elements from the address; when the buffer's element is narrower than the lane's it is sign-extended (u8, u16:
   * zero-extended). `splat` g: loads g consecutive elements and repeats them to fill the vector (g = 1: broadcast).
   */
  | { readonly kind: "load"; readonly type: RegisterType; readonly address: Address; readonly splat?: number }
  | {
      readonly kind: "unary";
      readonly operator: LoopUnary;
      readonly type: RegisterType;
      readonly operand: LoopExpression;
    }
  | {
      readonly kind: "binary";
      readonly operator: LoopBinary;
      readonly type: RegisterType;
      readonly left: LoopExpression;
      readonly right: LoopExpression;
    }
  /** Scalars: an i32 1 or 0. Vectors: a mask of all ones or zeros in lanes of the operands' type. */
  | {
      readonly kind: "compare";
      readonly operator: LoopCompare;
      readonly type: RegisterType;
      readonly left: LoopExpression;
      readonly right: LoopExpression;
    }
  /** Scalars: condition is an i32. Vectors: a mask. */
  | {
      readonly kind: "select";
      readonly type: RegisterType;
      readonly condition: LoopExpression;
      readonly whenTrue: LoopExpression;
      readonly whenFalse: LoopExpression;
    }
  /** Element by element: i32→i64 sign-extends, i64→i32 wraps, int→float rounds to nearest even, float→int truncates and saturates (NaN: 0). */
  | { readonly kind: "convert"; readonly type: RegisterType; readonly operand: LoopExpression }
  /** A scalar in every lane. */
  | { readonly kind: "splat"; readonly type: RegisterType; readonly operand: LoopExpression }
  /** acc[j] + Σ_{e<g} a[jg+e]·b[jg+e], g = lanes(a)/lanes(acc); products and sums wrap in acc's lanes. */
  | {
      readonly kind: "dot";
      readonly type: RegisterType;
      readonly acc: LoopExpression;
      readonly left: LoopExpression;
      readonly right: LoopExpression;
    }
  /** High 32 bits of the signed 64-bit product, i32 lanes. */
  | {
      readonly kind: "mulhi";
      readonly type: RegisterType;
      readonly left: LoopExpression;
      readonly right: LoopExpression;
    }
  /** Part 0 (low half) or 1 (high half) of a vector, sign-extended to lanes twice as wide. */
  | {
      readonly kind: "widen";
      readonly type: RegisterType;
      readonly part: 0 | 1;
      readonly operand: LoopExpression;
    }
  /**
   * Two vectors joined into one of lanes half as wide, each lane saturated. `unsigned`: to 0 … 2^bits - 1 of an i8 or i16 lane, which
   * then holds that number's bits.
   */
  | {
      readonly kind: "narrow";
      readonly type: RegisterType;
      readonly unsigned?: true;
      readonly left: LoopExpression;
      readonly right: LoopExpression;
    }
  /** Interleaves the low (0) or high (1) halves: l0 r0 l1 r1 … */
  | {
      readonly kind: "zip";
      readonly type: RegisterType;
      readonly part: 0 | 1;
      readonly left: LoopExpression;
      readonly right: LoopExpression;
    }
  /** A vector from scalars, one a lane. */
  | { readonly kind: "build"; readonly type: RegisterType; readonly parts: readonly LoopExpression[] }
  /** One lane as a scalar. */
  | {
      readonly kind: "extract";
      readonly type: RegisterType;
      readonly lane: number;
      readonly operand: LoopExpression;
    };

export type Statement =
  /** `variable` runs from `from` (inclusive) to `to` (exclusive) by `step`; no iteration when from >= to. Bounds are evaluated once. */
  | {
      readonly kind: "for";
      readonly variable: Register;
      readonly from: LoopExpression;
      readonly to: LoopExpression;
      readonly step: number;
      readonly body: readonly Statement[];
    }
  | { readonly kind: "set"; readonly register: Register; readonly value: LoopExpression }
  /** Truncates lanes to the buffer's element. `lanes`: only that many low lanes are stored. */
  | {
      readonly kind: "store";
      readonly address: Address;
      readonly value: LoopExpression;
      readonly lanes?: number;
    }
  /** No memory access crosses; the listed registers are final here. Nothing in WASM. */
  | { readonly kind: "fence"; readonly registers: readonly Register[] }
  | { readonly kind: "comment"; readonly text: string };

/** One kernel of the network: reads and writes buffers, returns nothing. */
export interface Procedure {
  readonly name: string;
  /** What it computes, for readers of the emitted code. */
  readonly doc: string;
  readonly body: readonly Statement[];
}

/** How a tensor lies in its buffer: what a host needs to write inputs and read any tensor back. */
export interface TensorStorage {
  readonly tensor: string;
  /** The element of the logical tensor, which the buffer may store wider (i8 as i16) or biased. */
  readonly element: ElementType;
  readonly buffer: Buffer;
  readonly shape: readonly number[];
  /** In elements, one per axis. */
  readonly strides: readonly number[];
  /** Elements from the start of the buffer to the tensor's first element (borders lie before it). */
  readonly start: number;
  /** logical value = stored value + bias. */
  readonly bias: number;
}

/** A whole network, scheduled and placed: all that a back end gets. */
export interface LoopProgram {
  readonly name: string;
  /** Run in this order. */
  readonly procedures: readonly Procedure[];
  /** Every buffer any procedure names, constants included. */
  readonly buffers: readonly Buffer[];
  /** Place in the arena of every buffer that is not constant. */
  readonly offsetsBytes: ReadonlyMap<Buffer, number>;
  readonly arenaBytes: number;
  /** No placement of these buffers can be smaller. */
  readonly arenaLowerBoundBytes: number;
  /** Every tensor that exists in memory, in order of computation. `after` is the index of the procedure that completes it (-1: an input). */
  readonly tensors: readonly (TensorStorage & { readonly after: number })[];
  readonly inputs: readonly TensorStorage[];
  readonly outputs: readonly TensorStorage[];
  /** What back ends keep between runs; absent where the caller does. */
  readonly carried?: readonly CarriedState[];
}

/** State, by places among inputs and outputs: what the output holds after a run, the input holds in the next. */
export interface CarriedState {
  readonly input: number;
  readonly output: number;
  /** The stored integer that every element begins with: real zero. */
  readonly initial: number;
}

export const i32Type: RegisterType = { element: "i32", lanes: 1 };
export const i64Type: RegisterType = { element: "i64", lanes: 1 };
export const f32Type: RegisterType = { element: "f32", lanes: 1 };
export const f64Type: RegisterType = { element: "f64", lanes: 1 };
export const vector = (element: LaneElement, lanes: number): RegisterType => ({ element, lanes });

export const laneBytes: Readonly<Record<LaneElement | MemoryElement, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  f32: 4,
  f64: 8,
};

/** Bytes a buffer takes, slack included. */
export const bufferBytes = (buffer: Buffer): number =>
  buffer.count * laneBytes[buffer.element] + buffer.slackBytes;
