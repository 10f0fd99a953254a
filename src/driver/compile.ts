/**
 * The main job: a model and samples become integer-only C and WebAssembly, the stored graph they were printed from, and a
 * report. It touches no file and no clock, so that it gives the same bytes in a browser.
 */
import { identifier, isIdentifier } from "../../backends/c/names.ts";
import { passes as ownPasses } from "../../passes/index.ts";
import { pipelines, pruningPipeline } from "../../passes/pipelines.ts";
import { fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Graph, Range } from "../ir/graph.ts";
import type { RoundingProfile } from "../numerics/rounding-profile.ts";
import { quantize } from "../ops/quantize.ts";
import { resolvePipeline, runPipeline } from "../pass/manager.ts";
import { createContext, type Pass } from "../pass/pass.ts";
import { isFloat } from "../tensor/element-type.ts";
import { printPipeline, withPassOptions, type PipelineStep } from "../text/pipeline.ts";
import { printGraph } from "../text/print.ts";
import { calibrationWarnings, unmappedSamples } from "./sample-warnings.ts";
import { pipelineNames, pipelineSteps } from "./pipeline-steps.ts";
import { emitArtifacts, targetNames, type OutputName } from "./artifacts.ts";
import { calibrationSpread } from "./calibration-spread.ts";
import { measuringExecutor } from "./engines.ts";
import { sha256 } from "./hash.ts";
import { baseOf, loadModel, stemOf, type ModelSource } from "./model.ts";
import type { NpyFile } from "./npy-file.ts";
import { measureLayers } from "./measure-layers.ts";
import { noisyLayers } from "./noisy-layers.ts";
import { emitQdq, qdqFile } from "./qdq.ts";
import { makeReport, reportText, type Report, type ReportFacts, type RunRecord } from "./report.ts";
import { reportPage } from "./report-page/report-page.ts";
import { withStates } from "./state-samples.ts";
import { openSamples, type SampleOptions, type Samples, type SampleSpread } from "./samples.ts";
import { version } from "./version.ts";

