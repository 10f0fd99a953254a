/** Quantize and dequantize: the pairs that make the file what it is. */
import type { Value } from "../../../src/ir/graph.ts";
import { sameQuantization, type TensorType } from "../../../src/ir/types.ts";
import { dequantize } from "../../../src/ops/dequantize.ts";
import { quantize } from "../../../src/ops/quantize.ts";
import { transpose } from "../../../src/ops/transpose.ts";
import { axisAttribute } from "../tensors.ts";
import { row, type Row } from "./writer.ts";

export const quantization: readonly Row[] = [
  row(quantize, (writer) => {
    const { operation, tensors, order } = writer;
    const { name, type } = operation.result;
    // Reals that are these integers, transposed at most: nothing is rounded, and one tensor stands for both.
    const source = integersOf(writer.value(0), type);
    const stored = source && tensors.home(source);
    const home = tensors.home(writer.value(0));
    if (stored !== undefined && home !== undefined) return { name: stored.name, order: home.order };

    const scales = tensors.makeScales(name, type);
    const written = writer.node("QuantizeLinear", [writer.operand(0), ...scales], axisAttribute(type, order));
    tensors.setScales(written, scales);
    return written;
  }),
  row(dequantize, (writer) => {
    const { type } = writer.value(0);
    const stored = writer.operand(0);
    const known = writer.tensors.real(stored);
    if (known !== undefined) return known;
    const inputs = [stored, ...writer.tensors.scales(stored, type)];
    const written = writer.node("DequantizeLinear", inputs, axisAttribute(type, writer.order));
    writer.tensors.setReal(stored, written);
    return written;
  }),
];

/** The integers of a type that were dequantized to the value, transpositions aside. */
function integersOf({ producer }: Value, type: TensorType): Value | undefined {
  if (producer?.definition === transpose) return integersOf(producer.operands[0]!, type);
  const [source] = producer?.definition === dequantize ? producer.operands : [];
  const agrees =
    source?.type.element === type.element &&
    source.type.quantization?.axis === undefined &&
    sameQuantization(source.type.quantization, type.quantization);
  return agrees ? source : undefined;
}
