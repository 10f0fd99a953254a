/**
 * Stores neighbouring vectors of results along the channel axis: pairs of i32 vectors join into one of i16 where the buffer
 * holds i16, and the last vector may have lanes that are not the tensor's.
 */
import type { Affine, Step } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex } from "../../src/loops/layout.ts";
import { vector, type Address, type LoopExpression } from "../../src/loops/loop.ts";
import { loopIndex, type Scope } from "./lowering.ts";

/** `channels`: how many of all lanes are the tensor's. Each value comes with the scope that says where it lies. */
export function storeVectors(
  step: Step,
  values: readonly LoopExpression[],
  scopes: readonly Scope[],
  channels: number,
): void {
  const layout = scopes[0]!.lowering.layoutOf(step.target);
  const addressOf = (scope: Scope): Address => ({
    buffer: layout.buffer,
    index: loopIndex(scope, flatIndex(layout, step.index as readonly Affine[])),
  });
  const stored = values.map((value) =>
    layout.bias === 0 ? value : l.add(value, l.constant(value.type, -layout.bias)),
  );
  const lanes = stored[0]!.type.lanes;
  const pairs = layout.buffer.element === "i16" && stored[0]!.type.element === "i32";
  for (let i = 0; i < stored.length;) {
    const scope = scopes[i]!;
    const left = channels - i * lanes;
    const value = stored[i]!;
    const next = stored[i + 1];
    if (pairs && next !== undefined) {
      // Values are clamped to 8 bits long before, so saturation never happens here: it is only the joining that is wanted.
      const joined: LoopExpression = {
        kind: "narrow",
        type: vector("i16", 2 * lanes),
        left: value,
        right: next,
      };
      scope.statements.push(l.store(addressOf(scope), joined, Math.min(left, 2 * lanes)));
      i += 2;
    } else {
      scope.statements.push(l.store(addressOf(scope), value, Math.min(left, lanes)));
      i += 1;
    }
  }
}