export interface CompileOptions {
  readonly model: ModelSource;
  /** Calibration samples, one file for each input of the model. Not needed for a model that is quantized already. */
  readonly samples?: readonly NpyFile[];
  readonly sampleOptions?: SampleOptions;
  /** Ranges of values by name, lowest and highest: not measured but taken as they are. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /** `c` and `wasm` unless given. */
  readonly targets?: readonly OutputName[];
  /** Passes as text, or the name of a pipeline; `default` unless given. */
  readonly pipeline?: string;
  /** How weights are quantized: options of `insert-fake-quantization`, in the place of the pipeline's. */
  readonly weights?: WeightSettings;
  /** Values to store in 16 bits, by name, `all`, `small`, `deciding` or `none`: the option of `widen-values`, which then goes before `calibrate`. */
  readonly wide?: string;
  /** Whose rounding the integers compute with: the option of `requantize`, in the place of the pipeline's. */
  readonly rounding?: RoundingProfile;
  /** Removes channels before quantization, to the least of what is given; with the default pipeline only. */
  readonly prune?: PruneBudget;
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

type Form = "real" | "quantized" | "stored";

const defaultPipelines: Readonly<Record<Form, keyof typeof pipelines>> = {
  real: "default",
  quantized: "quantized",
  stored: "prove",
};

/** Whether a graph has been quantized: by its exporter, or by this compiler to the end. */
export function formOf(graph: Graph): Form {
  if (!graph.values.some(({ type }) => isFloat(type.element))) return "stored";
  return graph.operations.some(({ definition }) => definition === quantize) ? "quantized" : "real";
}

export interface WeightSettings {
  /** 2 to 8, 8 unless given. */
  readonly bits?: number;
  /** Of layers with no layer with weights before them, or none after; `bits` unless given. */
  readonly "first-last-bits"?: number;
  readonly levels?: "auto" | "integers" | "odd";
  /** One scale for each output channel, one for each layer, or one for each group of a channel's inputs. */
  readonly weights?: "channel" | "tensor" | "group";
  /** Weights of a group, a power of two; 16 unless given. */
  readonly "group-size"?: number;
}

/** Of a network that carries state, from the first. */
const sequenceSamples = 300;
/** Least squares have more to find out than ranges (docs/pruning.md). */
const pruningSamples: SampleSpread = { samples: 1000, elements: 2 ** 22 };

/** A network has no more to gain from them, and each takes as long as the first. */
const mostRounds = 16;

export interface PruneBudget {
  /** The share of the multiply-accumulates to remove, above 0 and below 1. */
  readonly share?: number;
  /** Multiply-accumulates to leave. */
  readonly macs?: number;
  /** Bytes of weights and biases to leave. */
  readonly weightBytes?: number;
  /** Steps towards the budget, each repaired before the next; unless given, 1 and 2 are tried. */
  readonly rounds?: number;
}

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
  const wished = pipelineSteps(pipelineOf(options, form));
  const passes = [...(options.passes ?? []), ...ownPasses];
  resolvePipeline(wished, passes, pipelineNames);
  requireQuantizable(form, wished, model);
  const steps = withRounding(withWide(withWeights(wished, options.weights), options.wide), options.rounding);
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
    names: pipelineNames,
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

const weightPass = "insert-fake-quantization";

/** @throws DiagnosticError where a network would be quantized twice */
function requireQuantizable(form: Form, steps: readonly PipelineStep[], { file }: ModelSource): void {
  const times = steps.filter(({ pass }) => pass === weightPass).length;
  if (times > 0 && form !== "real")
    fail("quantized-model", `'${baseOf(file)}' is quantized already, and the pipeline would do it again`, {
      help: "leave out --pipeline, or give the float model",
    });
  if (times > 1)
    fail("option", `the pipeline quantizes ${times} times`, {
      help: `leave out all but one ${weightPass}, or name of a pipeline that has it`,
    });
}

function withWeights(steps: PipelineStep[], settings: WeightSettings = {}): PipelineStep[] {
  const given = Object.entries(settings);
  if (given.length === 0) return steps;
  const changed = withPassOptions(steps, weightPass, settings as PipelineStep["options"]);
  if (changed !== undefined) {
    changed.forEach(requireEffect(settings));
    return changed;
  }
  const names = given.map(([name]) => `'${name}'`).join(", ");
  return fail("option", `${names} would change the weights, which the pipeline does not quantize`, {
    help: `leave it out, or take a float model and a pipeline with ${weightPass}`,
  });
}

/** @throws DiagnosticError `option` for a setting that nothing in the step makes use of */
const requireEffect =
  (settings: WeightSettings) =>
  ({ pass, options: { weights, bits = 8, "first-last-bits": ends = 0 } }: PipelineStep): void => {
    if (pass !== weightPass) return;
    if (settings["group-size"] !== undefined && weights !== "group")
      fail("option", "'group-size' is for weights=group alone", { help: "give --weights group too" });
    const fewest = Math.min(Number(bits), Number(ends) || Number(bits));
    if (settings.weights === "group" && fewest === 8)
      fail("option", "weights=group does nothing to weights of 8 bits, whose products fill their range", {
        help: "give fewer --bits, or leave it out",
      });
  };

const rangePasses = ["calibrate", "derive-ranges"];

/** The steps with values widened before anything gives them ranges. @throws DiagnosticError `option` when nothing does */
function withWide(steps: PipelineStep[], values: string | undefined): PipelineStep[] {
  if (values === undefined) return steps;
  const step: PipelineStep = { pass: "widen-values", options: { values } };
  const changed = withPassOptions(steps, step.pass, step.options);
  if (changed !== undefined) return changed;
  const place = steps.findIndex(({ pass }) => rangePasses.includes(pass));
  if (place >= 0) return steps.toSpliced(place, 0, step);
  return fail("option", `'wide' is ${values}, but the pipeline chooses no widths of values`, {
    help: `leave it out, or take a float model and a pipeline with ${rangePasses.join(" or ")}`,
  });
}

/** The steps with a rounding profile. @throws DiagnosticError `option` when they make no integers */
export function withRounding(steps: PipelineStep[], rounding: RoundingProfile | undefined): PipelineStep[] {
  if (rounding === undefined) return steps;
  const changed = withPassOptions(steps, "requantize", { rounding });
  return (
    changed ??
    fail("option", `'rounding' is ${rounding}, but the pipeline makes no integers that it could round`, {
      help: "leave it out: the model is integers already; or take a pipeline with requantize",
    })
  );
}

function pipelineOf({ pipeline, prune }: CompileOptions, form: Form): string {
  if (prune === undefined) return pipeline ?? defaultPipelines[form];
  if (pipeline !== undefined)
    fail("prune-pipeline", "a pipeline and a budget for pruning exclude each other", {
      help: "write prune-channels, reconstruct and remove-channels into the pipeline",
    });
  if (form !== "real")
    fail("prune-quantized", "the network is quantized already, pruning works on real ones", {
      help: "give the model it was made from",
    });
  const { share, macs, weightBytes, rounds } = prune;
  if (rounds !== undefined && !(Number.isSafeInteger(rounds) && rounds >= 1 && rounds <= mostRounds))
    fail("prune-budget", `pruning is to take ${rounds} rounds, expected 1 to ${mostRounds}`);
  if (share !== undefined && !(share > 0 && share < 1))
    fail("prune-budget", `pruning is to remove a share of ${share}, expected between 0 and 1`);
  if (share !== undefined && macs !== undefined)
    fail("prune-budget", "a share and a number of multiply-accumulates exclude each other", {
      help: "give one of them",
    });
  const budget = [
    ...(share === undefined ? [] : [`macs=${Number((1 - share).toPrecision(12))}`]),
    ...(macs === undefined ? [] : [`macs=${macs}`]),
    ...(weightBytes === undefined ? [] : [`weights=${weightBytes}`]),
  ];
  if (budget.length === 0)
    fail("prune-budget", "pruning has no budget", { help: "give share, macs or weightBytes" });
  return pruningPipeline(budget.join(", "), rounds);
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
