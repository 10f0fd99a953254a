/**
 * Stores in i8 what a model stores in u8: the same reals, for both the integers and the zero point move by 128,
 *
 *     scale (q - zero) = scale ((q - 128) - (zero - 128))
 *
 * so that all activations have one element type, which tables, sums and vector code are best at. Constants move too.
 *
 * Declines at the boundary: an input that arrives as u8 stays what the caller has. And where something else than a dequantization
 * reads the integers.
 */
import type { Graph, Operation } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, isOutput, supersede } from "../../src/ir/match.ts";
import { tensorType, type Quantization } from "../../src/ir/types.ts";
import { constant } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { definePass } from "../../src/pass/pass.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";

export const signActivations = definePass({
  name: "sign-activations",
  summary: "store unsigned bytes as signed ones",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) if (sign(graph, operation)) count("signed");
  },
});

function sign(graph: Graph, operation: Operation): boolean {
  const { definition, operands, result } = operation;
  const { element, shape, quantization } = result.type;
  if (element !== "u8" || quantization === undefined || isOutput(graph, result)) return false;
  if ([...result.users].some((user) => user.definition !== dequantize)) return false;
  const type = tensorType("i8", shape, moved(quantization));
  const place = { ...inPlaceOf(operation), type };
  const contents = constantOf(result);
  if (contents !== undefined) {
    const value = tensor(
      "i8",
      shape,
      Array.from(numbersOf(contents), (q) => q - 128),
    );
    supersede(graph, operation, graph.create(constant, {}, { value }, place).result);
    return true;
  }
  if (definition !== quantize) return false;
  supersede(graph, operation, graph.create(quantize, { input: operands[0]! }, {}, place).result);
  return true;
}

const moved = (quantization: Quantization): Quantization => ({
  ...quantization,
  zero: quantization.zero.map((zero) => zero - 128),
});
