/**
 * Chooses a schedule for one step, by how its output axes occur and never by an operator's name: the first that does not decline.
 */
import type { Step } from "../../src/expr/expression.ts";
import type { Statement } from "../../src/loops/loop.ts";
import { scheduleContraction } from "./contraction.ts";
import { scheduleDepthwise } from "./depthwise.ts";
import { scheduleLanes } from "./lanes.ts";
import type { Lowering } from "./lowering.ts";
import { scaleAccumulator } from "./scale-accumulator.ts";
import { scheduleScalar } from "./scalar.ts";

export interface ScheduledStep {
  readonly schedule: "contraction" | "depthwise" | "lanes" | "scalar";
  readonly statements: readonly Statement[];
}

export function scheduleStep(step: Step, lowering: Lowering): ScheduledStep {
  // The vector schedules take every axis to have an element.
  const empty = step.domain.some(({ extent }) => extent === 0);
  if (lowering.target.vector !== undefined && !empty) {
    const scaled = scaleAccumulator(step, lowering);
    const contraction = scheduleContraction(scaled, lowering);
    if (contraction !== undefined) return { schedule: "contraction", statements: contraction };
    const depthwise = scheduleDepthwise(scaled, lowering);
    if (depthwise !== undefined) return { schedule: "depthwise", statements: depthwise };
    const lanes = scheduleLanes(step, lowering);
    if (lanes !== undefined) return { schedule: "lanes", statements: lanes };
  }
  return { schedule: "scalar", statements: scheduleScalar(step, lowering) };
}
