/**
 * The main job: a model and samples become integer-only C and WebAssembly, the stored graph they were printed from, and a
 * report. It touches no file and no clock, so that it gives the same bytes in a browser.
 */
import { identifier, isIdentifier } from "../../backends/c/names.ts";
import { passes as ownPasses } from "../../passes/index.ts";
import { fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Graph, Range } from "../ir/graph.ts";
import { runPipeline } from "../pass/manager.ts";
import { createContext, type Pass } from "../pass/pass.ts";
import { isFloat } from "../tensor/element-type.ts";
import { printPipeline } from "../text/pipeline.ts";
import { printGraph } from "../text/print.ts";
import { emitArtifacts, targetNames, type OutputName } from "./artifacts.ts";
import { calibrationSpread } from "./calibration-spread.ts";
import { compileSteps, formOf, type PipelineWishes } from "./compile-steps.ts";
import { measuringExecutor } from "./engines.ts";
import { sha256 } from "./hash.ts";
import { baseOf, loadModel, stemOf, type ModelSource } from "./model.ts";
import type { NpyFile } from "./npy-file.ts";
import { measureLayers } from "./measure-layers.ts";
import { noisyLayers } from "./noisy-layers.ts";
import { emitQdq, qdqFile } from "./qdq.ts";
import { makeReport, reportText, type Report, type ReportFacts, type RunRecord } from "./report.ts";
import { reportPage } from "./report-page/report-page.ts";
import { calibrationWarnings, unmappedSamples } from "./sample-warnings.ts";
import { withStates } from "./state-samples.ts";
import { openSamples, type SampleOptions, type Samples, type SampleSpread } from "./samples.ts";
import { version } from "./version.ts";

export interface CompileOptions extends PipelineWishes {
  readonly model: ModelSource;
  /** Calibration samples, one file for each input of the model. Not needed for a model that is quantized already. */
  readonly samples?: readonly NpyFile[];
  readonly sampleOptions?: SampleOptions;
  /** Ranges of values by name, lowest and highest: not measured but taken as they are. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /** `c` and `wasm` unless given. */
  readonly targets?: readonly OutputName[];
  /** Passes that the pipeline may name besides the compiler's own; one of the same name goes first. */
  readonly passes?: readonly Pass[];
  /** Names files and functions: a C identifier. The model file's name unless given. */
  readonly name?: string;
  /** For the part of the report that may differ from run to run. */
  readonly run?: RunRecord;
  readonly now?: () => number;
  readonly progress?: (stage: string, done: number, total: number) => void;
  readonly printAfter?: (pass: string, graph: Graph) => void;
  readonly onWarning?: (warning: Diagnostic) => void;
}

/** Of a network that carries state, from the first. */
const sequenceSamples = 300;
/** Least squares have more to find out than ranges (docs/pruning.md). */
const pruningSamples: SampleSpread = { samples: 1000, elements: 2 ** 22 };

