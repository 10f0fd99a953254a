/** What a model consists of, before anything is compiled: layers, shapes, parameters, multiply-accumulates, memory. */
import { plainC } from "../../backends/c/targets.ts";
import { passes } from "../../passes/index.ts";
import { pipelines } from "../../passes/pipelines.ts";
import { DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { runPipeline } from "../pass/manager.ts";
import { createContext } from "../pass/pass.ts";
import { isFloat } from "../tensor/element-type.ts";
import { parsePipeline } from "../text/pipeline.ts";
import { measureGraph, type GraphSize } from "./layers.ts";
import { lowerToLoops } from "./lower.ts";
import { loadModel, type ModelSource } from "./model.ts";

export interface Inspection extends GraphSize {
  readonly name: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly element: string;
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly element: string;
  }[];
  /** Whether all values are integers. */
  readonly stored: boolean;
  /** Arena of the plain C program, in the numbers the graph has: four times an integer network's for a float one. */
  readonly arenaBytes?: number;
  readonly arenaLowerBoundBytes?: number;
  readonly notes: readonly Diagnostic[];
}

export interface InspectOptions {
  readonly model: ModelSource;
  /** Shows the layers as they were imported, before fusion. */
  readonly asImported?: boolean;
}

export async function inspect({ model, asImported = false }: InspectOptions): Promise<Inspection> {
  const { graph, notes } = loadModel(model);
  const stored = !graph.values.some(({ type }) => isFloat(type.element));
  const optimize = (): Promise<unknown> =>
    runPipeline(graph, stored ? [] : parsePipeline(pipelines.optimize), passes, createContext());
  if (!asImported) await optimize();
  const port = ({ name, type }: (typeof graph.inputs)[number]) => ({
    name,
    shape: type.shape,
    element: type.element,
  });
  const found: Inspection = {
    name: graph.name,
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(port),
    stored,
    notes,
    ...measureGraph(graph),
  };
  try {
    // What an exporter wrote plainly is not what runs: memory is that of the optimized graph.
    if (asImported) await optimize();
    const { arenaBytes, arenaLowerBoundBytes } = lowerToLoops(graph, plainC);
    return { ...found, arenaBytes, arenaLowerBoundBytes };
  } catch (error) {
    // A model that cannot be compiled can still be looked at.
    if (error instanceof DiagnosticError) return { ...found, notes: [...notes, ...error.diagnostics] };
    throw error;
  }
}
