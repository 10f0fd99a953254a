/** The table of a function of one stored element: its values at all 256 reals, in doubles, rounded once by quantization. */
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { evaluateUnary } from "../../src/expr/evaluate.ts";
import { Graph, type Operation } from "../../src/ir/graph.ts";
import { tensorType, type TensorType } from "../../src/ir/types.ts";
import { dequantizeValue, quantizeValue } from "../../src/numerics/affine.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";

/** Entry i is the result for the i-th stored integer of `from`, through the chain of functions, as an integer of `to`. */
export function tableOf(from: TensorType, chain: readonly Operation[], to: TensorType): Tensor {
  const lowest = elementRange(from.element).min;
  const source = from.quantization!;
  let reals = Float64Array.from({ length: 256 }, (_, i) =>
    dequantizeValue(lowest + i, source.scale[0]!, source.zero[0]!),
  );
  for (const operation of chain) reals = apply(operation, reals);
  const { min, max } = elementRange(to.element);
  const [scale, zero] = [to.quantization!.scale[0]!, to.quantization!.zero[0]!];
  return tensor(
    to.element,
    [256],
    Array.from(reals, (x) => quantizeValue(x, scale, zero, min, max)),
  );
}

/** The operation on 256 elements, whatever its own shape: it works element by element. */
function apply({ definition, attributes }: Operation, reals: Float64Array): Float64Array<ArrayBuffer> {
  const graph = new Graph("table");
  const input = graph.addInput("x", tensorType("f32", [reals.length]));
  const copy = graph.createGeneric(definition, [input], attributes);
  const references = tensorReferences();
  const { steps, result } = expressOperation(copy, references);
  return Float64Array.from(evaluateUnary(steps, references(input), result, reals));
}
