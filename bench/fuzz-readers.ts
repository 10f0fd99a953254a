/**
 * Feeds damaged and hostile models to the readers, for hours if asked: `npm run fuzz:readers -- --count 20000 net.onnx hostile.onnx …`
 *
 * Every damaged file has to give a graph or diagnostics, every hostile one (bench/hostile: `hostile.onnx`, `hostile.tflite`) diagnostics,
 * each with code, place and help: no other error, no hang, no memory without bounds, nothing written. For that
 * the files go through a process of their own which may not write files (node's permission model), and whose heartbeat is watched here.
 * The same arguments damage the same way; what fails is named by model and seed.
 */
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { DiagnosticError } from "../src/diagnostics/diagnostic.ts";
import { loadModel } from "../src/driver/model.ts";
import { hostileFile, hostileKinds, lacksOf, type HostileFile } from "./hostile/index.ts";
import { mutate } from "./mutate.ts";

/** What one file may cost: processor time, and memory of the whole process. */
const mostMs = 2000;
const mostBytes = 512 * 2 ** 20;
/** Without a sign of life for so long the process counts as hanging: more than `mostMs`, for the machine may be busy. */
const silenceMs = 20_000;

interface Summary {
  readonly file: string;
  readonly count: number;
  readonly graphs: number;
  readonly slowestMs: number;
  readonly peakBytes: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

type Message = { readonly done: number } | Summary;

/** Files by seed; those of a kind have to be refused. */
function sourceOf(file: string): (seed: number) => HostileFile | { readonly bytes: Uint8Array } {
  const kinds = hostileKinds[file];
  if (kinds !== undefined) return (seed) => hostileFile(kinds, seed);
  const sound = new Uint8Array(readFileSync(file));
  return (seed) => ({ bytes: mutate(sound, seed) });
}

/** In the process of its own. */
function feed(file: string, count: number, tell: (message: Message) => void): void {
  const make = sourceOf(file);
  const codes: Record<string, number> = {};
  const failures: string[] = [];
  let [graphs, slowestMs, peakBytes] = [0, 0, 0];
  for (let seed = 0; seed < count; seed++) {
    const made = make(seed);
    const fault = "kind" in made ? ` (${made.kind})` : "";
    const begin = process.cpuUsage();
    try {
      loadModel({ file, bytes: made.bytes });
      graphs++;
      if ("kind" in made) failures.push(`seed ${seed}${fault}: it was taken`);
    } catch (error) {
      if (error instanceof DiagnosticError) {
        for (const code of new Set(error.diagnostics.map((d) => d.code)))
          codes[code] = (codes[code] ?? 0) + 1;
        for (const lack of lacksOf(error.diagnostics)) failures.push(`seed ${seed}${fault}: ${lack}`);
      } else failures.push(`seed ${seed}${fault}: ${String(error)}`);
    }
    const { user, system } = process.cpuUsage(begin);
    const timeMs = (user + system) / 1000;
    slowestMs = Math.max(slowestMs, timeMs);
    if (timeMs > mostMs) failures.push(`seed ${seed}${fault}: ${timeMs.toFixed(0)} ms`);
    if (seed % 100 === 0) tell({ done: seed });
  }
  peakBytes = process.resourceUsage().maxRSS * 1024;
  if (peakBytes > mostBytes) failures.push(`${peakBytes} bytes of memory`);
  tell({ file, count, graphs, slowestMs, peakBytes, codes, failures });
}

/** Runs the process and watches it. */
function watch(file: string, count: number): Promise<Summary> {
  return new Promise((resolve) => {
    const permissions = ["--experimental-permission", "--allow-fs-read=*", "--no-warnings"];
    const child = fork(fileURLToPath(import.meta.url), ["--feed", String(count), file], {
      execArgv: permissions,
    });
    let [done, last, summary] = [0, performance.now(), undefined as Summary | undefined];
    const failed = (what: string): Summary => ({
      file,
      count: done,
      graphs: 0,
      slowestMs: 0,
      peakBytes: 0,
      codes: {},
      failures: [`seed ${done} or one of the next hundred: ${what}`],
    });
    const timer = setInterval(() => {
      if (performance.now() - last > silenceMs) child.kill("SIGKILL");
    }, 500);
    child.on("message", (message: Message) => {
      last = performance.now();
      if ("done" in message) done = message.done;
      else summary = message;
    });
    child.on("exit", (code, signal) => {
      clearInterval(timer);
      resolve(
        summary ??
          failed(signal === "SIGKILL" ? "a hang" : `the process ended with ${code ?? signal ?? "nothing"}`),
      );
    });
  });
}

function print({ file, count, graphs, slowestMs, peakBytes, codes, failures }: Summary): void {
  const refused = Object.entries(codes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([code, times]) => `${code} ${times}`);
  process.stdout.write(
    [
      `${file}: ${count} files, ${graphs} graphs, slowest ${slowestMs.toFixed(0)} ms, ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
      ...(refused.length > 0 ? [`  refused: ${refused.join(", ")}`] : []),
      ...failures.slice(0, 20).map((failure) => `  FAILED ${failure}`),
      "",
    ].join("\n"),
  );
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--feed") {
  const [count, file] = rest as [string, string];
  feed(file, Number(count), (message) => process.send!(message));
  process.disconnect();
} else {
  const hasCount = first === "--count";
  const count = hasCount ? Number(rest[0]) : 2000;
  const files = hasCount ? rest.slice(1) : process.argv.slice(2);
  let failures = 0;
  for (const file of files) {
    const summary = await watch(file, count);
    print(summary);
    failures += summary.failures.length;
  }
  process.exitCode = failures === 0 && files.length > 0 ? 0 : 1;
}
