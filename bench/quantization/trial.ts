/**
 * One network quantized by one method, and judged on `dev`, in a process of its own, whose peak memory is the method's. It is run as
 * it ships, in integers, and as simulated, fake-quantized in reals, both as compiled WebAssembly.
 */
import { passes } from "../../passes/index.ts";
import { foldDequantized } from "../../passes/quantize/fold-dequantized.ts";
import { calibrationSpread } from "../../src/driver/calibration-spread.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { pipelineSteps } from "../../src/driver/pipeline-steps.ts";
import { measuringExecutor } from "../../src/driver/engines.ts";
import { addToGroups, meanSquaredDifference, newGroupMeans } from "../../src/driver/scores.ts";
import { argmax } from "../../src/driver/statistics.ts";
import { measureGraph } from "../../src/driver/layers.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { TensorType } from "../../src/ir/types.ts";
import { judgeable, NoiseRatio, valuesOf } from "../../src/measure/judge-outputs.ts";
import { dequantizeValue } from "../../src/numerics/affine.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { distanceFromShipped, shippedFrom, storedInputs, type LayerDistance } from "./distance.ts";
import type { Method } from "./methods.ts";
import type { Corpus, StudyNetwork } from "../networks.ts";

export interface Trial {
  /** Of what ships: classes; or scores of recordings. */
  readonly found: readonly number[];
  /** Of the simulation, by the values that decide. */
  readonly simulated: readonly number[];
  readonly expected: readonly number[];
  readonly labels: readonly number[];
  /** Of the simulation's deciding values, on `dev`. */
  readonly sqnrDb: number;
  /** Of calibration, quantization and repair. */
  readonly timeMs: number;
  readonly peakBytes: number;
  /** Of weights and biases, packed. */
  readonly weightBytes: number;
  /** Of the simulation from the integers that ship. */
  readonly distance: readonly LayerDistance[];
}

/** Of `dev`, where there are as many: a percent of agreement is little among a thousand. */
const fewestSamples = 3000;

/** Of `dev`: one in 256 elements differs or none in a thousand, these say as well as all. */
const distanceSamples = 50;

export async function runTrial(corpus: Corpus, network: StudyNetwork, method: Method): Promise<Trial> {
  const graph = corpus.graph(network);
  const context = contextOf(corpus, network, method, graph);
  await runPipeline(graph, pipelineSteps("optimize"), passes, context);
  const begin = performance.now();
  await runPipeline(graph, parsePipeline(method.passes), passes, context);
  const timeMs = performance.now() - begin;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const { weightBytes } = measureGraph(graph);
  const mostSamples = Math.max(network.mostSamples, fewestSamples);
  const evaluation = corpus.evaluation({ ...network, mostSamples }, graph);
  const stored = await shippedFrom(graph);
  const distance = await distanceFromShipped(graph, stored, firstOf(evaluation.batches(), distanceSamples));
  foldDequantized(graph);
  return {
    ...(await judge(context.snapshots.get("real")!, graph, stored, evaluation, network)),
    labels: corpus.labels(network, evaluation.count),
    timeMs,
    peakBytes,
    weightBytes,
    distance,
  };
}

/** Without samples there is nothing but what is stated. */
function contextOf(
  corpus: Corpus,
  network: StudyNetwork,
  { dataFree, passes: text }: Method,
  graph: Graph,
): PassContext {
  if (dataFree !== true)
    return contextFor(
      corpus.calibration(network, graph, calibrationSpread(graph, parsePipeline(text))),
      () => undefined,
    );
  const ranges = graph.inputs.map(({ name }) => [name, network.inputRange!] as const);
  return contextFor(undefined, () => undefined, new Map(ranges));
}

function* firstOf<T>(all: Iterable<T>, count: number): Iterable<T> {
  let taken = 0;
  for (const one of all) {
    if (taken++ === count) return;
    yield one;
  }
}

async function judge(
  real: Graph,
  simulated: Graph,
  stored: Graph,
  samples: SampleSource,
  { group }: StudyNetwork,
): Promise<Pick<Trial, "found" | "simulated" | "expected" | "sqnrDb">> {
  const networks = [await judgeable(real, measuringExecutor), await judgeable(simulated, measuringExecutor)];
  const shipped = await measuringExecutor(stored);
  const answers = [...networks, shipped].map((): number[] => []);
  const errors = [...networks, shipped].map(() => newGroupMeans(group ?? 1));
  const noise = new NoiseRatio();
  for (const sample of samples.batches()) {
    const values = networks.map(({ executor, names }) => valuesOf(executor, sample, names));
    noise.add(values[0]!, values[1]!);
    const output = realsOf(shipped.run(storedInputs(stored, sample))[0]!, stored.outputs[0]!.type);
    [values[0]![0]!, values[1]![0]!, output].forEach((answer, n) => {
      if (group === undefined) answers[n]!.push(argmax(reals(answer)));
      else addToGroups(errors[n]!, meanSquaredDifference(sample[0]!, reals(answer)));
    });
  }
  for (const { executor } of networks) executor.dispose();
  shipped.dispose();
  const [expected, ofSimulation, found] = group === undefined ? answers : errors.map(({ means }) => means);
  return { found: found!, simulated: ofSimulation!, expected: expected!, sqnrDb: noise.decibels };
}

/** What stored integers of one scale stand for. */
const realsOf = (stored: Tensor, { quantization }: TensorType): Float64Array =>
  Float64Array.from(numbersOf(stored), (q) =>
    dequantizeValue(q, quantization!.scale[0]!, quantization!.zero[0]!),
  );

const reals = (values: Float64Array): Tensor => tensor("f64", [values.length], values);
