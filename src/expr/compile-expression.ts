/**
 * Turns an expression into a closure that computes it at the current point of an `IndexSpace`.
 *
 * Shared nodes, and reductions, which are worth remembering while an outer loop stands still, keep their last value until a variable they
 * depend on moves. Both branches of a select are evaluated, as vector code does: what would trap there throws here.
 */
import { i64ToF32, truncateToI32, truncateToI64 } from "../numerics/machine.ts";
import { rescale } from "../numerics/dyadic.ts";
import { stridesOf } from "../tensor/tensor.ts";
import { affine, affineBounds, scaleAffine, addAffine, scalarTypeOf } from "./build.ts";
import {
  isAffine,
  type Affine,
  type Expression,
  type IndexVariable,
  type Load,
  type Reduce,
  type ScalarType,
  type TensorReference,
} from "./expression.ts";
import type { IndexSpace } from "./index-space.ts";
import {
  binaryF32,
  binaryF64,
  binaryI32,
  binaryI64,
  combine,
  compareThunk,
  unaryF32,
  unaryF64,
  unaryI32,
  unaryI64,
  type BigThunk,
  type NumberThunk,
} from "./scalar-operators.ts";
import { freeVariables, sharedNodes } from "./walk.ts";

/** A tensor's elements in the type they are computed in; rebound before every run. */
export interface Cell {
  numbers: Int32Array | Float32Array | Float64Array;
  bigs: BigInt64Array;
}

type Thunk = NumberThunk | BigThunk;

export interface CompileContext {
  readonly space: IndexSpace;
  /** Where a tensor's elements will be. */
  readonly cellOf: (tensor: TensorReference) => Cell;
  /** Evaluates f32 nodes in f64. */
  readonly reals: boolean;
}

