/**
 * Finds a contraction in a step and says how its axes fall: channels, pixels, loops around, and a reduction split into outer loops and one
 * run of contiguous memory.
 */
import type { IndexVariable, Load, Step } from "../../src/expr/expression.ts";
import type { Lowering } from "./lowering.ts";
import { matchProduct, mentions, strideOf, type Product } from "./product.ts";

/** An output axis of pixels, possibly several merged into the last of them. */
export interface PixelAxis {
  readonly variable: IndexVariable;
  readonly extent: number;
}

export interface Contraction extends Product {
  readonly step: Step;
  readonly lowering: Lowering;
  readonly channels: IndexVariable;
  /** Batch axes and further channel axes: loops around everything, outermost in the packed weights. */
  readonly outer: readonly IndexVariable[];
  /** Axes merged away: always 0. */
  readonly merged: readonly IndexVariable[];
  readonly pixels: readonly PixelAxis[];
  readonly outerReduction: readonly IndexVariable[];
  /** Reduction axes that lie in one run of memory, outermost first. */
  readonly run: readonly IndexVariable[];
  readonly runLength: number;
  readonly runStride: number;
  /** Elements of K a step takes. */
  readonly granule: number;
  readonly lanes: number;
}

export function matchContraction(step: Step, lowering: Lowering): Contraction | undefined {
  const found = matchProduct(step, lowering);
  if (found === undefined || lowering.target.vector === undefined) return undefined;
  const { reduce, activation, weight, element } = found;
  const target = { tensor: step.target, index: step.index };
  const varying = step.domain.filter((v) => v.extent > 1);
  const inWeight = varying.filter((v) => mentions(weight, v));
  const inActivation = varying.filter((v) => mentions(activation, v));
  if (varying.some((v) => !inWeight.includes(v) && !inActivation.includes(v))) return undefined;
  const own = inWeight.filter((v) => !inActivation.includes(v));
  // A single output channel is still a channel: take any axis of extent 1 the target has last.
  const channels = own.find((v) => strideOf(target, v, lowering) === 1);
  if (channels === undefined) return undefined;
  if (!found.others.every((load) => [0, 1].includes(strideOf(load, channels, lowering)))) return undefined;

  const { pixels, merged } = mergePixels(
    inActivation.filter((v) => !inWeight.includes(v)),
    [activation, target, ...found.others],
    lowering,
  );
  const reduction = splitReduction(found, lowering);
  if (reduction === undefined) return undefined;
  return {
    ...found,
    ...reduction,
    step,
    lowering,
    channels,
    outer: inWeight.filter((v) => v !== channels),
    merged: [
      ...merged,
      ...step.domain.filter((v) => v.extent === 1),
      ...reduce.over.filter((v) => v.extent === 1),
    ],
    pixels,
    granule: element === "i16" ? 2 : 1,
    lanes: lowering.target.vector.lanes32,
  };
}

/** Merges (a, b) into b where every access walks a in whole rows of b. */
function mergePixels(
  axes: readonly IndexVariable[],
  accesses: readonly Pick<Load, "tensor" | "index">[],
  lowering: Lowering,
): { pixels: PixelAxis[]; merged: IndexVariable[] } {
  const pixels: PixelAxis[] = [];
  const merged: IndexVariable[] = [];
  for (const variable of [...axes].reverse()) {
    const inner = pixels[0];
    const contiguous =
      inner !== undefined &&
      accesses.every(
        (access) =>
          strideOf(access, variable, lowering) === strideOf(access, inner.variable, lowering) * inner.extent,
      );
    if (contiguous) {
      pixels[0] = { variable: inner.variable, extent: inner.extent * variable.extent };
      merged.push(variable);
    } else pixels.unshift({ variable, extent: variable.extent });
  }
  return { pixels, merged };
}

function splitReduction(
  { reduce, activation, element }: Product,
  lowering: Lowering,
): Pick<Contraction, "outerReduction" | "run" | "runLength" | "runStride"> | undefined {
  const stride = (v: IndexVariable): number => strideOf(activation, v, lowering);
  const varying = reduce.over.filter((v) => v.extent > 1);
  // Integers may be summed in any order: the contiguous axis goes innermost.
  const ordered = element === "f32" ? varying : [...varying].sort((a, b) => stride(b) - stride(a));
  const innermost = ordered.at(-1);
  if (innermost === undefined) return { outerReduction: [], run: [], runLength: 1, runStride: 1 };
  const runStride = stride(innermost);
  if (element === "i16" && runStride !== 1) return undefined;
  let start = ordered.length - 1;
  let runLength = innermost.extent;
  while (start > 0 && stride(ordered[start - 1]!) === runStride * runLength)
    runLength *= ordered[--start]!.extent;
  return { outerReduction: ordered.slice(0, start), run: ordered.slice(start), runLength, runStride };
}
