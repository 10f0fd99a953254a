/** Sums of products over named axes: Einstein's notation. */
import { at, axes, compute, load, variable } from "../expr/build.ts";
import { mulElements, reduceElements } from "../expr/element-arithmetic.ts";
import type { Expression, IndexVariable } from "../expr/expression.ts";
import { text } from "../ir/attributes.ts";
import { defineOp, type InferFail } from "../ir/operation.ts";
import { formatType, tensorType, type TensorType } from "../ir/types.ts";
import { elementCount } from "../tensor/tensor.ts";
import { numberElements, requirePlain, requireSameElement } from "./type-rules.ts";

export const einsum = defineOp({
  name: "einsum",
  doc: `y[output axes] = sum over the axes that only operands have of the product of their elements. The equation names each axis by a
letter, 'ij,jk->ik' for a matrix product; a letter that an operand has twice takes its diagonal. Source: ONNX Einsum.`,
  example: '%y = einsum %a, %b {equation = "ij,kj->ik"} : tensor<2x3xf32>',
  given: { "%a": "tensor<2x4xf32>", "%b": "tensor<3x4xf32>" },
  operands: ["inputs*"],
  attrs: { equation: text() },
  rewrite: "write it as matrix products and transpositions",

  infer({ inputs }, { equation }, fail) {
    const { terms, output } = parse(equation, fail);
    const [first] = inputs;
    if (first === undefined || terms.length !== inputs.length)
      return fail(
        "operand-count",
        `has ${inputs.length} operands, expected ${terms.length} as in ${equation}`,
      );
    inputs.forEach((type, i) => {
      requirePlain(`input ${i}`, type, numberElements, fail);
      requireSameElement(`input ${i}`, type, first, fail);
    });
    const extents = extentsOf(terms, inputs, fail);
    const unknown = Array.from(output).find((letter) => !extents.has(letter));
    if (unknown !== undefined || new Set(output).size !== output.length)
      fail(
        "attribute",
        `has the equation ${equation}, expected each axis of the result once, and in an operand`,
      );
    return tensorType(
      first.element,
      Array.from(output).map((letter) => extents.get(letter)!),
    );
  },

  express({ inputs }, { equation }, result) {
    const { terms, output } = parse(equation, unreachable);
    const extents = extentsOf(
      terms,
      inputs.map(({ type }) => type),
      unreachable,
    );
    const domain = axes(result.type.shape, Array.from(output));
    const variables = new Map<string, IndexVariable>(
      Array.from(output).map((letter, i) => [letter, domain[i]!]),
    );
    const over = [...extents].flatMap(([letter, extent]) => {
      if (variables.has(letter)) return [];
      variables.set(letter, variable(letter, extent));
      return [variables.get(letter)!];
    });
    const { element } = result.type;
    const product = inputs
      .map(({ tensor }, i): Expression =>
        load(
          tensor,
          Array.from(terms[i]!).map((letter) => at(variables.get(letter)!)),
        ),
      )
      .reduce((a, b) => mulElements(element, a, b));
    const value = over.length === 0 ? product : reduceElements("add", element, over, product);
    return [compute(result.tensor, domain, value)];
  },

  macs({ inputs }, { equation }) {
    const { terms } = parse(equation, unreachable);
    return elementCount([...extentsOf(terms, inputs, unreachable).values()]) * Math.max(0, inputs.length - 1);
  },
});

function parse(equation: string, fail: InferFail): { terms: string[]; output: string } {
  const match = /^([A-Za-z]*(?:,[A-Za-z]*)*)->([A-Za-z]*)$/.exec(equation);
  if (match === null)
    return fail("attribute", `has the equation '${equation}', expected one like 'ij,jk->ik'`);
  return { terms: match[1]!.split(","), output: match[2]! };
}

function extentsOf(
  terms: readonly string[],
  inputs: readonly TensorType[],
  fail: InferFail,
): Map<string, number> {
  const extents = new Map<string, number>();
  inputs.forEach((type, i) => {
    if (terms[i]!.length !== type.shape.length)
      fail("operand-shape", `has input ${i} ${formatType(type)}, expected the axes '${terms[i]!}'`);
    Array.from(terms[i]!).forEach((letter, axis) => {
      const extent = type.shape[axis]!;
      if ((extents.get(letter) ?? extent) !== extent)
        fail("operand-shape", `has an axis '${letter}' of ${extents.get(letter)!} and of ${extent} entries`);
      extents.set(letter, extent);
    });
  });
  return extents;
}

const unreachable: InferFail = (code, message) => {
  throw new Error(`internal: einsum ${message} (${code}) after its types were inferred`);
};
