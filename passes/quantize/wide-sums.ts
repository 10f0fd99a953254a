/**
 * Whether sums with values of 16 bits stay in 32, foretold where widths are chosen: weights of eight bits of the real ones' proportions,
 * |q[k]| ≈ 127 |w[k]| / max |w|, by the largest a value can be. What is chosen by a rule, and not by name, is widened only then: a rule that
 * makes networks fail is none. The proof is `bound-accumulators`'.
 */
import type { Operation } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { nameOperands } from "../../src/ir/operation.ts";
import type { TensorType } from "../../src/ir/types.ts";
import { weightedLayerOf } from "../../src/measure/layer-inputs.ts";
import { elementCount, numbersOf } from "../../src/tensor/tensor.ts";

const [widest, mostOfEight] = [2 ** 15, 127];
/** A quarter is left for scales that clip, and for biases. */
const room = 0.75 * 2 ** 31;

export function sumsFit(operation: Operation): boolean {
  const form = operation.definition.integer;
  if (form?.kind !== "accumulator" || form.wide === true) return true;
  return factorsOf(operation) * widest <= room;
}

/** The sum of the magnitudes of what a value's elements are multiplied with. */
function factorsOf(operation: Operation): number {
  const { definition, operands, attributes, result } = operation;
  const layer = weightedLayerOf(operation);
  const weights = constantOf(layer?.weight);
  if (weights !== undefined) return mostOfEight * largestSum(numbersOf(weights), layer!.outputs);
  const types = nameOperands<TensorType>(
    definition,
    operands.map(({ type }) => type),
  );
  const products = definition.macs?.(types, attributes, result.type);
  const results = elementCount(result.type.shape);
  if (products !== undefined && products > 0) return (mostOfEight * products) / results;
  return elementCount(operands[0]!.type.shape) / results;
}

/** Of the outputs' weights, each in units of its largest. */
function largestSum(weights: ArrayLike<number>, outputs: number): number {
  const length = weights.length / outputs;
  let most = 0;
  for (let o = 0; o < outputs; o++) {
    let [sum, largest] = [0, 0];
    for (let k = o * length; k < (o + 1) * length; k++) {
      const magnitude = Math.abs(weights[k]!);
      sum += magnitude;
      largest = Math.max(largest, magnitude);
    }
    if (largest > 0) most = Math.max(most, sum / largest);
  }
  return most;
}
