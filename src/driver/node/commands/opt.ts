/** `quern opt`. */
import { readFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { passes } from "../../../../passes/index.ts";
import { pipelines } from "../../../../passes/pipelines.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { writeSafetensors } from "../../../tensor/safetensors.ts";
import {
  extensionOf,
  loadModel,
  safetensorsBeside,
  type ModelSource,
  type Shapes,
  type FixedInputs,
  type States,
} from "../../model.ts";
import { emitForms, loopTargetNames, opt, type EmitForm } from "../../opt.ts";
import { openSamples } from "../../samples.ts";
import { bundleModel } from "../bundle-model.ts";
import { npyOnDisk, readRanges } from "../files.ts";
import { given } from "../given.ts";
import {
  collected,
  mappingOf,
  fixOption,
  rangesOption,
  shapeOption,
  stateOption,
  windowOf,
  withInputMapping,
  type InputOptions,
} from "../options.ts";
import { writeOutputFile } from "../output-folder.ts";
import type { Streams } from "../streams.ts";

interface Options extends InputOptions {
  readonly passes?: string;
  readonly calibrate?: readonly string[];
  readonly ranges?: string;
  readonly printAfter?: string | true;
  readonly emit: EmitForm;
  readonly target?: string;
  readonly timing?: boolean;
  readonly elide?: boolean;
  readonly out?: string;
  readonly list?: boolean;
  readonly shape?: Shapes;
  readonly fix?: FixedInputs;
  readonly state?: States;
}

const examples = `
Examples:
  $ quern opt net.qir --passes 'fold-batch-norm, canonicalize'
  $ quern opt net.onnx --passes optimize --elide
  $ quern opt net.qir --calibrate x.npy --passes default --print-after=requantize
  $ quern opt build/kws --emit loops --target wasm-simd`;

export function addOpt(program: Command, streams: Streams): void {
  const command = program
    .command("opt")
    .description("a graph as text in, passes, text out")
    .argument("[file]", ".qir, .onnx or a compiled folder; - for standard input")
    .option("--passes <P>", "passes as text, or a pipeline's name")
    .option("--list", "list passes and pipelines")
    .option(
      "--print-after [pass]",
      "print the graph after every pass, or after one (--print-after=PASS), to stderr",
    )
    .addOption(new Option("--emit <FORM>", "what to print at the end").choices(emitForms).default("graph"))
    .addOption(new Option("--target <T>", "for kernels and loops (default: c)").choices(loopTargetNames))
    .option("--timing", "print the time of each pass to stderr")
    .option("--elide", "print tensors of more than 32 elements by name only")
    .option("--out <FILE.qir>", "write text and tensors to files instead")
    .option("--calibrate <X.npy>", "samples for passes that measure; once for each input", collected)
    .addOption(rangesOption())
    .addOption(shapeOption())
    .addOption(fixOption())
    .addOption(stateOption());
  withInputMapping(command)
    .addHelpText("after", examples)
    .action(async (path: string | undefined, options: Options, self: Command) => {
      if (options.list === true) {
        streams.out(listing());
        return;
      }
      if (path === undefined) return self.error("error: missing required argument 'file'", { exitCode: 2 });
      const model = path === "-" ? standardInput() : bundleModel(path, options);
      streams.remember(model);
      const { graph, notes } = loadModel(model);
      streams.diagnose(notes);
      const files = options.calibrate?.map(npyOnDisk);
      const samples =
        files &&
        openSamples(files, graph.inputs, {
          mapping: mappingOf(options),
          ...given({ window: windowOf(options) }),
        });
      const elides =
        options.elide === true ||
        options.out !== undefined ||
        model.externals !== undefined ||
        extensionOf(model.file) === "onnx";
      const externals = new Map<string, Tensor>();
      const { printAfter } = options;
      const result = await opt({
        graph,
        emit: options.emit,
        ...given({ passes: options.passes, samples, target: options.target }),
        ...given({ ranges: options.ranges === undefined ? undefined : readRanges(options.ranges) }),
        ...given({ externals: elides ? externals : undefined }),
        ...given({ printAfter: printAfter === undefined ? undefined : printer(printAfter, streams) }),
        now: () => performance.now(),
        onTiming: (pass, timeMs) => {
          if (options.timing === true) streams.err(`${timeMs.toFixed(2).padStart(9)} ms  ${pass}\n`);
        },
        onWarning: (warning) => {
          streams.diagnose([warning]);
        },
      });
      if (options.out === undefined) {
        streams.out(result.text);
        return;
      }
      writeOutputFile(options.out, result.text);
      if (externals.size > 0) writeOutputFile(safetensorsBeside(options.out), writeSafetensors(externals));
    });
}

/** Prints what a pass left, of every pass or of one. */
const printer =
  (wanted: string | true, { err }: Streams) =>
  (pass: string, text: string): void => {
    if (wanted === true || wanted === pass) err(`// after ${pass}\n${text}\n`);
  };

const standardInput = (): ModelSource => ({ file: "stdin.qir", bytes: readFileSync(0) });

function listing(): string {
  const width = Math.max(...passes.map(({ name }) => name.length));
  return [
    "passes",
    ...passes.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "pipelines",
    ...Object.entries(pipelines).map(([name, text]) => `  ${name} = ${text}`),
    "",
  ].join("\n");
}
