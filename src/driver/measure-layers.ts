/**
 * The integer network beside the real one, value by value, on a few calibration samples: what the report shows of each layer.
 *
 * Passes keep the names of values, so a stored value and the real value of the same name mean the same number. Both networks run as
 * WebAssembly that keeps those values whatever fusion would do; that changes no byte of them.
 */
import type { Executor, ExecutorFactory } from "../exec/executor.ts";
import type { Graph } from "../ir/graph.ts";
import { isConstant } from "../ir/match.ts";
import { dequantizeValue } from "../numerics/affine.ts";
import { log } from "../numerics/elementary.ts";
import { Histogram } from "../numerics/histogram.ts";
import type { SampleSource } from "../pass/samples.ts";
import { elementRange, isBigInteger, isFloat } from "../tensor/element-type.ts";
import { elementCount, numbersOf, type Tensor } from "../tensor/tensor.ts";
import { toStored } from "./boundary.ts";

/** Enough for a figure with one place after the point: noise is averaged over all elements of all samples. */
const mostSamples = 32;
const leastSamples = 4;
/** Large networks have so many elements that fewer samples say as much, and compiling should not wait. */
const enoughElements = 2 ** 21;

export interface Measured {
  readonly samples: number;
  /** In order of computation. */
  readonly values: readonly MeasuredValue[];
}

export interface MeasuredValue {
  /** Null where there was no noise at all. */
  readonly sqnrDb: number | null;
  readonly range: RangeRecord;
}

/** What a value may be and what it was, on the samples measured. */
export interface RangeRecord {
  readonly value: string;
  readonly element: string;
  /** The reals its stored integers can stand for. */
  readonly low: number;
  readonly high: number;
  /** Of the real network. */
  readonly seenLow: number;
  readonly seenHigh: number;
  /** Share of the real values that lie outside of what can be stored. */
  readonly clipped: number;
  readonly histogram: CompactHistogram;
}

/** Bin i counts the values in [from + i * width, from + (i + 1) * width). */
export interface CompactHistogram {
  readonly from: number;
  readonly width: number;
  readonly counts: readonly number[];
}

/** @param real the graph before quantization, whose inputs are the samples */
export async function measureLayers(
  real: Graph,
  stored: Graph,
  samples: SampleSource,
  createExecutor: ExecutorFactory,
): Promise<Measured> {
  const probes = probesOf(real, stored);
  const names = new Set(probes.map(({ name }) => name));
  const opened: Executor[] = [];
  try {
    const realExecutor = await createExecutor(real, names);
    opened.push(realExecutor);
    const storedExecutor = await createExecutor(stored, names);
    opened.push(storedExecutor);
    let count = 0;
    for (const sample of fewOf(samples, probes)) {
      const integers = sample.map((values, i) => toStored(values, stored.inputs[i]!.type));
      const expected = valuesOf(realExecutor, real, sample, names);
      const found = valuesOf(storedExecutor, stored, integers, names);
      for (const probe of probes) look(probe, expected.get(probe.name), found.get(probe.name));
      count++;
    }
    return { samples: count, values: probes.filter(({ histogram }) => histogram.count > 0).map(summarize) };
  } finally {
    for (const executor of opened) executor.dispose();
  }
}

interface Probe {
  readonly name: string;
  readonly element: string;
  /** Of one sample. */
  readonly elements: number;
  readonly scale: number;
  readonly zero: number;
  readonly low: number;
  readonly high: number;
  readonly histogram: Histogram;
  signal: number;
  noise: number;
  clipped: number;
}

/** Values that are stored in few bits with one scale, and that the real network has too. */
function probesOf(real: Graph, stored: Graph): Probe[] {
  const known = new Map(real.values.map((value) => [value.name, value]));
  return stored.values.flatMap((value): Probe[] => {
    const { name, type } = value;
    const { element, quantization } = type;
    const twin = known.get(name);
    if (twin === undefined || isConstant(value) || isConstant(twin)) return [];
    if (isFloat(element) || isBigInteger(element) || element === "i32") return [];
    if (quantization === undefined || quantization.axis !== undefined) return [];
    const elements = elementCount(type.shape);
    if (elementCount(twin.type.shape) !== elements) return [];
    const { min, max } = elementRange(element);
    const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
    const ends = { low: (min - zero) * scale, high: (max - zero) * scale };
    const sums = { signal: 0, noise: 0, clipped: 0 };
    return [{ name, element, elements, scale, zero, ...ends, histogram: new Histogram(), ...sums }];
  });
}

/** Evenly spaced. */
function* fewOf(samples: SampleSource, probes: readonly Probe[]): Iterable<readonly Tensor[]> {
  const elements = probes.reduce((sum, probe) => sum + probe.elements, 1);
  const most = Math.min(mostSamples, Math.max(leastSamples, Math.ceil(enoughElements / elements)));
  const wanted = Math.min(most, samples.count);
  let [index, taken] = [0, 0];
  for (const sample of samples.batches()) {
    if (index++ !== Math.floor((taken * samples.count) / wanted)) continue;
    yield sample;
    if (++taken === wanted) return;
  }
}

/** One inference. Engines need not show their inputs. */
function valuesOf(
  executor: Executor,
  graph: Graph,
  inputs: readonly Tensor[],
  names: ReadonlySet<string>,
): ReadonlyMap<string, Tensor> {
  const found = new Map<string, Tensor>(graph.inputs.map(({ name }, i) => [name, inputs[i]!]));
  executor.run(inputs, (name, values) => {
    if (names.has(name)) found.set(name, { ...values, data: values.data.slice() });
  });
  return found;
}

function look(probe: Probe, expected: Tensor | undefined, found: Tensor | undefined): void {
  if (expected === undefined || found === undefined) return;
  const reals = numbersOf(expected);
  const integers = numbersOf(found);
  const { low, high, scale, zero } = probe;
  probe.histogram.add(reals);
  let [signal, noise, clipped] = [0, 0, 0];
  for (let i = 0; i < reals.length; i++) {
    const x = reals[i]!;
    const difference = x - Math.fround(dequantizeValue(integers[i]!, scale, zero));
    signal += x * x;
    noise += difference * difference;
    // What rounds to the ends is not lost.
    if (x < low - scale / 2 || x > high + scale / 2) clipped++;
  }
  probe.signal += signal;
  probe.noise += noise;
  probe.clipped += clipped;
}

function summarize({ name, element, low, high, signal, noise, histogram, clipped }: Probe): MeasuredValue {
  const { min: seenLow, max: seenHigh, count } = histogram;
  const sqnrDb = noise > 0 ? (10 * log(signal / noise)) / log(10) : null;
  const share = clipped / count;
  return {
    sqnrDb,
    range: {
      value: name,
      element,
      low,
      high,
      seenLow,
      seenHigh,
      clipped: share,
      histogram: compact(histogram),
    },
  };
}

const mostBins = 48;

/** Neighbouring bins merged until few are left: exact, and the same on every machine. */
export function compact({ counts, half, binWidth }: Histogram): CompactHistogram {
  const first = Math.max(
    0,
    counts.findIndex((n) => n > 0),
  );
  const last = Math.max(
    first,
    counts.findLastIndex((n) => n > 0),
  );
  const step = Math.ceil((last - first + 1) / mostBins);
  const bins = Math.ceil((last - first + 1) / step);
  const merged = Array.from({ length: bins }, (_, bin) =>
    counts
      .slice(first + bin * step, Math.min(first + (bin + 1) * step, last + 1))
      .reduce((sum, n) => sum + n, 0),
  );
  return { from: (first - half) * binWidth, width: step * binWidth, counts: merged };
}
