/**
 * Stores neighbouring vectors of results along the channel axis: pairs of i32 vectors join into one of i16 where the buffer
 * holds i16, and the last vector may have lanes that are not the tensor's.
 */
import type { Step } from "../../src/expr/expression.ts";
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
    index: loopIndex(scope, flatIndex(layout, step.index)),
  });
  const biased = values.map((value) =>
    layout.bias === 0 ? value : l.add(value, l.constant(value.type, -layout.bias)),
  );
  const lanes = biased[0]!.type.lanes;
  const pairs = layout.buffer.element === "i16" && biased[0]!.type.element === "i32";
  for (let i = 0; i < biased.length;) {
    const scope = scopes[i]!;
    const left = channels - i * lanes;
    const value = biased[i]!;
    const next = biased[i + 1];
    const step = pairs && next !== undefined ? 2 : 1;
    const stored = pairs ? joinPair(value, next ?? value) : value;
    scope.statements.push(l.store(addressOf(scope), stored, Math.min(left, step * lanes)));
    i += step;
  }
}

/**
 * Two i32 vectors as one of i16. Narrowing saturates, which is monotone, so what is monotone and small enough can wait until after it, where
 * one instruction serves both:
 *
 *     clamp(v, lo, hi)                   = clamp(narrow(v), lo, hi)                               lo, hi in i16
 *     clamp((h + 2^(k-1)) >> k, lo, hi)  = (clamp(h, lo·2^k - 2^(k-1), hi·2^k + 2^(k-1) - 1) + 2^(k-1)) >> k
 *
 * the second, a requantization's end, where (hi + 1)·2^k fits an i16: the bounds are the first and last h that round to lo and hi.
 */
function joinPair(left: LoopExpression, right: LoopExpression): LoopExpression {
  const type = vector("i16", 2 * left.type.lanes);
  const narrow = (a: LoopExpression, b: LoopExpression): LoopExpression => ({
    kind: "narrow",
    type,
    left: a,
    right: b,
  });
  const bounded = (a: LoopExpression, b: LoopExpression, low: number, high: number): LoopExpression =>
    l.clamp(narrow(a, b), l.constant(type, low), l.constant(type, high));
  const [a, b] = [clampOf(left), clampOf(right)];
  if (a === undefined || b?.low !== a.low || b.high !== a.high) return narrow(left, right);
  const [p, q] = [roundedShiftOf(a.value), roundedShiftOf(b.value)];
  if (p !== undefined && q?.shift === p.shift) {
    const half = 2 ** (p.shift - 1);
    const low = a.low * 2 ** p.shift - half;
    const high = a.high * 2 ** p.shift + half - 1;
    if (low >= -32768 && high + half <= 32767) {
      const rounded = l.add(bounded(p.value, q.value, low, high), l.constant(type, half));
      return l.shr(rounded, l.i32(p.shift));
    }
  }
  if (a.low < -32768 || a.high > 32767) return narrow(left, right);
  return bounded(a.value, b.value, a.low, a.high);
}

function clampOf(e: LoopExpression): { value: LoopExpression; low: number; high: number } | undefined {
  if (e.kind !== "binary" || e.operator !== "min" || !l.isConstant(e.right)) return undefined;
  const inner = e.left;
  if (inner.kind !== "binary" || inner.operator !== "max" || !l.isConstant(inner.right)) return undefined;
  return { value: inner.left, low: inner.right.value, high: e.right.value };
}

/** (value + 2^(shift-1)) >> shift */
function roundedShiftOf(e: LoopExpression): { value: LoopExpression; shift: number } | undefined {
  if (e.kind !== "binary" || e.operator !== "shr" || !l.isConstant(e.right)) return undefined;
  const [sum, shift] = [e.left, e.right.value];
  if (sum.kind !== "binary" || sum.operator !== "add" || shift < 1) return undefined;
  return l.isConstant(sum.right, 2 ** (shift - 1)) ? { value: sum.left, shift } : undefined;
}
