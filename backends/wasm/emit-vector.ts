/** Vector instructions: 128 bits, lanes in memory's order. Masks of shuffles number the bytes of both operands from 0 to 31. */
import type { LoopExpression } from "../../src/loops/loop.ts";
import { isFloatLane } from "../../src/loops/build.ts";
import { laneBytes } from "../../src/loops/loop.ts";
import type { FunctionScope, Ref, Shape } from "./function-scope.ts";
import { inexpressible, instruction, isVector, keep, shapeOf, shared, valueType } from "./function-scope.ts";

type Kind<K extends LoopExpression["kind"]> = Extract<LoopExpression, { readonly kind: K }>;
type Emit = (expression: LoopExpression) => Ref;

/** Shuffle masks of whole lanes of `sizeBytes`. */
const laneMask = (lanes: readonly number[], sizeBytes: number): number[] =>
  lanes.flatMap((lane) => Array.from({ length: sizeBytes }, (_, byte) => lane * sizeBytes + byte));
const evenLanes = (sizeBytes: number): number[] =>
  laneMask(
    Array.from({ length: 16 / sizeBytes }, (_, lane) => 2 * lane),
    sizeBytes,
  );
const oddLanes = (sizeBytes: number): number[] =>
  laneMask(
    Array.from({ length: 16 / sizeBytes }, (_, lane) => 2 * lane + 1),
    sizeBytes,
  );

export function emitVectorUnary(scope: FunctionScope, expression: Kind<"unary">, emit: Emit): Ref {
  const { operator, type, operand } = expression;
  const shape = shapeOf(type);
  valueType(scope, type);
  const { i32, i32x4, i64x2, f64x2, i8x16, v128 } = scope.module;
  const isBits = operator === "pow2" || operator === "exponent" || operator === "significand";
  if (!isBits) {
    if (!isFloatLane(type.element) && operator !== "neg" && operator !== "abs")
      throw inexpressible(expression);
    return instruction(scope, shape, operator)(emit(operand));
  }
  if (shape !== "f64x2") throw inexpressible(expression);
  const value = emit(operand);
  const biased = (bits: bigint): Ref => v128.const(new Uint8Array(new BigUint64Array([bits, bits]).buffer));
  const bias = 1023n;
  if (operator === "pow2") {
    const exponent = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(value));
    return i64x2.shl(i64x2.add(exponent, biased(bias)), i32.const(52));
  }
  if (operator === "exponent") {
    const wide = keep(scope, scope.types.v128, i64x2.sub(i64x2.shr_u(value, i32.const(52)), biased(bias)));
    return f64x2.convert_low_i32x4_s(
      i8x16.shuffle(
        wide.first,
        wide.again(),
        evenLanes(4).map((byte) => byte % 16),
      ),
    );
  }
  return v128.or(v128.and(value, biased((1n << 52n) - 1n)), biased(bias << 52n));
}

const shifts = { shl: "shl", shr: "shr_s", shru: "shr_u" } as const;

export function emitVectorBinary(scope: FunctionScope, expression: Kind<"binary">, emit: Emit): Ref {
  const { operator, type, left, right } = expression;
  const shape = shapeOf(type);
  valueType(scope, type);
  const isFloat = isFloatLane(type.element);
  const { v128, i64x2 } = scope.module;
  switch (operator) {
    case "add":
    case "sub":
      return instruction(scope, shape, operator)(emit(left), emit(right));
    case "mul":
      return multiply(scope, shape, left, right, emit);
    case "div":
      if (!isFloat) throw inexpressible(expression);
      return instruction(scope, shape, "div")(emit(left), emit(right));
    case "and":
    case "or":
    case "xor":
      return v128[operator](emit(left), emit(right));
    case "shl":
    case "shr":
    case "shru":
      if (isFloat || isVector(right.type) || right.type.element !== "i32") throw inexpressible(expression);
      return instruction(scope, shape, shifts[operator])(emit(left), emit(right));
    case "addsatu":
      if (shape !== "i8x16" && shape !== "i16x8") throw inexpressible(expression);
      return instruction(scope, shape, "add_saturate_u")(emit(left), emit(right));
    case "min":
    case "max": {
      if (isFloat) return instruction(scope, shape, `p${operator}`)(emit(left), emit(right));
      if (shape !== "i64x2") return instruction(scope, shape, `${operator}_s`)(emit(left), emit(right));
      const a = shared(scope, left, emit);
      const b = shared(scope, right, emit);
      const takesRight = () =>
        operator === "min" ? i64x2.lt_s(b.again(), a.again()) : i64x2.lt_s(a.again(), b.again());
      return v128.bitselect(b.first, a.first, takesRight());
    }
    case "divu":
      throw inexpressible(expression);
  }
}

function multiply(
  scope: FunctionScope,
  shape: Shape,
  left: LoopExpression,
  right: LoopExpression,
  emit: Emit,
): Ref {
  if (shape !== "i8x16") return instruction(scope, shape, "mul")(emit(left), emit(right));
  const { i16x8, i8x16 } = scope.module;
  const a = shared(scope, left, emit);
  const b = shared(scope, right, emit);
  const low = i16x8.extmul_low_i8x16_s(a.first, b.first);
  const high = i16x8.extmul_high_i8x16_s(a.again(), b.again());
  return i8x16.shuffle(low, high, evenLanes(1));
}

type VectorKind = Kind<"dot" | "mulhi" | "widen" | "narrow" | "zip" | "build" | "extract" | "splat">;

