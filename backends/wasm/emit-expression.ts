/**
 * Expressions to instructions, one for one where WebAssembly has the instruction, by the shortest exact sequence where it does not.
 *
 * Two choices keep the meaning of loop.ts: float `min` and `max` are comparisons, WASM's `pmin` and `pmax` (`b < a ? b : a`,
 * `a < b ? b : a`), not its `min` and `max`, which treat NaN and signed zeros otherwise. And a scalar `select` one of whose sides can
 * trap (a load that its condition guards, a division) branches; otherwise both sides are computed.
 */
import type { LaneElement, LoopExpression, RegisterType } from "../../src/loops/loop.ts";
import { isFloatLane } from "../../src/loops/build.ts";
import { laneBytes } from "../../src/loops/loop.ts";
import { emitLoad } from "./emit-memory.ts";
import { emitVectorBinary, emitVectorKind, emitVectorUnary } from "./emit-vector.ts";
import type { FunctionScope, Ref } from "./function-scope.ts";
import {
  groupOf,
  inexpressible,
  instruction,
  isVector,
  localOf,
  scalarOf,
  shapeOf,
  shared,
  temporary,
  valueType,
} from "./function-scope.ts";

type Kind<K extends LoopExpression["kind"]> = Extract<LoopExpression, { readonly kind: K }>;

/** @throws internal, with the expression printed, when it cannot be expressed */
export function emitExpression(scope: FunctionScope, expression: LoopExpression): Ref {
  const emit = (part: LoopExpression): Ref => emitExpression(scope, part);
  switch (expression.kind) {
    case "register":
      return scope.module.local.get(
        localOf(scope, expression.register),
        valueType(scope, expression.register.type),
      );
    case "constant":
      return emitConstant(scope, expression.type, expression.value);
    case "load":
      return emitLoad(scope, expression, emitExpression);
    case "unary":
      return isVector(expression.type)
        ? emitVectorUnary(scope, expression, emit)
        : emitScalarUnary(scope, expression, emit);
    case "binary":
      return isVector(expression.type)
        ? emitVectorBinary(scope, expression, emit)
        : emitScalarBinary(scope, expression, emit);
    case "compare": {
      const { operator, left, right } = expression;
      const isSigned = operator !== "eq" && operator !== "ne" && !isFloatLane(left.type.element);
      const name = isSigned ? `${operator}_s` : operator;
      return instruction(scope, groupOf(left.type), name)(emit(left), emit(right));
    }
    case "select":
      return emitSelect(scope, expression, emit);
    case "convert":
      return emitConvert(scope, expression, emit);
    case "mulhi":
      if (isVector(expression.type)) return emitVectorKind(scope, expression, emit);
      return emitMulhi(scope, expression, emit);
    case "dot":
      if (isVector(expression.type)) return emitVectorKind(scope, expression, emit);
      return emitScalarDot(scope, expression, emit);
    case "extract":
    case "splat":
    case "widen":
    case "narrow":
    case "zip":
    case "build":
      return emitVectorKind(scope, expression, emit);
  }
}

function emitConstant(scope: FunctionScope, type: RegisterType, value: number): Ref {
  const { module } = scope;
  if (!isFloatLane(type.element) && !Number.isInteger(value))
    throw inexpressible(`${value} as ${type.element}`);
  if (!isVector(type)) {
    switch (scalarOf(type)) {
      case "i32":
        return module.i32.const(value | 0);
      case "i64":
        return module.i64.const(BigInt(value));
      case "f32":
        return module.f32.const(value);
      case "f64":
        return module.f64.const(value);
    }
  }
  shapeOf(type);
  valueType(scope, type);
  const bytes = new DataView(new ArrayBuffer(16));
  const sizeBytes = laneBytes[type.element];
  for (let at = 0; at < 16; at += sizeBytes) writeLane(bytes, at, type.element, value);
  return module.v128.const(new Uint8Array(bytes.buffer));
}

