/**
 * What the emitter knows while it prints one procedure: the module, the locals that stand for registers, the registers that cannot be
 * negative, and temporaries for operands that an instruction sequence needs twice.
 */
import type binaryen from "binaryen";
import type { Buffer, LoopExpression, Register, RegisterType } from "../../src/loops/loop.ts";
import { formatRegisterType } from "../../src/loops/build.ts";
import { laneBytes } from "../../src/loops/loop.ts";
import { printLoopExpression } from "../../src/loops/print.ts";

export type Ref = binaryen.ExpressionRef;

/** The names of binaryen's groups of instructions. */
export type Shape = "i8x16" | "i16x8" | "i32x4" | "i64x2" | "f32x4" | "f64x2";
export type Group = "i32" | "i64" | "f32" | "f64" | "v128" | Shape;

/** A function under construction. Locals are numbered in the order in which they are first named. */
export interface FunctionScope {
  readonly module: binaryen.Module;
  readonly addresses: ReadonlyMap<Buffer, number>;
  /** Types of the locals so far. */
  readonly locals: binaryen.Type[];
  readonly registers: Map<Register, number>;
  /** Loop variables in scope that start at 0 or above and only grow. */
  readonly nonNegative: Set<Register>;
  /** Locals free for use as temporaries, by type; refilled after each statement. */
  readonly temporaries: Map<binaryen.Type, { readonly indices: number[]; used: number }>;
  /** Loops so far, for their labels. */
  loopCount: number;
  /** Whether any value is a vector: the module then needs SIMD. */
  usesVectors: boolean;
  readonly types: Readonly<Record<"i32" | "i64" | "f32" | "f64" | "v128", binaryen.Type>>;
}

export function openScope(
  module: binaryen.Module,
  types: FunctionScope["types"],
  addresses: ReadonlyMap<Buffer, number>,
): FunctionScope {
  return {
    module,
    types,
    addresses,
    locals: [],
    registers: new Map(),
    nonNegative: new Set(),
    temporaries: new Map(),
    loopCount: 0,
    usesVectors: false,
  };
}

/** Any of binaryen's builders by its name; what they take besides operands (lane numbers, shuffles) are numbers too. */
export type Instruction = (...operands: (Ref | readonly number[])[]) => Ref;

/**
 * One instruction builder. binaryen types each by name; tables over lane types need them by string, and this is the one cast.
 *
 * @throws internal, when binaryen has no such instruction
 */
export function instruction(scope: FunctionScope, group: Group, name: string): Instruction {
  const builders = scope.module[group] as unknown as Readonly<Record<string, Instruction | undefined>>;
  const builder = builders[name];
  if (builder === undefined) throw new Error(`internal: wasm: no instruction ${group}.${name}`);
  return builder;
}

export function isVector(type: RegisterType): boolean {
  return type.lanes !== 1;
}

/** @throws internal, when the type does not fill 128 bits */
export function shapeOf(type: RegisterType): Shape {
  if (type.lanes * laneBytes[type.element] !== 16) {
    throw new Error(`internal: wasm: no vector ${formatRegisterType(type)}`);
  }
  return `${type.element}x${type.lanes}` as Shape;
}

/** @throws internal, for scalars of 8 and 16 bits */
export function scalarOf(type: RegisterType): "i32" | "i64" | "f32" | "f64" {
  const { element } = type;
  if (isVector(type) || element === "i8" || element === "i16") {
    throw new Error(`internal: wasm: no scalar ${formatRegisterType(type)}`);
  }
  return element;
}

/** The instructions' group for values of the type. */
export const groupOf = (type: RegisterType): Exclude<Group, "v128"> =>
  isVector(type) ? shapeOf(type) : scalarOf(type);

export function valueType(scope: FunctionScope, type: RegisterType): binaryen.Type {
  if (!isVector(type)) return scope.types[scalarOf(type)];
  shapeOf(type);
  scope.usesVectors = true;
  return scope.types.v128;
}

export function localOf(scope: FunctionScope, register: Register): number {
  const known = scope.registers.get(register);
  if (known !== undefined) return known;
  const index = addLocal(scope, valueType(scope, register.type));
  scope.registers.set(register, index);
  return index;
}

/** A local of its own, for a value that outlives the statement. */
export function addLocal(scope: FunctionScope, type: binaryen.Type): number {
  scope.locals.push(type);
  return scope.locals.length - 1;
}

/** A local that keeps its value until the statement ends. */
export function temporary(scope: FunctionScope, type: binaryen.Type): number {
  let pool = scope.temporaries.get(type);
  if (pool === undefined) scope.temporaries.set(type, (pool = { indices: [], used: 0 }));
  if (pool.used === pool.indices.length) pool.indices.push(addLocal(scope, type));
  return pool.indices[pool.used++]!;
}

export function releaseTemporaries(scope: FunctionScope): void {
  for (const pool of scope.temporaries.values()) pool.used = 0;
}

/**
 * A value for two or more uses. `first` must be the use that is executed first; `again` makes each further one.
 * Registers and constants are simply printed again.
 */
export function shared(
  scope: FunctionScope,
  expression: LoopExpression,
  emit: (expression: LoopExpression) => Ref,
): { readonly first: Ref; readonly again: () => Ref } {
  const first = emit(expression);
  if (expression.kind === "register" || expression.kind === "constant") {
    return { first, again: () => emit(expression) };
  }
  return keep(scope, valueType(scope, expression.type), first);
}

/** As `shared`, for a value that is already printed. */
export function keep(
  scope: FunctionScope,
  type: binaryen.Type,
  value: Ref,
): { readonly first: Ref; readonly again: () => Ref } {
  const index = temporary(scope, type);
  return {
    first: scope.module.local.tee(index, value, type),
    again: () => scope.module.local.get(index, type),
  };
}

/** The fault of a program that asks for what WebAssembly, or this back end, has no instruction for. */
export function inexpressible(what: LoopExpression | string): Error {
  const text =
    typeof what === "string" ? what : `${printLoopExpression(what)} as ${formatRegisterType(what.type)}`;
  return new Error(`internal: wasm: cannot express ${text}`);
}
