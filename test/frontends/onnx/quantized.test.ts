/** Quantized ONNX operators against the formulas of their specification, and what of them is declined. */
import { describe, expect, test } from "vitest";
import { importOnnx } from "../../../src/frontends/onnx/import-onnx.ts";
import { interpret } from "../../../src/exec/interpreter.ts";
import { numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { diagnosticsOf } from "./diagnostics-of.ts";
import { f32, importNetwork, onnxBytes, run, type Network } from "./networks.ts";

const u8 = (shape: readonly number[], values: readonly number[]): Tensor => tensor("u8", shape, values);
const i8 = (shape: readonly number[], values: readonly number[]): Tensor => tensor("i8", shape, values);
const scalar = (x: number): Tensor => f32([], [x]);

const problemsOf = (network: Network) => diagnosticsOf(() => importOnnx(onnxBytes(network)));

describe("QuantizeLinear and DequantizeLinear", () => {
  test("per tensor, in the element of the zero point", () => {
    const network: Network = {
      nodes: [
        { op: "QuantizeLinear", in: ["x", "s", "z"], out: ["q"] },
        { op: "DequantizeLinear", in: ["q", "s", "z"], out: ["y"] },
      ],
      inputs: { x: [4] },
      initializers: { s: scalar(0.5), z: i8([], [-3]) },
    };
    expect(run(network, f32([4], [1.2, -100, 100, 0])).values).toEqual([1, -62.5, 65, 0]);
    expect(importNetwork(network).graph.operations[0]!.result.type).toEqual({
      element: "i8",
      shape: [4],
      quantization: { scale: [0.5], zero: [-3] },
    });
  });

  test("without a zero point u8; of a stored weight along an axis", () => {
    const network: Network = {
      nodes: [
        { op: "QuantizeLinear", in: ["x", "s"], out: ["q"] },
        { op: "DequantizeLinear", in: ["q", "s"], out: ["d"] },
        { op: "DequantizeLinear", in: ["w", "ws"], out: ["wd"], attributes: { axis: 1 } },
        { op: "MatMul", in: ["d", "wd"], out: ["y"] },
      ],
      inputs: { x: [1, 2] },
      initializers: { s: scalar(1), w: i8([2, 2], [1, 2, 3, 4]), ws: f32([2], [0.5, 2]) },
    };
    expect(run(network, f32([1, 2], [3, -5])).values).toEqual([1.5, 12]);
  });

  test.each([
    ["a scale computed at run time", { s: undefined }, {}, "onnx-not-constant"],
    ["a scale of zero", { s: scalar(0) }, {}, "onnx-quantization"],
    ["as many scales as no axis has", { s: f32([3], [1, 2, 3]) }, {}, "onnx-quantization"],
    ["blocks of an axis", {}, { block_size: 2 }, "onnx-attribute"],
  ])("%s", (_, changed, attributes, code) => {
    const initializers = Object.fromEntries(
      Object.entries({ s: scalar(0.5), ...changed }).filter(([, value]) => value !== undefined),
    ) as Record<string, Tensor>;
    const problems = problemsOf({
      nodes: [{ op: "QuantizeLinear", in: ["x", "s"], out: ["y"], attributes }],
      inputs: { x: [4, 2], ...("s" in initializers ? {} : { s: [] }) },
      initializers,
    });
    expect(problems.map((problem) => problem.code)).toEqual([code]);
  });

  test("integers read with another scale than they have", () => {
    const problems = problemsOf({
      nodes: [
        { op: "QuantizeLinear", in: ["x", "s"], out: ["q"] },
        { op: "DequantizeLinear", in: ["q", "t"], out: ["y"] },
      ],
      inputs: { x: [4] },
      initializers: { s: scalar(0.5), t: scalar(0.25) },
    });
    expect(problems[0]!.code).toBe("onnx-quantization");
    expect(problems[0]!.message).toContain('reads "q", tensor<4xu8, 0.5:0>, as tensor<4xu8, 0.25:0>');
  });
});

describe("operators on integers", () => {
  const wrapped = (
    op: string,
    parts: Partial<Network> & { in: readonly string[]; domain?: string },
  ): Network => ({
    nodes: [
      { op: "QuantizeLinear", in: ["x", "xs", "xz"], out: ["q"] },
      { op, in: parts.in, out: ["y"], ...(parts.domain === undefined ? {} : { domain: parts.domain }) },
    ],
    inputs: parts.inputs ?? { x: [1, 2] },
    initializers: {
      xs: scalar(0.5),
      xz: u8([], [128]),
      ys: scalar(0.25),
      yz: u8([], [100]),
      ...parts.initializers,
    },
  });

  test("QLinearConv: u8 weights with a zero point, a bias in the scale of the product", () => {
    const network = wrapped("QLinearConv", {
      in: ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"],
      inputs: { x: [1, 1, 1, 3] },
      initializers: {
        w: u8([2, 1, 1, 2], [130, 127, 128, 131]),
        ws: f32([2], [0.5, 0.25]),
        wz: u8([2], [128, 128]),
        b: tensor("i32", [2], [4, -8]),
      },
    });
    // x = [1, 2, 3]; w = [[1, -0.5], [0, 0.75]]; b = [4 * 0.25, -8 * 0.125]
    // y = [1 - 1 + 1, 2 - 1.5 + 1], [1.5 - 1, 2.25 - 1] in steps of 0.25 about 100
    expect(run(network, f32([1, 1, 1, 3], [1, 2, 3])).values).toEqual([104, 106, 102, 105]);
  });

  test("QLinearMatMul", () => {
    const network = wrapped("QLinearMatMul", {
      in: ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz"],
      initializers: { w: i8([2, 1], [3, -2]), ws: scalar(0.5), wz: i8([], [1]) },
    });
    expect(run(network, f32([1, 2], [2, 1])).values).toEqual([100 + (2 - 1.5) / 0.25]);
  });

  test.each([
    ["QLinearAdd", ["q", "xs", "xz", "q", "xs", "xz", "ys", "yz"], [108, 96]],
    ["QLinearMul", ["q", "xs", "xz", "q", "xs", "xz", "ys", "yz"], [104, 101]],
    ["QLinearSigmoid", ["q", "xs", "xz", "ys", "yz"], [103, 102]],
    ["QLinearLeakyRelu", ["q", "xs", "xz", "ys", "yz"], [104, 100]],
    ["QLinearConcat", ["ys", "yz", "q", "xs", "xz"], [104, 98]],
  ])("%s", (op, inputs, expected) => {
    const network = wrapped(op, { in: inputs, domain: "com.microsoft" });
    const attributes = op === "QLinearConcat" ? { axis: 1 } : {};
    const nodes = network.nodes.map((node) => (node.op === op ? { ...node, attributes } : node));
    expect(run({ ...network, nodes }, f32([1, 2], [1, -0.5])).values).toEqual(expected);
  });

  test("QGemm with its bias", () => {
    const network = wrapped("QGemm", {
      in: ["q", "xs", "xz", "w", "ws", "wz", "b", "ys", "yz"],
      domain: "com.microsoft",
      initializers: { w: i8([2, 1], [2, -2]), ws: scalar(0.5), wz: i8([], [0]), b: tensor("i32", [1], [3]) },
    });
    expect(run(network, f32([1, 2], [2, 1])).values).toEqual([100 + (2 - 1 + 0.75) / 0.25]);
  });

  test("an integer input has the quantization it is read with", () => {
    const network: Network = {
      nodes: [{ op: "DequantizeLinear", in: ["x", "s", "z"], out: ["y"] }],
      inputs: { x: [2] },
      initializers: { s: scalar(0.5), z: u8([], [10]) },
    };
    const bytes = onnxBytes(network);
    // The element type of the input is the byte after field 1 of its tensor type: float becomes uint8.
    const at = bytes.findIndex((_, i) => bytes[i] === 0x08 && bytes[i + 1] === 1 && bytes[i + 2] === 0x12);
    bytes[at + 1] = 2;
    const { graph } = importOnnx(bytes);
    expect(graph.inputs[0]!.type.quantization).toEqual({ scale: [0.5], zero: [10] });
    expect(Array.from(numbersOf(interpret(graph, [u8([2], [10, 30])])[0]!))).toEqual([0, 10]);
  });
});