export function compileExpression(
  root: Expression,
  domain: readonly IndexVariable[],
  { space, cellOf, reals }: CompileContext,
): Thunk {
  const free = freeVariables(root);
  const shared = sharedNodes(root);
  const compiled = new Map<Expression, Thunk>();
  const bound = new Set<IndexVariable>();
  const binaryFloat = reals ? binaryF64 : binaryF32;
  const unaryFloat = reals ? unaryF64 : unaryF32;

  const bind = (variables: readonly IndexVariable[]): void => {
    for (const v of variables) {
      if (bound.has(v)) throw new Error(`internal: index ${v.name} is bound twice`);
      bound.add(v);
    }
  };

  function compile(e: Expression): Thunk {
    const known = compiled.get(e);
    if (known !== undefined) return known;
    for (const v of free.get(e)!)
      if (!bound.has(v)) throw new Error(`internal: index ${v.name} is used outside its loop`);
    const plain = e.type === "i64" ? compileBig(e) : compileNumber(e);
    const thunk = e.kind === "reduce" || shared.has(e) ? remember(e, plain) : plain;
    compiled.set(e, thunk);
    return thunk;
  }

  function remember(e: Expression, thunk: Thunk): Thunk {
    const memo = space.memo(free.get(e)!);
    const { memos } = space;
    let value: number | bigint = 0;
    return (() => {
      if (memos[memo] === 1) return value;
      value = thunk();
      memos[memo] = 1;
      return value;
    }) as Thunk;
  }

  const numberOf = (e: Expression): NumberThunk => {
    if (e.type === "i64") throw new Error(`internal: i64 ${e.kind} where a narrower value is due`);
    return compile(e) as NumberThunk;
  };
  const bigOf = (e: Expression): BigThunk => {
    if (e.type !== "i64") throw new Error(`internal: ${e.type} ${e.kind} where an i64 is due`);
    return compile(e) as BigThunk;
  };
  const typed = (e: Expression, type: ScalarType): NumberThunk => {
    if (e.type !== type) throw new Error(`internal: ${e.type} ${e.kind} where ${type} is due`);
    return numberOf(e);
  };

  function compileNumber(e: Expression): NumberThunk {
    switch (e.kind) {
      case "constant": {
        const value = constantValue(e.type, e.value, reals);
        return () => value;
      }
      case "index": {
        const slot = space.slot(e.index);
        return () => space.slots[slot]! | 0;
      }
      case "load": {
        const fill = e.fill === undefined ? 0 : constantValue(e.type, e.fill, reals);
        return loadNumbers(cellOf(e.tensor), compileOffset(e), fill);
      }
      case "reduce":
        return compileReduce(e);
      case "unary": {
        const table = e.type === "i32" ? unaryI32 : e.type === "f32" ? unaryFloat : unaryF64;
        return operator(table[e.operator], e.operator, e.type)(typed(e.operand, e.type));
      }
      case "binary": {
        const table = e.type === "i32" ? binaryI32 : e.type === "f32" ? binaryFloat : binaryF64;
        return operator(table[e.operator], e.operator, e.type)(typed(e.left, e.type), typed(e.right, e.type));
      }
      case "compare":
        return e.left.type === "i64"
          ? compareThunk(e.operator, bigOf(e.left), bigOf(e.right))
          : compareThunk(e.operator, numberOf(e.left), typed(e.right, e.left.type));
      case "select": {
        const condition = typed(e.condition, "i32");
        const [whenTrue, whenFalse] = [typed(e.whenTrue, e.type), typed(e.whenFalse, e.type)];
        return () => {
          const chosen = condition();
          const [a, b] = [whenTrue(), whenFalse()];
          return chosen !== 0 ? a : b;
        };
      }
      case "convert":
        return compileConversion(e.operand, e.type);
      case "rescale": {
        const [acc, multiplier, shift] = [
          typed(e.acc, "i32"),
          typed(e.multiplier, "i32"),
          typed(e.shift, "i32"),
        ];
        return () => rescale(acc(), multiplier(), checkRescaleShift(shift()));
      }
    }
  }

  function compileBig(e: Expression): BigThunk {
    switch (e.kind) {
      case "constant": {
        const value = bigConstant(e.value);
        return () => value;
      }
      case "load": {
        const cell = cellOf(e.tensor);
        const offset = compileOffset(e);
        const fill = bigConstant(e.fill ?? 0);
        return () => {
          const at = offset();
          return at < 0 ? fill : cell.bigs[at]!;
        };
      }
      case "reduce":
        return compileBigReduce(e);
      case "unary":
        return operator(unaryI64[e.operator], e.operator, "i64")(bigOf(e.operand));
      case "binary":
        return operator(binaryI64[e.operator], e.operator, "i64")(bigOf(e.left), bigOf(e.right));
      case "select": {
        const condition = typed(e.condition, "i32");
        const [whenTrue, whenFalse] = [bigOf(e.whenTrue), bigOf(e.whenFalse)];
        return () => {
          const chosen = condition();
          const [a, b] = [whenTrue(), whenFalse()];
          return chosen !== 0 ? a : b;
        };
      }
      case "convert": {
        const operand = numberOf(e.operand);
        return e.operand.type === "i32" ? () => BigInt(operand()) : () => truncateToI64(operand());
      }
      default:
        throw new Error(`internal: ${e.kind} of type i64`);
    }
  }

  function compileConversion(operand: Expression, to: ScalarType): NumberThunk {
    if (operand.type === "i64") {
      const big = bigOf(operand);
      if (to === "i32") return () => Number(BigInt.asIntN(32, big()));
      return to === "f32" && !reals ? () => i64ToF32(big()) : () => Number(big());
    }
    const value = numberOf(operand);
    if (to === "i32") return operand.type === "i32" ? value : () => truncateToI32(value());
    return to === "f32" && !reals ? () => Math.fround(value()) : value;
  }

  /** The element's offset, or -1 where `fill` is due. Axes that can leave the shape are checked one by one. */
  function compileOffset(e: Load): NumberThunk {
    const { shape, name } = e.tensor;
    if (e.type !== scalarTypeOf(e.tensor)) throw new Error(`internal: ${name} is loaded as ${e.type}`);
    const strides = stridesOf(shape);
    let linear = affine(0);
    const guards: { value: NumberThunk; extent: number; stride: number }[] = [];
    const { slots } = space;
    e.index.forEach((axis, i) => {
      const [extent, stride] = [shape[i]!, strides[i]!];
      if (!isAffine(axis)) guards.push({ value: typed(axis.value, "i32"), extent, stride });
      else {
        linear = addAffine(linear, scaleAffine(axis, stride));
        if (staysInside(axis, extent)) return;
        if (e.fill === undefined)
          throw new Error(`internal: ${name} is read outside axis ${i} without a fill`);
        const slot = space.slot(axis);
        guards.push({ value: () => slots[slot]!, extent, stride: 0 });
      }
    });
    const slot = space.slot(linear);
    if (guards.length === 0) return () => slots[slot]!;
    const filled = e.fill !== undefined;
    return () => {
      let offset = slots[slot]!;
      for (let i = 0; i < guards.length; i++) {
        const { value, extent, stride } = guards[i]!;
        const at = value();
        if (at < 0 || at >= extent) {
          if (filled) return -1;
          throw new Error(`internal: ${name} is read at ${at}, outside an extent of ${extent}`);
        }
        offset += at * stride;
      }
      return offset;
    };
  }

  function compileReduce(e: Reduce): NumberThunk {
    const initial = typed(e.initial, e.type);
    bind(e.over);
    const body = typed(e.body, e.type);
    const nest = space.nest(e.over);
    e.over.forEach((v) => bound.delete(v));
    const { innerCount, outerCount } = nest;
    const type = e.type === "f32" && reals ? "f64" : (e.type as "i32" | "f32" | "f64");
    if (type === "i32" && e.operator === "add")
      return () => {
        let sum = initial();
        for (let outer = 0; outer < outerCount; outer++) {
          for (let inner = 0; inner < innerCount; inner++) {
            sum = (sum + body()) | 0;
            nest.step();
          }
          nest.carry();
        }
        return sum;
      };
    const next = combine[type][e.operator];
    return () => {
      let kept = initial();
      for (let outer = 0; outer < outerCount; outer++) {
        for (let inner = 0; inner < innerCount; inner++) {
          kept = next(kept, body());
          nest.step();
        }
        nest.carry();
      }
      return kept;
    };
  }

  function compileBigReduce(e: Reduce): BigThunk {
    const initial = bigOf(e.initial);
    bind(e.over);
    const body = bigOf(e.body);
    const nest = space.nest(e.over);
    e.over.forEach((v) => bound.delete(v));
    const next = combine.i64[e.operator];
    return () => {
      let kept = initial();
      for (let outer = 0; outer < nest.outerCount; outer++) {
        for (let inner = 0; inner < nest.innerCount; inner++) {
          kept = next(kept, body());
          nest.step();
        }
        nest.carry();
      }
      return kept;
    };
  }

  bind(domain);
  return compile(root);
}

function loadNumbers(cell: Cell, offset: NumberThunk, fill: number): NumberThunk {
  return () => {
    const at = offset();
    return at < 0 ? fill : cell.numbers[at]!;
  };
}

/** Whether an index over its whole space (possibly empty) stays in [0, extent). */
export function staysInside(index: Affine, extent: number): boolean {
  if (index.terms.some(({ variable }) => variable.extent === 0)) return true;
  const { min, max } = affineBounds(index);
  return min >= 0 && max < extent;
}

function constantValue(type: ScalarType, value: number, reals: boolean): number {
  if (type === "f64" || (type === "f32" && reals)) return value;
  if (type === "f32") return Math.fround(value);
  if ((value | 0) !== value) throw new Error(`internal: ${value} is no i32`);
  return value | 0;
}

function bigConstant(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw new Error(`internal: ${value} is no exact i64`);
  return BigInt(value);
}

function checkRescaleShift(shift: number): number {
  if (shift < 1 || shift > 62) throw new Error(`internal: rescale by 2^-${shift}`);
  return shift;
}

function operator<T>(make: T | undefined, name: string, type: ScalarType): T {
  if (make === undefined) throw new Error(`internal: ${name} of ${type}`);
  return make;
}
