/**
 * Constants as rewrites of weights see them: real ones, and stored ones behind a dequantization, which stay stored when they
 * change their shape.
 */
import type { CreateOptions, Graph, Value } from "../ir/graph.ts";
import { constantOf } from "../ir/match.ts";
import { tensorType, type Quantization } from "../ir/types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { constant, moveElements, type ConstantAttributes } from "./constant.ts";
import { dequantize } from "./dequantize.ts";

export interface ConstantOperand {
  /** Reals, or stored integers where there is a quantization. */
  readonly contents: Tensor;
  readonly quantization?: Quantization;
}

/** What a real value holds that is known at compile time. */
export function constantOperandOf(value: Value | undefined): ConstantOperand | undefined {
  if (value?.producer?.definition === dequantize) {
    const [stored] = value.producer.operands;
    const contents = constantOf(stored);
    return contents && { contents, quantization: stored!.type.quantization! };
  }
  const contents = constantOf(value);
  return contents?.element === "f32" ? { contents } : undefined;
}

/** The constant as a real value of the graph. */
export const createConstantOperand = (
  graph: Graph,
  { contents, quantization }: ConstantOperand,
  options: CreateOptions,
): Value => create(graph, { value: contents }, quantization, options);

/**
 * What a real value holds that is known at compile time, after its elements moved: a mask moves with them. `turn` tells the
 * quantization of what was moved.
 */
export function moveConstantOperand(
  graph: Graph,
  value: Value,
  move: (contents: Tensor) => Tensor,
  options: CreateOptions,
  turn: (quantization: Quantization) => Quantization = (quantization) => quantization,
): Value {
  const isStored = value.producer?.definition === dequantize;
  const source = isStored ? value.producer.operands[0]! : value;
  const { quantization } = source.type;
  return create(graph, moveElements(source, move), quantization && turn(quantization), options);
}

function create(
  graph: Graph,
  attributes: ConstantAttributes,
  quantization: Quantization | undefined,
  options: CreateOptions,
): Value {
  const { element, shape } = attributes.value;
  const type = tensorType(element, shape, quantization);
  const { result } = graph.create(constant, {}, attributes, { ...options, type });
  if (quantization === undefined) return result;
  const real = { ...options, ...(options.name === undefined ? {} : { name: `${options.name}_real` }) };
  return graph.create(dequantize, { input: result }, {}, real).result;
}
