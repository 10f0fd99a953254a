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
import { addNoise, NoiseRatio, toDecibels } from "../../src/measure/judge-outputs.ts";
import { foldsOf, heldOutPart } from "../../src/measure/split-samples.ts";
import { planQuantization, type Plan, type Width } from "./plan.ts";
import { quantizeActivations } from "./quantize-activations.ts";
import {
  noiseOf,
  rangeBy,
  seenBy,
  weighedMethods,
  type RangeMeter,
  type RangeMethod,
  type RangeOptions,
  type WeighedMethod,
} from "./range-meter.ts";

export interface MeasuredGroup {
  readonly sources: readonly Value[];
  readonly meter: RangeMeter;
  readonly width: Width;
  /** An input, an output or what decides one, where ranges are chosen; what has 16 bits. */
  readonly isEnd: boolean;
}

const headroom = 1.125;

/** Of all samples: one whose answer were clipped by what the others saw would decide between rules for values inside. */
export const endRange = (meter: RangeMeter): AffineRange => {
  const { min, max } = seenBy(meter).values;
  return { min: headroom * Math.min(min, 0), max: headroom * Math.max(max, 0) };
};

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
  const table = new RangeTable(groups, options);
  const best = groups.map(({ meter, isEnd }, g) =>
    isEnd ? "minmax" : bestMethod(meter, table.rangesWithout(heldOutPart)[g]!),
  );
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
  const ratios = distinct.map(() => new NoiseRatio());
  for (const { part, heldOut } of foldsOf(samples)) {
    const ranges = table.rangesWithout(part);
    const quantized = distinct.map(({ methods }) =>
      withRanges(
        graph,
        groups.map((group, g) => {
          const range = group.isEnd ? endRange(group.meter) : ranges[g]![methods[g]!];
          return [group, range];
        }),
        context,
      ),
    );
    await addNoise(ratios, graph, quantized, heldOut, createExecutor);
  }
  const noises = ratios.map(({ ratio }) => ratio);
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

/** Ranges of every group by every method, made without one part of the samples. Made once: `mse` takes its time. */
class RangeTable {
  readonly #groups: readonly MeasuredGroup[];
  readonly #options: RangeOptions;
  readonly #known = new Map<number | undefined, readonly Ranges[]>();

  constructor(groups: readonly MeasuredGroup[], options: RangeOptions) {
    this.#groups = groups;
    this.#options = options;
  }

  rangesWithout(part: number | undefined): readonly Ranges[] {
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    const made = this.#groups.map(({ meter }): Ranges => {
      const seen = seenBy(meter, part);
      const by = (method: WeighedMethod): AffineRange => rangeBy(method, seen, this.#options);
      return {
        minmax: by("minmax"),
        "moving-average": by("moving-average"),
        percentile: by("percentile"),
        mse: by("mse"),
      };
    });
    this.#known.set(part, made);
    return made;
  }
}

function bestMethod(meter: RangeMeter, ranges: Ranges): WeighedMethod {
  const heldOut = meter.parts[heldOutPart]!;
  const judges = heldOut.count > 0 ? densityOf(heldOut) : seenBy(meter).density;
  const noises = weighedMethods.map((method) => noiseOf(ranges[method], judges));
  // The first of several, which is the simplest.
  return weighedMethods[noises.indexOf(Math.min(...noises))]!;
}

/** The graph with activations quantized in these ranges, and weights real. */
function withRanges(
  graph: Graph,
  ranging: readonly (readonly [MeasuredGroup, AffineRange])[],
  context: PassContext,
): Graph {
  const copy = copyGraph(graph);
  const byName = new Map(copy.values.map((value) => [value.name, value]));
  for (const [{ sources }, range] of ranging)
    for (const { name } of sources) copy.setRange(byName.get(name)!, range);
  quantizeActivations(copy, planQuantization(copy, fixedInputsOf(copy, context)));
  return copy;
}
