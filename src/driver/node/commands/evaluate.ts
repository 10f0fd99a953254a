/** `quern evaluate`. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { parseNpy } from "../../../tensor/npy.ts";
import { tensor, type Tensor } from "../../../tensor/tensor.ts";
import type { EngineName } from "../../engines.ts";
import { evaluate, type Evaluation } from "../../evaluate.ts";
import { labelCount, metricNames, type MetricName } from "../../metrics.ts";
import { extensionOf } from "../../model.ts";
import type { Reference } from "../../reference.ts";
import { hasCompiler } from "../c-compiler.ts";
import { evaluationText } from "../evaluation-text.ts";
import { readBytes } from "../files.ts";
import { given } from "../given.ts";
import { wholeNumber, withRunOptions, type RunOptions } from "../options.ts";
import { createProgress } from "../progress.ts";
import type { Streams } from "../streams.ts";
import { loadForRunning, openSubject, openSubjectSamples, type Subject } from "../subject.ts";

interface Options extends RunOptions {
  readonly labels?: string;
  readonly metric: MetricName;
  readonly group?: number;
  readonly reference?: string;
  readonly checkIntermediates?: number;
  readonly json?: boolean;
}

const notes = `
Examples:
  $ quern evaluate build/kws --inputs x.npy --labels y.npy
  $ quern evaluate build/kws --inputs x.npy --labels y.npy --engine wasm-simd,wasm-scalar,c --check-intermediates 20
  $ quern evaluate build/ad --inputs recordings.npy --window 5 --labels y.npy --metric mse-auc

top1 compares the largest output with the label. mse-auc is for networks that reproduce their input: the error of a sample
is the mean squared difference of the two, the score of a recording the mean over its samples; it gives the area under the
ROC curve of the scores, label 1 meaning an anomaly.

--window 5 --hop 1 makes samples of rows [T, ...]: frames 0 to 4, 1 to 5 and so on, flattened where the input is a vector. A
folder that was compiled so needs neither.

Weights and arena are what each engine's program needs. Without --engine, a compiled folder runs on what it was compiled
for: its shipped WebAssembly, its C where a compiler is found. The float reference is --reference; without it, the model
that report.json names, if that file is still the same. The time of c includes starting its program, once for 32 samples.`;

export function addEvaluate(program: Command, streams: Streams): void {
  withRunOptions(program.command("evaluate"))
    .description("accuracy, agreement with float, noise, byte equality of engines")
    .option("--labels <Y.npy>", "one class number for each sample; 0 or 1 for each recording")
    .addOption(new Option("--metric <M>", "how outputs are judged").choices(metricNames).default("top1"))
    .option(
      "--group <N>",
      "N consecutive samples are one recording (default: the windows of a row)",
      wholeNumber,
    )
    .option("--reference <R>", "a float model (.onnx, .tflite, .qir), or float outputs (.npy)")
    .option(
      "--check-intermediates <N>",
      "compare all tensors with the interpreter's on N samples",
      wholeNumber,
    )
    .option("--json", "print JSON")
    .addHelpText("after", notes)
    .action(async (model: string, options: Options) => {
      const subject = await openSubject(model, options, streams);
      const progress = createProgress();
      const reference = await openReference(subject, options, streams);
      const samples = openSubjectSamples(subject, options, streams);
      const group = options.metric === "mse-auc" ? (options.group ?? samples.perRow) : 1;
      const needed = labelCount({ name: options.metric, group }, samples.count);
      const result = await evaluate({
        graph: subject.graph,
        engines: options.engine ?? defaultEngines(subject, streams),
        factories: subject.engines,
        samples,
        metric: options.metric,
        group,
        ...given({
          labels: readLabels(options.labels, options.limit === undefined ? Infinity : needed),
          labelsFile: options.labels,
          reference,
        }),
        checkIntermediates: options.checkIntermediates ?? 0,
        now: () => performance.now(),
        progress: progress.report,
      });
      progress.clear();
      streams.out(
        options.json === true ? `${JSON.stringify(result, undefined, 2)}\n` : evaluationText(result),
      );
      const problems = problemsOf(result);
      if (problems.length > 0) throw new DiagnosticError(problems);
    });
}

/** At most so many, from the first: `--limit` leaves labels over. */
function readLabels(path: string | undefined, most: number): Tensor | undefined {
  if (path === undefined) return undefined;
  const labels = parseNpy(readBytes(path), path);
  const { element, data } = labels;
  return data.length > most ? tensor(element, [most], data.slice(0, most)) : labels;
}

/** Those a folder was compiled for; SIMD WebAssembly for a model. */
function defaultEngines({ bundle }: Subject, streams: Streams): EngineName[] {
  const targets = bundle?.report.targets;
  if (targets === undefined) return ["wasm-simd"];
  const engines: EngineName[] = targets.wasm === undefined ? [] : ["wasm-simd"];
  if (targets.c !== undefined && hasCompiler(streams)) engines.push("c");
  return engines.length > 0 ? engines : ["wasm-simd"];
}

async function openReference(
  subject: Subject,
  options: Options,
  streams: Streams,
): Promise<Reference | undefined> {
  const { reference } = options;
  if (reference !== undefined) {
    if (extensionOf(reference) === "npy") return { outputs: parseNpy(readBytes(reference), reference) };
    return { graph: await loadForRunning(reference, options, streams) };
  }
  const { model, run } = subject.bundle?.report ?? {};
  const path = run?.modelPath;
  if (path === undefined || model === undefined) return undefined;
  if (existsSync(path) && createHash("sha256").update(readFileSync(path)).digest("hex") === model.sha256)
    return { graph: await loadForRunning(path, options, streams) };
  const message = `no float reference: '${path}' is not there any more, or has changed`;
  streams.diagnose([
    diagnostic("note", "no-reference", message, { help: "give the model with --reference" }),
  ]);
  return undefined;
}

function problemsOf({ byteEquality, intermediates = [] }: Evaluation) {
  const outputs = (byteEquality?.mismatches ?? []).map(({ engine, other, sample, output, differingBytes }) =>
    diagnostic(
      "error",
      "engines-differ",
      `${other} gives other bytes for output %${output} of sample ${sample} than ${engine}: ${differingBytes} differ`,
    ),
  );
  const inner = intermediates.flatMap(({ engine, differing }) =>
    differing
      .slice(0, 1)
      .map(({ tensor, sample }) =>
        diagnostic(
          "error",
          "engines-differ",
          `${engine} computes another %${tensor} than the interpreter in sample ${sample}, and ${differing.length - 1} more`,
        ),
      ),
  );
  return [...outputs, ...inner];
}
