/** numpy's broadcasting: shapes are aligned at their last axes, and an extent of 1 stands for any. */
import { affine, at } from "../expr/build.ts";
import type { Affine, IndexVariable } from "../expr/expression.ts";
import type { InferFail } from "../ir/operation.ts";

/** The common shape, or a diagnostic. */
export function broadcastShape(a: readonly number[], b: readonly number[], fail: InferFail): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1)
      fail(
        "operand-shape",
        `has operands of shapes [${a.join(", ")}] and [${b.join(", ")}], which do not broadcast`,
      );
    return left === 1 ? right : left;
  });
}

/** Where the element of an operand lies that meets the result's element at `domain`. */
export function broadcastIndex(shape: readonly number[], domain: readonly IndexVariable[]): Affine[] {
  const aligned = domain.slice(domain.length - shape.length);
  return shape.map((extent, i) => (extent === 1 ? affine(0) : at(aligned[i]!)));
}

/** The same for oracles: the position in an operand of the result's element number `position`. */
export function broadcastPosition(
  shape: readonly number[],
  resultShape: readonly number[],
  position: number,
): number {
  let rest = position;
  let place = 0;
  let stride = 1;
  for (let axis = 1; axis <= shape.length; axis++) {
    const extent = shape[shape.length - axis]!;
    const outer = resultShape[resultShape.length - axis]!;
    if (extent > 1) place += (rest % outer) * stride;
    rest = Math.floor(rest / outer);
    stride *= extent;
  }
  return place;
}
