/**
 * Runs the samples through the real network and gives every group of values that will be quantized a range (docs/quantization.md).
 *
 * Samples stream, so memory does not grow with their number: each group has a histogram of the samples that ranges are made from and
 * one of those that are held out (every fifth). `method` names the rule, or `auto` chooses:
 *
 *  1. for each group, the rule whose range, made from the former, has the least squared error on the latter;
 *  2. for the network, these ranges or one rule for all groups, by the error of the deciding values (judge-outputs.ts) on the samples
 *     held out, with activations quantized and weights real. Error in one tensor is not error in the answer.
 *
 * Inputs, outputs and what decides them are left out of the choice: they get all that was seen and an eighth more. The caller may
 * look for the very values that are rare, more samples go farther, and rounding there is small beside what the network adds.
 *
 * What won is then made again from all samples. Values that get their quantization otherwise (softmax, reshapes, inputs that came as
 * integers) are not measured.
 *
 * Warns about NaN and infinities, which are left out of the range, and of values that eight bits cannot hold well; fails
 * when nothing finite was seen.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { bool, choice, float } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import { definePass, type Finding, type PassContext } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { quantizeActivations } from "./insert-fake-quantization.ts";
import { decidingValue, judgeable, NoiseRatio, toDecibels, valuesOf } from "./judge-outputs.ts";
import { planQuantization, type Plan } from "./plan.ts";
import {
  closeSample,
  densityOf,
  look,
  newRangeMeter,
  noiseOf,
  rangeBy,
  rangeMethods,
  wholeOf,
  type RangeMeter,
  type RangeMethod,
  type RangeOptions,
} from "./range-meter.ts";
import { heldOutSamples, isHeldOut } from "./split-samples.ts";

/** Below this a layer is suspect (algorithms.md section 9). */
const suspectDecibels = 20;

export const calibrate = definePass({
  name: "calibrate",
  summary: "measure the ranges of activations on samples",
  options: {
    method: choice(["auto", ...rangeMethods], "auto"),
    percentile: float(99.99),
    average: float(0.01),
    symmetric: bool(false),
    network: bool(true),
  },
  async run(graph, { options, context, count, find }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'calibrate' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    checkOptions(options);
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const ends = new Set(
      [...graph.inputs, ...graph.outputs, ...graph.outputs.map(decidingValue)].map((value) =>
        plan.groupOf(value),
      ),
    );
    const groups = plan.groups
      .filter(({ fixed, sources }) => fixed === undefined && sources.length > 0)
      .map((group): MeasuredGroup => ({
        sources: group.sources,
        meter: newRangeMeter(),
        isEnd: options.method === "auto" && ends.has(group),
      }));
    await measure(graph, groups, samples, createExecutor, options, context);

    const chosen =
      options.method === "auto"
        ? await chooseMethods(graph, plan, groups, samples, createExecutor, options, context, find)
        : groups.map(() => options.method as RangeMethod);
    groups.forEach((group, g) => {
      const method = chosen[g]!;
      const whole = wholeOf(group.meter);
      const density = densityOf(whole);
      const range = group.isEnd
        ? widened(whole)
        : rangeBy(method, whole, density, group.meter.average!, options);
      for (const value of group.sources) graph.setRange(value, range);
      const noise = noiseOf(range, density);
      const how = group.isEnd ? "headroom" : method;
      find(describe(group, how, range, noise, whole));
      if (toDecibels(noise) < suspectDecibels) context.warn(suspect(group, noise));
      count("measured", group.sources.length);
      count(how);
    });
  },
});

interface MeasuredGroup {
  readonly sources: readonly Value[];
  readonly meter: RangeMeter;
  /** An input, an output or what decides one, where ranges are chosen. */
  readonly isEnd: boolean;
}

const headroom = 1.125;

const widened = ({ min, max }: AffineRange): AffineRange => ({
  min: headroom * Math.min(min, 0),
  max: headroom * Math.max(max, 0),
});

