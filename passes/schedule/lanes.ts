/**
 * The lanes schedule: the innermost output axis runs four elements at a time in 32-bit lanes, everything else as in scalar code. It
 * serves whatever reads and writes that axis contiguously: additions, pooling, depthwise convolution of floats.
 *
 * Declines (undefined) when the expression has no lane form, when a read strides across lanes or is of packed bits, or when a guarded read would have to
 * test each lane by itself.
 */
import {
  isAffine,
  type Affine,
  type IndexVariable,
  type Load,
  type Step,
} from "../../src/expr/expression.ts";
import { runsInLanes } from "../../src/expr/lanes.ts";
import { loadsOf, rewrite } from "../../src/expr/rewrite.ts";
import { nodesOf } from "../../src/expr/walk.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex } from "../../src/loops/layout.ts";
import { i32Type, type LoopAffine, type Statement } from "../../src/loops/loop.ts";
import { lowerExpression, openAxes } from "./lower-expression.ts";
import { rootScope, type Lowering } from "./lowering.ts";
import { fillBorder, storeResult } from "./write-result.ts";
import { reorderConstant } from "./pack.ts";
import { clippedReads, lowerReduction } from "./reduction.ts";
import { bindDomain, wrap } from "./scalar.ts";

export function scheduleLanes(given: Step, lowering: Lowering): Statement[] | undefined {
  const count = lowering.target.vector?.lanes32;
  if (count === undefined) return undefined;
  const axis = [...given.domain].reverse().find((v) => v.extent > 1);
  if (axis === undefined || axis.extent < count) return undefined;
  const step = alignConstants(given, axis, lowering);
  if (!fits(step, axis, lowering)) return undefined;

  const outer = step.domain.filter((v) => v !== axis);
  const { variables, loops } = bindDomain(outer, lowering);
  const body: Statement[] = [];
  const whole = axis.extent - (axis.extent % count);
  const point = (place: LoopAffine, lanes: number, into: Statement[]): void => {
    const bound = new Map([...variables, [axis, place] as const]);
    const scope = rootScope(lowering, into, bound, lanes > 1 ? { variable: axis, count: lanes } : undefined);
    storeResult(step, lowerExpression(step.value, scope, lowerReduction), scope);
  };
  const vectorBody: Statement[] = [];
  const v = lowering.register(axis.name, i32Type);
  if (whole === count) point(l.loopAffine(0), count, body);
  else {
    point(l.loopAffine(0, [{ register: v, factor: 1 }]), count, vectorBody);
    body.push(l.loop(v, 0, whole, count, vectorBody));
  }
  for (let tail = whole; tail < axis.extent; tail++) point(l.loopAffine(tail), 1, body);
  return [...fillBorder(step, lowering), ...wrap(loops, body)];
}

/** Constants that are read across lanes get a copy in which the lanes are neighbours. */
function alignConstants(step: Step, axis: IndexVariable, lowering: Lowering): Step {
  const value = rewrite(step.value, {
    load: (load) => {
      if (load.tensor.data === undefined || !load.index.every(isAffine) || load.fill !== undefined)
        return undefined;
      if ([0, 1].includes(strideAlong(load.index, lowering, load.tensor, axis))) return undefined;
      const others = [...new Set(load.index.flatMap((part) => part.terms.map(({ variable }) => variable)))];
      const copy = reorderConstant(load, [...others.filter((v) => v !== axis), axis]);
      lowering.addConstant(copy.tensor);
      return copy.load;
    },
  });
  return { ...step, value };
}

function fits(step: Step, axis: IndexVariable, lowering: Lowering): boolean {
  if (!runsInLanes(step.value)) return false;
  if (strideAlong(step.index, lowering, step.target, axis) !== 1) return false;
  if (nodesOf(step.value).some((e) => e.kind === "reduce" && e.over.includes(axis))) return false;
  const clipped = new Set(
    nodesOf(step.value).flatMap((e) =>
      e.kind === "reduce" ? clippedReads(e, lowering).map(({ load }) => load) : [],
    ),
  );
  return loadsOf(step.value).every((load) => {
    if (lowering.layoutOf(load.tensor).packing !== undefined) return false;
    const stride = strideAlong(load.index.filter(isAffine), lowering, load.tensor, axis);
    if (stride !== 0 && stride !== 1) return false;
    const open = openAxes(load, lowering.layoutOf(load.tensor));
    return open.length === 0 || (clipped.has(load) && open.every((a) => !dependsOn(load, a, axis)));
  });
}

const dependsOn = (load: Load, axis: number, v: IndexVariable): boolean => {
  const part = load.index[axis]!;
  return isAffine(part) && part.terms.some(({ variable }) => variable === v);
};

function strideAlong(
  index: readonly Affine[],
  lowering: Lowering,
  tensor: Step["target"],
  v: IndexVariable,
): number {
  return (
    flatIndex(lowering.layoutOf(tensor), index).terms.find(({ variable }) => variable === v)?.factor ?? 0
  );
}
