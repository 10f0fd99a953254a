/** Whether a pass may use samples: what it measures and is judged by, or nothing, and then it is applied as it is. */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { choice } from "../../src/ir/attributes.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { SampleSource } from "../../src/pass/samples.ts";

/** With `none` samples are not looked at, even where there are some: what is said to be data-free is. */
export const dataOption = choice(["samples", "none"], "samples");

export interface Evidence {
  readonly samples: SampleSource;
  readonly createExecutor: ExecutorFactory;
}

/** Of a pass with a `dataOption`; undefined where it takes none. @throws DiagnosticError `no-samples` */
export function evidenceOf(
  pass: string,
  data: "samples" | "none",
  { samples, executor: createExecutor }: PassContext,
): Evidence | undefined {
  if (data === "none") return undefined;
  if (samples === undefined)
    fail("no-samples", `'${pass}' has no samples to judge by`, {
      help: `give some with --calibrate X.npy, or apply it unjudged: ${pass}{data=none}`,
    });
  if (createExecutor === undefined) throw new Error("no executor in the context");
  return { samples, createExecutor };
}
