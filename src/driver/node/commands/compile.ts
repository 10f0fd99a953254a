/** `quern compile`. */
import { resolve } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Finding } from "../../../pass/pass.ts";
import { roundingProfiles, type RoundingProfile } from "../../../numerics/rounding-profile.ts";
import { outputNames, targetNames, type OutputName } from "../../artifacts.ts";
import { compile, type Compiled } from "../../compile.ts";
import type { PruneBudget, WeightSettings } from "../../compile-steps.ts";
import type { FixedInputs, Shapes, States } from "../../model.ts";
import type { Report } from "../../report.ts";
import { npyOnDisk, readModel, readRanges } from "../files.ts";
import { given } from "../given.ts";
import { checkOutputFolder, writeOutputFolder } from "../output-folder.ts";
import {
  collected,
  listOf,
  mappingOf,
  fixOption,
  rangesOption,
  shapeOption,
  stateOption,
  amountOf,
  shareOf,
  count,
  powerOfTwo,
  weightBits,
  windowOf,
  withInputMapping,
  type InputOptions,
} from "../options.ts";
import { createProgress } from "../progress.ts";
import type { Streams } from "../streams.ts";
import { grouped, kibibytes, percent } from "../text-table.ts";

interface Options extends InputOptions {
  readonly calibrate?: readonly string[];
  readonly target?: readonly OutputName[];
  readonly out: string;
  readonly name?: string;
  readonly pipeline?: string;
  readonly bits?: number;
  readonly firstLastBits?: number;
  readonly levels?: WeightSettings["levels"];
  readonly weights?: WeightSettings["weights"];
  readonly groupSize?: number;
  readonly wide?: string;
  readonly rounding?: RoundingProfile;
  readonly prune?: number;
  readonly pruneRounds?: number;
  readonly maxMacs?: number;
  readonly maxWeights?: number;
  readonly samples?: number;
  readonly ranges?: string;
  readonly shape?: Shapes;
  readonly fix?: FixedInputs;
  readonly state?: States;
  readonly force?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ quern compile kws.onnx --calibrate x.npy --input-scale 0.5847 --input-zero 83 --target c,wasm --out build/kws
  $ quern compile net.onnx --calibrate x.npy --input-mean 0.485,0.456,0.406 --input-std 0.229,0.224,0.225 --out build/net
  $ quern compile kws.onnx --calibrate x.npy --bits 4 --first-last-bits 8 --out build/kws4
  $ quern compile kws.onnx --calibrate x.npy --prune 25% --out build/kws
  $ quern compile ad.onnx --calibrate recordings.npy --window 5 --out build/ad
  $ quern compile net.onnx --calibrate x.npy --pipeline accurate --out build/net
  $ quern compile vww_bn.onnx --pipeline data-free --ranges input.json --out build/vww
  $ quern compile kws_int8.tflite --rounding tflite-double --out build/kws

The folder gets NAME.c, NAME.h, NAME.wasm, NAME.mjs with its types (NAME.d.mts, NAME.d.ts), the stored graph (NAME.qir,
NAME.safetensors), report.json and report.html, which is the same to look at. The target onnx adds NAME.qdq.onnx, with
QuantizeLinear and DequantizeLinear nodes, for Netron and ONNX Runtime.`;

export function addCompile(program: Command, streams: Streams): void {
  const command = program
    .command("compile")
    .description("a float model and samples, or a quantized model → integer-only C and WebAssembly")
    .argument("<model>", ".onnx, .tflite or .qir")
    .option("--calibrate <X.npy>", "samples, N along the first axis; once for each input", collected)
    .option("--samples <N>", "calibrate with the first N rows of the files only", count)
    .addOption(rangesOption())
    .addOption(
      new Option(
        "--target <T>",
        `what to emit, with commas: ${outputNames.join(", ")} (default: ${targetNames.join(",")})`,
      ).argParser(listOf(outputNames)),
    )
    .requiredOption("--out <DIR>", "the folder to write, whole or not at all")
    .option("--name <NAME>", "names files and functions (default: the model's file name)")
    .option("--bits <N>", "bits of a weight, 2 to 8 (default: 8)", weightBits)
    .option(
      "--first-last-bits <N>",
      "of the first and the last layers' weights (default: the same)",
      weightBits,
    )
    .addOption(
      new Option(
        "--levels <L>",
        "of weights of 2 to 7 bits: integers, or odd ones without a zero (default: odd at 2 bits)",
      ).choices(["auto", "integers", "odd"]),
    )
    .addOption(
      new Option(
        "--weights <W>",
        "a scale for each output channel, each layer, or each group of a channel's inputs (default: channel)",
      ).choices(["channel", "tensor", "group"]),
    )
    .option("--group-size <N>", "weights of a group, a power of two (default: 16)", powerOfTwo)
    .option(
      "--wide <NAMES>",
      "values to store in 16 bits, with commas: names, all, small (what takes little memory), deciding (the logits), -NAME for all but that, or none (default: what takes no memory)",
    )
    .addOption(
      new Option(
        "--rounding <R>",
        "whose arithmetic: our own, or that of TensorFlow Lite's kernels, which round once or twice (default: default)",
      ).choices(roundingProfiles),
    )
    .option("--prune <SHARE>", "remove channels until so many multiply-accumulates are gone: 50%", shareOf)
    .option("--max-macs <N>", "remove channels until so many are left, for instance 2M", amountOf(1000))
    .option(
      "--max-weights <BYTES>",
      "remove channels until weights and biases need no more, for instance 40K (of 1024)",
      amountOf(1024),
    )
    .option(
      "--prune-rounds <N>",
      "steps towards it, each repaired before the next (default: 1 and 2 are tried, the closer is kept)",
      count,
    )
    .option(
      "--pipeline <P>",
      "passes as text, or a pipeline: default, accurate, data-free (passes: quern opt --list)",
    )
    .addOption(shapeOption())
    .addOption(fixOption())
    .addOption(stateOption())
    .option("--force", "replace a folder that quern did not write")
    .option("--json", "print report.json instead of a summary");
  withInputMapping(command)
    .addHelpText("after", examples)
    .action(async (model: string, options: Options) => {
      const force = options.force ?? false;
      checkOutputFolder(options.out, force);
      const progress = createProgress();
      const files = options.calibrate?.map(npyOnDisk);
      const compiled = await compile({
        model: readModel(model, options),
        sampleOptions: {
          mapping: mappingOf(options),
          ...given({ limit: options.samples, window: windowOf(options) }),
        },
        targets: options.target ?? targetNames,
        ...given({
          samples: files,
          ranges: options.ranges === undefined ? undefined : readRanges(options.ranges),
          name: options.name,
          pipeline: options.pipeline,
          prune: pruneOf(options),
          wide: options.wide,
          rounding: options.rounding,
        }),
        weights: given({
          bits: options.bits,
          "first-last-bits": options.firstLastBits,
          levels: options.levels,
          weights: options.weights,
          "group-size": options.groupSize,
        }),
        run: {
          modelPath: resolve(model),
          samplePaths: (options.calibrate ?? []).map((path) => resolve(path)),
        },
        now: () => performance.now(),
        progress: progress.report,
        onWarning: (warning) => {
          progress.clear();
          streams.diagnose([warning]);
        },
      });
      progress.clear();
      writeOutputFolder(options.out, compiled.files, force);
      if (options.json === true) streams.out(`${JSON.stringify(compiled.report, undefined, 2)}\n`);
      else streams.out(summary(compiled, options.out));
    });
}

/** @throws InvalidArgumentError for options that contradict each other */
function pruneOf({ prune, maxMacs, maxWeights, pruneRounds, pipeline }: Options): PruneBudget | undefined {
  if (prune === undefined && maxMacs === undefined && maxWeights === undefined) {
    if (pruneRounds === undefined) return undefined;
    throw new InvalidArgumentError(
      "option '--prune-rounds' needs '--prune', '--max-macs' or '--max-weights'",
    );
  }
  if (prune !== undefined && maxMacs !== undefined)
    throw new InvalidArgumentError("options '--prune' and '--max-macs' exclude each other");
  if (pipeline !== undefined)
    throw new InvalidArgumentError(
      "a pipeline and a budget for pruning exclude each other: write the passes into the pipeline",
    );
  return given({ share: prune, macs: maxMacs, weightBytes: maxWeights, rounds: pruneRounds });
}

function summary({ name, report, files }: Compiled, folder: string): string {
  const lines = [
    `${name}: ${grouped(report.macs)} multiply-accumulates, ${grouped(report.parameters)} parameters, ` +
      `${kibibytes(report.weightBytes)} of weights`,
    ...prunedLines(report),
    ...dataFreeLines(report),
    ...Object.entries(report.targets).map(
      ([target, size]) =>
        `  ${target}: arena ${grouped(size.arenaBytes)} bytes (at least ${grouped(size.arenaLowerBoundBytes)}), ` +
        `constants ${grouped(size.constantBytes)} bytes, ${target === "c" ? "source" : "module"} ${kibibytes(size.fileBytes)}`,
    ),
    `wrote ${folder}: ${[...files.keys()].join(" ")}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** What pruning took and what it did to the outputs, before quantization. */
function prunedLines({ passes }: Report): string[] {
  const closest = findingOf(passes, "keep-closest", "of macs");
  const left = closest ?? findingOf(passes, "prune-channels", "of macs");
  if (left === undefined) return [];
  const share = (what: string): string => percent(Number(left[what]) / Number(left[`of ${what}`]));
  const { "held out dB": decibels, agreement } =
    closest ?? findingOf(passes, "reconstruct", "agreement") ?? left;
  if (left["macs"] === left["of macs"] && left["weightBytes"] === left["of weightBytes"])
    return ["  the budget was met already: nothing was pruned"];
  return [
    `  pruned: ${share("macs")} of the multiply-accumulates and ${share("weightBytes")} of the weights are left`,
    ...(typeof decibels === "number" && typeof agreement === "number"
      ? [
          `  on samples held out: signal to noise ${decibels.toFixed(1)} dB against the unpruned network, ` +
            `the same largest output on ${percent(agreement)}`,
        ]
      : []),
  ];
}

/** Where ranges come from that were not measured. */
function dataFreeLines({ passes }: Report): string[] {
  const record = passes.find(({ pass }) => pass === "derive-ranges");
  if (record === undefined) return [];
  const { given: stated = 0, derived = 0, bounded = 0 } = record.statistics;
  return [
    `  data-free: ${derived} ranges follow from batch normalizations, ${bounded} are bounds, ${stated} are stated; nothing was measured`,
  ];
}

/** The last finding of a pass that has this key. */
const findingOf = (passes: Report["passes"], pass: string, key: string): Finding | undefined =>
  passes
    .flatMap((record) => (record.pass === pass ? record.findings : []))
    .findLast((finding) => key in finding);
