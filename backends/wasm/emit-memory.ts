/**
 * Loads and stores.
 *
 * An address is `base + size · (constant + Σ factor · register + dynamic)`. An instruction's offset is added without wrapping, so
 *
 *     load offset=c (r)   =   load (r + c)      only if r >= 0:
 *
 * a negative r is a huge unsigned number and traps even where r + c lies in memory. The constant part therefore goes into the offset
 * only when every register is known to be non-negative and has a positive factor, or when the pointer pass vouches for it (unit
 * "byte").
 *
 * Alignments are hints; the element's is always true.
 */
import type { Address, LaneElement, LoopExpression, MemoryElement, Statement } from "../../src/loops/loop.ts";
import { formatRegisterType, isFloatLane } from "../../src/loops/build.ts";
import { laneBytes } from "../../src/loops/loop.ts";
import { printLoopExpression } from "../../src/loops/print.ts";
import type { FunctionScope, Ref } from "./function-scope.ts";
import {
  groupOf,
  inexpressible,
  instruction,
  isVector,
  keep,
  localOf,
  scalarOf,
  shapeOf,
  temporary,
  valueType,
} from "./function-scope.ts";

type Load = Extract<LoopExpression, { readonly kind: "load" }>;
type Store = Extract<Statement, { readonly kind: "store" }>;
type Emit = (scope: FunctionScope, expression: LoopExpression) => Ref;

interface Place {
  /** The instruction's offset immediate. */
  readonly offset: number;
  readonly pointer: Ref;
}

export function emitLoad(scope: FunctionScope, load: Load, emit: Emit): Ref {
  const { type, address } = load;
  const { element } = address.buffer;
  const elementBytes = laneBytes[element];
  const access = (name: string): Ref => {
    const { offset, pointer } = place(scope, address, emit);
    return instruction(scope, "v128", name)(offset, elementBytes, pointer);
  };
  if (!fits(element, type.element)) throw inexpressible(load);
  const sign = element.startsWith("u") ? "u" : "s";

  if (!isVector(type)) {
    const lane = scalarOf(type);
    const { offset, pointer } = place(scope, address, emit);
    const isWhole = elementBytes === laneBytes[lane];
    const name = isWhole ? "load" : `load${8 * elementBytes}_${sign}`;
    return instruction(scope, lane, name)(offset, elementBytes, pointer);
  }

  valueType(scope, type);
  const shape = shapeOf(type);
  const ratio = laneBytes[type.element] / elementBytes;
  const count = load.splat ?? type.lanes;
  const memoryBytes = count * elementBytes;
  if (!(count > 0 && type.lanes % count === 0)) throw inexpressible(load);

  if (ratio === 1) return access(memoryBytes === 16 ? "load" : `load${8 * memoryBytes}_splat`);
  if (load.splat === 1) {
    // A scalar load extends for nothing; extending a vector takes an instruction for each doubling.
    const lane = type.element === "i64" ? "i64" : "i32";
    const { offset, pointer } = place(scope, address, emit);
    const scalar = instruction(scope, lane, `load${8 * elementBytes}_${sign}`)(offset, elementBytes, pointer);
    return instruction(scope, shape, "splat")(scalar);
  }
  if (ratio === 2 && memoryBytes === 8) return access(`load${8 * elementBytes}x${count}_${sign}`);
  // A repeated pattern stays repeated when its low half is extended; lanes beyond the pattern are dropped by it.
  const narrow = access(
    load.splat === undefined && memoryBytes >= 4
      ? `load${8 * memoryBytes}_zero`
      : `load${8 * memoryBytes}_splat`,
  );
  return extendLow(scope, narrow, elementBytes, ratio, sign);
}

/** Integers lie in elements as wide as the lane or narrower, floats in elements of their own kind. */
function fits(element: MemoryElement, lane: LaneElement): boolean {
  const hasFloat = element === "f32" || element === "f64" || isFloatLane(lane);
  return hasFloat ? element === lane : laneBytes[element] <= laneBytes[lane];
}

/** Sign- or zero-extends the low lanes of `fromBytes` to lanes `ratio` times as wide. */
function extendLow(
  scope: FunctionScope,
  vector: Ref,
  fromBytes: number,
  ratio: number,
  sign: "s" | "u",
): Ref {
  const shapes = { 1: "i8x16", 2: "i16x8", 4: "i32x4", 8: "i64x2" } as const;
  let result = vector;
  let bytes = fromBytes as 1 | 2 | 4;
  for (let left = ratio; left > 1; left /= 2) {
    const wide = (2 * bytes) as 2 | 4 | 8;
    result = instruction(scope, shapes[wide], `extend_low_${shapes[bytes]}_${sign}`)(result);
    bytes = wide as 2 | 4;
  }
  return result;
}

export function emitStore(scope: FunctionScope, store: Store, emit: Emit): Ref {
  const { address, value } = store;
  const { element } = address.buffer;
  const elementBytes = laneBytes[element];
  const { type } = value;
  if (!fits(element, type.element)) {
    const from = `${printLoopExpression(value)} as ${formatRegisterType(type)}`;
    throw inexpressible(`a store to ${address.buffer.name}:${element} of ${from}`);
  }
  const lanes = store.lanes ?? type.lanes;
  if (!(lanes >= 1 && lanes <= type.lanes)) throw inexpressible(`a store of ${lanes} of ${type.lanes} lanes`);
  const isWhole = elementBytes === laneBytes[type.element];
  const { offset, pointer } = place(scope, address, emit);

  if (!isVector(type)) {
    const scalar = emit(scope, value);
    const name = isWhole ? "store" : `store${8 * elementBytes}`;
    return instruction(scope, groupOf(type), name)(offset, elementBytes, pointer, scalar);
  }

  const vector = emit(scope, value);
  const packed = isWhole ? vector : truncateLanes(scope, vector, laneBytes[type.element], elementBytes);
  const sizeBytes = lanes * elementBytes;
  if (sizeBytes === 16) return scope.module.v128.store(offset, elementBytes, pointer, packed);
  return storeLow(scope, { offset, pointer }, packed, sizeBytes, elementBytes);
}

