/**
 * The innermost loop of a reduction that reads a packed constant along it.
 *
 * A turn takes as many elements as fill bytes: unpack.ts then shifts by constants. Codes that groups multiply are summed group by group,
 * and the sums multiplied:
 *
 *     Σ x · code · factor[g]   =   Σ over g of factor[g] · Σ over the group of x · code
 */
import {
  isAffine,
  type Affine,
  type IndexVariable,
  type Load,
  type Reduce,
} from "../../src/expr/expression.ts";
import { loadsOf } from "../../src/expr/rewrite.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex, type Layout } from "../../src/loops/layout.ts";
import {
  i32Type,
  type LoopAffine,
  type LoopExpression,
  type Register,
  type Statement,
} from "../../src/loops/loop.ts";
import { elementsOfWholeWords } from "../../src/loops/packing.ts";
import { innerScope, loopIndex, type Lowering, type Scope } from "./lowering.ts";
import { unpackFactor } from "./unpack.ts";

export interface PackedRun {
  readonly variable: IndexVariable;
  /** Elements a turn takes. */
  readonly block: number;
  readonly coded: CodedRun | undefined;
}

/** How to take what lies along the innermost loop; undefined where that is not packed, or rows do not begin at bytes. */
export function packedRun(reduce: Reduce, inner: IndexVariable, lowering: Lowering): PackedRun | undefined {
  const block = packedBlock(reduce, inner, lowering);
  const coded = codedRun(reduce, inner, lowering);
  return block > 1 || coded !== undefined ? { variable: inner, block, coded } : undefined;
}

/** Adds the body of the reduction to a register, in a scope where its variables are bound. */
export type AccumulateIn = (sum: Register) => (scope: Scope) => void;

/** The loop, into the scope's statements. */
export function lowerPackedRun(
  { variable, block, coded }: PackedRun,
  acc: Register,
  scope: Scope,
  accumulateIn: AccumulateIn,
): void {
  if (coded === undefined) stripMine(variable, block, scope, accumulateIn(acc));
  else sumGroups(variable, block, coded, acc, scope, accumulateIn);
}

/**
 * How many steps of the innermost loop take whole bytes out of a packed constant that lies along it; 1 where there is none, or where
 * its rows do not begin at bytes.
 */
function packedBlock(reduce: Reduce, inner: IndexVariable, lowering: Lowering): number {
  for (const load of loadsOf(reduce.body)) {
    const layout = lowering.layoutOf(load.tensor);
    if (layout.packing === undefined || !load.index.every(isAffine)) continue;
    const { constant, terms } = flatIndex(layout, load.index);
    const block = elementsOfWholeWords(layout.packing.bits, 8);
    const along = terms.find(({ variable }) => variable === inner)?.factor;
    const aligned = terms.every(({ variable, factor }) => variable === inner || factor % block === 0);
    if (along === 1 && aligned && constant % block === 0) return block;
  }
  return 1;
}

/** for b { v = block·b, …, v = block·b + block - 1 }, then what is left over, written out; of `extent` steps from `first` on. */
function stripMine(
  v: IndexVariable,
  block: number,
  scope: Scope,
  accumulate: (scope: Scope) => void,
  first: LoopAffine = l.loopAffine(0),
  extent: number = v.extent,
): void {
  const register = scope.lowering.register(v.name, i32Type);
  const whole = Math.floor(extent / block);
  const emit = (start: LoopAffine, count: number, into: Statement[]): void => {
    const bytes = new Map<string, LoopExpression>();
    for (let i = 0; i < count; i++) {
      const at = new Map([[v, l.addLoopAffine(first, l.shiftLoopAffine(start, i))]]);
      accumulate({ ...innerScope(scope, into, at), bytes });
    }
  };
  const body: Statement[] = [];
  emit(l.loopAffine(0, whole > 1 ? [{ register, factor: block }] : []), whole > 0 ? block : 0, body);
  if (whole > 1) scope.statements.push(l.loop(register, 0, whole, 1, body));
  else scope.statements.push(...body);
  emit(l.loopAffine(whole * block), extent % block, scope.statements);
}

interface CodedRun {
  readonly load: Load;
  readonly size: number;
  readonly factors: Layout;
  /** Of the element that is read. */
  readonly place: Affine;
}

/** The codes that a sum of products reads along its innermost loop, if that loop and those around it enter groups at their beginnings. */
function codedRun(reduce: Reduce, inner: IndexVariable, lowering: Lowering): CodedRun | undefined {
  const { body, operator } = reduce;
  if (operator !== "add" || body.kind !== "binary" || body.operator !== "mul") return undefined;
  for (const load of [body.left, body.right]) {
    if (load.kind !== "load" || !load.index.every(isAffine)) continue;
    const layout = lowering.layoutOf(load.tensor);
    if (layout.groups === undefined) continue;
    const { size, factors } = layout.groups;
    const place = flatIndex(layout, load.index);
    const isAligned = place.terms.every(({ variable, factor }) =>
      variable === inner ? factor === 1 : factor % size === 0,
    );
    if (isAligned && place.constant % size === 0) return { load, size, factors, place };
  }
  return undefined;
}

/** for g { sum = 0; the steps of group g into sum; acc += sum · factor[g] }, then the last group if it is smaller. */
function sumGroups(
  v: IndexVariable,
  block: number,
  { load, size, factors, place }: CodedRun,
  acc: Register,
  scope: Scope,
  accumulateIn: AccumulateIn,
): void {
  const { lowering } = scope;
  const whole = Math.floor(v.extent / size);
  const sum = lowering.register("sum", acc.type);
  const emit = (first: LoopAffine, count: number, into: Statement[]): void => {
    const inside = { ...innerScope(scope, into), codes: new Set([load]) };
    into.push(l.set(sum, l.constant(acc.type, 0)));
    stripMine(v, block, inside, accumulateIn(sum), first, count);
    const element = loopIndex(innerScope(scope, into, new Map([[v, first]])), place);
    const group: LoopAffine = {
      constant: element.constant / size,
      terms: element.terms.map(({ register, factor }) => ({ register, factor: factor / size })),
    };
    const factor = unpackFactor(factors, group, undefined, innerScope(scope, into));
    into.push(l.set(acc, l.add(l.read(acc), l.mul(l.read(sum), factor))));
  };
  const register = lowering.register("g", i32Type);
  const body: Statement[] = [];
  if (whole > 0) emit(l.loopAffine(0, whole > 1 ? [{ register, factor: size }] : []), size, body);
  scope.statements.push(...(whole > 1 ? [l.loop(register, 0, whole, 1, body)] : body));
  if (v.extent % size > 0) emit(l.loopAffine(whole * size), v.extent % size, scope.statements);
}
