/**
 * Runs the samples through the real network and gives every group of values that will be quantized a range (docs/quantization.md).
 *
 * Samples stream, so memory does not grow with their number: each group has a histogram of each fifth of the samples. `method` names
 * the rule, or `auto` chooses:
 *
 *  1. for each group, the rule whose range, made from four fifths, has the least squared error on the last;
 *  2. for the network, these ranges or one rule for all groups, by the error of the deciding values (judge-outputs.ts), with activations
 *     quantized and weights real. Error in one tensor is not error in the answer. A few samples make most of it: each fifth judges
 *     ranges made from the others.
 *
 * Inputs, outputs and what decides them are left out of the choice: they get all that was seen and an eighth more. The caller may
 * look for the very values that are rare, more samples go farther, and rounding there is small beside what the network adds.
 *
 * What won is then made again from all samples. Values that get their quantization otherwise (softmax, reshapes, inputs that came as
 * integers) are not measured.
 *
 * Of a term of a sum that is clamped, as at the end of a residual branch, only what has an effect is looked at (effective-values.ts).
 *
 * Ranges that the user states (given-ranges.ts) are taken as they are, their values not looked at.
 *
 * What is stored in 16 bits gets all that was seen and an eighth more: clipping would gain it nothing.
 *
 * Warns about NaN and infinities, which are left out of the range, and of values that their bits cannot hold well; fails
 * when nothing finite was seen.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { bool, choice, float } from "../../src/ir/attributes.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import { definePass, type Finding, type PassContext } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { chooseMethods, endRange, type MeasuredGroup } from "./choose-methods.ts";
import { EffectiveValues, type SeeValues } from "./effective-values.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { decidingValue, toDecibels } from "../../src/measure/judge-outputs.ts";
import { givenRanges } from "./given-ranges.ts";
import { planQuantization } from "./plan.ts";
import {
  closeSample,
  look,
  newRangeMeter,
  noiseOf,
  rangeBy,
  rangeMethods,
  seenBy,
  type RangeMethod,
  type RangeOptions,
} from "./range-meter.ts";
import { partOf } from "../../src/measure/split-samples.ts";

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
    const given = givenRanges(graph, plan, context);
    for (const [value, range] of given) {
      graph.setRange(value, range);
      find({ value: value.name, method: "given", low: range.min, high: range.max });
      count("given");
    }
    const ends = new Set(
      [...graph.inputs, ...graph.outputs, ...graph.outputs.map(decidingValue)].map((value) =>
        plan.groupOf(value),
      ),
    );
    const groups = plan.groups
      .filter(({ fixed }) => fixed === undefined)
      .map((group): MeasuredGroup => ({
        sources: group.sources.filter((value) => !given.has(value)),
        meter: newRangeMeter(),
        width: group.width,
        isEnd: group.width !== "narrow" || (options.method === "auto" && ends.has(group)),
      }))
      .filter(({ sources }) => sources.length > 0);
    const effective = new EffectiveValues(graph, plan);
    await measure(graph, groups, effective, samples, createExecutor, options, context);

    const chosen =
      options.method === "auto"
        ? await chooseMethods(graph, plan, groups, samples, createExecutor, options, context, find)
        : groups.map(() => options.method as RangeMethod);
    groups.forEach((group, g) => {
      const method = chosen[g]!;
      const whole = seenBy(group.meter);
      const range = group.isEnd ? endRange(group.meter) : rangeBy(method, whole, options);
      for (const value of group.sources) graph.setRange(value, range);
      const noise = noiseOf(range, whole.density, group.width);
      const how = group.isEnd ? "headroom" : method;
      const cut = group.sources.some(({ name }) => effective.isCut(name));
      find(describe(group, how, cut, range, noise, whole.values));
      if (toDecibels(noise) < suspectDecibels) {
        const unclipped = noiseOf(rangeBy("minmax", whole, options), whole.density, group.width);
        context.warn(suspect(group, noise, unclipped < noise / 2 ? how : undefined));
      }
      count("measured", group.sources.length);
      count(how);
    });
  },
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
  effective: EffectiveValues,
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  options: RangeOptions,
  context: PassContext,
): Promise<void> {
  const meters = new Map(groups.flatMap(({ sources, meter }) => sources.map(({ name }) => [name, meter])));
  const extents = new Map([...meters.keys()].map((name) => [name, { elements: 0, notFinite: 0 }]));
  const executor = await createExecutor(graph, new Set([...meters.keys(), ...effective.names]));
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  let done = 0;
  try {
    for (const sample of samples.batches()) {
      const part = partOf(done);
      const see: SeeValues = (name, values) => {
        const meter = meters.get(name);
        if (meter === undefined) return;
        const histogram = meter.parts[part]!;
        const before = histogram.nonFiniteCount;
        look(meter, values, part);
        const extent = extents.get(name)!;
        extent.elements += values.length;
        extent.notFinite += histogram.nonFiniteCount - before;
      };
      // Engines need not show their inputs, which the sample is.
      graph.inputs.forEach(({ name }, i) => {
        effective.show(name, numbersOf(sample[i]!), see);
      });
      executor.run(sample, (name, tensor) => {
        if (!inputs.has(name)) effective.show(name, numbersOf(tensor), see);
      });
      for (const { meter } of groups) closeSample(meter, part, options);
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

function describe(
  { sources }: MeasuredGroup,
  method: string,
  cut: boolean,
  range: AffineRange,
  noise: number,
  seen: AffineRange,
): Finding {
  const [first] = sources;
  return {
    value: first!.name,
    ...(sources.length > 1 ? { values: sources.length } : {}),
    method,
    ...(cut ? { looked: "at what the clamp behind the sum lets through" } : {}),
    low: range.min,
    high: range.max,
    seenLow: seen.min,
    seenHigh: seen.max,
    ...(noise > 0 ? { sqnrDb: toDecibels(noise) } : {}),
  };
}

/** @param rule that clips the value, where that is the cause */
function suspect({ sources, width }: MeasuredGroup, noise: number, rule: string | undefined): Diagnostic {
  const value = sources[0]!;
  const outliers = "its values have rare, large outliers: ";
  return diagnostic(
    "warning",
    "low-sqnr",
    `${width === "narrow" ? "eight" : "sixteen"} bits hold %${value.name} with ${toDecibels(noise).toFixed(1)} dB only`,
    {
      subject: value.producer?.origin ?? `%${value.name}`,
      help:
        rule !== undefined
          ? `the rule '${rule}' clips more of it than it gains: choose another, as method=auto does`
          : width === "narrow"
            ? `${outliers}store it in 16 bits (--wide ${value.name}), or clip the value in the model`
            : `${outliers}look at the samples, or clip the value in the model`,
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
