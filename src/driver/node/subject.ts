/** What `run` and `evaluate` work on: a compiled folder or a model, its engines, and the samples given to it. */
import { passes } from "../../../passes/index.ts";
import { pipelines } from "../../../passes/pipelines.ts";
import { DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import type { Graph } from "../../ir/graph.ts";
import { runPipeline } from "../../pass/manager.ts";
import { createContext } from "../../pass/pass.ts";
import { isFloat } from "../../tensor/element-type.ts";
import { elementCount } from "../../tensor/tensor.ts";
import { parsePipeline } from "../../text/pipeline.ts";
import { bundleEngines, checkBundle, type Bundle } from "../bundle.ts";
import type { EngineFactories } from "../engines.ts";
import { loadModel, type ModelOptions } from "../model.ts";
import { unmappedSamples } from "../sample-warnings.ts";
import { openSamples, type Samples } from "../samples.ts";
import { nodeEngines } from "./engines.ts";
import { isFolder, npyOnDisk, readBundle, readModel } from "./files.ts";
import { given } from "./given.ts";
import type { Streams } from "./streams.ts";
import { mappingOf, windowOf, type RunOptions } from "./options.ts";

export interface Subject {
  readonly graph: Graph;
  readonly engines: EngineFactories;
  readonly bundle?: Bundle;
  readonly isStored: boolean;
}

/** @throws DiagnosticError, also when a folder's files are not what its graph gives */
export async function openSubject(path: string, options: ModelOptions, streams: Streams): Promise<Subject> {
  if (!isFolder(path)) {
    const graph = await loadForRunning(path, options, streams);
    return { graph, engines: nodeEngines, isStored: isStoredGraph(graph) };
  }
  if (options?.fix !== undefined)
    fail("model-type", `'${path}' is compiled, its inputs are what they were then`, {
      help: "leave --fix out, or compile the model with it",
    });
  const bundle = readBundle(path);
  const { problems, printed } = await checkBundle(bundle);
  if (problems.length > 0) throw new DiagnosticError(problems);
  const engines = bundleEngines(bundle, printed, nodeEngines);
  return { graph: bundle.loadGraph(), engines, bundle, isStored: true };
}

/** A model in the form that is run: a real one optimized, a stored one as it is. */
export async function loadForRunning(path: string, options: ModelOptions, streams: Streams): Promise<Graph> {
  const { graph, notes } = loadModel(readModel(path, options));
  streams.diagnose(notes.filter(({ severity }) => severity === "warning"));
  if (!isStoredGraph(graph))
    await runPipeline(graph, parsePipeline(pipelines.optimize), passes, createContext());
  return graph;
}

const isStoredGraph = (graph: Graph): boolean => !graph.values.some(({ type }) => isFloat(type.element));

/**
 * Samples from files. What the network was calibrated with is the rule: without a mapping of their own, integers of the same type
 * mean what they meant then, and rows that do not fit the input are cut into the same windows.
 */
export function openSubjectSamples(
  { graph, bundle }: Subject,
  options: RunOptions,
  streams: Streams,
): Samples {
  const files = options.inputs.map(npyOnDisk);
  const mapping = mappingOf(options);
  const recorded = bundle?.report.samples ?? [];
  const isAsCalibrated = files.every(
    ({ header: { element } }, i) => !isFloat(element) && recorded[i]?.element === element,
  );
  const isMapped = Object.keys(mapping).length > 0;
  const used = !isMapped && isAsCalibrated ? (bundle?.report.inputMapping ?? {}) : mapping;
  const isLonger = files.some(
    ({ header: { shape } }, i) =>
      elementCount(shape.slice(1)) > elementCount(graph.callerInputs[i]?.type.shape ?? shape),
  );
  streams.diagnose(unmappedSamples(files, graph.callerInputs, used));
  const window = windowOf(options) ?? (isLonger ? bundle?.report.inputWindow : undefined);
  return openSamples(files, graph.callerInputs, {
    mapping: used,
    ...given({ limit: options.limit, window }),
  });
}
