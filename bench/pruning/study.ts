/**
 * The study of docs/pruning.md: criteria, shares of channels, repair, masks, and what is left of the accuracy of the integers.
 *
 *     npm run study:pruning -- kws ad                       every criterion at 20, 30 and 50 %, with and without repair
 *     npm run study:pruning -- kws --criteria random,l1     some of them
 *     npm run study:pruning -- ic_large --budgets macs=0.7,macs=0.5     the compiler's default, by budget
 *     npm run study:pruning -- kws --masks                  pieces smaller than channels
 *     npm run study:pruning -- kws --passes "prune-channels{macs=0.5}, remove-channels"     a pipeline of your own
 *     npm run study:pruning -- kws --agreement              also how often the answer is that of the real network
 *     npm run study:pruning -- kws --kept                   what earlier runs measured
 *     npm run study:pruning -- kws ad --plot docs/pruning.svg           the same as a picture
 *
 * Results go to build/study/pruning, line by line; what is there is not measured again. Choices are made on calibration samples; dev is
 * read once for each row and decides nothing. Needs the corpus (QUERN_CORPUS, or ../shared).
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { passes } from "../../passes/index.ts";
import { pipelines } from "../../passes/pipelines.ts";
import { dependencyGroups } from "../../passes/prune/dependency-groups.ts";
import { resourceModel, type Resources } from "../../passes/prune/resources.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { Corpus, networks, type StudyNetwork } from "../networks.ts";
import { budgetPlans, comparedCriteria, criterionPlans, maskPlans, unpruned, type Plan } from "./plans.ts";
import { panels, type Panel } from "./plot.ts";

export interface Row {
  /** The passes that prune. */
  readonly prune: string;
  /** Top-1, or the area under the curve. */
  readonly score: number;
  readonly interval: readonly [low: number, high: number];
  readonly agreement?: number;
  readonly macs?: number;
  readonly weightBytes?: number;
  readonly timeS: number;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    criteria: { type: "string" },
    budgets: { type: "string" },
    masks: { type: "boolean", default: false },
    passes: { type: "string" },
    kept: { type: "boolean", default: false },
    agreement: { type: "boolean", default: false },
    plot: { type: "string" },
  },
});
const corpus = new Corpus(process.env["QUERN_CORPUS"] ?? "../shared");
const folder = join("build", "study", "pruning");
mkdirSync(folder, { recursive: true });

function chosenPlans(): Plan[] {
  if (options.budgets !== undefined) return [unpruned, ...budgetPlans(options.budgets.split(","))];
  if (options.passes !== undefined)
    return [unpruned, { name: options.passes.replaceAll("|", "\\|"), prune: `${options.passes}, ` }];
  if (options.masks) return [unpruned, ...maskPlans()];
  return [unpruned, ...criterionPlans(options.criteria?.split(",") ?? comparedCriteria)];
}

const context = (samples?: Parameters<typeof contextFor>[0]): ReturnType<typeof contextFor> =>
  contextFor(samples, () => undefined);

async function measure(network: StudyNetwork, prune: string): Promise<Row> {
  const begin = process.cpuUsage();
  const graph = corpus.graph(network);
  const samples = corpus.calibration(network, graph, { samples: 1000, elements: 2 ** 22 });
  const steps = parsePipeline(`${pipelines.optimize}, separate-constants, ${prune}${pipelines.quantize}`);
  const records = await runPipeline(graph, steps, passes, context(samples));
  const timeS = process.cpuUsage(begin).user / 1e6;
  const evaluation = corpus.evaluation(network, graph);
  const labels = corpus.labels(network, evaluation.count);
  const { engines } = await evaluate({
    graph,
    engines: ["wasm-simd"],
    samples: evaluation,
    labels: tensor("u8", [labels.length], Uint8Array.from(labels)),
    ...(network.group === undefined ? {} : { metric: "mse-auc" as const, group: network.group }),
    // Agreement with the real network takes half of the time, and tables do without.
    ...(options.agreement ? { reference: { graph: corpus.graph(network) } } : {}),
  });
  const { top1, auc, agreement } = engines[0]!;
  const judged = top1 ?? auc;
  if (judged === undefined) throw new Error(`${network.name} was not judged`);
  const left = records.flatMap(({ findings }) => findings).findLast(({ summary, macs }) => summary && macs);
  return {
    prune,
    score: judged.value,
    interval: judged.interval,
    ...(agreement === undefined ? {} : { agreement: agreement.value }),
    ...(left === undefined ? {} : { macs: Number(left["macs"]), weightBytes: Number(left["weightBytes"]) }),
    timeS,
  };
}

/** What the network takes before pruning. */
async function wholeOf(network: StudyNetwork): Promise<Resources> {
  const graph = corpus.graph(network);
  await runPipeline(graph, parsePipeline(pipelines.optimize), passes, context());
  const groups = dependencyGroups(graph);
  return resourceModel(graph, groups)(groups.map(() => 0));
}

function measured(file: string): Map<string, Row> {
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  const rows = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Row);
  return new Map(rows.map((row) => [row.prune, row]));
}

const percent = (share: number | undefined): string => (share === undefined ? "" : (100 * share).toFixed(1));

async function table(network: StudyNetwork, known: ReadonlyMap<string, Row>, file: string): Promise<void> {
  const whole = await wholeOf(network);
  console.log(`\n| ${network.name} | score, % | 95 % | agreement, % | MACs, % | weights, % | CPU s |`);
  console.log("|---|---|---|---|---|---|---|");
  for (const { name: plan, prune } of chosenPlans()) {
    let row = known.get(prune);
    if (row === undefined && !options.kept) {
      row = await measure(network, prune);
      appendFileSync(file, `${JSON.stringify(row)}\n`);
    }
    if (row === undefined) continue;
    const { score, interval, agreement, macs = whole.macs, weightBytes = whole.weightBytes, timeS } = row;
    const range = interval.map(percent).join("–");
    const left = `${percent(macs / whole.macs)} | ${percent(weightBytes / whole.weightBytes)}`;
    console.log(
      `| ${plan} | ${percent(score)} | ${range} | ${percent(agreement)} | ${left} | ${timeS.toFixed(0)} |`,
    );
  }
}

const drawn: Panel[] = [];
for (const name of positionals.length > 0 ? positionals : ["ic", "kws", "vww", "ad"]) {
  const network = networks.find((each) => each.name === name);
  if (network === undefined)
    throw new Error(`there is no network ${name}, but ${networks.map((each) => each.name).join(", ")}`);
  const file = join(folder, `${name}.jsonl`);
  const known = measured(file);
  if (options.plot === undefined) await table(network, known, file);
  else drawn.push({ network, whole: await wholeOf(network), rows: [...known.values()] });
}
if (options.plot !== undefined) writeFileSync(options.plot, panels(drawn));
