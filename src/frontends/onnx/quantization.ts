/**
 * Quantized values of a model. ONNX states scale and zero point at each node that reads or makes integers; here they stand in
 * the types. What is read as real, from integers, becomes `dequantize`; what is made into integers `quantize`: the result is a
 * fake-quantized graph, of constants that stay stored.
 *
 * An integer input of the network gets the quantization that the first node reads it with.
 */
import type { Value } from "../../ir/graph.ts";
import { perTensor, sameQuantization, tensorType, formatType, type Quantization } from "../../ir/types.ts";
import { constant } from "../../ops/constant.ts";
import { dequantize } from "../../ops/dequantize.ts";
import { quantize } from "../../ops/quantize.ts";
import { isFloat, type ElementType } from "../../tensor/element-type.ts";
import { numbersOf, type Tensor } from "../../tensor/tensor.ts";
import { isOpaque, type OnnxModel } from "./model.ts";
import { axisAt, type NodeView } from "./node-view.ts";
import { isKnown, type Operand } from "./operand.ts";

const storedElements: readonly ElementType[] = ["i8", "u8", "i16", "u16", "i32"];

/** What is wrong with scales and zero points, or the quantization they make. */
function combine(
  scale: Tensor,
  zero: Tensor | undefined,
  axis: () => number,
): Quantization | { readonly problem: string } {
  const scales = Array.from(numbersOf(scale), Number);
  const zeros = zero === undefined ? scales.map(() => 0) : Array.from(numbersOf(zero), Number);
  const wrong = scales.find((s) => !(s > 0 && Number.isFinite(s)));
  if (wrong !== undefined) return { problem: `has the scale ${wrong}, expected a positive number` };
  if (scales.length === 0 || scale.shape.length > 1 || (zero !== undefined && zeros.length !== scales.length))
    return {
      problem: `has scales of shape [${scale.shape.join(", ")}] and ${zeros.length} zero points, expected one of each, or one for each entry of an axis`,
    };
  if (scales.length === 1) return perTensor(scales[0]!, zeros[0]!);
  return { scale: scales, zero: zeros, axis: axis() };
}

/** Of a tensor of `shape`, by the scale at input `index` and the zero point, if there is one, at the next. */
export function quantizationAt(
  node: NodeView,
  index: number,
  shape: readonly number[],
  axis = 1,
): Quantization {
  const zero = node.has(index + 1) ? node.known(index + 1, "zero point") : undefined;
  const made = combine(node.known(index, "scale"), zero, () => axisAt(node, axis, shape.length));
  if ("problem" in made) return node.fail("onnx-quantization", made.problem);
  if (made.axis !== undefined && made.scale.length !== shape[made.axis])
    node.fail(
      "onnx-quantization",
      `has ${made.scale.length} scales for axis ${made.axis} of [${shape.join(", ")}]`,
      { help: "only one scale for a tensor, or for each entry of one axis, is supported" },
    );
  return made;
}

/** The reals of the integers at input `index`, whose scale and zero point follow them. */
export function realAt(node: NodeView, index: number, axis = 1): Value {
  const operand = node.operand(index);
  const shape = node.shape(index);
  return realOf(node, operand, quantizationAt(node, index + 1, shape, axis));
}

export function realOf(node: NodeView, operand: Operand, quantization: Quantization): Value {
  if (isKnown(operand)) {
    const { element, shape } = operand.tensor;
    requireStored(node, operand.name, element);
    const type = tensorType(element, shape, quantization);
    const stored = node.create(constant, {}, { value: operand.tensor }, type);
    return node.create(dequantize, { input: stored }, {});
  }
  const { value } = operand;
  requireStored(node, operand.name, value.type.element);
  if (!sameQuantization(value.type.quantization, quantization))
    node.fail(
      "onnx-quantization",
      `reads "${operand.name}", ${formatType(value.type)}, as ${formatType({ ...value.type, quantization })}`,
      { help: "integers keep the scale and zero point they were quantized with" },
    );
  return node.create(dequantize, { input: value }, {});
}

/**
 * The reals of computed integers that have a quantization, which an operator of plain integers reads at `index` with the zero point at
 * `zero`, and their scale; undefined of integers that stand for themselves.
 */
export function storedReals(
  node: NodeView,
  index: number,
  zero: number,
): { readonly value: Value; readonly scale: number } | undefined {
  const operand = node.operand(index);
  const quantization = isKnown(operand) ? undefined : operand.value.type.quantization;
  if (isKnown(operand) || quantization === undefined) return undefined;
  const [scale, own] = [quantization.scale[0]!, quantization.zero[0]!];
  const given = node.has(zero) ? Number(node.known(zero, "zero point").data[0]) : 0;
  if (quantization.axis !== undefined || given !== own)
    node.fail(
      "onnx-quantization",
      `reads "${operand.name}", ${formatType(operand.value.type)}, with the zero point ${given}`,
      { help: "integers keep the scale and zero point they were quantized with" },
    );
  return { value: node.create(dequantize, { input: operand.value }, {}), scale };
}

function requireStored(node: NodeView, name: string, element: ElementType): void {
  if (!storedElements.includes(element))
    node.fail(
      "onnx-quantization",
      `dequantizes "${name}" of ${element}, expected ${storedElements.join(", ")}`,
    );
}

/** A real value as integers of the scale at input `index`; without a zero point at the next they are `fallback`. */
export function storedBy(
  node: NodeView,
  value: Value,
  index: number,
  { axis = 1, fallback = "u8" }: { readonly axis?: number; readonly fallback?: ElementType } = {},
): Value {
  const { shape, element: from } = value.type;
  const element = node.has(index + 1) ? node.known(index + 1, "zero point").element : fallback;
  if (from !== "f32") node.fail("onnx-quantization", `quantizes a tensor of ${from}, expected float32`);
  requireStored(node, "its result", element);
  const quantization = quantizationAt(node, index, shape, axis);
  return node.create(quantize, { input: value }, {}, tensorType(element, shape, quantization));
}

/** The quantization that a node reads the integer input with; inputs of the network have none of their own. */
export function quantizationOfInput(
  { graph: { nodes, initializers } }: OnnxModel,
  name: string,
  element: ElementType,
): Quantization | undefined {
  if (isFloat(element)) return undefined;
  const known = (input: string | undefined): Tensor | undefined => {
    const found = input === undefined ? undefined : initializers.get(input);
    return found === undefined || isOpaque(found) ? undefined : found;
  };
  for (const { opType, inputs } of nodes) {
    const at = inputs.indexOf(name);
    if (at < 0 || !(opType === "DequantizeLinear" || /^QLinear|^QGemm/.test(opType))) continue;
    const scale = known(inputs[at + 1]);
    if (scale?.data.length !== 1) continue;
    const made = combine(scale, known(inputs[at + 2]), () => 0);
    if (!("problem" in made)) return made;
  }
  return undefined;
}
