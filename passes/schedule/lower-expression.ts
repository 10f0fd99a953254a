/**
 * From expression to loop expression: the part all schedules share. A schedule decides which loops there are; this file says what one
 * point (or one vector of points) of an expression costs in registers and loads.
 *
 * Storage is resolved here: an index becomes a place in a buffer, a stored value gets its layout's bias back, a read past
 * the edge finds the border, or the loop is clipped, or a select stands in. Biases meet the expression's own constants
 * (`(stored + z) - z`) and vanish.
 */
import { affineBounds } from "../../src/expr/build.ts";
import { isAffine, type Affine, type Expression, type Load } from "../../src/expr/expression.ts";
import { children, nodesOf } from "../../src/expr/walk.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex, type Layout } from "../../src/loops/layout.ts";
import {
  i32Type,
  i64Type,
  type Address,
  type LoopAffine,
  type LoopExpression,
} from "../../src/loops/loop.ts";
import { keep, loopIndex, registerType, type Scope } from "./lowering.ts";
import { unpackCode, unpackElement } from "./unpack.ts";

const known = (scope: Scope | undefined, e: Expression): LoopExpression | undefined =>
  scope === undefined ? undefined : (scope.values.get(e) ?? known(scope.parent, e));

/** How many nodes read each node of an expression: what is read twice is kept in a register. */
function readers(root: Expression): Map<Expression, number> {
  const counts = new Map<Expression, number>();
  for (const node of nodesOf(root))
    for (const child of operandsOf(node)) counts.set(child, (counts.get(child) ?? 0) + 1);
  return counts;
}

/** What is evaluated where the node stands: a reduction's body is evaluated in its loops. */
const operandsOf = (e: Expression): readonly Expression[] =>
  e.kind === "reduce" ? [e.initial] : children(e);

/** Lowers one expression tree; `reduce` is the schedule's: how a reduction inside it is done. */
export function lowerExpression(root: Expression, scope: Scope, reduce: ReduceLowering): LoopExpression {
  const counts = readers(root);
  const visit = (e: Expression): LoopExpression => {
    const found = known(scope, e);
    if (found !== undefined) return found;
    const value = lower(e);
    if ((counts.get(e) ?? 0) < 2 || value.kind === "constant" || value.kind === "register") return value;
    const kept = scope.lowering.register("t", value.type);
    scope.statements.push(l.set(kept, value));
    scope.values.set(e, l.read(kept));
    return l.read(kept);
  };
  const lanes = scope.lanes?.count ?? 1;
  const lower = (e: Expression): LoopExpression => {
    switch (e.kind) {
      case "constant":
        return l.constant(registerType(e.type, lanes), e.value);
      case "index": {
        if (scope.lanes !== undefined) throw new Error("internal: an index has no vector form");
        return l.affineValue(loopIndex(scope, e.index));
      }
      case "load":
        return lowerLoad(e, scope, visit);
      case "reduce": {
        const value = reduce(e, scope);
        scope.values.set(e, value);
        return value;
      }
      case "unary":
        return l.unary(e.operator, visit(e.operand));
      case "binary":
        if (e.operator === "shl" || e.operator === "shr") {
          const count =
            e.right.kind === "constant" ? l.constant(registerType(e.type, 1), e.right.value) : visit(e.right);
          return l.binary(e.operator, visit(e.left), count);
        }
        return l.binary(e.operator, visit(e.left), visit(e.right));
      case "compare":
        return l.compare(e.operator, visit(e.left), visit(e.right));
      case "select":
        return l.select(visit(e.condition), visit(e.whenTrue), visit(e.whenFalse));
      case "convert":
        return l.convert(registerType(e.type, lanes), visit(e.operand));
      case "rescale":
        return lowerRescale(
          visit(e.acc),
          visit(e.multiplier),
          e.shift.kind === "constant" ? e.shift.value : visit(e.shift),
          scope,
        );
    }
  };
  return visit(root);
}

