/**
 * `npm run bench:calibration [-- NETWORK…]`: peak memory and time of calibration, by method and number of samples, each in a process of its
 * own. Samples stream, so memory should not grow with their number; a file with fewer is read again from its beginning.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { passes } from "../../passes/index.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { pipelineSteps } from "../../src/driver/pipeline-steps.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { Corpus, networks, type StudyNetwork } from "../networks.ts";

const counts = [100, 300, 1000] as const;
const pipelines: readonly (readonly [name: string, passes: string])[] = [
  ...["minmax", "moving-average", "percentile", "mse", "entropy-ort", "entropy-nvidia", "auto"].map(
    (method) => [method, `calibrate{method=${method}}`] as const,
  ),
  ["auto, biases corrected", "calibrate, insert-fake-quantization, correct-bias"],
];
const usual = ["ic", "kws", "vww", "ad"];
const megabyte = 2 ** 20;

interface Cost {
  readonly peakBytes: number;
  readonly timeMs: number;
}

async function measure(network: StudyNetwork, text: string, count: number): Promise<Cost> {
  const corpus = new Corpus(process.env["QUERN_CORPUS"] ?? "../shared");
  const graph = corpus.graph(network);
  const samples = corpus.calibration(network, graph, { samples: count, elements: 0 });
  const many = { ...samples, count, batches: () => repeated(() => samples.batches(), count) };
  const context = contextFor(many, () => undefined);
  await runPipeline(graph, pipelineSteps("optimize"), passes, context);
  const begin = performance.now();
  await runPipeline(graph, parsePipeline(text), passes, context);
  return { peakBytes: process.resourceUsage().maxRSS * 1024, timeMs: performance.now() - begin };
}

function* repeated<T>(all: () => Iterable<T>, count: number): Iterable<T> {
  for (let given = 0; given < count;)
    for (const one of all()) {
      if (given++ === count) return;
      yield one;
    }
}

const words = process.argv.slice(2);
if (words[0] === "--one") {
  const network = networks.find(({ name }) => name === words[1])!;
  console.log(JSON.stringify(await measure(network, words[2]!, Number(words[3]))));
} else {
  const wanted = words.length > 0 ? words : usual;
  for (const { name } of networks.filter((network) => wanted.includes(network.name))) {
    console.log(`### ${name}: peak memory in MB, time in s, by number of samples\n`);
    console.log(`| method | ${counts.join(" | ")} |\n|---|${counts.map(() => "---|").join("")}`);
    for (const [method, text] of pipelines) {
      const cells = counts.map((count) => {
        const script = fileURLToPath(import.meta.url);
        const printed = execFileSync(process.execPath, [script, "--one", name, text, String(count)]);
        const { peakBytes, timeMs } = JSON.parse(String(printed)) as Cost;
        return `${(peakBytes / megabyte).toFixed(0)} MB, ${(timeMs / 1000).toFixed(1)} s`;
      });
      console.log(`| ${method} | ${cells.join(" | ")} |`);
    }
    console.log();
  }
}
