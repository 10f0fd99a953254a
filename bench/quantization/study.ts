/**
 * `npm run study:quantization [-- NETWORK… --methods "A; B" --kept --layers]`: what each step of quantization gives on the corpus, as the tables of docs/quantization-study.md.
 * Every choice is made on calibration samples; `dev` is read to print the tables, and nothing is made from them. Trials that
 * are done are kept in build/study and not run again; `--kept` prints those alone, `--methods` takes these methods only, of the names in
 * methods.ts, `--layers` adds how far each layer's simulation is from its shipped integers.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { didYouMean } from "../../src/diagnostics/suggest.ts";
import { areaUnderCurve, correlation } from "../../src/driver/scores.ts";
import { mcnemar, proportion } from "../../src/driver/statistics.ts";
import { methods, runsOn, standard, type Method } from "./methods.ts";
import { Corpus, networks, type StudyNetwork } from "../networks.ts";
import type { LayerDistance } from "./distance.ts";
import { runTrial, type Trial } from "./trial.ts";

const corpusFolder = process.env["QUERN_CORPUS"] ?? "../shared";
const corpus = new Corpus(corpusFolder);
const folder = join("build", "study");

const percent = (share: number, digits = 2): string => (100 * share).toFixed(digits);
const interval = ([low, high]: readonly [number, number]): string => `${percent(low, 1)}–${percent(high, 1)}`;
const isHit = ({ labels }: Trial, answers: readonly number[], n: number): boolean => answers[n] === labels[n];

function table(network: StudyNetwork, trials: ReadonlyMap<string, Trial>): string {
  const rows = [...trials].map(([name, trial]) =>
    network.group === undefined ? classRow(name, trial, trials.get(standard)) : recordingRow(name, trial),
  );
  const [first] = trials.values();
  if (network.group === undefined) {
    const float = accuracy(first!, first!.expected);
    return [
      `### ${network.name}: ${first!.labels.length} samples, real network ${percent(float.value)} (${interval(float.interval)})`,
      "",
      `| method | accuracy | interval | agreement | simulated | p against float | p against W8 | ${costNames} |`,
      "|---|---|---|---|---|---|---|---|---|---|---|---|",
      ...rows,
    ].join("\n");
  }
  const float = areaUnderCurve(first!.expected, first!.labels);
  return [
    `### ${network.name}: ${first!.labels.length} recordings, real network ${float.value.toFixed(4)} (${float.interval.map((x) => x.toFixed(3)).join("–")})`,
    "",
    `| method | AUC | interval | correlation of scores | ${costNames} |`,
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

const accuracy = (trial: Trial, answers: readonly number[]): ReturnType<typeof proportion> =>
  proportion(trial.labels.filter((_, n) => isHit(trial, answers, n)).length, trial.labels.length);

const costNames = "SQNR dB | weights KiB | time s | memory MB | integers that differ";

const costs = ({ sqnrDb, timeMs, peakBytes, weightBytes, distance }: Trial): string => {
  const sum = (of: (layer: LayerDistance) => number): number =>
    distance.reduce((n, layer) => n + of(layer), 0);
  const share = sum(({ differing }) => differing) / sum(({ elements }) => elements);
  const largest = distance.reduce((most, layer) => Math.max(most, layer.largest), 0);
  const apart = share === 0 ? "none" : `${percent(share)} %, by ≤ ${largest}`;
  return `${sqnrDb.toFixed(1)} | ${(weightBytes / 1024).toFixed(1)} | ${(timeMs / 1000).toFixed(1)} | ${(peakBytes / 2 ** 20).toFixed(0)} | ${apart}`;
};

/** Layer by layer: how many integers of the stored network are others than the simulation's. */
function layerTable(network: StudyNetwork, name: string, { distance }: Trial): string {
  const rows = distance.map(
    ({ value, elements, differing, largest }) =>
      `| ${value} | ${percent(differing / Math.max(1, elements), 3)} % | ${largest} |`,
  );
  return [
    `#### ${network.name}, ${name}`,
    "",
    "| value | differ | by at most |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}

function classRow(name: string, trial: Trial, against: Trial | undefined): string {
  const { found, expected, labels } = trial;
  const { value, interval: range } = accuracy(trial, found);
  const agreement = (answers: readonly number[]): string =>
    percent(answers.filter((answer, n) => answer === expected[n]).length / labels.length);
  const p = (answers: readonly number[] | undefined): string => {
    if (answers === undefined) return "";
    const [hits, others] = [found, answers].map((each) => labels.map((_, n) => isHit(trial, each, n)));
    const chance = mcnemar(hits!, others!);
    return chance < 0.005 ? "< 0.005" : chance.toFixed(2);
  };
  return `| ${name} | ${percent(value)} | ${interval(range)} | ${agreement(found)} | ${agreement(trial.simulated)} | ${p(expected)} | ${p(against?.found)} | ${costs(trial)} |`;
}

function recordingRow(name: string, trial: Trial): string {
  const { found, expected, labels } = trial;
  const { value, interval: range } = areaUnderCurve(found, labels);
  const ends = range.map((x) => x.toFixed(3)).join("–");
  return `| ${name} | ${value.toFixed(4)} | ${ends} | ${correlation(found, expected).toFixed(4)} | ${costs(trial)} |`;
}

/** In a process of its own; with `--kept` only what is there. */
function trialOf(network: StudyNetwork, method: Method, keptOnly: boolean): Trial | undefined {
  const file = join(folder, `${network.name} ${method.passes.replaceAll(/[^a-z0-9]+/g, "-")}.json`);
  if (!existsSync(file)) {
    if (keptOnly) return undefined;
    console.error(`${network.name}: ${method.name}`);
    const script = fileURLToPath(import.meta.url);
    execFileSync(process.execPath, [script, "--trial", network.name, method.name, file], {
      stdio: "inherit",
    });
  }
  return JSON.parse(readFileSync(file, "utf8")) as Trial;
}

const help = `npm run study:quantization [-- NETWORK…] [--methods "A; B"] [--kept] [--layers]

  NETWORK…    of ${networks.map(({ name }) => name).join(", ")}; all unless named
  --methods   of bench/quantization/methods.ts, with semicolons; all unless named
  --kept      print what was run before, run nothing
  --layers    how far the simulation of each layer is from its integers
`;

interface Wishes {
  readonly networks: readonly StudyNetwork[];
  readonly methods: readonly Method[];
  readonly kept: boolean;
  readonly layers: boolean;
}

/** @throws Error that says what is wrong with the words */
function wishesOf(words: readonly string[]): Wishes | "help" {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h", default: false },
      methods: { type: "string" },
      kept: { type: "boolean", default: false },
      layers: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  if (!existsSync(join(corpusFolder, "models")))
    throw new Error(
      `there is no corpus in '${corpusFolder}': set QUERN_CORPUS to its folder (docs/testing.md)`,
    );
  const wanted = values.methods?.split(";").map((name) => name.trim());
  return {
    networks: named("network", networks, positionals.length > 0 ? positionals : undefined),
    methods: named("method", methods, wanted),
    kept: values.kept,
    layers: values.layers,
  };
}

/** Those of these names, in their own order. */
function named<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] {
  const known = all.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown === undefined)
    return names === undefined ? all : all.filter(({ name }) => names.includes(name));
  const { help: suggestion } = didYouMean(unknown, known);
  throw new Error(`there is no ${what} '${unknown}': ${suggestion ?? `there are ${known.join(", ")}`}`);
}