export type ReduceLowering = (
  reduce: Extract<Expression, { kind: "reduce" }>,
  scope: Scope,
) => LoopExpression;

/** For kernels that may hold no reduction where this one stands. */
export const noReduction: ReduceLowering = () => {
  throw new Error("internal: this schedule takes no further reduction");
};

/**
 * (acc·m + 2^(s−1)) >> s. With s >= 33 the low word of the product only ever rounds down, so the high word suffices (codegen.md). Lanes
 * put a smaller shift of 2 or more together from both words: the low one gives its upper bits and one to round by,
 *
 *     (hi << 32 − s) + (((lo >>> s − 1) + 1) >>> 1)
 */
function lowerRescale(
  acc: LoopExpression,
  multiplier: LoopExpression,
  shift: number | LoopExpression,
  scope: Scope,
): LoopExpression {
  const type = acc.type;
  if (typeof shift === "number" && shift >= 33) {
    const rounded = l.add(l.mulhi(acc, multiplier), l.constant(type, 2 ** (shift - 33)));
    return l.shr(rounded, l.constant(i32Type, shift - 32));
  }
  if (type.lanes > 1) {
    const [a, m] = [keep("acc", acc, scope), keep("m", multiplier, scope)];
    if (typeof shift === "number" && shift >= 2) {
      const low = l.add(l.shru(l.mul(a, m), l.i32(shift - 1)), l.constant(type, 1));
      return l.add(l.shl(l.mulhi(a, m), l.i32(32 - shift)), l.shru(low, l.i32(1)));
    }
    const s = typeof shift === "number" ? undefined : keep("s", shift, scope);
    // Lanes past the last channel read a shift past the last one, which need not be one.
    const used = scope.lanes?.used ?? type.lanes;
    const parts = Array.from({ length: type.lanes }, (_, lane) =>
      lane < used
        ? wideRescale(
            extract(a, lane),
            extract(m, lane),
            s === undefined ? (shift as number) : extract(s, lane),
          )
        : l.i32(0),
    );
    return { kind: "build", type, parts };
  }
  return wideRescale(acc, multiplier, shift);
}

function wideRescale(
  acc: LoopExpression,
  multiplier: LoopExpression,
  shift: number | LoopExpression,
): LoopExpression {
  const product = l.mul(l.convert(i64Type, acc), l.convert(i64Type, multiplier));
  if (typeof shift === "number") {
    const rounded = l.add(product, l.constant(i64Type, 2 ** (shift - 1)));
    return l.convert(i32Type, l.shr(rounded, l.constant(i64Type, shift)));
  }
  const wide = l.convert(i64Type, shift);
  const half = l.binary("shl", l.constant(i64Type, 1), l.add(wide, l.constant(i64Type, -1)));
  return l.convert(i32Type, l.shr(l.add(product, half), wide));
}

const extract = (operand: LoopExpression, lane: number): LoopExpression => ({
  kind: "extract",
  type: registerType(operand.type.element, 1),
  lane,
  operand,
});

function lowerLoad(e: Load, scope: Scope, visit: (e: Expression) => LoopExpression): LoopExpression {
  const layout = scope.lowering.layoutOf(e.tensor);
  const stored = readStored(e, layout, scope, visit);
  const { lanes } = stored.type;
  const type = registerType(e.type, lanes);
  return layout.bias === 0 ? stored : l.add(stored, l.constant(type, layout.bias));
}

