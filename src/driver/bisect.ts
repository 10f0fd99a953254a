/**
 * Which pass changed the result? The pipeline is run pass by pass, and after every pass that changed the graph, the graph itself on
 * samples. The first pass that moved an output further than a pass of its kind may is the culprit:
 *
 *     stored → stored     not at all: multipliers and shifts are fixed, so every byte stays
 *     real → real         by rounding: at most `tolerance` · the output's largest magnitude
 *     anything else       by quantization: 10 log10(Σ before² / Σ (before − after)²) of at least `decibels`
 *
 * Each pass is judged against the graph right before it, not against the first: noise that earlier passes were allowed is not
 * held against later ones. Tensors inside are compared by name, shape and real meaning; they explain, and judge nothing.
 */
import { passes as ownPasses } from "../../passes/index.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { copyGraph } from "../ir/copy-graph.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { constantOf } from "../ir/match.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { resolvePipeline, runPipeline, type PassRecord } from "../pass/manager.ts";
import type { Pass } from "../pass/pass.ts";
import type { SampleSource } from "../pass/samples.ts";
import { isFloat } from "../tensor/element-type.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { printPipeline } from "../text/pipeline.ts";
import { printGraph } from "../text/print.ts";
import { pipelineNames, pipelineSteps } from "./pipeline-steps.ts";
import { toReal, toStored } from "./boundary.ts";
import { contextFor } from "./compile.ts";
import { coreEngines, createEngine, type EngineFactories, type EngineName } from "./engines.ts";
import type { Samples } from "./samples.ts";
import { NoiseMeter } from "./statistics.ts";

export interface BisectOptions {
  /** Changed by the passes, up to the culprit. */
  readonly graph: Graph;
  /** A pipeline as text, or a pipeline's name; `default` unless given. */
  readonly pipeline?: string;
  /** Passes that the pipeline may name besides the compiler's own; one of the same name goes first. */
  readonly passes?: readonly Pass[];
  /** What the graphs are compared on; their tensors are all held in memory, so a few will do. */
  readonly inputs: SampleSource;
  /** For passes that measure. */
  readonly calibration?: Samples;
  /** The interpreter unless given. */
  readonly engine?: EngineName;
  readonly factories?: EngineFactories;
  /** Between real graphs: of an output's largest magnitude; 1e-4 unless given. */
  readonly tolerance?: number;
  /** Where something is quantized; 20 unless given. */
  readonly decibels?: number;
  readonly progress?: (stage: string, done: number, total: number) => void;
  readonly onWarning?: (warning: Diagnostic) => void;
}

export type Limit =
  | { readonly kind: "equal" }
  | { readonly kind: "relative"; readonly most: number }
  | { readonly kind: "decibels"; readonly least: number };

/** Of one tensor, over all inputs. */
export interface TensorChange {
  readonly tensor: string;
  readonly typeBefore: string;
  readonly typeAfter: string;
  /** The largest difference and the largest magnitude before, in reals. */
  readonly difference: number;
  readonly magnitude: number;
  /** Infinity where nothing differs. */
  readonly decibels: number;
}

export interface BisectStep {
  /** As written in the pipeline. */
  readonly text: string;
  readonly record: PassRecord;
  /** Absent when the pass left the graph as it was. */
  readonly limit?: Limit;
  /** Of the output that changed most. */
  readonly change?: TensorChange;
}

export interface Culprit {
  /** The last of `steps`. */
  readonly step: BisectStep;
  readonly before: Graph;
  readonly after: Graph;
  /** In order of computation, the first tensor of both graphs beyond the limit. */
  readonly first: TensorChange | undefined;
  /** And the one furthest from what it was. */
  readonly worst: TensorChange | undefined;
}

export interface Bisection {
  /** Up to the culprit. */
  readonly steps: readonly BisectStep[];
  readonly culprit: Culprit | undefined;
}

/** @throws DiagnosticError for what is wrong with pipeline or inputs; internal, when a pass breaks the graph */
export async function bisect(options: BisectOptions): Promise<Bisection> {
  const { graph, progress } = options;
  const passes = [...(options.passes ?? []), ...ownPasses];
  const steps = pipelineSteps(options.pipeline ?? "default");
  resolvePipeline(steps, passes, pipelineNames);
  const context = contextFor(options.calibration, options.onWarning ?? (() => undefined));
  const done: BisectStep[] = [];
  let before = await observe(graph, options);
  for (const [index, step] of steps.entries()) {
    progress?.("bisect", index, steps.length);
    const [record] = await runPipeline(graph, [step], passes, context, {
      print: (g) => printGraph(g),
      ...(progress === undefined ? {} : { onProgress: progress }),
    });
    const text = printPipeline([step]);
    if (isUnchanged(before.graph, graph)) {
      done.push({ text, record: record! });
      continue;
    }
    const after = await observe(graph, options);
    const limit = limitOf(before.graph, after.graph, options);
    const change = worstOf(outputChanges(before, after), limit);
    done.push({ text, record: record!, limit, ...(change === undefined ? {} : { change }) });
    if (change !== undefined && exceeds(change, limit)) {
      const inside = tensorChanges(before, after);
      const first = inside.find((found) => exceeds(found, limit));
      const worst = worstOf(inside, limit);
      const culprit = { step: done.at(-1)!, before: before.graph, after: after.graph, first, worst };
      return { steps: done, culprit };
    }
    before = after;
  }
  return { steps: done, culprit: undefined };
}

