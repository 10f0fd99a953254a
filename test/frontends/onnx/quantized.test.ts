/** Quantized ONNX operators against the formulas of their specification, and what of them is declined. */
import { describe, expect, test } from "vitest";
import { importOnnx } from "../../../src/frontends/onnx/import-onnx.ts";
import { interpret } from "../../../src/exec/interpreter.ts";
import { numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { diagnosticsOf } from "./diagnostics-of.ts";
import { passes } from "../../../passes/index.ts";
import { pipelines } from "../../../passes/pipelines.ts";
import { runPipeline } from "../../../src/pass/manager.ts";
import { createContext } from "../../../src/pass/pass.ts";
import { parsePipeline } from "../../../src/text/pipeline.ts";
import { f32, importNetwork, onnxBytes, run, type Network, type NodeText } from "./networks.ts";

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

  test("QLinearWhere", () => {
    const network = wrapped("QLinearWhere", {
      in: ["c", "q", "xs", "xz", "w", "ws", "wz", "ys", "yz"],
      domain: "com.microsoft",
      initializers: {
        c: tensor("bool", [1, 2], [1, 0]),
        w: i8([1, 2], [7, 7]),
        ws: scalar(0.5),
        wz: i8([], [1]),
      },
    });
    expect(run(network, f32([1, 2], [2, 1])).values).toEqual([100 + 2 / 0.25, 100 + 3 / 0.25]);
  });

  /** y = 0.5 * 0.25 * (the sums of q - 128 times w - 1) + 1, as exporters write a layer of integers. */
  const layer = (op: string, w: Tensor, x: readonly number[], ends: readonly NodeText[] = []): Network => ({
    nodes: [
      { op: "QuantizeLinear", in: ["x", "xs", "xz"], out: ["q"] },
      { op, in: ["q", "w", "xz", "wz"], out: ["sums"] },
      { op: "Cast", in: ["sums"], out: ["reals"], attributes: { to: 1 } },
      { op: "Mul", in: ["reals", "factor"], out: ["scaled"] },
      { op: "Add", in: ["scaled", "offset"], out: [ends.length === 0 ? "y" : "r"] },
      ...ends,
    ],
    inputs: { x },
    initializers: {
      xs: scalar(0.5),
      xz: u8([], [128]),
      w,
      wz: i8([], [1]),
      factor: scalar(0.5 * 0.25),
      offset: scalar(1),
      ys: scalar(0.125),
      yz: i8([], [-10]),
    },
  });

  test("MatMulInteger and ConvInteger of quantized integers, in the reals they stand for", () => {
    const matrix = layer("MatMulInteger", i8([2, 2], [5, 1, -3, 9]), [1, 2]);
    // x = [2, 1]: w - 1 = [[4, 0], [-4, 8]], y = 0.25 * [8 - 4, 8] + 1
    expect(run(matrix, f32([1, 2], [2, 1])).values).toEqual([2, 3]);
    const window = layer("ConvInteger", i8([1, 1, 1, 2], [5, -3]), [1, 1, 1, 3]);
    expect(run(window, f32([1, 1, 1, 3], [2, 1, 0.5])).values).toEqual([2, 1.5]);
  });

  test("a layer of integers becomes integers", async () => {
    const ends: NodeText[] = [
      { op: "QuantizeLinear", in: ["r", "ys", "yz"], out: ["yq"] },
      { op: "DequantizeLinear", in: ["yq", "ys", "yz"], out: ["y"] },
    ];
    const { graph } = importNetwork(layer("MatMulInteger", i8([2, 2], [5, 1, -3, 9]), [1, 2], ends));
    await runPipeline(graph, parsePipeline(pipelines.quantized), passes, createContext());
    expect(graph.operations.map(({ definition }) => definition.name)).toEqual([
      "constant",
      "constant",
      "linear",
      "requantize",
    ]);
    const [output] = interpret(graph, [i8([1, 2], [4, 2])]);
    expect(Array.from(numbersOf(output!))).toEqual([2 / 0.125 - 10, 3 / 0.125 - 10]);
  });

  test.each([
    [
      "another zero point than the integers have",
      { xz: u8([], [128]), zz: u8([], [127]) },
      "zz",
      { x: [1, 2] },
      "onnx-quantization",
    ],
    [
      "a zero point computed at run time",
      { xz: u8([], [128]) },
      "zz",
      { x: [1, 2], zz: [] },
      "onnx-not-constant",
    ],
  ])("%s", (_, initializers, zero, inputs, code) => {
    const problems = problemsOf({
      nodes: [
        { op: "QuantizeLinear", in: ["x", "xs", "xz"], out: ["q"] },
        { op: "MatMulInteger", in: ["q", "w", zero], out: ["y"] },
      ],
      inputs,
      initializers: { xs: scalar(0.5), w: i8([2, 1], [1, 2]), ...initializers },
    });
    expect(problems.map((problem) => problem.code)).toEqual([code]);
  });

  test("plain integers of more products than floats hold exactly", () => {
    const bytes = onnxBytes({
      nodes: [{ op: "ConvInteger", in: ["x", "w"], out: ["y"] }],
      inputs: { x: [1, 259, 1, 1] },
      initializers: { w: i8([1, 259, 1, 1], Array<number>(259).fill(1)) },
    });
    const at = bytes.findIndex((_, i) => bytes[i] === 0x08 && bytes[i + 1] === 1 && bytes[i + 2] === 0x12);
    bytes[at + 1] = 2;
    const [problem] = diagnosticsOf(() => importOnnx(bytes));
    expect(problem).toMatchObject({ code: "onnx-too-large" });
    expect(problem!.message).toContain("259 products");
  });

  test.each(["DynamicQuantizeLinear", "DynamicQuantizeMatMul"])("%s is declined, with what to do", (op) => {
    const domain = op.endsWith("Linear") ? "" : "com.microsoft";
    const [problem] = problemsOf({ nodes: [{ op, in: ["x"], out: ["y"], domain }], inputs: { x: [4] } });
    expect(problem).toMatchObject({ code: "onnx-unsupported-operator" });
    expect(problem!.help).toContain("quantize the model statically");
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
