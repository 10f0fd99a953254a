/**
 * Samples a network is calibrated with: streamed one at a time, replayable, never all in memory as f32.
 */
import { DiagnosticError, diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { dequantizeValue } from "../numerics/affine.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { isFloat, type ElementType } from "../tensor/element-type.ts";

/** What the integers of a sample file stand for: `real = scale * (stored - zero)`. */
export interface InputQuantization {
  readonly element: ElementType;
  readonly scale: number;
  readonly zero: number;
}

export interface SampleSource {
  readonly count: number;
  /** Shape of one sample, for each input of the graph. */
  readonly shapes: readonly (readonly number[])[];
  /** One f32 tensor for each input, sample after sample; every call starts again at the first. */
  batches(): Iterable<readonly Tensor[]>;
}

/**
 * Cuts arrays with N samples along their first axis into samples of the given shapes.
 *
 * @param arrays one for each input: floats, or integers that `quantization` maps to reals
 * @param shapes the shapes of the graph's inputs
 * @throws DiagnosticError `sample-shape`, `sample-count` or `sample-type`
 */
export function samplesFromArrays(
  arrays: readonly Tensor[],
  shapes: readonly (readonly number[])[],
  quantization: readonly (InputQuantization | undefined)[] = [],
): SampleSource {
  const problems: Diagnostic[] = [];
  const report = (code: string, message: string, help?: string): void => {
    problems.push(diagnostic("error", code, message, help === undefined ? {} : { help }));
  };
  if (arrays.length !== shapes.length)
    report("sample-count", `${arrays.length} sample files for ${shapes.length} inputs`);
  const count = arrays[0]?.shape[0] ?? 0;
  if (count === 0) report("sample-count", "there are no samples");
  arrays.forEach((array, i) => {
    const shape = shapes[i];
    if (shape === undefined) return;
    const [samples = 0, ...rest] = array.shape;
    if (samples !== count)
      report("sample-count", `input ${i} has ${samples} samples, the first input has ${count}`);
    if (withoutOnes(rest) !== withoutOnes(shape))
      report(
        "sample-shape",
        `a sample of input ${i} is [${rest.join(", ")}], expected [${shape.join(", ")}]`,
      );
    if (!isFloat(array.element) && quantization[i] === undefined)
      report(
        "sample-type",
        `the samples of input ${i} are ${array.element}, expected floats`,
        "give the scale and zero point of the integers with --input-scale and --input-zero",
      );
  });
  if (problems.length > 0) throw new DiagnosticError(problems);
  return {
    count,
    shapes,
    *batches() {
      for (let n = 0; n < count; n++)
        yield arrays.map((array, i) => sampleOf(array, n, shapes[i]!, quantization[i]));
    },
  };
}

/** Extents of 1 hold no data: a file of [N, 49, 10] fits an input of [1, 49, 10, 1]. */
const withoutOnes = (shape: readonly number[]): string => shape.filter((extent) => extent !== 1).join("x");

function sampleOf(
  array: Tensor,
  n: number,
  shape: readonly number[],
  quantization: InputQuantization | undefined,
): Tensor {
  const size = elementCount(shape);
  const data = array.data.slice(n * size, (n + 1) * size);
  const numbers = numbersOf({ shape, element: array.element, data });
  if (quantization === undefined) return tensor("f32", shape, Float32Array.from(numbers));
  const { scale, zero } = quantization;
  return tensor(
    "f32",
    shape,
    Float32Array.from(numbers, (stored) => dequantizeValue(stored, scale, zero)),
  );
}
