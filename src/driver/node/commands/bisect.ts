/** `quern bisect`. */
import { join } from "node:path";
import { Option, type Command } from "commander";
import { fail } from "../../../diagnostics/diagnostic.ts";
import type { Graph } from "../../../ir/graph.ts";
import { writeSafetensors } from "../../../tensor/safetensors.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { printGraph } from "../../../text/print.ts";
import { bisect, type Bisection, type BisectStep, type Limit, type TensorChange } from "../../bisect.ts";
import { engineNames, type EngineName } from "../../engines.ts";
import { loadModel, type FixedInputs, type Shapes, type States } from "../../model.ts";
import { openSamples } from "../../samples.ts";
import { bundleModel } from "../bundle-model.ts";
import { nodeEngines } from "../engines.ts";
import { npyOnDisk } from "../files.ts";
import { given } from "../given.ts";
import {
  collected,
  mappingOf,
  number,
  fixOption,
  shapeOption,
  stateOption,
  count,
  windowOf,
  withInputMapping,
  type InputOptions,
} from "../options.ts";
import { writeOutputFile } from "../output-folder.ts";
import { createProgress } from "../progress.ts";
import type { Streams } from "../streams.ts";
import { textTable } from "../text-table.ts";

interface Options extends InputOptions {
  readonly inputs: readonly string[];
  readonly calibrate?: readonly string[];
  readonly pipeline: string;
  readonly engine: EngineName;
  readonly limit: number;
  readonly tolerance: number;
  readonly decibels: number;
  readonly shape?: Shapes;
  readonly fix?: FixedInputs;
  readonly state?: States;
  readonly out?: string;
  readonly json?: boolean;
}

const help = `
After each pass the graph is run on the inputs and compared with the graph before that pass: stored graphs byte for byte, real
ones within --tolerance, and where something was quantized by --decibels. Exit code 1 when a pass went beyond that.

Examples:
  $ quern bisect net.onnx --inputs x.npy --out build/bisect
  $ quern bisect net.qir --inputs x.npy --pipeline 'fold-batch-norm, canonicalize' --tolerance 0`;

export function addBisect(program: Command, streams: Streams): void {
  const command = program
    .command("bisect")
    .description("find the first pass of a pipeline that changed the result")
    .argument("<model>", ".qir, .onnx or a compiled folder")
    .requiredOption("--inputs <X.npy>", "samples, N along the first axis; once for each input", collected)
    .option("--limit <N>", "compare on the first N rows only", count, 4)
    .option("--pipeline <P>", "passes as text, or a pipeline's name", "default")
    .option("--calibrate <X.npy>", "samples for passes that measure (default: all of --inputs)", collected)
    .addOption(new Option("--engine <E>", "what runs the graphs").choices(engineNames).default("interpreter"))
    .option("--tolerance <T>", "between real graphs: of an output's largest magnitude", number, 1e-4)
    .option("--decibels <D>", "where something is quantized: least signal above the difference", number, 20)
    .option("--out <DIR>", "write before.qir and after.qir with their tensors there")
    .option("--json", "print the result as JSON")
    .addOption(shapeOption())
    .addOption(fixOption())
    .addOption(stateOption());
  withInputMapping(command)
    .addHelpText("after", help)
    .action(async (path: string, options: Options) => {
      const model = bundleModel(path, options);
      streams.remember(model);
      const { graph, notes } = loadModel(model);
      streams.diagnose(notes);
      const read = (paths: readonly string[], limit?: number) =>
        openSamples(paths.map(npyOnDisk), graph.inputs, {
          mapping: mappingOf(options),
          ...given({ limit, window: windowOf(options) }),
        });
      const inputs = read(options.inputs, options.limit);
      const progress = createProgress();
      const found = await bisect({
        graph,
        pipeline: options.pipeline,
        inputs,
        calibration: read(options.calibrate ?? options.inputs),
        engine: options.engine,
        factories: nodeEngines,
        tolerance: options.tolerance,
        decibels: options.decibels,
        progress: progress.report,
        onWarning: (warning) => {
          progress.clear();
          streams.diagnose([warning]);
        },
      });
      progress.clear();
      const written = options.out === undefined ? [] : writeGraphs(found, options.out);
      const head = `${path}: ${inputs.count} inputs, ${options.engine}`;
      if (options.json === true) streams.out(`${JSON.stringify(asJson(found), undefined, 2)}\n`);
      else streams.out([head, "", ...report(found), ...written, ""].join("\n"));
      if (found.culprit !== undefined)
        fail("pass-changed-result", `'${found.culprit.step.text}' changed the result by more than it may`);
    });
}

