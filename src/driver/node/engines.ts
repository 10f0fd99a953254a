/** The core's engines and compiled C. */
import { plainC } from "../../../backends/c/targets.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Executor } from "../../exec/executor.ts";
import {
  coreEngines,
  createEngine,
  type EngineFactories,
  type EngineName,
  type EngineOptions,
} from "../engines.ts";
import { lowerToLoops } from "../lower.ts";
import { createCExecutor } from "./c-executor.ts";
import { given } from "./given.ts";

export const nodeEngines: EngineFactories = {
  ...coreEngines,
  c: (graph, { keep }) =>
    new Promise((resolve) => {
      resolve(createCExecutor(lowerToLoops(graph, plainC, given({ keep }))));
    }),
};

/**
 * What runs a graph: `c` is compiled by `findCompiler()`. The caller disposes of it.
 *
 * @throws DiagnosticError `no-c-compiler`
 */
export const createNodeEngine = (
  name: EngineName,
  graph: Graph,
  factories: EngineFactories = nodeEngines,
  options: EngineOptions = {},
): Promise<Executor> => createEngine(name, graph, factories, options);
