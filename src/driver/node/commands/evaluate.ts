/** `quern evaluate`. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { parseNpy } from "../../../tensor/npy.ts";
import type { EngineName } from "../../engines.ts";
import { evaluate, type EngineResult, type Evaluation } from "../../evaluate.ts";
import { extensionOf } from "../../model.ts";
import type { Reference } from "../../reference.ts";
import type { Proportion } from "../../statistics.ts";
import { findCompiler } from "../c-compiler.ts";
import { readBytes } from "../files.ts";
import { given } from "../given.ts";
import { mappingOf, wholeNumber, withRunOptions, type RunOptions } from "../options.ts";
import { createProgress } from "../progress.ts";
import type { Streams } from "../streams.ts";
import { loadForRunning, openSubject, openSubjectSamples, type Subject } from "../subject.ts";
import { percent, textTable } from "../text-table.ts";

interface Options extends RunOptions {
  readonly labels?: string;
  readonly reference?: string;
  readonly checkIntermediates?: number;
  readonly json?: boolean;
}

const notes = `
Examples:
  $ quern evaluate build/kws --inputs x.npy --labels y.npy
  $ quern evaluate build/kws --inputs x.npy --labels y.npy --engine wasm-simd,wasm-scalar,c --check-intermediates 20

Without --engine, a compiled folder runs on what it was compiled for: its shipped WebAssembly, its C where a compiler is
found. The float reference is --reference; without it, the model that report.json names, if that file is still the same.
The time of c includes starting its program, once for 32 samples.`;

export function addEvaluate(program: Command, streams: Streams): void {
  withRunOptions(program.command("evaluate"))
    .description("accuracy, agreement with float, noise, byte equality of engines")
    .option("--labels <Y.npy>", "one class number for each sample")
    .addOption(new Option("--metric <M>", "how outputs are judged").choices(["top1"]).default("top1"))
    .option("--reference <R>", "a float model (.onnx, .qir), or float outputs (.npy)")
    .option(
      "--check-intermediates <N>",
      "compare all tensors with the interpreter's on N samples",
      wholeNumber,
    )
    .option("--json", "print JSON")
    .addHelpText("after", notes)
    .action(async (model: string, options: Options) => {
      const subject = await openSubject(model, options.shape);
      const progress = createProgress();
      const reference = await openReference(subject, options, streams);
      const result = await evaluate({
        graph: subject.graph,
        engines: options.engine ?? defaultEngines(subject, streams),
        factories: subject.engines,
        samples: openSubjectSamples(subject, options.inputs, mappingOf(options), options.limit),
        ...given({
          labels: readLabels(options.labels),
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

const readLabels = (path: string | undefined) =>
  path === undefined ? undefined : parseNpy(readBytes(path), path);

/** Those a folder was compiled for; SIMD WebAssembly for a model. */
function defaultEngines({ bundle }: Subject, streams: Streams): EngineName[] {
  const targets = bundle?.report.targets;
  if (targets === undefined) return ["wasm-simd"];
  const engines: EngineName[] = targets.wasm === undefined ? [] : ["wasm-simd"];
  if (targets.c !== undefined) {
    try {
      findCompiler();
      engines.push("c");
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      streams.diagnose(error.diagnostics.map((d) => ({ ...d, severity: "note" })));
    }
  }
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
    return { graph: await loadForRunning(reference, options.shape) };
  }
  const { model, run } = subject.bundle?.report ?? {};
  const path = run?.modelPath;
  if (path === undefined || model === undefined) return undefined;
  if (existsSync(path) && createHash("sha256").update(readFileSync(path)).digest("hex") === model.sha256)
    return { graph: await loadForRunning(path, options.shape) };
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

function evaluationText(result: Evaluation): string {
  const { reference, engines, logits, byteEquality, intermediates } = result;
  const all = [...(reference === undefined ? [] : [reference]), ...engines];
  const share = (p: Proportion | undefined): string =>
    p === undefined ? "" : `${percent(p.value)} [${percent(p.interval[0])}, ${percent(p.interval[1])}]`;
  const row = (r: EngineResult): string[] => [
    r.engine,
    share(r.top1),
    r.agreement === undefined ? "" : percent(r.agreement.value),
    r.outputSqnrDb === undefined ? "" : `${r.outputSqnrDb.toFixed(1)} dB`,
    r.timeMsPerSample === undefined ? "" : `${r.timeMsPerSample.toFixed(3)} ms`,
  ];
  const head = ["engine", "top-1 [95 %]", "agreement", "SQNR", "time a sample"];
  const lines = [`${result.samples} samples`, "", textTable(head, all.map(row)), ""];
  if (logits !== undefined) lines.push(`SQNR of the logits %${logits.value}: ${logits.sqnrDb.toFixed(1)} dB`);
  if (byteEquality !== undefined) {
    const names = engines.map(({ engine }) => engine).join(", ");
    const outcome = byteEquality.equal ? "the same output bytes" : "DIFFERENT output bytes";
    lines.push(`${names}: ${outcome} on ${byteEquality.samples} samples`);
  }
  for (const { engine, samples, tensors, differing } of intermediates ?? [])
    lines.push(
      differing.length === 0
        ? `${engine}: all ${tensors} tensors equal the interpreter's on ${samples} samples`
        : `${engine}: ${differing.length} tensors DIFFER from the interpreter's`,
    );
  return `${lines.join("\n")}\n`;
}
