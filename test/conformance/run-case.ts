/**
 * One case through the compiler: the model is imported and run by the interpreter as it was imported, then optimized by the
 * passes and run as compiled code. Every engine must give the reference within the suite's tolerance.
 */
import { passes } from "../../passes/index.ts";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { contextFor } from "../../src/driver/compile.ts";
import { pipelineSteps } from "../../src/driver/pipeline-steps.ts";
import { createEngine, runAll, type EngineName } from "../../src/driver/engines.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import { importOnnx } from "../../src/frontends/onnx/import-onnx.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { difference } from "./compare.ts";
import { readDataSet, readModel, type ConformanceCase, type DataSet } from "./suite.ts";

export type Verdict =
  | { readonly passed: true }
  /** `stage`: "import" or the engine that differs. */
  | { readonly passed: false; readonly stage: string; readonly message: string };

export async function runCase(
  folder: string,
  given: ConformanceCase,
  engines: readonly EngineName[],
): Promise<Verdict> {
  let stage = "import";
  try {
    for (let set = 0; set < given.dataSets; set++) {
      const data = readDataSet(folder, given, set);
      for (const engine of engines) {
        stage = "import";
        const { graph, fed } = importCase(folder, given, data);
        stage = engine;
        if (engine !== "interpreter")
          await runPipeline(
            graph,
            pipelineSteps("optimize"),
            passes,
            contextFor(undefined, () => undefined),
          );
        const executor = await createEngine(engine, graph, nodeEngines);
        try {
          const [results] = runAll(executor, [fed]);
          const message = firstDifference(results!, data.outputs, given);
          if (message !== undefined) return { passed: false, stage, message };
        } finally {
          executor.dispose();
        }
      }
    }
    return { passed: true };
  } catch (error) {
    return { passed: false, stage, message: reasonOf(error) };
  }
}

function importCase(folder: string, given: ConformanceCase, { inputs }: DataSet) {
  const known = new Set([...given.constInputs, ...given.weightInputs]);
  const constants = new Map(
    given.inputs.flatMap(({ name }, i): [string, Tensor][] => (known.has(i) ? [[name, inputs[i]!]] : [])),
  );
  // A model that leaves extents open gets those of its data.
  const shapes = new Map(
    given.inputs.flatMap(({ name }, i): [string, readonly number[]][] =>
      known.has(i) ? [] : [[name, inputs[i]!.shape]],
    ),
  );
  const { graph } = importOnnx(readModel(folder, given), { constants, shapes });
  const byName = new Map(given.inputs.map(({ name }, i) => [name, inputs[i]!]));
  // A graph input that is no input of the data has an initializer; the importer keeps those of the data only, in order.
  const order = given.inputs.filter((_, i) => !known.has(i)).map(({ name }) => byName.get(name)!);
  return { graph, fed: order };
}

function firstDifference(
  results: readonly Tensor[],
  wanted: readonly Tensor[],
  tolerance: ConformanceCase,
): string | undefined {
  if (results.length !== wanted.length) return `gives ${results.length} outputs, expected ${wanted.length}`;
  for (const [i, want] of wanted.entries()) {
    const found = difference(results[i]!, want, tolerance);
    if (found !== undefined) return `output ${i} ${found}`;
  }
  return undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof DiagnosticError)
    return error.diagnostics.map(({ code, message }) => `${code}: ${message}`).join("; ");
  return error instanceof Error ? error.message : String(error);
}