function readStored(
  e: Load,
  layout: Layout,
  scope: Scope,
  visit: (e: Expression) => LoopExpression,
): LoopExpression {
  const affineParts = e.index.map((part) => (isAffine(part) ? part : { constant: 0, terms: [] }));
  const flat = flatIndex(layout, affineParts);
  const index = loopIndex(scope, flat);
  const computed = e.index.flatMap((part, axis) =>
    isAffine(part) ? [] : [l.mul(visit(part.value), l.i32(layout.strides[axis]!))],
  );
  const [first, ...rest] = computed;
  if (first !== undefined) {
    if (scope.lanes !== undefined) throw new Error("internal: a computed index has no vector form");
    const dynamic = rest.reduce(l.add, first);
    return readElement(e, layout, index, dynamic, scope);
  }
  const open = scope.safe.has(e) ? [] : openAxes(e, layout);
  if (open.length > 0) return guardedLoad(e, open, layout, scope);
  const address: Address = { buffer: layout.buffer, index };
  if (scope.lanes === undefined) return readElement(e, layout, index, undefined, scope);
  if (layout.packing !== undefined) throw new Error("internal: packed elements have no vector form");
  const vector = registerType(e.type, scope.lanes.count);
  const stride = flat.terms.find(({ variable }) => variable === scope.lanes?.variable)?.factor ?? 0;
  if (stride === 1) return l.load(vector, address);
  if (stride === 0) return l.splat(vector, l.load(registerType(e.type, 1), address));
  throw new Error(`internal: ${e.tensor.name} is read with stride ${stride} across lanes`);
}

function readElement(
  e: Load,
  layout: Layout,
  index: LoopAffine,
  dynamic: LoopExpression | undefined,
  scope: Scope,
): LoopExpression {
  if (layout.packing !== undefined)
    return scope.codes?.has(e) === true
      ? unpackCode(layout, index, dynamic, scope)
      : unpackElement(layout, index, dynamic, scope);
  const address: Address = { buffer: layout.buffer, index };
  return l.load(registerType(e.type, 1), dynamic === undefined ? address : { ...address, dynamic });
}

/** Axes on which a guarded read may leave the tensor and its border. */
export function openAxes(e: Load, layout: Layout): number[] {
  if (e.fill === undefined) return [];
  return e.index.flatMap((part, axis) => {
    if (!isAffine(part)) return [axis];
    const { min, max } = affineBounds(part);
    const extent = e.tensor.shape[axis]!;
    if (min >= 0 && max < extent) return [];
    const { before, after } = layout.border[axis]!;
    const covered = layout.borderValue === e.fill && min >= -before && max < extent + after;
    return covered ? [] : [axis];
  });
}

/** Reads some element in any case (the index clamped to the tensor) and takes the fill where the index was outside. */
function guardedLoad(e: Load, open: readonly number[], layout: Layout, scope: Scope): LoopExpression {
  if (scope.lanes !== undefined) throw new Error("internal: a guarded read has no vector form");
  // An empty tensor has no element to read in any case.
  if (e.tensor.shape.includes(0)) return l.constant(registerType(e.type, 1), e.fill! - layout.bias);
  let inside: LoopExpression | undefined;
  let dynamic: LoopExpression | undefined;
  const fixed = e.index.map((part, axis) =>
    open.includes(axis) ? { constant: 0, terms: [] } : (part as Affine),
  );
  for (const axis of open) {
    const at = keep("i", l.affineValue(loopIndex(scope, e.index[axis] as Affine)), scope);
    const last = e.tensor.shape[axis]! - 1;
    const within = l.binary("and", l.compare("ge", at, l.i32(0)), l.compare("le", at, l.i32(last)));
    inside = inside === undefined ? within : l.binary("and", inside, within);
    const offset = l.mul(l.min(l.max(at, l.i32(0)), l.i32(last)), l.i32(layout.strides[axis]!));
    dynamic = dynamic === undefined ? offset : l.add(dynamic, offset);
  }
  const index = loopIndex(scope, flatIndex(layout, fixed));
  const type = registerType(e.type, 1);
  const value = readElement(e, layout, index, keep("o", dynamic!, scope), scope);
  return l.select(keep("inside", inside!, scope), value, l.constant(type, e.fill! - layout.bias));
}
