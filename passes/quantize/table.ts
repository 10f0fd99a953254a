/** The table of a function of one stored element: its 256 values, in reals by the reference interpreter, quantized once. */
import { createInterpreter } from "../../src/exec/interpreter.ts";
import { Graph, type Operation } from "../../src/ir/graph.ts";
import { tensorType, type TensorType } from "../../src/ir/types.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";

/** Entry i is the result for the i-th stored integer from the lowest. */
export function tableOf(from: TensorType, chain: readonly Operation[], to: TensorType): Tensor {
  const { min, max } = elementRange(from.element);
  const integers = tensor(from.element, [256], Array.from({ length: max - min + 1 }, (_, i) => min + i));
  const reals = numbersOf(evaluateChain(tensorType(from.element, [256], from.quantization), chain, integers));
  const range = elementRange(to.element);
  const [scale, zero] = [to.quantization!.scale[0]!, to.quantization!.zero[0]!];
  return tensor(
    to.element,
    [256],
    Array.from(reals, (x) => quantizeValue(x, scale, zero, range.min, range.max)),
  );
}

function evaluateChain(type: TensorType, chain: readonly Operation[], integers: Tensor): Tensor {
  const graph = new Graph("table");
  let value = graph.create(dequantize, { input: graph.addInput("x", type) }, {}).result;
  for (const { definition, attributes } of chain)
    value = graph.createGeneric(definition, [value], attributes).result;
  graph.setOutputs([value]);
  return createInterpreter(graph).run([integers])[0]!;
}
