/**
 * Judges a network on samples: every engine asked for runs all of them, in batches, so that memory does not grow with their number.
 *
 *     accuracy       share of samples whose largest output is the label's, with Wilson's interval
 *     AUC            for autoencoders: recordings with an anomaly are reproduced worse than those without (metrics.ts)
 *     agreement      share of samples whose largest output is the reference's; or correlation of the recordings' scores
 *     SQNR           of the outputs, and of the logits before a final softmax, against the reference
 *     byte equality  of all outputs of all engines that compute the same graph; no tolerance
 *
 * A network that carries state takes the samples as one sequence, each engine with the state that its own runs leave.
 *
 * The reference is a float graph, run as compiled SIMD WebAssembly, or the outputs of any program.
 */
import { carrying } from "../exec/carrying-executor.ts";
import type { Executor } from "../exec/executor.ts";
import { createInterpreter } from "../exec/interpreter.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { SampleSource } from "../pass/samples.ts";
import { bytesOfTensor } from "../tensor/bytes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toReal, toStored } from "./boundary.ts";
import { sameBytes } from "./bundle.ts";
import { coreEngines, createEngine, runAll, type EngineFactories, type EngineName } from "./engines.ts";
import { compareIntermediates, type IntermediateCheck } from "./intermediates.ts";
import { engineSize, type EngineSize } from "./engine-size.ts";
import {
  checkMetric,
  count,
  newTally,
  summarize,
  type Metric,
  type MetricName,
  type MetricResult,
} from "./metrics.ts";
import { openReference, type OpenEngine, type Reference } from "./reference.ts";

export interface EvaluateOptions {
  readonly graph: Graph;
  readonly engines: readonly EngineName[];
  readonly factories?: EngineFactories;
  readonly samples: SampleSource;
  /** `top1` unless given. */
  readonly metric?: MetricName;
  /** For `mse-auc`: how many consecutive samples make a recording; 1 unless given. */
  readonly group?: number;
  /** One class number for each sample; for `mse-auc` 0 or 1 for each recording. */
  readonly labels?: Tensor;
  /** Where they come from, for diagnostics. */
  readonly labelsFile?: string;
  readonly reference?: Reference;
  /** Compares every tensor the engines materialize with the interpreter's, on so many samples. */
  readonly checkIntermediates?: number;
  readonly now?: () => number;
  readonly progress?: (stage: string, done: number, total: number) => void;
}

export interface EngineResult extends MetricResult {
  readonly engine: string;
  /** What the compiled program needs; absent for the interpreter, and for a reference of outputs only. */
  readonly size?: EngineSize;
  readonly timeMsPerSample?: number;
}

export interface Mismatch {
  readonly engine: string;
  readonly other: string;
  readonly sample: number;
  readonly output: string;
  readonly differingBytes: number;
}

export interface Evaluation {
  readonly samples: number;
  readonly metric: MetricName;
  /** For `mse-auc`. */
  readonly recordings?: number;
  readonly reference?: EngineResult;
  readonly engines: readonly EngineResult[];
  /** Of the value before a final softmax, when the reference has it too. */
  readonly logits?: { readonly value: string; readonly sqnrDb: number };
  /** Absent with fewer than two engines. */
  readonly byteEquality?: {
    readonly equal: boolean;
    readonly samples: number;
    readonly mismatches: readonly Mismatch[];
  };
  readonly intermediates?: readonly IntermediateCheck[];
}

const batchSize = 32;
const mostMismatches = 10;

