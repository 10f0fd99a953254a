/**
 * Samples out of npy files with N samples along the first axis, one file for each input of the graph. One sample at a time is
 * read and mapped to the reals the network was trained with:
 *
 *     real = ((x - zero) * scale - mean[c]) / std[c]       rounded to f32 once
 *
 * Without a mapping the stored numbers are the reals. Where the whole map is affine with a single scale, the integers of
 * the file also become the input's quantization, so that the compiled network takes them as they are.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { InputQuantization, SampleSource } from "../pass/samples.ts";
import { isFloat } from "../tensor/element-type.ts";
import { elementCount, numbersOf, stridesOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { sliceOf, type NpyFile } from "./npy-file.ts";
import { windowsOf, type SampleWindow } from "./windows.ts";

/** How the numbers of a file become the network's inputs; what is absent does nothing. */
export interface InputMapping {
  readonly scale?: number;
  readonly zero?: number;
  /** One number, or one for each channel. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** What samples need to know of a graph's input. */
export interface InputPort {
  readonly name: string;
  readonly type: { readonly shape: readonly number[] };
}

export interface SampleSpread {
  readonly samples: number;
  /** Of all samples together. */
  readonly elements: number;
}

export interface SampleOptions {
  readonly mapping?: InputMapping;
  /** Samples are windows of the rows of the files. */
  readonly window?: SampleWindow;
  /** Only so many rows of the files, from the first: so many samples, unless `window` makes several of each. */
  readonly limit?: number;
  /**
   * Where there are more and no `limit`, only so many, evenly spaced from the first: `samples`, or more if these hold fewer than
   * `elements` numbers together.
   */
  readonly spread?: SampleSpread;
}

export interface Samples extends SampleSource {
  readonly files: readonly NpyFile[];
  readonly mapping: InputMapping;
  readonly quantization: ReadonlyMap<string, InputQuantization>;
  readonly window?: SampleWindow;
  /** Samples that one row of the files gives: 1 without windows. */
  readonly perRow: number;
}

/**
 * @throws DiagnosticError `sample-count`, `sample-shape`, `sample-mapping`, `sample-window`; while iterating `sample-not-finite`
 */
export function openSamples(
  rows: readonly NpyFile[],
  inputs: readonly InputPort[],
  { mapping = {}, limit, spread, window }: SampleOptions = {},
): Samples {
  const files =
    window === undefined || rows.length !== inputs.length
      ? rows
      : rows.map((file, i) => windowsOf(file, window, inputs[i]!.type.shape));
  const problems = [...checkFiles(files, inputs), ...checkMapping(mapping)];
  if (limit !== undefined && !(limit >= 1))
    problems.push(diagnostic("error", "sample-count", `the limit is ${limit} samples, expected at least 1`));
  if (problems.length > 0) throw new DiagnosticError(problems);
  const mappers = inputs.map(({ type }) => mapperFor(mapping, type.shape));
  const available = files[0]!.header.shape[0]!;
  const elements = inputs.reduce((sum, { type }) => sum + elementCount(type.shape), 0);
  const wanted = spread && Math.max(spread.samples, Math.ceil(spread.elements / Math.max(1, elements)));
  const perRow = available / rows[0]!.header.shape[0]!;
  const count = Math.min(limit === undefined ? (wanted ?? Infinity) : limit * perRow, available);
  const place = (n: number): number => (limit === undefined ? Math.floor((n * available) / count) : n);
  return {
    files,
    mapping,
    count,
    shapes: inputs.map(({ type }) => type.shape),
    quantization: quantizationOf(files, inputs, mapping),
    ...(window === undefined ? {} : { window }),
    perRow,
    *batches() {
      for (let n = 0; n < count; n++)
        yield files.map((file, i) => sampleOf(file, place(n), inputs[i]!.type.shape, mappers[i]!));
    },
  };
}

function checkFiles(files: readonly NpyFile[], inputs: readonly InputPort[]): Diagnostic[] {
  if (files.length !== inputs.length) {
    const names = inputs.map(({ name, type }) => ({
      message: `input %${name} is [${type.shape.join(", ")}]`,
    }));
    const message = `${files.length} sample files for ${inputs.length} inputs`;
    return [diagnostic("error", "sample-count", message, { notes: names })];
  }
  const counts = files.map(({ header }) => header.shape[0] ?? 0);
  return files.flatMap((file, i) => {
    const subject = `file "${file.file}"`;
    const [samples = 0, ...found] = file.header.shape;
    const { name, type } = inputs[i]!;
    if (file.header.shape.length === 0)
      return [
        diagnostic("error", "sample-shape", "a single number, expected samples along the first axis", {
          subject,
          help: shapeHelp(file.header.shape, type.shape),
        }),
      ];
    if (samples === 0)
      return [
        diagnostic("error", "sample-count", "there are no samples", { subject, help: "give at least one" }),
      ];
    if (samples !== counts[0])
      return [
        diagnostic("error", "sample-count", `${samples} samples, but '${files[0]!.file}' has ${counts[0]!}`, {
          subject,
        }),
      ];
    if (fits(found, type.shape)) return [];
    const sample = found.length === 0 ? "a single number" : `[${found.join(", ")}]`;
    const message = `a sample is ${sample}, input %${name} expects [${type.shape.join(", ")}]`;
    const isOne = fits(file.header.shape, type.shape);
    const help = isOne
      ? "this is one sample: give it an axis of samples, x[None]"
      : shapeHelp(found, type.shape);
    return [diagnostic("error", "sample-shape", message, { subject, help })];
  });
}

/** Equal, or equal but for a batch axis of 1 that only one of them has. */
const fits = (found: readonly number[], expected: readonly number[]): boolean =>
  [found.join(), ["1", ...found].join()].includes(expected.join()) ||
  found.join() === [1, ...expected].join();

function shapeHelp(found: readonly number[], expected: readonly number[]): string {
  const sorted = (shape: readonly number[]): string =>
    shape
      .filter((extent) => extent !== 1)
      .toSorted((a, b) => a - b)
      .join();
  const whole = expected[0] === 1 ? expected.slice(1) : expected;
  if (elementCount(found) === elementCount(expected) && sorted(found) === sorted(expected))
    return `reorder the axes with numpy.transpose, or x.reshape(-1, ${whole.join(", ")}) if only axes of 1 differ`;
  return `give an array of shape [N, ${whole.join(", ")}]`;
}

function checkMapping({ scale, zero, mean, std }: InputMapping): Diagnostic[] {
  const wrong = (message: string): Diagnostic[] => [diagnostic("error", "sample-mapping", message)];
  const numbers = [scale ?? 1, zero ?? 0, ...(mean ?? []), ...(std ?? [])];
  if (!numbers.every(Number.isFinite))
    return wrong("scale, zero point, mean and deviation must be finite numbers");
  if (scale !== undefined && scale <= 0)
    return wrong(`the input scale is ${scale}, expected a positive number`);
  if (std?.some((x) => x <= 0) === true) return wrong("a standard deviation is not positive");
  return [];
}

type Mapper = (x: number, index: number) => number;

function mapperFor(
  { scale = 1, zero = 0, mean = [0], std = [1] }: InputMapping,
  shape: readonly number[],
): Mapper {
  const channels = Math.max(mean.length, std.length);
  if (channels === 1) {
    const [m, s] = [mean[0]!, std[0]!];
    return m === 0 && s === 1 ? (x) => scale * (x - zero) : (x) => (scale * (x - zero) - m) / s;
  }
  const axis = channelAxis(shape, channels);
  if (axis === undefined || ![1, channels].includes(mean.length) || ![1, channels].includes(std.length))
    return fail(
      "sample-mapping",
      `${mean.length} means and ${std.length} deviations for an input of [${shape.join(", ")}]`,
      { help: "give one number, or one for each channel" },
    );
  const stride = stridesOf(shape)[axis]!;
  return (x, index) => {
    const c = Math.floor(index / stride) % channels;
    return (scale * (x - zero) - mean[c % mean.length]!) / std[c % std.length]!;
  };
}

/** ONNX has its channels second; images without that are tried last. */
function channelAxis(shape: readonly number[], channels: number): number | undefined {
  if (shape[1] === channels) return 1;
  return shape.at(-1) === channels ? shape.length - 1 : undefined;
}

function quantizationOf(
  files: readonly NpyFile[],
  inputs: readonly InputPort[],
  { scale = 1, zero = 0, mean = [0], std = [1] }: InputMapping,
): Map<string, InputQuantization> {
  const known = new Map<string, InputQuantization>();
  if (mean.length > 1 || std.length > 1) return known;
  files.forEach(({ header: { element } }, i) => {
    if (isFloat(element)) return;
    known.set(inputs[i]!.name, { element, scale: scale / std[0]!, zero: zero + mean[0]! / scale });
  });
  return known;
}

function sampleOf(file: NpyFile, n: number, shape: readonly number[], map: Mapper): Tensor {
  const numbers = numbersOf(sliceOf(file, n));
  const reals = new Float32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    const real = Math.fround(map(numbers[i]!, i));
    if (real - real !== 0)
      fail("sample-not-finite", `element ${i} of sample ${n} is ${real}, expected a finite number`, {
        subject: `file "${file.file}"`,
        help: "remove the sample, or look at what computed it",
      });
    reals[i] = real;
  }
  return tensor("f32", shape, reals);
}