function report({ steps, culprit }: Bisection): string[] {
  const head = ["", "pass", "largest change", "allowed", "at"];
  const rows = steps.map(({ record, change, limit }, i) => [
    String(i + 1),
    record.pass,
    change === undefined || limit === undefined ? "graph unchanged" : changeText(change, limit),
    limit === undefined ? "" : limitText(limit),
    change === undefined ? "" : `%${change.tensor}`,
  ]);
  const table = textTable(head, rows);
  if (culprit === undefined) return [table, "", "no pass changed the result by more than it may"];
  const { step, first, worst } = culprit;
  const lines = [
    step.text,
    `  statistics    ${statisticsText(step)}`,
    `  output        ${tensorText(step.change!, step.limit!)}`,
    `  first tensor  ${first === undefined ? "none of those of the same name and shape" : tensorText(first, step.limit!)}`,
    ...(worst === undefined ? [] : [`  worst tensor  ${tensorText(worst, step.limit!)}`]),
  ];
  return [table, "", ...lines];
}

function statisticsText({ record }: BisectStep): string {
  const counts = Object.entries(record.statistics).map(([name, count]) => `${name} ${count}`);
  return counts.length === 0 ? "none" : counts.join(", ");
}

function changeText({ difference, magnitude, decibels }: TensorChange, { kind }: Limit): string {
  if (difference === 0) return "0";
  if (kind === "decibels") return `${decibels.toFixed(1)} dB`;
  if (Number.isNaN(difference)) return "NaN, or another shape";
  return `${difference.toPrecision(3)} of ${magnitude.toPrecision(3)}`;
}

function limitText(limit: Limit): string {
  switch (limit.kind) {
    case "equal":
      return "0, stored";
    case "relative":
      return `${limit.most} of it`;
    case "decibels":
      return `${limit.least} dB`;
  }
}

function tensorText(change: TensorChange, limit: Limit): string {
  const { tensor, typeBefore, typeAfter } = change;
  const types = typeBefore === typeAfter ? typeBefore : `${typeBefore} → ${typeAfter}`;
  return `%${tensor}: ${types}: ${changeText(change, limit)}`;
}

/** The graphs around the culprit, or nothing. The lines say where they lie. */
function writeGraphs({ culprit }: Bisection, folder: string): string[] {
  if (culprit === undefined) return [];
  for (const name of ["before", "after"] as const) writeGraph(culprit[name], join(folder, name));
  return ["", `wrote ${join(folder, "before.qir")} and ${join(folder, "after.qir")}, with their tensors`];
}

function writeGraph(graph: Graph, stem: string): void {
  const externals = new Map<string, Tensor>();
  writeOutputFile(`${stem}.qir`, printGraph(graph, { externals }));
  writeOutputFile(`${stem}.safetensors`, writeSafetensors(externals));
}

/** Infinite and undefined numbers as text, which JSON lacks. */
function asJson({ steps, culprit }: Bisection): unknown {
  const plain = {
    steps,
    culprit: culprit && { pass: culprit.step.text, first: culprit.first, worst: culprit.worst },
  };
  return JSON.parse(
    JSON.stringify(plain, (_, value: unknown) =>
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    ),
  ) as unknown;
}
