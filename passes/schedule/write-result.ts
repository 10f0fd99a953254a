/** What a schedule writes beside the expression itself: the result's place, and the border around the result. */
import type { ScalarType, Step } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex } from "../../src/loops/layout.ts";
import {
  i32Type,
  type Address,
  type LoopAffine,
  type LoopExpression,
  type MemoryElement,
  type Statement,
} from "../../src/loops/loop.ts";
import { loopIndex, registerType, Lowering, type Scope } from "./lowering.ts";

/** Stores the step's value at its own point. `lanes`: how many of the vector's lanes are the tensor's. */
export function storeResult(step: Step, value: LoopExpression, scope: Scope, lanes?: number): void {
  const layout = scope.lowering.layoutOf(step.target);
  const stored = layout.bias === 0 ? value : l.add(value, l.constant(value.type, -layout.bias));
  const address: Address = { buffer: layout.buffer, index: loopIndex(scope, flatIndex(layout, step.index)) };
  scope.statements.push(l.store(address, stored, lanes));
}

/** Fills the border of a target, and nothing else, with its stored value: runs of rows above and below, the gaps between rows. */
export function fillBorder(step: Step, lowering: Lowering): Statement[] {
  // Of several steps that write parts of one target, the first.
  if (lowering.bordered.has(step.target)) return [];
  lowering.bordered.add(step.target);
  const layout = lowering.layoutOf(step.target);
  const { buffer } = layout;
  const type = registerType(laneTypeOf(buffer.element), 1);
  const value = l.constant(type, layout.borderValue - layout.bias);
  const statements: Statement[] = [];
  const fill = (start: LoopAffine, count: number): void => {
    if (count <= 0) return;
    const i = lowering.register("b", i32Type);
    const index = l.addLoopAffine(start, l.loopAffine(0, [{ register: i, factor: 1 }]));
    statements.push(l.loop(i, 0, count, 1, [l.store({ buffer, index }, value)]));
  };
  // Recursion over the axes: before the first slice, between slices' own borders, after the last one.
  const visit = (axis: number, start: LoopAffine, into: Statement[]): void => {
    const border = layout.border[axis];
    if (border === undefined || layout.border.slice(axis).every((b) => b.before + b.after === 0)) return;
    const stride = layout.strides[axis]!;
    const extent = step.target.shape[axis]!;
    const collect = statements.length;
    fill(start, border.before * stride);
    fill(l.addLoopAffine(start, l.loopAffine((border.before + extent) * stride)), border.after * stride);
    into.push(...statements.splice(collect));
    if (layout.border.slice(axis + 1).every((b) => b.before + b.after === 0)) return;
    const i = lowering.register("r", i32Type);
    const body: Statement[] = [];
    const row = extent === 1 ? l.loopAffine(0) : l.loopAffine(0, [{ register: i, factor: stride }]);
    visit(axis + 1, l.addLoopAffine(l.addLoopAffine(start, l.loopAffine(border.before * stride)), row), body);
    if (extent === 1) into.push(...body);
    else if (body.length > 0) into.push(l.loop(i, 0, extent, 1, body));
  };
  const result: Statement[] = [];
  visit(0, l.loopAffine(0), result);
  return result.length === 0 ? [] : [{ kind: "comment", text: `border of ${step.target.name}` }, ...result];
}

function laneTypeOf(element: MemoryElement): ScalarType {
  if (element === "f32" || element === "f64" || element === "i64") return element;
  return "i32";
}