function writeLane(bytes: DataView, at: number, element: LaneElement, value: number): void {
  if (element === "i8") bytes.setInt8(at, value);
  else if (element === "i16") bytes.setInt16(at, value, true);
  else if (element === "i32") bytes.setInt32(at, value, true);
  else if (element === "i64") bytes.setBigInt64(at, BigInt(value), true);
  else if (element === "f32") bytes.setFloat32(at, value, true);
  else bytes.setFloat64(at, value, true);
}

type Emit = (expression: LoopExpression) => Ref;

function emitScalarUnary(scope: FunctionScope, expression: Kind<"unary">, emit: Emit): Ref {
  const { operator, type, operand } = expression;
  const { i64, f64 } = scope.module;
  const lane = scalarOf(type);
  if (operator === "pow2" || operator === "exponent" || operator === "significand") {
    if (lane !== "f64") throw inexpressible(expression);
    const value = emit(operand);
    const constant = (bits: bigint): Ref => i64.const(bits);
    if (operator === "pow2") {
      return f64.reinterpret(i64.shl(i64.add(i64.trunc_s_sat.f64(value), constant(1023n)), constant(52n)));
    }
    if (operator === "exponent") {
      return f64.convert_s.i64(i64.sub(i64.shr_u(i64.reinterpret(value), constant(52n)), constant(1023n)));
    }
    const fraction = i64.and(i64.reinterpret(value), constant((1n << 52n) - 1n));
    return f64.reinterpret(i64.or(fraction, constant(1023n << 52n)));
  }
  if (isFloatLane(lane)) return instruction(scope, lane, operator)(emit(operand));
  const zero = (): Ref => emitConstant(scope, type, 0);
  if (operator === "neg") return instruction(scope, lane, "sub")(zero(), emit(operand));
  if (operator !== "abs") throw inexpressible(expression);
  const value = shared(scope, operand, emit);
  const negated = instruction(scope, lane, "sub")(zero(), value.first);
  return scope.module.select(instruction(scope, lane, "lt_s")(value.again(), zero()), negated, value.again());
}

function emitScalarBinary(scope: FunctionScope, expression: Kind<"binary">, emit: Emit): Ref {
  const { operator, type, left, right } = expression;
  const lane = scalarOf(type);
  const isFloat = isFloatLane(lane);
  const plain = (name: string): Ref => instruction(scope, lane, name)(emit(left), emit(right));
  switch (operator) {
    case "add":
    case "sub":
    case "mul":
      return plain(operator);
    case "div":
      if (!isFloat) throw inexpressible(expression);
      return plain("div");
    case "divu":
      if (isFloat) throw inexpressible(expression);
      return plain("div_u");
    case "and":
    case "or":
    case "xor":
      if (isFloat) throw inexpressible(expression);
      return plain(operator);
    case "shl":
    case "shr": {
      if (isFloat) throw inexpressible(expression);
      const name = operator === "shl" ? "shl" : "shr_s";
      if (lane === "i32" || right.type.element === "i64") return plain(name);
      const count =
        right.kind === "constant"
          ? emitConstant(scope, type, right.value)
          : scope.module.i64.extend_u(emit(right));
      return scope.module.i64[name](emit(left), count);
    }
    case "addsatu":
    case "shru":
      throw inexpressible(expression);
    case "min":
    case "max": {
      // `select` computes its values before its condition, so the condition reads what they keep.
      const a = shared(scope, left, emit);
      const b = shared(scope, right, emit);
      const less = instruction(scope, lane, isFloat ? "lt" : "lt_s");
      const takesRight = operator === "min" ? less(b.again(), a.again()) : less(a.again(), b.again());
      return scope.module.select(takesRight, b.first, a.first);
    }
  }
}

function emitSelect(scope: FunctionScope, expression: Kind<"select">, emit: Emit): Ref {
  const { type, condition, whenTrue, whenFalse } = expression;
  const { module } = scope;
  if (isVector(type)) {
    shapeOf(type);
    return module.v128.bitselect(emit(whenTrue), emit(whenFalse), emit(condition));
  }
  if (mayTrap(whenTrue) || mayTrap(whenFalse))
    return module.if(emit(condition), emit(whenTrue), emit(whenFalse));
  return module.select(emit(condition), emit(whenTrue), emit(whenFalse));
}