/** @throws DiagnosticError `label-count`, `label-value`, `metric`, `group-size`, `reference-shape`, `engine` */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { graph, samples, factories = coreEngines, labels, labelsFile, group = 1 } = options;
  const metric: Metric = {
    name: options.metric ?? "top1",
    group,
    ...(labels === undefined ? {} : { labels }),
    ...(labelsFile === undefined ? {} : { labelsFile }),
  };
  checkMetric(metric, samples.count, graph);
  const opened: Executor[] = [];
  const open: OpenEngine = async (name, of, from, engineOptions) => {
    const engine = await createEngine(name, of, from, engineOptions);
    const executor = of.carried.length > 0 ? carrying(engine, of) : engine;
    opened.push(executor);
    return executor;
  };
  try {
    const racers = [];
    for (const name of options.engines)
      racers.push({ name, executor: await open(name, graph, factories), tally: newTally(metric) });
    const reference = await openReference(graph, options.reference, samples, open, newTally(metric));
    const mismatches: Mismatch[] = [];
    let done = 0;
    for (const batch of batchesOf(samples)) {
      const expected = reference?.run(batch, done);
      if (expected !== undefined)
        expected.forEach((output, i) => {
          count(reference!.tally, metric, batch[i]![0]!, output);
        });
      const stored = batch.map((sample) =>
        sample.map((real, i) => toStored(real, graph.callerInputs[i]!.type)),
      );
      const outputs = racers.map((racer) => {
        const begin = options.now?.();
        const results = runAll(racer.executor, stored);
        if (begin !== undefined) racer.tally.timeMs += options.now!() - begin;
        return results;
      });
      racers.forEach(({ tally }, r) => {
        outputs[r]!.forEach((result, i) => {
          const real = toReal(result[0]!, graph.outputs[0]!.type);
          count(tally, metric, batch[i]![0]!, real, expected?.[i]);
        });
      });
      for (let r = 1; r < racers.length; r++)
        mismatches.push(
          ...compareBytes(racers[0]!.name, racers[r]!.name, outputs[0]!, outputs[r]!, graph.outputs, done),
        );
      reference?.measureLogits(stored);
      done += batch.length;
      options.progress?.("evaluate", done, samples.count);
    }
    const intermediates = await checkIntermediates(options, factories);
    const logits = reference?.logits();
    const time = (timeMs: number): { timeMsPerSample?: number } =>
      options.now === undefined ? {} : { timeMsPerSample: timeMs / done };
    return {
      samples: done,
      metric: metric.name,
      ...(metric.name === "mse-auc" ? { recordings: done / group } : {}),
      ...(reference === undefined
        ? {}
        : {
            reference: {
              engine: reference.name,
              ...summarize(reference.tally, metric),
              ...sizeOf("wasm-simd", floatOf(options.reference)),
            },
          }),
      engines: racers.map(({ name, tally }) => ({
        engine: name,
        ...summarize(tally, metric, reference?.tally),
        ...sizeOf(name, graph),
        ...time(tally.timeMs),
      })),
      ...(logits === undefined ? {} : { logits }),
      ...(racers.length < 2
        ? {}
        : {
            byteEquality: {
              equal: mismatches.length === 0,
              samples: done,
              mismatches: mismatches.slice(0, mostMismatches),
            },
          }),
      ...(intermediates === undefined ? {} : { intermediates }),
    };
  } finally {
    for (const executor of opened) executor.dispose();
  }
}

/** Samples in arrays of at most `batchSize`. */
export function* batchesOf(samples: SampleSource): Iterable<(readonly Tensor[])[]> {
  let batch: (readonly Tensor[])[] = [];
  for (const sample of samples.batches()) {
    batch.push(sample);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const floatOf = (reference: Reference | undefined): Graph | undefined =>
  reference !== undefined && "graph" in reference ? reference.graph : undefined;

function sizeOf(engine: EngineName, graph: Graph | undefined): { size?: EngineSize } {
  const size = graph && engineSize(engine, graph);
  return size === undefined ? {} : { size };
}

function compareBytes(
  engine: string,
  other: string,
  expected: readonly (readonly Tensor[])[],
  found: readonly (readonly Tensor[])[],
  outputs: readonly Value[],
  first: number,
): Mismatch[] {
  return expected.flatMap((results, i) =>
    results.flatMap((result, j) => {
      const [a, b] = [bytesOfTensor(result), bytesOfTensor(found[i]![j]!)];
      if (sameBytes(a, b)) return [];
      const differingBytes = a.reduce((sum, byte, at) => sum + (byte === b[at] ? 0 : 1), 0);
      return [{ engine, other, sample: first + i, output: outputs[j]!.name, differingBytes }];
    }),
  );
}

async function checkIntermediates(
  { graph, engines, samples, checkIntermediates: wanted = 0 }: EvaluateOptions,
  factories: EngineFactories,
): Promise<readonly IntermediateCheck[] | undefined> {
  if (wanted <= 0) return undefined;
  const inputs: (readonly Tensor[])[] = [];
  const stream = carrying(createInterpreter(graph), graph);
  for (const sample of samples.batches()) {
    if (inputs.length >= wanted) break;
    const given = sample.map((real, i) => toStored(real, graph.callerInputs[i]!.type));
    inputs.push(stream.inputsFor(given));
    if (graph.carried.length > 0) stream.run(given);
  }
  return compareIntermediates(graph, engines, factories, inputs);
}
