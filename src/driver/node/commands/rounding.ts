/** `quern rounding`. */
import type { Command } from "commander";
import { parseNpy } from "../../../tensor/npy.ts";
import { identifyRounding, type Identified } from "../../identify-rounding.ts";
import { npyOnDisk, readBytes, readModel } from "../files.ts";
import { given } from "../given.ts";
import {
  collected,
  count,
  mappingOf,
  shapeOption,
  windowOf,
  withInputMapping,
  type InputOptions,
} from "../options.ts";
import type { Shapes } from "../../model.ts";
import { createProgress } from "../progress.ts";
import type { Streams } from "../streams.ts";
import { grouped, percent, textTable } from "../text-table.ts";

interface Options extends InputOptions {
  readonly inputs: readonly string[];
  readonly outputs: string;
  readonly limit?: number;
  readonly shape?: Shapes;
  readonly json?: boolean;
}

const notes = `
Example:
  $ quern rounding kws_int8.tflite --inputs x.npy --outputs from-my-board.npy --input-scale 0.5847 --input-zero 83

The model is compiled under each rounding profile and run on the samples. Compile with --rounding and the profile that is named to get
those bytes. Where none gives all of them, the outputs are of another runtime, or of other samples.`;

export function addRounding(program: Command, streams: Streams): void {
  withInputMapping(
    program
      .command("rounding")
      .description("whose rounding a quantized model's outputs were computed with")
      .argument("<model>", ".onnx or .tflite, quantized")
      .requiredOption("--inputs <X.npy>", "samples, N along the first axis; once for each input", collected)
      .requiredOption("--outputs <Y.npy>", "what the model gave for them: stored integers, or reals")
      .option("--limit <N>", "the first N rows of the files only", count)
      .addOption(shapeOption())
      .option("--json", "print JSON"),
  )
    .addHelpText("after", notes)
    .action(async (model: string, options: Options) => {
      const progress = createProgress();
      const found = await identifyRounding({
        model: readModel(model, given({ shape: options.shape })),
        samples: options.inputs.map(npyOnDisk),
        sampleOptions: {
          mapping: mappingOf(options),
          ...given({ limit: options.limit, window: windowOf(options) }),
        },
        outputs: parseNpy(readBytes(options.outputs), options.outputs),
        progress: progress.report,
        onWarning: (warning) => {
          progress.clear();
          streams.diagnose([warning]);
        },
      });
      progress.clear();
      streams.out(options.json === true ? `${JSON.stringify(found, undefined, 2)}\n` : identifiedText(found));
    });
}

function identifiedText(found: Identified): string {
  const rows = found.matches.map(({ profile, equal, worstSteps, agreement }) => [
    profile,
    percent(equal),
    grouped(worstSteps),
    percent(agreement),
  ]);
  const head = ["profile", "equal elements", "largest difference", "same largest output"];
  return `${grouped(found.samples)} samples\n\n${textTable(head, rows)}\n\n${verdict(found)}\n`;
}

function verdict({ exact, matches }: Identified): string {
  const [only, ...others] = exact;
  if (only !== undefined && others.length === 0) return `The outputs are those of ${only}.`;
  if (only !== undefined)
    return `The outputs are those of ${exact.join(" and of ")}, which do not differ on these samples.`;
  const [nearest, next] = matches;
  if (nearest!.equal === next!.equal && nearest!.worstSteps === next!.worstSteps)
    return (
      "No profile gives these outputs, and none is nearer than another. Are these the samples, mapped to the reals that the model takes " +
      "(--input-scale, --input-zero)?"
    );
  return `No profile gives these outputs; the nearest is ${nearest!.profile}.`;
}
