/**
 * Matrix products. Gemm with a known second matrix, real or stored, is `linear`, whose weights are [O, K]: transB, alpha and beta go into the
 * constants. MatMul stays a matmul; a pass finds the linear layers among them.
 */
import type { Value } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { constantOperandOf } from "../../../ops/constant-operand.ts";
import { linear as linearLayer } from "../../../ops/linear.ts";
import { einsum } from "../../../ops/einsum.ts";
import { expand } from "../../../ops/expand.ts";
import { matmul } from "../../../ops/matmul.ts";
import { mul } from "../../../ops/mul.ts";
import { numbersOf, tensor } from "../../../tensor/tensor.ts";
import { requireFinite } from "../constant-pool.ts";
import type { NodeView } from "../node-view.ts";
import { isKnown, type KnownOperand } from "../operand.ts";
import { since, type ConverterTable } from "./converter.ts";

export const linear: ConverterTable = {
  Einsum: since(12, convertEinsum),
  Gemm: since(1, convertGemm, "attribute broadcast until 6"),
  MatMul: since(1, convertMatMul),
};

function convertGemm(node: NodeView): Value {
  const { attributes } = node;
  const alpha = attributes.float("alpha") ?? 1;
  const beta = attributes.float("beta") ?? 1;
  const turnA = attributes.flag("transA") === true;
  const turnB = attributes.flag("transB") === true;
  attributes.ignore("broadcast");
  for (const [index, name] of ["A", "B"].entries())
    if (node.shape(index).length !== 2)
      node.fail("operand-shape", `has ${name} [${node.shape(index).join(", ")}], expected a matrix`);

  const input = turnA ? node.transpose(node.value(0), [1, 0]) : node.value(0);
  const right = node.operand(1);
  const addend = node.operands[2];
  const stored = !isKnown(right) && alpha === 1 && beta === 1 && constantOperandOf(right.value) !== undefined;
  if (stored) {
    const weight = node.transpose(node.value(1), turnB ? [0, 1] : [1, 0]);
    const product = { input, weight };
    if (addend === undefined) return node.create(linearLayer, product, {});
    const isBias = node.shape(2).length === 1 && node.shape(2)[0] === weight.type.shape[0];
    if (isBias && (isKnown(addend) || constantOperandOf(addend.value) !== undefined))
      return node.create(linearLayer, { ...product, bias: node.weight(2) }, {});
    return added(node, node.create(linearLayer, product, {}), 1);
  }
  if (!isKnown(right)) {
    const b = turnB ? node.transpose(node.value(1), [1, 0]) : node.value(1);
    const product = scaled(node, node.create(matmul, { a: input, b }, {}), alpha, "alpha");
    return addend === undefined ? product : added(node, product, beta);
  }
  const weight = scaledWeight(node, right, alpha, turnB ? [0, 1] : [1, 0]);
  const [outputs] = weight.type.shape as [number];
  const bias = addend && isKnown(addend) ? biasOf(addend, outputs, beta) : undefined;
  if (bias === undefined) {
    const product = node.create(linearLayer, { input, weight }, {});
    return addend === undefined ? product : added(node, product, beta);
  }
  requireFinite(bias);
  const known = bias.tensor === (addend as KnownOperand).tensor;
  const operand = known ? node.weight(2) : node.constant(bias.tensor, "bias");
  return node.create(linearLayer, { input, weight, bias: operand }, {});
}

function scaledWeight(
  node: NodeView,
  right: KnownOperand,
  alpha: number,
  permutation: readonly number[],
): Value {
  if (alpha === 1) return node.weight(1, { permutation });
  requireFinite(right);
  const scaledTensor = times(right, alpha).tensor;
  return node.transpose(node.constant(scaledTensor, "weight"), permutation);
}

