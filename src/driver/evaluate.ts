/**
 * Judges a network on samples: every engine asked for runs all of them, in batches, so that memory does not grow with their number.
 *
 *     accuracy       share of samples whose largest output is the label's, with Wilson's interval
 *     agreement      share of samples whose largest output is the reference's
 *     SQNR           of the outputs, and of the logits before a final softmax, against the reference
 *     byte equality  of all outputs of all engines that compute the same graph; no tolerance
 *
 * The reference is a float graph, run as compiled SIMD WebAssembly, or its outputs.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Executor } from "../exec/executor.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { SampleSource } from "../pass/samples.ts";
import { bytesOfTensor } from "../tensor/bytes.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import { toReal, toStored } from "./boundary.ts";
import { sameBytes } from "./bundle.ts";
import { coreEngines, createEngine, runAll, type EngineFactories, type EngineName } from "./engines.ts";
import { compareIntermediates, type IntermediateCheck } from "./intermediates.ts";
import { newTally, openReference, type OpenEngine, type Reference, type Tally } from "./reference.ts";
import { argmax, proportion, type Proportion } from "./statistics.ts";

export interface EvaluateOptions {
  readonly graph: Graph;
  readonly engines: readonly EngineName[];
  readonly factories?: EngineFactories;
  readonly samples: SampleSource;
  /** One class number for each sample. */
  readonly labels?: Tensor;
  readonly reference?: Reference;
  /** Compares every tensor the engines materialize with the interpreter's, on so many samples. */
  readonly checkIntermediates?: number;
  readonly now?: () => number;
  readonly progress?: (stage: string, done: number, total: number) => void;
}

export interface EngineResult {
  readonly engine: string;
  readonly top1?: Proportion;
  /** With the reference. */
  readonly agreement?: Proportion;
  readonly outputSqnrDb?: number;
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

/** @throws DiagnosticError `label-count`, `label-value`, `reference-shape`, `engine` */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { graph, samples, factories = coreEngines, labels } = options;
  checkLabels(labels, samples.count, graph);
  const opened: Executor[] = [];
  const open: OpenEngine = async (name, of, from, engineOptions) => {
    const executor = await createEngine(name, of, from, engineOptions);
    opened.push(executor);
    return executor;
  };
  try {
    const racers = [];
    for (const name of options.engines)
      racers.push({ name, executor: await open(name, graph, factories), tally: newTally() });
    const reference = await openReference(graph, options.reference, samples, open);
    const mismatches: Mismatch[] = [];
    let done = 0;
    for (const batch of batchesOf(samples)) {
      const expected = reference?.run(batch, done);
      if (expected !== undefined)
        expected.forEach((output, i) => {
          count(reference!.tally, output, labels, done + i);
        });
      const stored = batch.map((sample) => sample.map((real, i) => toStored(real, graph.inputs[i]!.type)));
      const outputs = racers.map((racer) => {
        const begin = options.now?.();
        const results = runAll(racer.executor, stored);
        if (begin !== undefined) racer.tally.timeMs += options.now!() - begin;
        return results;
      });
      racers.forEach(({ tally }, r) => {
        outputs[r]!.forEach((result, i) => {
          const real = toReal(result[0]!, graph.outputs[0]!.type);
          count(tally, real, labels, done + i, expected?.[i]);
        });
      });
      for (let r = 1; r < racers.length; r++)
        mismatches.push(
          ...compareBytes(racers[0]!.name, racers[r]!.name, outputs[0]!, outputs[r]!, graph.outputs, done),
        );
      reference?.measureLogits(batch, stored);
      done += batch.length;
      options.progress?.("evaluate", done, samples.count);
    }
    const intermediates = await checkIntermediates(options, factories);
    const logits = reference?.logits();
    return {
      samples: done,
      ...(reference === undefined
        ? {}
        : { reference: summarize("float", reference.tally, done, labels, false) }),
      engines: racers.map(({ name, tally }) =>
        summarize(name, tally, done, labels, reference !== undefined, options.now),
      ),
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

function count(
  tally: Tally,
  output: Tensor,
  labels: Tensor | undefined,
  sample: number,
  expected?: Tensor,
): void {
  const found = argmax(output);
  if (labels !== undefined && Number(labels.data[sample]) === found) tally.hits++;
  if (expected === undefined) return;
  if (argmax(expected) === found) tally.agreements++;
  tally.noise.add(expected, output);
}

function summarize(
  engine: string,
  tally: Tally,
  total: number,
  labels: Tensor | undefined,
  compared: boolean,
  now?: () => number,
): EngineResult {
  return {
    engine,
    ...(labels === undefined ? {} : { top1: proportion(tally.hits, total) }),
    ...(compared
      ? { agreement: proportion(tally.agreements, total), outputSqnrDb: tally.noise.decibels }
      : {}),
    ...(now === undefined ? {} : { timeMsPerSample: tally.timeMs / total }),
  };
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
  for (const sample of samples.batches()) {
    if (inputs.length >= wanted) break;
    inputs.push(sample.map((real, i) => toStored(real, graph.inputs[i]!.type)));
  }
  return compareIntermediates(graph, engines, factories, inputs);
}

function checkLabels(labels: Tensor | undefined, samples: number, graph: Graph): void {
  if (labels === undefined) return;
  if (labels.data.length < samples)
    fail("label-count", `${labels.data.length} labels for ${samples} samples`, {
      help: "give one label for each",
    });
  const classes = elementCount(graph.outputs[0]!.type.shape);
  for (let i = 0; i < samples; i++) {
    const label = Number(labels.data[i]);
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      fail("label-value", `label ${i} is ${label}, expected 0 to ${classes - 1}`);
  }
}
