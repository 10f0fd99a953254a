/**
 * Stores neighbouring vectors of results along the channel axis: pairs of i32 vectors join into one of i16 where the buffer
 * holds i16, and the last vector may have lanes that are not the tensor's.
 */
import type { Step } from "../../src/expr/expression.ts";
import * as l from "../../src/loops/build.ts";
import { flatIndex } from "../../src/loops/layout.ts";
import type { Address, LoopExpression } from "../../src/loops/loop.ts";
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
 *     clamp((h + 2^(k-1)) >> k, 0, hi)   = min((narrow.u(h >> k-8) addsatu 2^7) >>> 8, hi)        hi <= 255, k >= 8
 *
 * the second and third a requantization's end. The second where (hi + 1)·2^k fits an i16: the bounds are the first and last h that round
 * to lo and hi. In the third, saturation is the clamp: what is below 0 becomes 0 and rounds to 0, what rounds to 256 or more
 * stops at 2^16 - 1, whose high byte is 255.
 */
function joinPair(left: LoopExpression, right: LoopExpression): LoopExpression {
  const { type } = l.narrow(left, right);
  const bounded = (value: LoopExpression, low: number, high: number): LoopExpression =>
    l.clamp(value, l.constant(type, low), l.constant(type, high));
  const [a, b] = [clampOf(left), clampOf(right)];
  if (a === undefined || b?.low !== a.low || b.high !== a.high) return l.narrow(left, right);
  const [p, q] = [roundedShiftOf(a.value), roundedShiftOf(b.value)];
  if (p !== undefined && q?.shift === p.shift) {
    if (isByteRange(a) && p.shift >= saturatingShift) {
      const above = l.i32(p.shift - saturatingShift);
      const joined = l.narrowUnsigned(l.shr(p.value, above), l.shr(q.value, above));
      const rounded = l.addsatu(joined, l.constant(type, 2 ** (saturatingShift - 1)));
      const byte = l.shru(rounded, l.i32(saturatingShift));
      return a.high === 255 ? byte : l.min(byte, l.constant(type, a.high));
    }
    const half = 2 ** (p.shift - 1);
    const low = a.low * 2 ** p.shift - half;
    const high = a.high * 2 ** p.shift + half - 1;
    if (low >= -32768 && high + half <= 32767) {
      const rounded = l.add(bounded(l.narrow(p.value, q.value), low, high), l.constant(type, half));
      return l.shr(rounded, l.i32(p.shift));
    }
  }
  if (a.low < -32768 || a.high > 32767) return l.narrow(left, right);
  return bounded(l.narrow(a.value, b.value), a.low, a.high);
}

/** The shift that leaves 8 bits of an unsigned i16. */
export const saturatingShift = 8;
/** Bounds that saturation to 8 unsigned bits implies, or nearly. */
export const isByteRange = ({ low, high }: { readonly low: number; readonly high: number }): boolean =>
  low === 0 && high >= 0 && high <= 255;

function clampOf(e: LoopExpression): { value: LoopExpression; low: number; high: number } | undefined {
  if (e.kind !== "binary" || e.operator !== "min" || !l.isConstant(e.right)) return undefined;
  const inner = e.left;
  if (inner.kind !== "binary" || inner.operator !== "max" || !l.isConstant(inner.right)) return undefined;
  return { value: inner.left, low: inner.right.value, high: e.right.value };
}

/** (value + 2^(shift-1)) >> shift, of a high word: |value| <= 2^30, so that the sum does not wrap. */
function roundedShiftOf(e: LoopExpression): { value: LoopExpression; shift: number } | undefined {
  if (e.kind !== "binary" || e.operator !== "shr" || !l.isConstant(e.right)) return undefined;
  const [sum, shift] = [e.left, e.right.value];
  if (sum.kind !== "binary" || sum.operator !== "add" || sum.left.kind !== "mulhi" || shift < 1)
    return undefined;
  return l.isConstant(sum.right, 2 ** (shift - 1)) ? { value: sum.left, shift } : undefined;
}
