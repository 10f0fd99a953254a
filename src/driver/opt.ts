/** Passes from a shell: a graph as text goes in, and comes out as text at any level. */
import { emitC } from "../../backends/c/emit.ts";
import { plainC } from "../../backends/c/targets.ts";
import { wasmScalar, wasmSimd } from "../../backends/wasm/targets.ts";
import { passes } from "../../passes/index.ts";
import { identifier } from "../../backends/c/names.ts";
import { fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { KernelProgram } from "../expr/kernel.ts";
import { printStep } from "../expr/print.ts";
import type { Graph, Range } from "../ir/graph.ts";
import { printProgram } from "../loops/print.ts";
import type { Target } from "../loops/target.ts";
import { resolvePipeline, runPipeline, type PassRecord } from "../pass/manager.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { printGraph } from "../text/print.ts";
import { pipelineNames, pipelineSteps } from "./pipeline-steps.ts";
import { contextFor } from "./compile.ts";
import { lowerForWasm } from "./engines.ts";
import { lowerToKernels, lowerToLoops } from "./lower.ts";
import type { Samples } from "./samples.ts";

export const emitForms = ["graph", "kernels", "loops", "c"] as const;
export type EmitForm = (typeof emitForms)[number];

const targets: readonly Target[] = [plainC, wasmScalar, wasmSimd];
export const loopTargetNames = targets.map(({ name }) => name);

export interface OptOptions {
  /** Changed by the passes. */
  readonly graph: Graph;
  /** A pipeline as text, or a pipeline's name. */
  readonly passes?: string;
  readonly samples?: Samples;
  /** Of values by name, lowest and highest: not measured but taken as they are. */
  readonly ranges?: ReadonlyMap<string, Range>;
  readonly emit?: EmitForm;
  /** For kernels and loops; `c` unless given. */
  readonly target?: string;
  /** Takes tensors of more than 32 elements, which are then printed by name. */
  readonly externals?: Map<string, Tensor>;
  readonly printAfter?: (pass: string, text: string) => void;
  readonly onTiming?: (pass: string, timeMs: number) => void;
  readonly now?: () => number;
  readonly onWarning?: (warning: Diagnostic) => void;
}

export interface OptResult {
  readonly text: string;
  readonly records: readonly PassRecord[];
}

/** @throws DiagnosticError */
export async function opt(options: OptOptions): Promise<OptResult> {
  const { graph, emit = "graph", printAfter, now, onTiming, externals } = options;
  const print = (g: Graph): string => printGraph(g, externals === undefined ? {} : { externals });
  const steps = pipelineSteps(options.passes ?? "", "--passes");
  resolvePipeline(steps, passes, pipelineNames);
  const context = contextFor(options.samples, options.onWarning ?? (() => undefined), options.ranges);
  const records = await runPipeline(graph, steps, passes, context, {
    print,
    ...(printAfter === undefined
      ? {}
      : {
          printAfter: (pass, g) => {
            printAfter(pass, print(g));
          },
        }),
    ...(now === undefined ? {} : { now }),
    ...(onTiming === undefined ? {} : { onTiming }),
  });
  return { text: emitText(graph, emit, targetOf(options.target), print), records };
}

function targetOf(name = plainC.name): Target {
  const found = targets.find((target) => target.name === name);
  return (
    found ??
    fail("target", `there is no target '${name}'`, { help: `use one of ${loopTargetNames.join(", ")}` })
  );
}

function emitText(graph: Graph, form: EmitForm, target: Target, print: (graph: Graph) => string): string {
  switch (form) {
    case "graph":
      return print(graph);
    case "kernels":
      return kernelText(lowerToKernels(graph, target));
    case "loops": {
      const isWasm = target.name.startsWith("wasm");
      return `${printProgram(isWasm ? lowerForWasm(graph, target) : lowerToLoops(graph, target))}\n`;
    }
    case "c":
      return emitC(lowerToLoops(graph, plainC), { name: identifier(graph.name) }).source;
  }
}

/** `kernel %y = conv2d + requantize` and its steps, indented; views at the end. */
function kernelText({ name, kernels, views }: KernelProgram): string {
  const blocks = kernels.map(({ name: result, doc, steps }) =>
    [
      `kernel ${result} = ${doc}`,
      ...steps.flatMap((step) => printStep(step).split("\n")).map((line) => `  ${line}`),
    ].join("\n"),
  );
  const shared = [...views].map(([view, base]) => `view ${view.name} = ${base.name}`);
  return `${[`kernels of ${name}`, ...blocks, ...(shared.length > 0 ? [shared.join("\n")] : [])].join("\n\n")}\n`;
}
