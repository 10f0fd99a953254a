/**
 * The scalar schedule: one loop per output axis in order, reductions as loops inside, one element at a time. It takes every
 * expression, and is what the other schedules are compared with.
 */
import type { IndexVariable, Step } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import { i32Type, type LoopAffine, type Register, type Statement } from "../../src/loops/loop.ts";
import { lowerExpression } from "./lower-expression.ts";
import { rootScope, type Lowering } from "./lowering.ts";
import { fillBorder, storeResult } from "./write-result.ts";
import { lowerReduction } from "./reduction.ts";

export function scheduleScalar(step: Step, lowering: Lowering): Statement[] {
  const { variables, loops } = bindDomain(step.domain, lowering);
  const body: Statement[] = [];
  const scope = rootScope(lowering, body, variables);
  storeResult(step, lowerExpression(step.value, scope, lowerReduction), scope);
  return [...fillBorder(step, lowering), ...wrap(loops, body)];
}

export interface DomainLoop {
  readonly register: Register;
  readonly extent: number;
}

/** A register for each variable that varies. */
export function bindDomain(
  domain: readonly IndexVariable[],
  lowering: Lowering,
): { variables: Map<IndexVariable, LoopAffine>; loops: DomainLoop[] } {
  const variables = new Map<IndexVariable, LoopAffine>();
  const loops: DomainLoop[] = [];
  for (const v of domain) {
    if (v.extent === 1) variables.set(v, l.loopAffine(0));
    else {
      const register = lowering.register(v.name, i32Type);
      variables.set(v, l.loopAffine(0, [{ register, factor: 1 }]));
      loops.push({ register, extent: v.extent });
    }
  }
  return { variables, loops };
}

export const wrap = (loops: readonly DomainLoop[], body: readonly Statement[]): Statement[] => [
  ...loops.reduceRight<readonly Statement[]>(
    (inner, { register, extent }) => [l.loop(register, 0, extent, 1, inner)],
    body,
  ),
];
