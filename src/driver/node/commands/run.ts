/** `quern run`. */
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { fail } from "../../../diagnostics/diagnostic.ts";
import { writeNpy } from "../../../tensor/npy.ts";
import { run } from "../../run.ts";
import { collected, withRunOptions, type RunOptions } from "../options.ts";
import { writeOutputFile } from "../output-folder.ts";
import { createProgress } from "../progress.ts";
import type { Streams } from "../streams.ts";
import { openSubject, openSubjectSamples } from "../subject.ts";

interface Options extends RunOptions {
  readonly outputs: readonly string[];
  readonly raw?: boolean;
}

export function addRun(program: Command, streams: Streams): void {
  withRunOptions(program.command("run"))
    .description("samples → outputs")
    .requiredOption("--outputs <Y.npy>", "the file to write; once for each output", collected)
    .option("--raw", "write stored integers instead of the reals they stand for")
    .addHelpText("after", "\nExample:\n  $ quern run build/kws --inputs x.npy --outputs y.npy --engine c")
    .action(async (model: string, options: Options) => {
      const [engine = "wasm-simd", ...more] = options.engine ?? [];
      if (more.length > 0) throw new InvalidArgumentError("option '--engine' takes one engine here");
      const subject = await openSubject(model, options, streams);
      const { graph, engines } = subject;
      if (options.outputs.length !== graph.outputs.length)
        fail("output-count", `${options.outputs.length} files for ${graph.outputs.length} outputs`, {
          help: "give --outputs once for each output",
        });
      const progress = createProgress();
      const samples = openSubjectSamples(subject, options, streams);
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
