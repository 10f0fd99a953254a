/** The core's engines and compiled C. */
import { plainC } from "../../../backends/c/targets.ts";
import { coreEngines, type EngineFactories } from "../engines.ts";
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
