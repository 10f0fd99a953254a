/** ONNX's rule for a result: the reference's shape and element type, and |got - want| <= atol + rtol * |want| everywhere. */
import type { Tensor } from "../../src/tensor/tensor.ts";

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** What is wrong with a result, or undefined. NaN equals NaN, infinities are compared by sign. */
export function difference(got: Tensor, want: Tensor, { rtol, atol }: Tolerance): string | undefined {
  const typeOf = ({ element, shape }: Tensor): string => `${element}[${shape.join(", ")}]`;
  if (typeOf(got) !== typeOf(want)) return `is ${typeOf(got)}, expected ${typeOf(want)}`;
  const wrong: number[] = [];
  for (let i = 0; i < want.data.length; i++)
    if (!isClose(Number(got.data[i]), Number(want.data[i]), atol + rtol * Math.abs(Number(want.data[i]))))
      wrong.push(i);
  const [first] = wrong;
  if (first === undefined) return undefined;
  return `differs in ${wrong.length} of ${want.data.length} elements, first at ${first}: ${String(got.data[first])}, expected ${String(want.data[first])}`;
}

function isClose(got: number, want: number, tolerance: number): boolean {
  if (Object.is(got, want) || got === want) return true;
  return Number.isFinite(want) && Math.abs(got - want) <= tolerance;
}