function checkOptions({ percentile, average }: RangeOptions): void {
  if (!(percentile > 0 && percentile <= 100))
    fail("option", `percentile is ${percentile}, expected more than 0 and at most 100`);
  if (!(average > 0 && average <= 1))
    fail("option", `average is ${average}, expected more than 0 and at most 1`);
}

async function measure(
  graph: Graph,
  groups: readonly MeasuredGroup[],
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  options: RangeOptions,
  context: PassContext,
): Promise<void> {
  const meters = new Map(groups.flatMap(({ sources, meter }) => sources.map(({ name }) => [name, meter])));
  const extents = new Map([...meters.keys()].map((name) => [name, { elements: 0, notFinite: 0 }]));
  const executor = await createExecutor(graph, new Set(meters.keys()));
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  let done = 0;
  try {
    for (const sample of samples.batches()) {
      const heldOut = isHeldOut(done);
      const see = (name: string, values: ArrayLike<number>): void => {
        const meter = meters.get(name);
        if (meter === undefined) return;
        const histogram = heldOut ? meter.heldOut : meter.fitted;
        const before = histogram.nonFiniteCount;
        look(meter, values, heldOut);
        const extent = extents.get(name)!;
        extent.elements += values.length;
        extent.notFinite += histogram.nonFiniteCount - before;
      };
      // Engines need not show their inputs, which the sample is.
      graph.inputs.forEach(({ name }, i) => {
        see(name, numbersOf(sample[i]!));
      });
      executor.run(sample, (name, tensor) => {
        if (meters.has(name) && !inputs.has(name)) see(name, numbersOf(tensor));
      });
      for (const { meter } of groups) closeSample(meter, heldOut, options);
      done++;
      context.progress?.(done, samples.count);
    }
  } finally {
    executor.dispose();
  }
  if (done === 0) fail("no-samples", "'calibrate' was given 0 samples, expected at least one");
  const faults: Diagnostic[] = [];
  for (const value of groups.flatMap(({ sources }) => sources)) {
    const extent = extents.get(value.name)!;
    if (extent.elements === 0) throw new Error(`${executor.engine} did not show %${value.name}`);
    const fault = finiteness(value, extent);
    if (fault?.severity === "error") faults.push(fault);
    else if (fault !== undefined) context.warn(fault);
  }
  if (faults.length > 0) throw new DiagnosticError(faults);
}

/** The method of each group: the best for it on the samples held out, or one for all where that serves the network better. */
async function chooseMethods(
  graph: Graph,
  plan: Plan,
  groups: readonly MeasuredGroup[],
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  options: RangeOptions & { readonly network: boolean },
  context: PassContext,
  find: (finding: Finding) => void,
): Promise<readonly RangeMethod[]> {
  const ranges = groups.map(({ meter }) => fittedRanges(meter, options));
  const best = groups.map(({ meter, isEnd }, g) => (isEnd ? "minmax" : bestMethod(meter, ranges[g]!)));
  const candidates: Candidate[] = [
    { name: "tensor by tensor", methods: best },
    ...networkMethods.map((method) => ({
      name: method,
      methods: groups.map(({ isEnd }) => (isEnd ? "minmax" : method)),
    })),
  ];
  const distinct = candidates.filter(
    ({ methods }, c) => candidates.findIndex((other) => other.methods.join() === methods.join()) === c,
  );
  if (!options.network || plan.problems.length > 0 || distinct.length < 2) return best;
  const noises = await judge(
    graph,
    distinct.map(({ methods }) =>
      groups.map((group, g): [MeasuredGroup, AffineRange] => {
        const range = ranges[g]![methods[g]!];
        return [group, group.isEnd ? widened(range) : range];
      }),
    ),
    samples,
    createExecutor,
    context,
  );
  const least = noises.indexOf(Math.min(...noises));
  const winner = distinct[least]!;
  find({
    summary: `${winner.name}, by the error of the network on samples held out`,
    ...Object.fromEntries(distinct.map(({ name }, c) => [`${name} dB`, toDecibels(noises[c]!)])),
  });
  return winner.methods;
}

