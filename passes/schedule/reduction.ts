/**
 * A reduction as loops around an accumulator, for scalar code and for lanes alike.
 *
 *     acc = initial;  for r0 … for rn { acc = acc ⊕ body }
 *
 * A read that may leave its tensor is made safe by clipping the loops, where what would be read outside changes nothing: a sum whose body
 * is zero there (the fill is real zero, so its product with what is finite is 0), a maximum whose fill is no greater than anything. For an index
 * `a·r + rest` inside [0, E) the reduction variable r runs from ⌈-rest/a⌉ to ⌊(E-1-rest)/a⌋ + 1.
 *
 * Packed constants along the innermost loop have loops of their own (packed-reduction.ts).
 */
import {
  isAffine,
  type Affine,
  type Expression,
  type IndexVariable,
  type Load,
  type Reduce,
} from "../../src/expr/expression.ts";
import { loadsOf } from "../../src/expr/rewrite.ts";
import * as l from "../../src/loops/build.ts";
import { i32Type, type LoopAffine, type LoopExpression, type Statement } from "../../src/loops/loop.ts";
import { elementRange, isInteger } from "../../src/tensor/element-type.ts";
import { lowerExpression, openAxes } from "./lower-expression.ts";
import { innerScope, keep, loopIndex, type Lowering, type Scope } from "./lowering.ts";
import { lowerPackedRun, packedRun, type AccumulateIn } from "./packed-reduction.ts";

interface Bounds {
  readonly from: LoopExpression;
  readonly to: LoopExpression;
}

export function lowerReduction(reduce: Reduce, scope: Scope): LoopExpression {
  const { lowering } = scope;
  const initial = lowerExpression(reduce.initial, scope, lowerReduction);
  const acc = lowering.register("acc", initial.type);
  scope.statements.push(l.set(acc, initial));
  const clipped = clippedReads(reduce, lowering);
  const bounds = new Map<IndexVariable, Bounds>();
  for (const { variable, index, extent } of clipped.flatMap((read) => read.axes))
    bounds.set(variable, clip(variable, index, extent, scope));

  const loops = reduce.over.filter((v) => v.extent > 1 || bounds.has(v));
  const inner = loops.at(-1);
  const along = inner === undefined || bounds.has(inner) ? undefined : inner;
  const run = along === undefined ? undefined : packedRun(reduce, along, lowering);
  const registers = new Map(
    loops.filter((v) => v !== run?.variable).map((v) => [v, lowering.register(v.name, i32Type)]),
  );
  const variables = new Map<IndexVariable, LoopAffine>();
  for (const v of reduce.over) {
    const register = registers.get(v);
    variables.set(v, register === undefined ? l.loopAffine(0) : l.loopAffine(0, [{ register, factor: 1 }]));
  }
  const safe = clipped.map((read) => read.load);
  const accumulateIn: AccumulateIn = (sum) => (inside) => {
    const value = lowerExpression(reduce.body, inside, lowerReduction);
    inside.statements.push(l.set(sum, l.binary(reduce.operator, l.read(sum), value)));
  };
  const body: Statement[] = [];
  const point = innerScope(scope, body, variables, safe);
  if (run === undefined) accumulateIn(acc)(point);
  else lowerPackedRun(run, acc, point, accumulateIn);
  const nest = [...registers].reduceRight<readonly Statement[]>((inside, [v, register]) => {
    const { from, to } = bounds.get(v) ?? { from: l.i32(0), to: l.i32(v.extent) };
    return [l.loop(register, from, to, 1, inside)];
  }, body);
  scope.statements.push(...nest);
  return l.read(acc);
}

interface ClippedRead {
  readonly load: Load;
  readonly axes: readonly {
    readonly variable: IndexVariable;
    readonly index: Affine;
    readonly extent: number;
  }[];
}

/** The guarded reads that clipped loops make safe: at most one, since the bounds are its own. */
export function clippedReads(reduce: Reduce, lowering: Lowering): ClippedRead[] {
  const guarded = loadsOf(reduce.body).filter(
    (load) => openAxes(load, lowering.layoutOf(load.tensor)).length > 0,
  );
  const [load] = guarded;
  if (load === undefined || guarded.length > 1 || !outsideChangesNothing(reduce, load)) return [];
  const axes = openAxes(load, lowering.layoutOf(load.tensor)).map((axis) => {
    const index = load.index[axis]!;
    if (!isAffine(index)) return undefined;
    const own = index.terms.filter(({ variable }) => reduce.over.includes(variable));
    const [term] = own;
    if (own.length !== 1 || term === undefined || term.factor < 1) return undefined;
    return { variable: term.variable, index, extent: load.tensor.shape[axis]! };
  });
  if (!axes.every((axis) => axis !== undefined)) return [];
  const distinct = new Set(axes.map(({ variable }) => variable));
  return distinct.size === axes.length ? [{ load, axes }] : [];
}

function outsideChangesNothing(reduce: Reduce, load: Load): boolean {
  const { body } = reduce;
  if (reduce.operator === "max" && body === load && isInteger(load.tensor.element))
    return load.fill! <= elementRange(load.tensor.element).min;
  if (reduce.operator === "max" && body === load) return load.fill === -Infinity;
  return reduce.operator === "add" && isZeroWhen(body, load);
}

/** Whether an expression is zero where `load` gives its fill. */
function isZeroWhen(e: Expression, load: Load): boolean {
  if (e === load) return load.fill === 0;
  if (e.kind !== "binary") return false;
  if (e.operator === "mul")
    return (isZeroWhen(e.left, load) && isFinite(e.right)) || (isZeroWhen(e.right, load) && isFinite(e.left));
  if (e.operator === "sub")
    return e.left === load && e.right.kind === "constant" && e.right.value === load.fill;
  return false;
}

/** 0 times infinity is no zero: a float factor must be known. */
function isFinite(e: Expression): boolean {
  if (e.type === "i32" || e.type === "i64") return true;
  if (e.kind === "constant") return Number.isFinite(e.value);
  const data = e.kind === "load" ? e.tensor.data?.data : undefined;
  return data?.every((x: number | bigint) => Number.isFinite(Number(x))) ?? false;
}

function clip(variable: IndexVariable, index: Affine, extent: number, scope: Scope): Bounds {
  const factor = index.terms.find((term) => term.variable === variable)!.factor;
  const rest = { constant: index.constant, terms: index.terms.filter((term) => term.variable !== variable) };
  const at = l.affineValue(loopIndex(scope, rest));
  const zero = l.i32(0);
  // Numerators are clamped at zero first, so that unsigned division rounds as the formula wants.
  const low = l.max(l.add(negate(at), l.i32(factor - 1)), zero);
  const high = l.max(l.add(negate(at), l.i32(extent - 1 + factor)), zero);
  const divided = (e: LoopExpression): LoopExpression =>
    factor === 1 ? e : l.binary("divu", e, l.i32(factor));
  return {
    from: keep("from", l.min(divided(low), l.i32(variable.extent)), scope),
    to: keep("to", l.min(divided(high), l.i32(variable.extent)), scope),
  };
}

const negate = (e: LoopExpression): LoopExpression =>
  l.isConstant(e)
    ? l.i32(-e.value)
    : { kind: "binary", operator: "sub", type: i32Type, left: l.i32(0), right: e };