function study({ networks: chosen, methods: wanted, kept, layers }: Wishes): void {
  mkdirSync(folder, { recursive: true });
  for (const network of chosen) {
    const trials = new Map<string, Trial>();
    for (const method of wanted) {
      const trial = runsOn(method, network) ? trialOf(network, method, kept) : undefined;
      if (trial !== undefined) trials.set(method.name, trial);
    }
    if (trials.size > 0) console.log(`${table(network, trials)}\n`);
    if (layers) for (const [name, trial] of trials) console.log(`${layerTable(network, name, trial)}\n`);
  }
}

/** In the process of one trial. */
async function trial(network: string, method: string, file: string): Promise<void> {
  const [ofNetwork] = named("network", networks, [network]);
  const [ofMethod] = named("method", methods, [method]);
  writeFileSync(file, JSON.stringify(await runTrial(corpus, ofNetwork!, ofMethod!)));
}

const words = process.argv.slice(2);
if (words[0] === "--trial") await trial(words[1]!, words[2]!, words[3]!);
else {
  let wishes: Wishes | "help";
  try {
    wishes = wishesOf(words);
  } catch (error) {
    console.error(`study: ${(error as Error).message}`);
    process.exit(2);
  }
  if (wishes === "help") console.log(help);
  else study(wishes);
}
