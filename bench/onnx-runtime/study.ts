/**
 * `npm run study:onnx-runtime [-- NETWORK…] [--passes P]`: our integers against ONNX Runtime's reals on the exported QDQ model. Networks are
 * quantized by the default pipeline from calibration samples; `dev` is what both compute. Layers are fed with our integers each; the
 * whole network with the reals that ours quantizes. `--as-they-came`: as-they-came.ts.
 */
import { exportOnnx } from "../../backends/onnx/export-onnx.ts";
import { passes } from "../../passes/index.ts";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { pipelineSteps } from "../../src/driver/pipeline-steps.ts";
import { createEngine } from "../../src/driver/engines.ts";
import { addToGroups, correlation, meanSquaredDifference, newGroupMeans } from "../../src/driver/scores.ts";
import { argmax } from "../../src/driver/statistics.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { Corpus, networks, type StudyNetwork } from "../networks.ts";
import { studyAsTheyCame } from "./as-they-came.ts";
import { compareLayers, type LayerAgreement } from "./layers.ts";
import { openSession } from "./session.ts";

const root = process.env["QUERN_CORPUS"] ?? "../shared";
const corpus = new Corpus(root);
/** Whose layers are compared; evenly spaced. */
const layerSamples = 20;

const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;

function layerLines(layers: readonly LayerAgreement[]): string[] {
  const elements = layers.reduce((sum, layer) => sum + layer.elements, 0);
  const equal = layers.reduce((sum, layer) => sum + layer.equal, 0);
  const largest = Math.max(...layers.map((layer) => layer.largest));
  const worst = layers.toSorted((a, b) => a.equal / a.elements - b.equal / b.elements)[0]!;
  return [
    `  ${layers.length} layers, ${elements} elements: ${percent(equal / elements)} equal, the others within ${largest} step`,
    `  worst layer %${worst.name} (${worst.operators}): ${percent(worst.equal / worst.elements)} equal`,
  ];
}

/** The whole network, our integers against the exported file. */
async function compareNetworks(
  network: StudyNetwork,
  stored: Graph,
  bytes: Uint8Array,
  samples: Iterable<readonly Tensor[]>,
): Promise<string> {
  const session = await openSession(bytes);
  const engine = await createEngine("wasm-simd", stored);
  const { type } = stored.outputs[0]!;
  const step = type.quantization!.scale[0]!;
  const scores = [newGroupMeans(network.group ?? 1), newGroupMeans(network.group ?? 1)];
  let [count, agreeing, elements, equal, largest] = [0, 0, 0, 0, 0];
  for (const sample of samples) {
    const integers = sample.map((real, i) => toStored(real, stored.inputs[i]!.type));
    const ours = toReal(engine.run(integers)[0]!, type);
    const [theirs] = (await session.run(sample)) as [Tensor];
    const [a, b] = [numbersOf(ours), numbersOf(theirs)];
    for (let i = 0; i < a.length; i++) {
      const steps = Math.abs(a[i]! - b[i]!) / step;
      if (steps < 0.5) equal++;
      largest = Math.max(largest, steps);
    }
    elements += a.length;
    count++;
    if (argmax(ours) === argmax(theirs)) agreeing++;
    if (network.group !== undefined)
      [ours, theirs].forEach((output, n) => {
        addToGroups(scores[n]!, meanSquaredDifference(sample[0]!, output));
      });
  }
  engine.dispose();
  await session.dispose();
  const outputs = `${percent(equal / elements)} of outputs equal, the largest difference ${largest.toFixed(0)} steps`;
  if (network.group === undefined)
    return `  end to end, ${count} samples: ${percent(agreeing / count)} the same class, ${outputs}`;
  const [ours, theirs] = [scores[0]!.means, scores[1]!.means];
  const relative = Math.max(...ours.map((score, i) => Math.abs(score - theirs[i]!) / score));
  return `  end to end, ${ours.length} recordings: scores within ${percent(relative)}, correlated ${correlation(ours, theirs).toFixed(6)}, ${outputs}`;
}

async function study(network: StudyNetwork, pipeline: string): Promise<boolean> {
  const graph = corpus.graph(network);
  const context = contextFor(corpus.calibration(network, graph), () => undefined);
  await runPipeline(graph, pipelineSteps(pipeline), passes, context);
  const fake = context.snapshots.get("fake-quantized");
  if (fake === undefined) throw new Error("the pipeline has no requantize");
  const evaluation = corpus.evaluation(network, graph);
  const every = Math.max(1, Math.floor(evaluation.count / layerSamples));
  const layers = await compareLayers(fake, graph, spaced(evaluation.batches(), every));
  console.log([network.name, ...layerLines(layers)].join("\n"));
  const { bytes } = exportOnnx(fake, { version: "study" });
  console.log(await compareNetworks(network, graph, bytes, evaluation.batches()));
  return layers.every(({ elements, equal, largest }) => largest <= 1 && equal >= 0.99 * elements);
}

function* spaced<T>(items: Iterable<T>, every: number): Iterable<T> {
  let n = 0;
  for (const item of items) if (n++ % every === 0) yield item;
}

async function studyExports(words: readonly string[]): Promise<boolean> {
  const at = words.indexOf("--passes");
  const pipeline = at < 0 ? "default" : words[at + 1]!;
  const wanted = at < 0 ? words : words.toSpliced(at, 2);
  const chosen = wanted.length > 0 ? wanted : ["ic", "kws", "vww", "ad"];
  let passed = true;
  for (const network of networks)
    if (chosen.includes(network.name)) passed = (await study(network, pipeline)) && passed;
  return passed;
}

const words = process.argv.slice(2);
if (words.includes("--as-they-came")) await studyAsTheyCame(root);
else process.exitCode = (await studyExports(words)) ? 0 : 1;
