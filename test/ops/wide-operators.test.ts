/**
 * Every operator with an integer form on values of 16 bits: it is quantized, lies within its bound of what it means, and gives the same bytes
 * in every engine, at both ends of i16 as well as on noise; or it says that it does not take them.
 */
import { describe, expect, test } from "vitest";
import { createInterpreter } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { TensorType } from "../../src/ir/types.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "../differential/engines.ts";
import { integerCases, type IntegerCase } from "./integer-cases.ts";
import { asReals, asSingles, dequantized, farthest, patternsOf, store } from "./measure-integer-error.ts";

/** In steps of 16 bits, 1/256 of a step of eight. Straight lines between knots leave curves, and kinks that lie between two. */
const lines = 2;
const bounds: Readonly<Record<string, number>> = {
  // A multiplier of 15 bits for each operand.
  add: 1.5,
  sub: 1.5,
  layer_norm: 0.52,
  RMSNormalization: 0.52,
  InstanceNormalization: 0.52,
  hard_sigmoid: 18,
  hard_swish: 8.5,
  sqrt: 16,
  log: 98,
  // Weights of ten bits.
  Resize: 43,
};
/** Functions that jump, or have a pole. A warning says so; eight bits serve them better. */
const jumping = ["shrink", "floor", "ceil", "round", "thresholded_relu", "reciprocal"];
const tables = new Set(
  "leaky_relu sigmoid tanh exp abs neg erf sin cos silu elu celu selu softplus softsign mish gelu sign".split(
    " ",
  ),
);

const boundOf = ({ operator, bound }: IntegerCase): number =>
  bounds[operator] ?? (tables.has(operator) ? lines : bound);

/** The nearest integers, reals that mean themselves as they are. */
function nearest(real: Tensor, { element, shape, quantization }: TensorType): Tensor {
  if (quantization === undefined) return real;
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
  return tensor(
    element,
    shape,
    Array.from(numbersOf(real), (x) => quantizeValue(x, scale, zero, min, max)),
  );
}

const realInputs = (graph: Graph): string[] =>
  graph.inputs.filter(({ type }) => type.element === "f32").map(({ name }) => name);

describe("in 16 bits", () => {
  for (const each of integerCases) {
    const { operator, what, types } = each;
    if (operator === "matmul") continue;
    test(`${operator} ${what ?? ""}`, async () => {
      const real = each.graph();
      const reals = asSingles(asReals(each.samples(), types));
      const { graph, meaning } = await store(real, reals, new Map(), `all, ${realInputs(real).join(", ")}`);
      const inputTypes = graph.inputs.map(({ type }) => type);
      expect(inputTypes.some(({ element }) => element === "i16")).toBe(true);
      if (!jumping.includes(operator)) {
        const interpreter = createInterpreter(graph);
        let worst = 0;
        for (const sample of reals) {
          const inputs = sample.map((t, i) => nearest(t, inputTypes[i]!));
          const wanted = meaning(inputs.map((t, i) => dequantized(t, inputTypes[i]!)));
          interpreter.run(inputs).forEach((result, o) => {
            worst = Math.max(worst, farthest(result, graph.outputs[o]!.type, wanted[o]!));
          });
        }
        expect(worst).toBeLessThanOrEqual(boundOf(each));
      }
      await expectAgreement(graph, patternsOf(inputTypes, 2));
    });
  }

  test("a product of two values takes one of them in 16 bits", async () => {
    const each = integerCases.find(({ operator }) => operator === "matmul")!;
    const reals = asSingles(asReals(each.samples(), each.types));
    const { graph } = await store(each.graph(), reals, new Map(), "all, a");
    expect(graph.inputs.map(({ type }) => type.element)).toEqual(["i16", "i8"]);
    await expectAgreement(
      graph,
      patternsOf(
        graph.inputs.map(({ type }) => type),
        2,
      ),
    );
    await expect(store(each.graph(), reals, new Map(), "a, b")).rejects.toMatchObject({
      diagnostics: [{ code: "wide-value" }],
    });
  });
});