/** A moving average forgets most of what it saw: as one rule for all it never won. */
const networkMethods = ["minmax", "percentile", "mse"] as const satisfies readonly RangeMethod[];

interface Candidate {
  readonly name: string;
  readonly methods: readonly RangeMethod[];
}

function fittedRanges(meter: RangeMeter, options: RangeOptions): Readonly<Record<RangeMethod, AffineRange>> {
  // All finite values may lie in samples held out.
  const seen = meter.fitted.count > 0 ? meter.fitted : meter.heldOut;
  const average = meter.fittedAverage ?? meter.average!;
  const density = densityOf(seen);
  return Object.fromEntries(
    rangeMethods.map((method) => [method, rangeBy(method, seen, density, average, options)]),
  ) as Record<RangeMethod, AffineRange>;
}

function bestMethod(
  { fitted, heldOut }: RangeMeter,
  ranges: Readonly<Record<RangeMethod, AffineRange>>,
): RangeMethod {
  const judges = densityOf(heldOut.count > 0 ? heldOut : fitted);
  const noises = rangeMethods.map((method) => noiseOf(ranges[method], judges));
  // The first of several, which is the simplest.
  return rangeMethods[noises.indexOf(Math.min(...noises))]!;
}

/** Noise over signal of the network's deciding values for each set of ranges, on the samples held out. */
async function judge(
  graph: Graph,
  rangings: readonly (readonly (readonly [MeasuredGroup, AffineRange])[])[],
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  context: PassContext,
): Promise<number[]> {
  const opened = [await judgeable(graph, createExecutor)];
  try {
    for (const ranging of rangings) {
      const copy = copyGraph(graph);
      const byName = new Map(copy.values.map((value) => [value.name, value]));
      for (const [{ sources }, range] of ranging)
        for (const { name } of sources) copy.setRange(byName.get(name)!, range);
      quantizeActivations(copy, planQuantization(copy, fixedInputsOf(copy, context)));
      opened.push(await judgeable(copy, createExecutor));
    }
    const ratios = rangings.map(() => new NoiseRatio());
    for (const sample of heldOutSamples(samples)) {
      const [real, ...found] = opened.map(({ executor, names }) => valuesOf(executor, sample, names));
      found.forEach((values, c) => {
        ratios[c]!.add(real!, values);
      });
    }
    return ratios.map(({ ratio }) => ratio);
  } finally {
    for (const { executor } of opened) executor.dispose();
  }
}

function describe(
  { sources }: MeasuredGroup,
  method: string,
  range: AffineRange,
  noise: number,
  seen: AffineRange,
): Finding {
  const [first] = sources;
  return {
    value: first!.name,
    ...(sources.length > 1 ? { values: sources.length } : {}),
    method,
    low: range.min,
    high: range.max,
    seenLow: seen.min,
    seenHigh: seen.max,
    ...(noise > 0 ? { sqnrDb: toDecibels(noise) } : {}),
  };
}

function suspect({ sources }: MeasuredGroup, noise: number): Diagnostic {
  const value = sources[0]!;
  return diagnostic(
    "warning",
    "low-sqnr",
    `eight bits hold %${value.name} with ${toDecibels(noise).toFixed(1)} dB only`,
    {
      subject: value.producer?.origin ?? `%${value.name}`,
      help: "its values have rare, large outliers: look at the samples, or clip the value in the model",
    },
  );
}

function finiteness(
  value: Value,
  { elements, notFinite }: { readonly elements: number; readonly notFinite: number },
): Diagnostic | undefined {
  if (notFinite === 0) return undefined;
  const all = notFinite === elements;
  return diagnostic(
    all ? "error" : "warning",
    "not-finite",
    `%${value.name} was NaN or infinite ${notFinite} times in ${elements}`,
    {
      subject: value.producer?.origin ?? `%${value.name}`,
      help: "check the samples: scale, order of channels, and range the network was trained with",
    },
  );
}
