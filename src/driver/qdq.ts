/** The network as a model of QuantizeLinear and DequantizeLinear pairs: for Netron, and for runtimes to compare with. */
import { exportOnnx } from "../../backends/onnx/export-onnx.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import type { PortNames } from "../ir/ports.ts";
import { version } from "./version.ts";

export const qdqFile = (name: string): string => `${name}.qdq.onnx`;

/**
 * @param fakeQuantized what `requantize` found; absent when the model was integers to begin with
 * @throws DiagnosticError `no-fake-quantized`, and what `exportOnnx` finds wrong
 */
export function emitQdq(fakeQuantized: Graph | undefined, ports: PortNames): Uint8Array {
  if (fakeQuantized === undefined)
    fail("no-fake-quantized", "there is no fake-quantized graph to write as ONNX", {
      help: "compile the float model, or one with QuantizeLinear nodes, by a pipeline with requantize; or leave out the target onnx",
    });
  return exportOnnx(fakeQuantized, { ...ports, version }).bytes;
}
