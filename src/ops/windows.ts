/**
 * Sliding windows over NHWC tensors, shared by convolutions and pools. Output (y, x) and tap (ky, kx) meet at
 *
 *     row = y * stride + ky * dilation - top        column = x * stride + kx * dilation - left
 *
 * and rows outside the input are padding: reading them needs a fill value, which is asked for only where some window
 * really reaches out of the input.
 */
import { affine, affineBounds, at, axes, variable } from "../expr/build.ts";
import type { Affine, IndexVariable } from "../expr/expression.ts";
import type { InferFail } from "../ir/operation.ts";

export interface Windows {
  readonly strides: readonly number[];
  /** top, left, bottom, right */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** Output height and width of windows of `kernel` over an input of `extents`; ends with a diagnostic when there is none. */
export function windowExtents(
  extents: readonly number[],
  kernel: readonly number[],
  { strides, pads, dilations }: Windows,
  fail: InferFail,
): [number, number] {
  const positive = (name: string, values: readonly number[]): void => {
    if (values.some((v) => v < 1))
      fail("attribute", `has ${name} [${values.join(", ")}], expected at least 1`);
  };
  positive("strides", strides);
  positive("dilations", dilations);
  positive("kernel", kernel);
  if (pads.some((p) => p < 0)) fail("attribute", `has pads [${pads.join(", ")}], expected at least 0`);
  const along = (i: number, axis: string): number => {
    const padded = extents[i]! + pads[i]! + pads[i + 2]!;
    const reach = dilations[i]! * (kernel[i]! - 1) + 1;
    if (reach > padded)
      fail(
        "operand-shape",
        `has a window of ${axis} ${reach}, expected at most the padded input's ${padded}`,
      );
    return Math.floor((padded - reach) / strides[i]!) + 1;
  };
  return [along(0, "height"), along(1, "width")];
}

/** The input row (axis 0) or column (axis 1) that output position `v` reads with tap `tap`. */
export const windowIndex = (v: IndexVariable, tap: IndexVariable, windows: Windows, axis: 0 | 1): Affine =>
  affine(-windows.pads[axis]!, [v, windows.strides[axis]!], [tap, windows.dilations[axis]!]);

/** Whether an index leaves [0, extent) somewhere. */
export function reachesOutside(index: Affine, extent: number): boolean {
  const { min, max } = affineBounds(index);
  return min < 0 || max >= extent;
}

/** Pools have no value for a window that lies in the padding alone, so pads must be smaller than the window. */
export function requirePadsWithin(
  kernel: readonly number[],
  { pads, dilations }: Pick<Windows, "pads" | "dilations">,
  fail: InferFail,
): void {
  const reach = kernel.map((extent, i) => dilations[i]! * (extent - 1) + 1);
  if (pads.some((pad, i) => pad >= reach[i % 2]!))
    fail("attribute", `has pads [${pads.join(", ")}], expected less than the window's [${reach.join(", ")}]`);
}

/** Batch, row, column and channel of a result. */
export type WindowVariables = [IndexVariable, IndexVariable, IndexVariable, IndexVariable];

/** The loops of a pool with a result of `shape`, and the element of the operand that they meet at. */
export interface PoolLoops {
  readonly domain: WindowVariables;
  readonly taps: readonly [IndexVariable, IndexVariable];
  readonly index: readonly Affine[];
  /** Whether some window reaches into the padding. */
  readonly readsPadding: boolean;
}

export function poolLoops(
  input: readonly number[],
  shape: readonly number[],
  kernel: readonly number[],
  windows: Windows,
): PoolLoops {
  const domain = axes(shape, ["n", "y", "x", "c"]) as WindowVariables;
  const [n, y, x, c] = domain;
  const taps = [variable("ky", kernel[0]!), variable("kx", kernel[1]!)] as const;
  const row = windowIndex(y, taps[0], windows, 0);
  const column = windowIndex(x, taps[1], windows, 1);
  return {
    domain,
    taps,
    index: [at(n), row, column, at(c)],
    readsPadding: reachesOutside(row, input[1]!) || reachesOutside(column, input[2]!),
  };
}
