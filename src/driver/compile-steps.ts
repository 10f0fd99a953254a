/**
 * Which passes a compilation goes through: the pipeline that is named or written, or the one for a network of this form, with what options
 * beside it ask for put into the passes that do it. What contradicts is said before anything runs.
 */
import { pipelines, pruningPipeline } from "../../passes/pipelines.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import type { RoundingProfile } from "../numerics/rounding-profile.ts";
import { quantize } from "../ops/quantize.ts";
import { resolvePipeline } from "../pass/manager.ts";
import type { Pass } from "../pass/pass.ts";
import { isFloat } from "../tensor/element-type.ts";
import { withPassOptions, type PipelineStep } from "../text/pipeline.ts";
import { pipelineNames, pipelineSteps } from "./pipeline-steps.ts";

export interface PipelineWishes {
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

/** @throws DiagnosticError for wishes that contradict each other, the pipeline or the network's form */
export function compileSteps(
  form: Form,
  wishes: PipelineWishes,
  passes: readonly Pass[],
): readonly PipelineStep[] {
  const written = pipelineSteps(pipelineOf(wishes, form));
  resolvePipeline(written, passes, pipelineNames);
  requireQuantizable(form, written);
  return withRounding(withWide(withWeights(written, wishes.weights), wishes.wide), wishes.rounding);
}

const weightPass = "insert-fake-quantization";

/** @throws DiagnosticError where a network would be quantized twice */
function requireQuantizable(form: Form, steps: readonly PipelineStep[]): void {
  const times = steps.filter(({ pass }) => pass === weightPass).length;
  if (times > 0 && form !== "real")
    fail("quantized-model", "the model is quantized already, and the pipeline would do it again", {
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
    for (const step of changed) if (step.pass === weightPass) requireEffect(settings, step);
    return changed;
  }
  const names = given.map(([name]) => `'${name}'`).join(", ");
  return fail("option", `${names} would change the weights, which the pipeline does not quantize`, {
    help: `leave it out, or take a float model and a pipeline with ${weightPass}`,
  });
}

/** @throws DiagnosticError `option` for a setting that the step makes no use of */
function requireEffect(settings: WeightSettings, { options }: PipelineStep): void {
  const { weights, bits = 8, "first-last-bits": ends = 0 } = options;
  if (settings["group-size"] !== undefined && weights !== "group")
    fail("option", "'group-size' is for weights=group alone", { help: "give --weights group too" });
  const fewest = Math.min(Number(bits), Number(ends) || Number(bits));
  if (settings.weights === "group" && fewest === 8)
    fail("option", "weights=group does nothing to weights of 8 bits, whose products fill their range", {
      help: "give fewer --bits, or leave it out",
    });
}

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
function withRounding(steps: PipelineStep[], rounding: RoundingProfile | undefined): PipelineStep[] {
  if (rounding === undefined) return steps;
  const changed = withPassOptions(steps, "requantize", { rounding });
  return (
    changed ??
    fail("option", `'rounding' is ${rounding}, but the pipeline makes no integers that it could round`, {
      help: "leave it out: the model is integers already; or take a pipeline with requantize",
    })
  );
}

function pipelineOf({ pipeline, prune }: PipelineWishes, form: Form): string {
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
