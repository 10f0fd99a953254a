/** `quern run`. */
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { fail } from "../../../diagnostics/diagnostic.ts";
import { writeNpy } from "../../../tensor/npy.ts";
import type { EngineName } from "../../engines.ts";
import { run } from "../../run.ts";
import type { Streams } from "../cli.ts";
import {
  collected,
  engineOption,
  mappingOf,
  shapeOption,
  wholeNumber,
  withInputMapping,
  type InputOptions,
} from "../options.ts";
import { writeOutputFile } from "../output-folder.ts";
import { createProgress } from "../progress.ts";
import { openSubject, openSubjectSamples } from "../subject.ts";

interface Options extends InputOptions {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly engine?: readonly EngineName[];
  readonly raw?: boolean;
  readonly limit?: number;
  readonly shape?: ReadonlyMap<string, readonly number[]>;
}

export function addRun(program: Command, streams: Streams): void {
  const command = program
    .command("run")
    .description("samples → outputs")
    .argument("<model>", ".onnx, .qir or a compiled folder")
    .requiredOption("--inputs <X.npy>", "samples, N along the first axis; once for each input", collected)
    .requiredOption("--outputs <Y.npy>", "the file to write; once for each output", collected)
    .addOption(engineOption())
    .option("--raw", "write stored integers instead of the reals they stand for")
    .option("--limit <N>", "the first N samples only", wholeNumber)
    .addOption(shapeOption());
  withInputMapping(command)
    .addHelpText("after", "\nExample:\n  $ quern run build/kws --inputs x.npy --outputs y.npy --engine c")
    .action(async (model: string, options: Options) => {
      const [engine = "wasm-simd", ...more] = options.engine ?? [];
      if (more.length > 0) throw new InvalidArgumentError("option '--engine' takes one engine here");
      const subject = await openSubject(model, options.shape);
      const { graph, engines } = subject;
      if (options.outputs.length !== graph.outputs.length)
        fail("output-count", `${options.outputs.length} files for ${graph.outputs.length} outputs`, {
          help: "give --outputs once for each output",
        });
      const progress = createProgress();
      const samples = openSubjectSamples(subject, options.inputs, mappingOf(options), options.limit);
      const results = await run({
        graph,
        engine,
        factories: engines,
        samples,
        raw: options.raw ?? false,
        progress: progress.report,
      });
      progress.clear();
      results.forEach((result, i) => {
        writeOutputFile(options.outputs[i]!, writeNpy(result));
        streams.out(`wrote ${options.outputs[i]!}: ${result.element} [${result.shape.join(", ")}]\n`);
      });
    });
}
