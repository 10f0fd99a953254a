/** Stored constants as the reals they stand for, so that running a fake-quantized graph does not compute them each time. */
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, supersede } from "../../src/ir/match.ts";
import { sliceQuantization, type Quantization } from "../../src/ir/types.ts";
import { constant } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { numbersOf, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

/** The results of dequantizations become constants of the same names. */
export function foldDequantized(graph: Graph): void {
  for (const operation of graph.operations) {
    const stored = operation.definition === dequantize ? constantOf(operation.operands[0]) : undefined;
    if (stored === undefined) continue;
    const value = realsOf(stored, operation.operands[0]!.type.quantization!);
    supersede(graph, operation, graph.create(constant, {}, { value }, inPlaceOf(operation)).result);
  }
}

/** As `dequantize` computes them: difference and product rounded to f32. */
export function realsOf(stored: Tensor, quantization: Quantization): Tensor {
  const { axis } = quantization;
  const stride = axis === undefined ? 1 : stridesOf(stored.shape)[axis]!;
  const extent = axis === undefined ? 1 : stored.shape[axis]!;
  const reals = Float32Array.from(numbersOf(stored), (q: number, i: number) => {
    const { scale, zero } = sliceQuantization(quantization, Math.floor(i / stride) % extent);
    return Math.fround(q - zero) * Math.fround(scale);
  });
  return tensor("f32", stored.shape, reals);
}
