/** Pipelines as users write them: passes, and by name the pipelines that passes/pipelines.ts has: `my-pass, default`. */
import { pipelines } from "../../passes/pipelines.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { parsePipeline, type PipelineStep } from "../text/pipeline.ts";

export const pipelineNames = Object.keys(pipelines);

/**
 * The steps, with those a name stands for in its place: what is wrong with them is said where the name is.
 *
 * @throws DiagnosticError `syntax`, `option`
 */
export function pipelineSteps(text: string, file?: string): PipelineStep[] {
  return parsePipeline(text, file).flatMap((step) => {
    if (!isPipeline(step.pass)) return [step];
    if (Object.keys(step.options).length > 0)
      fail("option", `'${step.pass}' is a pipeline, which takes no options`, {
        ...spanOf(step),
        help: "write out its passes, or give the options of the command line",
      });
    return parsePipeline(pipelines[step.pass]).map((inner) => ({ ...inner, ...spanOf(step) }));
  });
}

const isPipeline = (name: string): name is keyof typeof pipelines => Object.hasOwn(pipelines, name);

const spanOf = ({ span }: PipelineStep): Pick<PipelineStep, "span"> => (span === undefined ? {} : { span });