function mayTrap(expression: LoopExpression): boolean {
  switch (expression.kind) {
    case "register":
    case "constant":
      return false;
    case "load":
      return true;
    case "unary":
    case "convert":
    case "splat":
    case "widen":
    case "extract":
      return mayTrap(expression.operand);
    case "binary":
      return expression.operator === "divu" || mayTrap(expression.left) || mayTrap(expression.right);
    case "compare":
    case "mulhi":
    case "narrow":
    case "zip":
      return mayTrap(expression.left) || mayTrap(expression.right);
    case "select":
      return [expression.condition, expression.whenTrue, expression.whenFalse].some(mayTrap);
    case "dot":
      return [expression.acc, expression.left, expression.right].some(mayTrap);
    case "build":
      return expression.parts.some(mayTrap);
  }
}

function emitConvert(scope: FunctionScope, expression: Kind<"convert">, emit: Emit): Ref {
  const { type, operand } = expression;
  if (type.lanes !== operand.type.lanes) throw inexpressible(expression);
  if (type.element === operand.type.element) return emit(operand);
  if (!isVector(type)) return convertScalar(scope, operand.type, type, emit(operand));

  const to = shapeOf(type);
  const from = shapeOf(operand.type);
  if (to === "f32x4" && from === "i32x4") return scope.module.f32x4.convert_i32x4_s(emit(operand));
  if (to === "i32x4" && from === "f32x4") return scope.module.i32x4.trunc_sat_f32x4_s(emit(operand));
  // i64x2 and f64x2: there are no vector instructions between them.
  const wide = { element: type.element, lanes: 1 };
  const narrow = { element: operand.type.element, lanes: 1 };
  const index = temporary(scope, scope.types.v128);
  const vector = (lane: number): Ref =>
    lane === 0
      ? scope.module.local.tee(index, emit(operand), scope.types.v128)
      : scope.module.local.get(index, scope.types.v128);
  const converted = (lane: number): Ref =>
    convertScalar(scope, narrow, wide, instruction(scope, from, "extract_lane")(vector(lane), lane));
  const low = instruction(scope, to, "splat")(converted(0));
  return instruction(scope, to, "replace_lane")(low, 1, converted(1));
}

function convertScalar(scope: FunctionScope, fromType: RegisterType, toType: RegisterType, value: Ref): Ref {
  const { i32, i64, f32, f64 } = scope.module;
  const from = scalarOf(fromType);
  const to = scalarOf(toType);
  if (from === to) return value;
  switch (to) {
    case "i32":
      return from === "i64" ? i32.wrap(value) : i32.trunc_s_sat[from as "f32" | "f64"](value);
    case "i64":
      return from === "i32" ? i64.extend_s(value) : i64.trunc_s_sat[from as "f32" | "f64"](value);
    case "f32":
      return from === "f64" ? f32.demote(value) : f32.convert_s[from as "i32" | "i64"](value);
    case "f64":
      return from === "f32" ? f64.promote(value) : f64.convert_s[from as "i32" | "i64"](value);
  }
}

function emitMulhi(scope: FunctionScope, expression: Kind<"mulhi">, emit: Emit): Ref {
  const { type, left, right } = expression;
  const { i32, i64 } = scope.module;
  if (type.element !== "i32") throw inexpressible(expression);
  const wide = (part: LoopExpression): Ref =>
    part.kind === "constant" ? i64.const(BigInt(part.value | 0)) : i64.extend_s(emit(part));
  return i32.wrap(i64.shr_s(i64.mul(wide(left), wide(right)), i64.const(32n)));
}

function emitScalarDot(scope: FunctionScope, expression: Kind<"dot">, emit: Emit): Ref {
  const { type, acc, left, right } = expression;
  const lane = scalarOf(type);
  if (
    isVector(left.type) ||
    isVector(right.type) ||
    left.type.element !== lane ||
    right.type.element !== lane
  ) {
    throw inexpressible(expression);
  }
  const product = instruction(scope, lane, "mul")(emit(left), emit(right));
  return instruction(scope, lane, "add")(emit(acc), product);
}