export function emitVectorKind(scope: FunctionScope, expression: VectorKind, emit: Emit): Ref {
  if (expression.kind === "extract") return emitExtract(scope, expression, emit);
  const { type } = expression;
  const shape = shapeOf(type);
  valueType(scope, type);
  const { i8x16, i64x2 } = scope.module;
  switch (expression.kind) {
    case "splat":
      return instruction(scope, shape, "splat")(emit(expression.operand));
    case "widen": {
      const from = shapeOf(expression.operand.type);
      if (isFloatLane(type.element) || 2 * type.lanes !== expression.operand.type.lanes)
        throw inexpressible(expression);
      const half = expression.part === 0 ? "low" : "high";
      return instruction(scope, shape, `extend_${half}_${from}_s`)(emit(expression.operand));
    }
    case "mulhi": {
      if (shape !== "i32x4") throw inexpressible(expression);
      const a = shared(scope, expression.left, emit);
      const b = shared(scope, expression.right, emit);
      const low = i64x2.extmul_low_i32x4_s(a.first, b.first);
      const high = i64x2.extmul_high_i32x4_s(a.again(), b.again());
      return i8x16.shuffle(low, high, oddLanes(4));
    }
    case "zip": {
      const first = (expression.part * type.lanes) / 2;
      const lanes = Array.from({ length: type.lanes }, (_, at) => first + (at >> 1) + (at & 1) * type.lanes);
      return i8x16.shuffle(
        emit(expression.left),
        emit(expression.right),
        laneMask(lanes, laneBytes[type.element]),
      );
    }
    case "narrow":
      return emitNarrow(scope, expression, emit);
    case "build":
      return emitBuild(scope, expression, emit);
    case "dot":
      return emitDot(scope, expression, emit);
  }
}

function emitExtract(scope: FunctionScope, expression: Kind<"extract">, emit: Emit): Ref {
  const { operand, lane, type } = expression;
  const shape = shapeOf(operand.type);
  const narrow = operand.type.element === "i8" || operand.type.element === "i16";
  const scalar = narrow ? "i32" : operand.type.element;
  if (isVector(type) || type.element !== scalar || !(lane >= 0 && lane < operand.type.lanes)) {
    throw inexpressible(expression);
  }
  return instruction(scope, shape, narrow ? "extract_lane_s" : "extract_lane")(emit(operand), lane);
}

function emitNarrow(scope: FunctionScope, expression: Kind<"narrow">, emit: Emit): Ref {
  const { type, left, right, unsigned = false } = expression;
  const from = shapeOf(left.type);
  if (isFloatLane(type.element) || type.lanes !== 2 * left.type.lanes) throw inexpressible(expression);
  if (from !== "i64x2")
    return instruction(
      scope,
      shapeOf(type),
      `narrow_${from}_${unsigned ? "u" : "s"}`,
    )(emit(left), emit(right));
  if (unsigned) throw inexpressible(expression);
  const clamped = (operand: LoopExpression): LoopExpression => {
    const bound = (value: number): LoopExpression => ({ kind: "constant", type: left.type, value });
    const above = binary("max", operand, bound(-(2 ** 31)));
    return binary("min", above, bound(2 ** 31 - 1));
  };
  return scope.module.i8x16.shuffle(emit(clamped(left)), emit(clamped(right)), evenLanes(4));
}

const binary = (operator: "min" | "max", left: LoopExpression, right: LoopExpression): LoopExpression => ({
  kind: "binary",
  operator,
  type: left.type,
  left,
  right,
});

function emitBuild(scope: FunctionScope, expression: Kind<"build">, emit: Emit): Ref {
  const { type, parts } = expression;
  const shape = shapeOf(type);
  if (parts.length !== type.lanes) throw inexpressible(expression);
  const replace = instruction(scope, shape, "replace_lane");
  return parts
    .slice(1)
    .reduce(
      (vector, part, at) => replace(vector, at + 1, emit(part)),
      instruction(scope, shape, "splat")(emit(parts[0]!)),
    );
}

function emitDot(scope: FunctionScope, expression: Kind<"dot">, emit: Emit): Ref {
  const { type, acc, left, right } = expression;
  const shape = shapeOf(type);
  const operands = shapeOf(left.type);
  if (shapeOf(right.type) !== operands) throw inexpressible(expression);
  const { i32x4, i16x8, i8x16 } = scope.module;
  if (operands === shape)
    return instruction(scope, shape, "add")(emit(acc), multiply(scope, shape, left, right, emit));
  if (shape !== "i32x4") throw inexpressible(expression);
  if (operands === "i16x8") return i32x4.add(emit(acc), i32x4.dot_i16x8_s(emit(left), emit(right)));
  if (operands !== "i8x16") throw inexpressible(expression);
  // Pairs of products by halves, then neighbouring pairs are added.
  const accumulator = emit(acc);
  const a = shared(scope, left, emit);
  const b = shared(scope, right, emit);
  const vector = scope.types.v128;
  const low = keep(
    scope,
    vector,
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(a.first), i16x8.extend_low_i8x16_s(b.first)),
  );
  const high = keep(
    scope,
    vector,
    i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(a.again()), i16x8.extend_high_i8x16_s(b.again())),
  );
  const even = i8x16.shuffle(low.first, high.first, evenLanes(4));
  const odd = i8x16.shuffle(low.again(), high.again(), oddLanes(4));
  return i32x4.add(accumulator, i32x4.add(even, odd));
}
