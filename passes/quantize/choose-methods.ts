/**
 * Which rule makes the range of each group: first the best for each by the error of eight bits on the samples held out, then, for
 * the network, these or one rule for all, by what reaches its outputs (docs/quantization.md).
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import { densityOf } from "../../src/numerics/quantization-error.ts";
import type { Finding, PassContext } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { noiseOfGraphs, toDecibels } from "../../src/measure/judge-outputs.ts";
import { planQuantization, type Plan } from "./plan.ts";
import { quantizeActivations } from "./quantize-activations.ts";
import {
  noiseOf,
  rangeBy,
  weighedMethods,
  type RangeMeter,
  type RangeMethod,
  type RangeOptions,
  type WeighedMethod,
} from "./range-meter.ts";

export interface MeasuredGroup {
  readonly sources: readonly Value[];
  readonly meter: RangeMeter;
  /** An input, an output or what decides one, where ranges are chosen. */
  readonly isEnd: boolean;
}

const headroom = 1.125;

export const widened = ({ min, max }: AffineRange): AffineRange => ({
  min: headroom * Math.min(min, 0),
  max: headroom * Math.max(max, 0),
});

/** The method of each group: the best for it on the samples held out, or one for all where that serves the network better. */
export async function chooseMethods(
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
const networkMethods = ["minmax", "percentile", "mse"] as const satisfies readonly WeighedMethod[];

interface Candidate {
  readonly name: string;
  readonly methods: readonly WeighedMethod[];
}

type Ranges = Readonly<Record<WeighedMethod, AffineRange>>;

function fittedRanges(meter: RangeMeter, options: RangeOptions): Ranges {
  // All finite values may lie in samples held out.
  const seen = meter.fitted.count > 0 ? meter.fitted : meter.heldOut;
  const average = meter.fittedAverage ?? meter.average!;
  const density = densityOf(seen);
  return Object.fromEntries(
    weighedMethods.map((method) => [method, rangeBy(method, seen, density, average, options)]),
  ) as unknown as Ranges;
}

function bestMethod({ fitted, heldOut }: RangeMeter, ranges: Ranges): WeighedMethod {
  const judges = densityOf(heldOut.count > 0 ? heldOut : fitted);
  const noises = weighedMethods.map((method) => noiseOf(ranges[method], judges));
  // The first of several, which is the simplest.
  return weighedMethods[noises.indexOf(Math.min(...noises))]!;
}

/** Noise over signal of the network's deciding values for each set of ranges, on the samples held out. */
async function judge(
  graph: Graph,
  rangings: readonly (readonly (readonly [MeasuredGroup, AffineRange])[])[],
  samples: SampleSource,
  createExecutor: ExecutorFactory,
  context: PassContext,
): Promise<number[]> {
  const quantized = rangings.map((ranging) => {
    const copy = copyGraph(graph);
    const byName = new Map(copy.values.map((value) => [value.name, value]));
    for (const [{ sources }, range] of ranging)
      for (const { name } of sources) copy.setRange(byName.get(name)!, range);
    quantizeActivations(copy, planQuantization(copy, fixedInputsOf(copy, context)));
    return copy;
  });
  return noiseOfGraphs(graph, quantized, samples, createExecutor);
}
