/**
 * ONNX's convolution and pools as its specification words them, channels first and with any number of spatial axes: an oracle
 * that shares nothing with the importer, which goes through our own layout.
 */
import { elementCount, numbersOf, stridesOf, type Tensor } from "../../../src/tensor/tensor.ts";
import type { Result } from "./networks.ts";

export interface OracleWindows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly ceil?: boolean;
}

/** All indices of a shape, in order. */
function indices(shape: readonly number[]): number[][] {
  const strides = stridesOf(shape);
  return Array.from({ length: elementCount(shape) }, (_, i) =>
    shape.map((extent, axis) => Math.floor(i / strides[axis]!) % extent),
  );
}

function outputExtents(extents: readonly number[], w: OracleWindows): number[] {
  return extents.map((extent, i) => {
    const steps =
      (extent + w.begins[i]! + w.ends[i]! - (w.dilations[i]! * (w.kernel[i]! - 1) + 1)) / w.strides[i]!;
    if (w.ceil !== true) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    return (count - 1) * w.strides[i]! >= extent + w.begins[i]! ? count - 1 : count;
  });
}

/** The taps of the window at `place`: index in the input (maybe outside) and in the kernel. */
const taps = (place: readonly number[], w: OracleWindows) =>
  indices(w.kernel).map((tap) => ({
    tap,
    at: tap.map((k, i) => place[i]! * w.strides[i]! + k * w.dilations[i]! - w.begins[i]!),
  }));

const inside = (at: readonly number[], extents: readonly number[]): boolean =>
  at.every((position, i) => position >= 0 && position < extents[i]!);

function read({ shape, ...rest }: Tensor, index: readonly number[]): number {
  const strides = stridesOf(shape);
  return numbersOf({ shape, ...rest })[index.reduce((sum, i, axis) => sum + i * strides[axis]!, 0)]!;
}

export function convOracle(
  x: Tensor,
  w: Tensor,
  b: Tensor | undefined,
  groups: number,
  o: OracleWindows,
): Result {
  const [batch, , ...extents] = x.shape as [number, number, ...number[]];
  const [outputs, depth] = w.shape as [number, number];
  const shape = [batch, outputs, ...outputExtents(extents, o)];
  const values = indices(shape).map(([n, m, ...place]) => {
    let sum = b === undefined ? 0 : read(b, [m!]);
    for (const { tap, at } of taps(place, o))
      for (let c = 0; c < depth && inside(at, extents); c++)
        sum +=
          read(x, [n!, Math.floor(m! / (outputs / groups)) * depth + c, ...at]) * read(w, [m!, c, ...tap]);
    return sum;
  });
  return { shape, values };
}

/** Every product is added where it lands: output[i * stride + k * dilation - begin] += x[i] w[k]. Weights are [I, O / groups, …]. */
export function convTransposeOracle(
  x: Tensor,
  w: Tensor,
  b: Tensor | undefined,
  groups: number,
  o: OracleWindows & { readonly growth?: readonly number[]; readonly output?: readonly number[] },
): Result {
  const [batch, inputs, ...extents] = x.shape as [number, number, ...number[]];
  const outputs = w.shape[1]!;
  const out = extents.map(
    (extent, i) =>
      o.output?.[i] ??
      (extent - 1) * o.strides[i]! +
        (o.kernel[i]! - 1) * o.dilations[i]! +
        1 +
        (o.growth?.[i] ?? 0) -
        o.begins[i]! -
        o.ends[i]!,
  );
  const shape = [batch, groups * outputs, ...out];
  const strides = stridesOf(shape);
  const values = indices(shape).map(([, m]) => (b === undefined ? 0 : read(b, [m!])));
  for (const [n, c, ...place] of indices(x.shape))
    for (const tap of indices(o.kernel)) {
      const at = place.map((p, i) => p * o.strides[i]! + tap[i]! * o.dilations[i]! - o.begins[i]!);
      if (!inside(at, out)) continue;
      const group = Math.floor(c! / (inputs / groups));
      for (let m = 0; m < outputs; m++) {
        const index = [n!, group * outputs + m, ...at].reduce((sum, p, axis) => sum + p * strides[axis]!, 0);
        values[index]! += read(x, [n!, c!, ...place]) * read(w, [c!, m, ...tap]);
      }
    }
  return { shape, values };
}

export function poolOracle(kind: "max" | "mean", x: Tensor, o: OracleWindows, countsPads = false): Result {
  const [batch, channels, ...extents] = x.shape as [number, number, ...number[]];
  const shape = [batch, channels, ...outputExtents(extents, o)];
  const values = indices(shape).map(([n, c, ...place]) => {
    const cells = taps(place, o);
    const covered = cells.filter(({ at }) => inside(at, extents)).map(({ at }) => read(x, [n!, c!, ...at]));
    if (kind === "max") return Math.max(...covered);
    const counted = cells.filter(({ at }) =>
      at.every((p, i) => p >= -o.begins[i]! && p < extents[i]! + o.ends[i]!),
    );
    const sum = covered.reduce((a, v) => a + v, 0);
    return Math.fround(sum / (countsPads ? counted.length : covered.length));
  });
  return { shape, values };
}
