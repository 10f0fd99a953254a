/**
 * The files of a compiled network, as a pure function of its stored graph: so that a compiled folder can be checked by printing
 * it again, and so that two compilations of one graph give the same bytes. What is printed is proved integer-only first.
 */
import { emitC } from "../../backends/c/emit.ts";
import type { PortDescription } from "../../backends/c/header.ts";
import { findFloats } from "../../backends/c/integer-only.ts";
import { plainC } from "../../backends/c/targets.ts";
import { emitWasm } from "../../backends/wasm/emit.ts";
import { assertIntegerOnly } from "../../backends/wasm/integer-only.ts";
import { wasmSimd } from "../../backends/wasm/targets.ts";
import { emitWrapper, type BoundaryAffine } from "../../backends/wasm/wrapper.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { bufferBytes, type LoopProgram } from "../loops/loop.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import { printGraph } from "../text/print.ts";
import { lowerForWasm } from "./engines.ts";
import { lowerToLoops } from "./lower.ts";
import { memoryMapOf, type MemoryMap } from "./memory-map.ts";
import { version } from "./version.ts";

/** What is printed of a stored graph. */
export const targetNames = ["c", "wasm"] as const;
export type TargetName = (typeof targetNames)[number];

/** What can be asked for besides: `onnx` is of the graph before it is stored, and for looking at. */
export const outputNames = [...targetNames, "onnx"] as const;
export type OutputName = (typeof outputNames)[number];

/** What one target needs of a machine. */
export interface TargetSize {
  readonly target: string;
  /** Input, output and scratch together. */
  readonly arenaBytes: number;
  /** No memory plan of the same kernels can be smaller. */
  readonly arenaLowerBoundBytes: number;
  /** Weights, multipliers and tables as the target stores them. */
  readonly constantBytes: number;
  /** The module's file, or the text of the C source. */
  readonly fileBytes: number;
  readonly memory: MemoryMap;
}

export interface Artifacts {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly sizes: Readonly<Partial<Record<TargetName, TargetSize>>>;
  /** The program that `NAME.wasm` was printed from: where its inputs and outputs lie. */
  readonly wasm?: LoopProgram;
}

/** @throws internal, naming function or line, when a float is left */
export async function emitArtifacts(
  graph: Graph,
  name: string,
  targets: readonly TargetName[],
): Promise<Artifacts> {
  const files = new Map<string, Uint8Array>();
  const sizes: Partial<Record<TargetName, TargetSize>> = {};
  const put = (path: string, text: string): void => void files.set(path, new TextEncoder().encode(text));
  let wasm: LoopProgram | undefined;

  const externals = new Map<string, Tensor>();
  put(`${name}.qir`, printGraph(graph, { externals }));
  files.set(`${name}.safetensors`, writeSafetensors(externals));
  if (targets.includes("c")) {
    const program = lowerToLoops(graph, plainC, { keepsState: true });
    const emitted = emitC(program, {
      name,
      summary: `integer-only inference of "${name}", made by quern ${version}.`,
      inputs: graph.inputs.map(describe),
      outputs: graph.outputs.map(describe),
    });
    for (const [path, text] of [
      [`${name}.c`, emitted.source],
      [`${name}.h`, emitted.header],
    ] as const) {
      const found = findFloats(text)[0];
      if (found !== undefined)
        throw new Error(
          `internal: c: ${found.what} '${found.text}' in ${path}:${found.line}, but integers were promised`,
        );
      put(path, text);
    }
    sizes.c = sizeOf(program, plainC.name, files.get(`${name}.c`)!.length);
  }
  if (targets.includes("wasm")) {
    wasm = lowerForWasm(graph, wasmSimd, { keepsState: true });
    const module = await emitWasm(wasm);
    assertIntegerOnly(
      module,
      wasm.procedures.map((procedure) => procedure.name),
    );
    files.set(`${name}.wasm`, module);
    sizes.wasm = sizeOf(wasm, wasmSimd.name, module.length);
    const affines = (values: readonly Value[]) => values.map(affineOf);
    const wrapper = emitWrapper(wasm, {
      name,
      inputs: affines(graph.inputs),
      outputs: affines(graph.outputs),
    });
    put(`${name}.mjs`, wrapper.module);
    put(`${name}.d.mts`, wrapper.types);
    put(`${name}.d.ts`, wrapper.typesAlias);
  }
  return { files, sizes, ...(wasm === undefined ? {} : { wasm }) };
}

const sizeOf = (program: LoopProgram, target: string, fileBytes: number): TargetSize => ({
  target,
  arenaBytes: program.arenaBytes,
  arenaLowerBoundBytes: program.arenaLowerBoundBytes,
  constantBytes: program.buffers.reduce(
    (sum, buffer) => sum + (buffer.role === "constant" ? bufferBytes(buffer) : 0),
    0,
  ),
  fileBytes,
  memory: memoryMapOf(program),
});

const describe = (value: Value): PortDescription => ({ name: value.name, ...affineOf(value) });

function affineOf({ type: { quantization } }: Value): BoundaryAffine | undefined {
  if (quantization === undefined || quantization.axis !== undefined) return undefined;
  return { scale: quantization.scale[0]!, zero: quantization.zero[0]! };
}
