/** What a network needs as an engine's program: from the same lowering that the engine runs. */
import { plainC } from "../../backends/c/targets.ts";
import { wasmScalar, wasmSimd } from "../../backends/wasm/targets.ts";
import type { Graph } from "../ir/graph.ts";
import { bufferBytes } from "../loops/loop.ts";
import type { Target } from "../loops/target.ts";
import type { EngineName } from "./engines.ts";
import { measureGraph } from "./layers.ts";
import { lowerToLoops } from "./lower.ts";

export interface EngineSize {
  /** Weights, multipliers and tables as the program stores them. */
  readonly constantBytes: number;
  /** Input, output and scratch together. */
  readonly arenaBytes: number;
  readonly macs: number;
}

const targets: Readonly<Partial<Record<EngineName, Target>>> = {
  c: plainC,
  "wasm-scalar": wasmScalar,
  "wasm-simd": wasmSimd,
};

/** Undefined for an engine that compiles nothing. */
export function engineSize(engine: EngineName, graph: Graph): EngineSize | undefined {
  const target = targets[engine];
  if (target === undefined) return undefined;
  const { buffers, arenaBytes } = lowerToLoops(graph, target);
  const constants = buffers.filter(({ role }) => role === "constant");
  return {
    constantBytes: constants.reduce((sum, buffer) => sum + bufferBytes(buffer), 0),
    arenaBytes,
    macs: measureGraph(graph).macs,
  };
}