export interface Compiled {
  readonly name: string;
  /** The stored graph. */
  readonly graph: Graph;
  /** By path inside the output folder. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly report: Report;
}

/** @throws DiagnosticError for whatever is wrong with model, samples or options */
export async function compile(options: CompileOptions): Promise<Compiled> {
  const { model, targets = targetNames, now } = options;
  const name = networkName(model.file, options.name);
  const begin = now?.();
  const { graph, ports, notes } = loadModel(model);
  const form = formOf(graph);
  if (options.samples === undefined && options.pipeline === undefined && form === "real")
    fail("no-samples", `'${baseOf(model.file)}' is a float model: quantizing it needs samples`, {
      help: "give some with --calibrate X.npy; or none, if the model keeps its batch normalizations: --pipeline data-free, with the input's range in --ranges FILE.json",
    });
  const passes = [...(options.passes ?? []), ...ownPasses];
  const steps = compileSteps(form, options, passes);
  const given =
    options.samples &&
    openSamples(options.samples, graph.callerInputs, {
      // State needs consecutive samples.
      ...(graph.carried.length > 0
        ? { limit: sequenceSamples }
        : { spread: options.prune === undefined ? calibrationSpread(graph, steps) : pruningSamples }),
      ...options.sampleOptions,
    });
  const stated = given && graph.carried.length > 0 ? await withStates(given, graph) : undefined;
  const samples = stated?.samples ?? given;

  const diagnostics: Diagnostic[] = [...notes];
  const report = (warning: Diagnostic): void => {
    diagnostics.push(warning);
    options.onWarning?.(warning);
  };
  notes.forEach((note) => options.onWarning?.(note));
  if (given !== undefined) {
    unmappedSamples(given.files, graph.callerInputs, given.mapping).forEach(report);
    calibrationWarnings(given).forEach(report);
  }
  const passTimesMs: Record<string, number> = {};
  const context = contextFor(samples, report, options.ranges);
  const records = await runPipeline(graph, steps, passes, context, {
    print: (broken) => printGraph(broken),
    ...(options.progress === undefined ? {} : { onProgress: options.progress }),
    ...(options.printAfter === undefined ? {} : { printAfter: options.printAfter }),
    ...(now === undefined ? {} : { now }),
    onTiming: (pass, timeMs) => (passTimesMs[pass] = (passTimesMs[pass] ?? 0) + timeMs),
  });
  requireStored(graph);

  const printed = targetNames.filter((target) => targets.includes(target));
  const { files, sizes } = await emitArtifacts(graph, name, printed);
  const all = new Map(files);
  if (targets.includes("onnx"))
    all.set(qdqFile(name), emitQdq(context.snapshots.get("fake-quantized"), ports));
  const real = context.snapshots.get("real");
  const measured =
    real === undefined || samples === undefined
      ? undefined
      : await measureLayers(real, graph, samples, measuringExecutor);
  stated?.executor.dispose();
  const times = now === undefined || begin === undefined ? {} : { passTimesMs, totalTimeMs: now() - begin };
  const facts: ReportFacts = {
    quern: version,
    name,
    model: { file: baseOf(model.file), sha256: await sha256(model.bytes) },
    samples: await recordSamples(samples),
    inputMapping: samples?.mapping ?? {},
    ...(samples?.window === undefined ? {} : { inputWindow: samples.window }),
    inputQuantization: Object.fromEntries(samples?.quantization ?? []),
    pipeline: printPipeline(steps),
    targets: sizes,
    passes: records,
    diagnostics,
    files: await Promise.all(
      [...all].map(async ([file, bytes]) => ({
        file,
        sizeBytes: bytes.length,
        sha256: await sha256(bytes),
      })),
    ),
    run: { ...options.run, ...times },
  };
  const made = makeReport(graph, facts, measured);
  const noisy = noisyLayers(made.layers);
  // What is warned of from here on stands in the report too, which holds the list itself.
  if (noisy !== undefined) report(noisy);
  all.set("report.json", new TextEncoder().encode(reportText(made)));
  all.set("report.html", new TextEncoder().encode(reportPage(made)));
  return { name, graph, files: all, report: made };
}

export function contextFor(
  samples: Samples | undefined,
  warn: (warning: Diagnostic) => void,
  ranges?: ReadonlyMap<string, Range>,
): ReturnType<typeof createContext> {
  return createContext({
    executor: measuringExecutor,
    warn,
    ...(ranges === undefined ? {} : { ranges }),
    ...(samples === undefined ? {} : { samples, inputQuantization: samples.quantization }),
  });
}

/** What names files and functions: the name given, or the model file's. @throws DiagnosticError `name` */
export function networkName(modelFile: string, name?: string): string {
  if (name === undefined) {
    const derived = identifier(stemOf(modelFile)).toLowerCase();
    return isIdentifier(derived) ? derived : `net_${derived}`;
  }
  if (isIdentifier(name)) return name;
  return fail("name", `'${name}' cannot name C functions`, {
    help: `use letters, digits and underscores, for instance ${identifier(name)}`,
  });
}

/** The default pipeline proves this itself; a pipeline of the user's may have left it out. */
function requireStored(graph: Graph): void {
  const left = graph.values.filter(({ type }) => isFloat(type.element));
  if (left.length === 0) return;
  fail("float-left", `the pipeline leaves ${left.length} values in floats`, {
    notes: left.slice(0, 8).map(({ name, producer }) => ({
      message: `%${name}${producer === undefined ? ", an input" : ` of '${producer.definition.name}'`}`,
    })),
    help: "end it with calibrate, insert-fake-quantization, requantize",
  });
}

async function recordSamples(samples: Samples | undefined): Promise<Report["samples"]> {
  if (samples === undefined) return [];
  return Promise.all(
    samples.files.map(async (file) => ({
      file: baseOf(file.file),
      sha256: await file.sha256(),
      count: samples.count,
      element: file.header.element,
    })),
  );
}
