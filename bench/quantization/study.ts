/**
 * `npm run study:quantization [-- NETWORK… --methods "A; B" --kept --layers]`: what each step of quantization gives on the corpus, as the tables of docs/quantization.md.
 * Every choice is made on calibration samples; `dev` is read to print the tables, and nothing is made from them. Trials that
 * are done are kept in build/study and not run again; `--kept` prints those alone, `--methods` takes these methods only, of the names in
 * methods.ts, `--layers` adds how far each layer's simulation is from its shipped integers.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { areaUnderCurve, correlation } from "../../src/driver/scores.ts";
import { mcnemar, proportion } from "../../src/driver/statistics.ts";
import { methods, runsOn, standard, type Method } from "./methods.ts";
import { Corpus, networks, type StudyNetwork } from "../networks.ts";
import type { LayerDistance } from "./distance.ts";
import { runTrial, type Trial } from "./trial.ts";

const corpus = new Corpus(process.env["QUERN_CORPUS"] ?? "../shared");
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
    return mcnemar(hits!, others!).toFixed(2);
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

const [first, ...rest] = process.argv.slice(2);
if (first === "--trial") {
  const [network, method] = [
    networks.find(({ name }) => name === rest[0])!,
    methods.find(({ name }) => name === rest[1])!,
  ];
  writeFileSync(rest[2]!, JSON.stringify(await runTrial(corpus, network, method)));
} else {
  mkdirSync(folder, { recursive: true });
  const words = process.argv.slice(2);
  const at = words.indexOf("--methods");
  const named =
    at < 0
      ? undefined
      : words
          .splice(at, 2)[1]
          ?.split(";")
          .map((name) => name.trim());
  const unknown = named?.filter((name) => !methods.some((method) => method.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`no such method: ${unknown.join(", ")}`);
  const wanted = words.filter((word) => !word.startsWith("--"));
  for (const network of networks) {
    if (wanted.length > 0 && !wanted.includes(network.name)) continue;
    const trials = new Map<string, Trial>();
    for (const method of methods) {
      if (!runsOn(method, network)) continue;
      if (named?.includes(method.name) === false) continue;
      const trial = trialOf(network, method, words.includes("--kept"));
      if (trial !== undefined) trials.set(method.name, trial);
    }
    if (trials.size > 0) console.log(`${table(network, trials)}\n`);
    if (words.includes("--layers"))
      for (const [name, trial] of trials) console.log(`${layerTable(network, name, trial)}\n`);
  }
}