/** A graph as it was, with every tensor it computed: by name, one for each input (of constants a single one), in reals. */
interface Observed {
  readonly graph: Graph;
  readonly tensors: ReadonlyMap<string, readonly Tensor[]>;
  /** By output, one for each input. */
  readonly outputs: readonly (readonly Tensor[])[];
}

async function observe(changing: Graph, options: BisectOptions): Promise<Observed> {
  const { engine = "interpreter", factories = coreEngines, inputs } = options;
  const graph = copyGraph(changing);
  const values = new Map(graph.values.map((value) => [value.name, value]));
  const executor = await createEngine(engine, graph, factories, {
    keep: new Set(values.keys()),
    observable: true,
  });
  const tensors = new Map<string, Tensor[]>();
  for (const value of graph.values) {
    const known = constantOf(value);
    if (known !== undefined) tensors.set(value.name, [toReal(known, value.type)]);
  }
  const outputs: Tensor[][] = graph.outputs.map(() => []);
  try {
    for (const sample of inputs.batches()) {
      const stored = sample.map((real, i) => toStored(real, graph.inputs[i]!.type));
      const results = executor.run(stored, (name, found) => {
        const type = values.get(name)?.type;
        if (type === undefined || constantOf(values.get(name)) !== undefined) return;
        const real = toReal(found, type);
        const seen = tensors.get(name) ?? [];
        // An engine's tensor may be a view of memory that it uses again.
        seen.push({ ...real, data: real.data.slice() });
        tensors.set(name, seen);
      });
      results.forEach((result, i) => {
        outputs[i]!.push(toReal(result, graph.outputs[i]!.type));
      });
    }
  } finally {
    executor.dispose();
  }
  return { graph, tensors, outputs };
}

/** Printed alike, and with the same tensors beside the text. */
function isUnchanged(before: Graph, after: Graph): boolean {
  const [tensorsBefore, tensorsAfter] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
  return (
    printGraph(before, { externals: tensorsBefore }) === printGraph(after, { externals: tensorsAfter }) &&
    [...tensorsBefore].every(([name, { data }]) => tensorsAfter.get(name)?.data === data)
  );
}

function limitOf(before: Graph, after: Graph, { tolerance = 1e-4, decibels = 20 }: BisectOptions): Limit {
  const stages = [stageOf(before), stageOf(after)];
  if (stages.every((stage) => stage === "stored")) return { kind: "equal" };
  if (stages.every((stage) => stage === "real")) return { kind: "relative", most: tolerance };
  return { kind: "decibels", least: decibels };
}

function stageOf({ values }: Graph): "real" | "stored" | "mixed" {
  if (!values.some(({ type }) => isFloat(type.element))) return "stored";
  return values.some(({ type }) => type.quantization !== undefined) ? "mixed" : "real";
}

/** Written so that NaN exceeds. */
function exceeds({ difference, magnitude, decibels }: TensorChange, limit: Limit): boolean {
  switch (limit.kind) {
    case "equal":
      return difference !== 0;
    case "relative":
      return !(difference <= limit.most * magnitude);
    case "decibels":
      return !(decibels >= limit.least);
  }
}

function worstOf(changes: readonly TensorChange[], { kind }: Limit): TensorChange | undefined {
  const badness = ({ difference, magnitude, decibels }: TensorChange): number => {
    const size = kind === "decibels" ? -decibels : difference / (magnitude === 0 ? 1 : magnitude);
    return size !== size ? Infinity : size;
  };
  return changes.reduce<TensorChange | undefined>(
    (worst, change) => (worst === undefined || badness(change) > badness(worst) ? change : worst),
    undefined,
  );
}

const outputChanges = (before: Observed, after: Observed): TensorChange[] =>
  before.graph.outputs.map((value, i) => {
    const result = after.graph.outputs[i];
    return result === undefined
      ? change(value, value, before.outputs[i]!, [])
      : change(value, result, before.outputs[i]!, after.outputs[i]!);
  });

function tensorChanges(before: Observed, after: Observed): TensorChange[] {
  const valueAfter = new Map(after.graph.values.map((value) => [value.name, value]));
  return before.graph.values.flatMap((value) => {
    const other = valueAfter.get(value.name);
    const [old, found] = [before.tensors.get(value.name), after.tensors.get(value.name)];
    if (other === undefined || old === undefined || found === undefined) return [];
    return sameShape(value.type.shape, other.type.shape) ? [change(value, other, old, found)] : [];
  });
}

/** A tensor that is gone or has another shape differs by NaN, which is beyond every limit. */
function change(before: Value, after: Value, old: readonly Tensor[], found: readonly Tensor[]): TensorChange {
  const noise = new NoiseMeter();
  let [difference, magnitude] = [0, 0];
  old.forEach((tensor, i) => {
    const other = found[i];
    if (other === undefined || !sameShape(tensor.shape, other.shape)) {
      difference = NaN;
      return;
    }
    noise.add(tensor, other);
    for (let k = 0; k < tensor.data.length; k++) {
      const [x, y] = [Number(tensor.data[k]), Number(other.data[k])];
      if (Math.abs(x) < Infinity) magnitude = Math.max(magnitude, Math.abs(x));
      if (!Object.is(x, y) && x !== y) difference = Math.max(difference, Math.abs(x - y));
    }
  });
  return {
    tensor: before.name,
    typeBefore: formatType(before.type),
    typeAfter: formatType(after.type),
    difference,
    magnitude,
    decibels: difference === 0 ? Infinity : difference === difference ? noise.decibels : NaN,
  };
}