/** beta * C as one number for each output, or undefined where it depends on the row. */
function biasOf(addend: KnownOperand, outputs: number, beta: number): KnownOperand | undefined {
  const { shape } = addend.tensor;
  const last = shape.at(-1) ?? 1;
  if (shape.length > 2 || shape.slice(0, -1).some((extent) => extent !== 1)) return undefined;
  if (last !== 1 && last !== outputs) return undefined;
  const { tensor: values } = times(addend, beta);
  if (values.shape.length === 1 && last === outputs) return { ...addend, tensor: values };
  const data = numbersOf(values);
  const spread = Float32Array.from({ length: outputs }, (_, i) => data[last === 1 ? 0 : i]!);
  return { ...addend, tensor: tensor("f32", [outputs], spread) };
}

/** Each product rounded to f32. */
function times(operand: KnownOperand, factor: number): KnownOperand {
  if (factor === 1) return operand;
  const { shape, element } = operand.tensor;
  const products = Float32Array.from(numbersOf(operand.tensor), (x) => x * factor);
  return { ...operand, tensor: tensor(element, shape, products) };
}

function scaled(node: NodeView, value: Value, factor: number, name: string): Value {
  if (factor === 1) return value;
  return node.create(mul, { lhs: value, rhs: node.constant(tensor("f32", [], [factor]), name) }, {});
}

const added = (node: NodeView, product: Value, beta: number): Value =>
  node.create(add, { lhs: product, rhs: scaled(node, node.value(2), beta, "beta") }, {});

/**
 * Axes that an ellipsis stands for get letters of their own, the same in every operand, counted from their end. Without an arrow the
 * result has those, then every letter that occurs once, in the alphabet's order.
 */
function convertEinsum(node: NodeView): Value {
  const { attributes } = node;
  const equation = attributes.required("equation", attributes.string("equation")).replaceAll(" ", "");
  const [left, right] = equation.split("->") as [string, string | undefined];
  const used = new Set(equation.replaceAll(/[^A-Za-z]/g, ""));
  const spare = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz").filter(
    (letter) => !used.has(letter),
  );
  const written = left.split(",");
  if (written.length !== node.operands.length)
    node.fail("onnx-attribute", `has the equation '${equation}', expected ${node.operands.length} terms`);
  const hidden = written.map((term, i) =>
    term.includes("...") ? Math.max(0, node.shape(i).length - term.replace("...", "").length) : 0,
  );
  const most = Math.max(...hidden);
  const outer = spare.slice(0, most).join("");
  const terms = written.map((term, i) => term.replace("...", outer.slice(most - hidden[i]!)));
  const once = [...used].filter((letter) => left.split(letter).length === 2).sort();
  const output = right === undefined ? outer + once.join("") : right.replace("...", outer);
  const inputs = node.operands.map((_, i) => expandTerm(node, i, terms[i]!, terms));
  return node.create(einsum, { inputs }, { equation: `${terms.join(",")}->${output}` });
}

/** An axis of extent 1 stands for any extent of the other operands. */
function expandTerm(node: NodeView, index: number, term: string, terms: readonly string[]): Value {
  const shape = node.shape(index);
  const wanted = shape.map((extent, axis) => {
    const letter = term[axis]!;
    const others = terms.flatMap((other, i) => {
      const at = other.indexOf(letter);
      return at < 0 ? [] : [node.shape(i)[at]!];
    });
    return extent === 1 ? Math.max(1, ...others) : extent;
  });
  if (wanted.join() === shape.join()) return node.value(index);
  return node.create(expand, { input: node.value(index) }, { shape: wanted });
}

/** Vectors count as matrices of one row or one column, and the axis they lack goes from the result. */
function convertMatMul(node: NodeView): Value {
  const [left, right] = [node.shape(0), node.shape(1)];
  if (left.length === 0 || right.length === 0)
    node.fail("operand-shape", "multiplies a scalar, expected vectors or matrices");
  const a = node.weight(0, left.length === 1 ? { shape: [1, left[0]!] } : {});
  const b = node.weight(1, right.length === 1 ? { shape: [right[0]!, 1] } : {});
  const product = node.create(matmul, { a, b }, {});
  const shape = [...product.type.shape];
  if (right.length === 1) shape.pop();
  if (left.length === 1) shape.splice(right.length === 1 ? -1 : -2, 1);
  return node.reshape(product, shape);
}