/** The low `toBytes` of every lane of `fromBytes`, packed into the low end. */
function truncateLanes(scope: FunctionScope, vector: Ref, fromBytes: number, toBytes: number): Ref {
  const keptBytes = (16 / fromBytes) * toBytes;
  const mask = Array.from({ length: 16 }, (_, to) => {
    const from = to % keptBytes;
    return Math.floor(from / toBytes) * fromBytes + (from % toBytes);
  });
  const once = keep(scope, scope.types.v128, vector);
  return scope.module.i8x16.shuffle(once.first, once.again(), mask);
}

/** The low `sizeBytes` of a vector, by lane stores of 8, 4, 2 and 1 bytes, largest first. */
function storeLow(scope: FunctionScope, at: Place, vector: Ref, sizeBytes: number, alignBytes: number): Ref {
  const parts = [8, 4, 2, 1].filter((bytes) => (sizeBytes & bytes) !== 0);
  const { module, types } = scope;
  const whole =
    parts.length > 1
      ? { pointer: temporary(scope, types.i32), vector: temporary(scope, types.v128) }
      : undefined;
  let doneBytes = 0;
  const stores = parts.map((bytes) => {
    const pointer = whole === undefined ? at.pointer : module.local.get(whole.pointer, types.i32);
    const value = whole === undefined ? vector : module.local.get(whole.vector, types.v128);
    const lane = doneBytes / bytes;
    const store = instruction(scope, "v128", `store${8 * bytes}_lane`);
    const result = store(at.offset + doneBytes, Math.min(alignBytes, bytes), lane, pointer, value);
    doneBytes += bytes;
    return result;
  });
  if (whole === undefined) return stores[0]!;
  const sets = [module.local.set(whole.pointer, at.pointer), module.local.set(whole.vector, vector)];
  return module.block(null, [...sets, ...stores]);
}

function place(scope: FunctionScope, address: Address, emit: Emit): Place {
  const { module } = scope;
  const { buffer, index, dynamic } = address;
  const isBytes = address.unit === "byte";
  const elementBytes = laneBytes[buffer.element];
  const base = isBytes ? 0 : scope.addresses.get(buffer);
  if (base === undefined)
    throw new Error(`internal: wasm: the program does not list buffer '${buffer.name}'`);
  const constant = base + index.constant * (isBytes ? 1 : elementBytes);
  if (isBytes && constant < 0)
    throw new Error(`internal: wasm: byte address of '${buffer.name}' with constant ${constant}`);

  const parts: Ref[] = [];
  let mayBeNegative = false;
  for (const { register, factor } of index.terms) {
    if (register.type.element !== "i32" || isVector(register.type)) {
      throw new Error(`internal: wasm: '${register.name}' addresses '${buffer.name}' but is no i32`);
    }
    if (factor === 0) continue;
    mayBeNegative ||= !isBytes && !(factor > 0 && scope.nonNegative.has(register));
    const value = module.local.get(localOf(scope, register), scope.types.i32);
    parts.push(scaled(scope, value, isBytes ? factor : factor * elementBytes));
  }
  if (dynamic !== undefined) {
    mayBeNegative ||= !isNonNegative(scope, dynamic);
    parts.push(scaled(scope, emit(scope, dynamic), elementBytes));
  }
  if (parts.length === 0) return { offset: 0, pointer: module.i32.const(constant) };
  const sum = parts.reduce((left, right) => module.i32.add(left, right));
  if (!mayBeNegative && constant >= 0) return { offset: constant, pointer: sum };
  return { offset: 0, pointer: constant === 0 ? sum : module.i32.add(sum, module.i32.const(constant)) };
}

function scaled(scope: FunctionScope, value: Ref, factor: number): Ref {
  const { i32 } = scope.module;
  if (factor === 1) return value;
  const shift = 31 - Math.clz32(factor);
  if (factor > 0 && factor === 2 ** shift) return i32.shl(value, i32.const(shift));
  return i32.mul(value, i32.const(factor));
}

/** True when an i32 is provably >= 0. */
export function isNonNegative(scope: FunctionScope, expression: LoopExpression): boolean {
  const both = (left: LoopExpression, right: LoopExpression): boolean =>
    isNonNegative(scope, left) && isNonNegative(scope, right);
  switch (expression.kind) {
    case "constant":
      return expression.value >= 0 && expression.value < 2 ** 31;
    case "register":
      return scope.nonNegative.has(expression.register);
    case "load":
      return expression.address.buffer.element === "u8" || expression.address.buffer.element === "u16";
    case "compare":
      return true;
    case "select":
      return both(expression.whenTrue, expression.whenFalse);
    case "binary": {
      const { operator, left, right } = expression;
      if (operator === "max" || operator === "and")
        return isNonNegative(scope, left) || isNonNegative(scope, right);
      if (operator === "min" || operator === "or") return both(left, right);
      if (operator === "shr") return isNonNegative(scope, left);
      return false;
    }
    default:
      return false;
  }
}
