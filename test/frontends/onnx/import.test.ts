import { describe, expect, test } from "vitest";
import { importOnnx } from "../../../src/frontends/onnx/import-onnx.ts";
import { converters } from "../../../src/frontends/onnx/converters/index.ts";
import { renderDiagnostic } from "../../../src/diagnostics/render.ts";
import { operators } from "../../../src/ops/index.ts";
import { numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { codesOf, diagnosticsOf } from "./diagnostics-of.ts";
import { f32, i64, importNetwork, numbers, onnxBytes, run, type Network, type NodeText } from "./networks.ts";
import * as wire from "./wire-writer.ts";
import { convOracle, convTransposeOracle, poolOracle } from "./window-oracle.ts";

const node = (op: string, inputs: string, attributes: NodeText["attributes"] = {}, out = "y"): NodeText => ({
  op,
  in: inputs.split(" "),
  out: [out],
  attributes,
});

/** One node over the input x. */
const single = (
  op: string,
  x: Tensor,
  initializers: Record<string, Tensor> = {},
  attributes: NodeText["attributes"] = {},
  opset = 13,
) => {
  const names = ["x", ...Object.keys(initializers).map((name) => (name.startsWith("absent") ? "" : name))];
  const present = Object.fromEntries(
    Object.entries(initializers).filter(([name]) => !name.startsWith("absent")),
  );
  return run(
    {
      nodes: [{ op, in: names, out: ["y"], attributes }],
      inputs: { x: x.shape },
      initializers: present,
      opset,
    },
    x,
  );
};

const absent = f32([], [0]);
const opsOf = (network: Network): string[] =>
  importNetwork(network).graph.operations.map(({ definition }) => definition.name);
const problemsOf = (network: Network) => diagnosticsOf(() => importOnnx(onnxBytes(network)));

describe("the graph", () => {
  const bytes = (file?: string) =>
    importOnnx(
      onnxBytes({
        nodes: [
          { op: "Conv", in: ["in/0", "w"], out: ["conv:0"], name: "first" },
          { op: "Relu", in: ["conv:0"], out: ["act"] },
          { op: "Dropout", in: ["act"], out: ["final"] },
        ],
        inputs: { "in/0": ["batch", 2, 4, 4] },
        initializers: { w: numbers(3, 2, 1, 1) },
        outputs: ["final"],
      }),
      file === undefined ? {} : { file },
    );

  test("names come from ONNX, origins name the node", () => {
    const { graph } = bytes();
    expect(graph.name).toBe("g");
    expect(graph.inputs.map(({ name }) => name)).toEqual(["in_0"]);
    expect(graph.operations.map(({ result, origin }) => [result.name, origin])).toEqual([
      ["w", 'initializer "w"'],
      ["conv_0_transpose", 'node "first" (Conv)'],
      ["conv_0_conv2d", 'node "first" (Conv)'],
      ["conv_0", 'node "first" (Conv)'],
      ["final", "node #1 (Relu)"],
    ]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["final"]);
  });

  test("a fixed batch is noted", () => {
    const { notes } = bytes();
    expect(notes.map(({ code, severity }) => [code, severity])).toEqual([["onnx-fixed-dimension", "note"]]);
    expect(notes[0]!.message).toBe("axis 0 ('batch') of input 'in/0' is fixed to 1");
  });

  test("a constant read twice in one layout is one constant", () => {
    const nodes = [node("Conv", "x w", {}, "a"), node("Conv", "a w")];
    const ops = opsOf({ nodes, inputs: { x: [1, 2, 3, 3] }, initializers: { w: numbers(2, 2, 1, 1) } });
    expect(ops.filter((name) => name === "constant")).toHaveLength(1);
  });

  test("nodes no output depends on are dropped, whatever they are", () => {
    const nodes = [node("Mystery", "x", {}, "lost"), node("Relu", "x")];
    expect(opsOf({ nodes, inputs: { x: [2] } })).toEqual(["relu"]);
  });

  test("an initializer may be an output, and an output may be an input", () => {
    const { graph } = importNetwork({
      nodes: [node("Identity", "x", {}, "same")],
      inputs: { x: [2] },
      initializers: { w: numbers(3) },
      outputs: ["w", "same"],
    });
    expect(graph.outputs.map(({ name }) => name)).toEqual(["w", "x"]);
  });

  test("the declared shape of an output is compared", () => {
    const declared = (...shape: (number | string)[]): readonly string[] => {
      const relu = wire.graphNode(wire.node("Relu", ["x"], ["y"]));
      const bytes = wire.model(
        relu,
        wire.input(wire.valueInfo("x", [2])),
        wire.output(wire.valueInfo("y", shape)),
      );
      return importOnnx(bytes).notes.map(({ message }) => message);
    };
    expect(declared(2)).toEqual([]);
    expect(declared("n")).toEqual([]);
    expect(declared(3)).toEqual(["output 'y' has the shape [2], declared as [3]"]);
    expect(declared(2, 1)).toEqual(["output 'y' has the shape [2], declared as [2, 1]"]);
  });
});

describe("convolution", () => {
  const none = { strides: [1, 1], dilations: [1, 1], begins: [0, 0], ends: [0, 0] };
  const x = numbers(2, 4, 7, 6);
  const cases: [string, Tensor, Tensor, number, NodeText["attributes"], Parameters<typeof convOracle>[4]][] =
    [
      ["plain", x, numbers(3, 4, 3, 2), 1, {}, { ...none, kernel: [3, 2] }],
      [
        "strides, dilations and asymmetric pads",
        x,
        numbers(3, 4, 3, 2),
        1,
        { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 2, 3] },
        { kernel: [3, 2], strides: [2, 1], dilations: [1, 2], begins: [1, 0], ends: [2, 3] },
      ],
      ["groups", x, numbers(6, 2, 2, 2), 2, { group: 2 }, { ...none, kernel: [2, 2] }],
      ["depthwise", x, numbers(4, 1, 3, 3), 4, { group: 4 }, { ...none, kernel: [3, 3] }],
      [
        "SAME_UPPER: the odd pad after",
        x,
        numbers(1, 4, 2, 3),
        1,
        { auto_pad: "SAME_UPPER", strides: [1, 2], kernel_shape: [2, 3] },
        { kernel: [2, 3], strides: [1, 2], dilations: [1, 1], begins: [0, 0], ends: [1, 1] },
      ],
      [
        "SAME_LOWER: the odd pad before",
        x,
        numbers(1, 4, 2, 3),
        1,
        { auto_pad: "SAME_LOWER", strides: [1, 2] },
        { kernel: [2, 3], strides: [1, 2], dilations: [1, 1], begins: [1, 1], ends: [0, 0] },
      ],
      [
        "VALID ignores pads",
        x,
        numbers(1, 4, 2, 2),
        1,
        { auto_pad: "VALID", pads: [1, 1, 1, 1] },
        { ...none, kernel: [2, 2] },
      ],
      [
        "one dimension",
        numbers(2, 3, 9),
        numbers(4, 3, 3),
        1,
        { strides: [2], pads: [1, 2], dilations: [2] },
        { kernel: [3], strides: [2], dilations: [2], begins: [1], ends: [2] },
      ],
    ];
  test.each(cases)("%s", (_, input, weight, groups, attributes, windows) => {
    const bias = numbers(weight.shape[0]!);
    expect(single("Conv", input, { w: weight, b: bias }, attributes)).toEqual(
      convOracle(input, weight, bias, groups, windows),
    );
    expect(single("Conv", input, { w: weight }, attributes)).toEqual(
      convOracle(input, weight, undefined, groups, windows),
    );
  });

  test("computed weights", () => {
    const weight = numbers(3, 4, 1, 1);
    const network = {
      nodes: [node("Neg", "v", {}, "w"), node("Conv", "x w")],
      inputs: { x: x.shape, v: weight.shape },
    };
    const negative = f32(
      weight.shape,
      Array.from(numbersOf(weight), (v) => -v),
    );
    expect(run(network, x, negative)).toEqual(
      convOracle(x, weight, undefined, 1, { ...none, kernel: [1, 1] }),
    );
  });

  test.each<[string, Tensor, NodeText["attributes"], string]>([
    ["a weight of other channels", numbers(3, 5, 1, 1), {}, "operand-shape"],
    ["a weight of another rank", numbers(3, 4, 1), {}, "operand-shape"],
    ["another kernel than declared", numbers(3, 4, 1, 1), { kernel_shape: [3, 3] }, "operand-shape"],
    ["a padding mode that does not exist", numbers(3, 4, 1, 1), { auto_pad: "SAME" }, "onnx-attribute"],
    ["pads of another rank", numbers(3, 4, 1, 1), { pads: [1, 1] }, "onnx-attribute"],
    ["a stride of 0", numbers(3, 4, 1, 1), { strides: [0, 1] }, "onnx-attribute"],
    ["an ill-typed attribute", numbers(3, 4, 1, 1), { group: "1" }, "onnx-attribute"],
  ])("%s", (_, w, attributes, code) => {
    const problems = problemsOf({
      nodes: [node("Conv", "x w", attributes)],
      inputs: { x: x.shape },
      initializers: { w },
    });
    expect(problems.map((d) => d.code)).toEqual([code]);
    expect(problems[0]!.subject).toBe("node #0 (Conv)");
    expect(problems[0]!.notes.map(({ message }) => message)).toContain(
      `input 1 is initializer "w", f32[${w.shape.join(", ")}]`,
    );
  });

  test("four spatial dimensions are declined", () => {
    const network = {
      nodes: [node("Conv", "x w")],
      inputs: { x: [1, 1, 2, 2, 2, 2] },
      initializers: { w: numbers(1, 1, 1, 1, 1, 1) },
    };
    expect(problemsOf(network).map(({ code }) => code)).toEqual(["onnx-rank"]);
  });
});

describe("transposed convolution", () => {
  const none = { strides: [1, 1], dilations: [1, 1], begins: [0, 0], ends: [0, 0] };
  const x = numbers(2, 4, 3, 5);
  const cases: [
    string,
    Tensor,
    Tensor,
    number,
    NodeText["attributes"],
    Parameters<typeof convTransposeOracle>[4],
  ][] = [
    ["plain", x, numbers(4, 3, 3, 2), 1, {}, { ...none, kernel: [3, 2] }],
    [
      "strides that divide the kernel, or do not",
      x,
      numbers(4, 3, 4, 3),
      1,
      { strides: [2, 2] },
      { ...none, kernel: [4, 3], strides: [2, 2] },
    ],
    [
      "strides beyond the kernel leave gaps",
      x,
      numbers(4, 3, 1, 2),
      1,
      { strides: [2, 3] },
      { ...none, kernel: [1, 2], strides: [2, 3] },
    ],
    [
      "pads and more at the end",
      x,
      numbers(4, 3, 3, 3),
      1,
      { strides: [2, 3], pads: [1, 0, 2, 4], output_padding: [1, 2] },
      { kernel: [3, 3], strides: [2, 3], dilations: [1, 1], begins: [1, 0], ends: [2, 4], growth: [1, 2] },
    ],
    [
      "pads beyond the kernel cut the input itself",
      x,
      numbers(4, 2, 2, 2),
      1,
      { strides: [2, 1], pads: [3, 2, 1, 2] },
      { kernel: [2, 2], strides: [2, 1], dilations: [1, 1], begins: [3, 2], ends: [1, 2] },
    ],
    [
      "dilations, alone and with a stride",
      x,
      numbers(4, 3, 3, 3),
      1,
      { strides: [2, 1], dilations: [3, 2] },
      { ...none, kernel: [3, 3], strides: [2, 1], dilations: [3, 2] },
    ],
    [
      "groups",
      x,
      numbers(4, 3, 3, 3),
      2,
      { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] },
      { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], begins: [1, 1], ends: [1, 1] },
    ],
    [
      "one group a channel",
      x,
      numbers(4, 1, 2, 2),
      4,
      { group: 4, strides: [1, 2] },
      { ...none, kernel: [2, 2], strides: [1, 2] },
    ],
    [
      "one dimension",
      numbers(2, 3, 9),
      numbers(3, 4, 3),
      1,
      { strides: [2], pads: [1, 1], output_padding: [1] },
      { kernel: [3], strides: [2], dilations: [1], begins: [1], ends: [1], growth: [1] },
    ],
    [
      "SAME_UPPER: the odd entry cut after",
      x,
      numbers(4, 2, 3, 3),
      1,
      { auto_pad: "SAME_UPPER", strides: [2, 2] },
      { ...none, kernel: [3, 3], strides: [2, 2], output: [6, 10] },
    ],
    [
      "SAME_LOWER: the odd entry cut before",
      x,
      numbers(4, 2, 3, 3),
      1,
      { auto_pad: "SAME_LOWER", strides: [2, 2] },
      { ...none, kernel: [3, 3], strides: [2, 2], begins: [1, 1], output: [6, 10] },
    ],
    [
      "an output shape beyond what is reached ends in zeros",
      x,
      numbers(4, 2, 3, 3),
      1,
      { strides: [3, 2], output_shape: [10, 12] },
      { ...none, kernel: [3, 3], strides: [3, 2], output: [10, 12] },
    ],
  ];
  test.each(cases)("%s", (_, input, weight, groups, attributes, windows) => {
    const bias = numbers(weight.shape[1]! * groups);
    expect(single("ConvTranspose", input, { w: weight, b: bias }, attributes)).toEqual(
      convTransposeOracle(input, weight, bias, groups, windows),
    );
    expect(single("ConvTranspose", input, { w: weight }, attributes)).toEqual(
      convTransposeOracle(input, weight, undefined, groups, windows),
    );
  });

  test("of one axis it is a convolution and a view", () => {
    const network = {
      nodes: [node("ConvTranspose", "x w", { strides: [2] })],
      inputs: { x: [1, 3, 8] },
      initializers: { w: numbers(3, 4, 2) },
    };
    const kinds = opsOf(network).filter((name) => !["constant", "transpose"].includes(name));
    expect(kinds).toEqual(["reshape", "conv2d", "reshape", "reshape"]);
  });

  test.each<[string, Tensor, NodeText["attributes"], string]>([
    ["a weight of other channels", numbers(5, 3, 1, 1), {}, "operand-shape"],
    ["a weight of another rank", numbers(4, 3, 1), {}, "operand-shape"],
    ["groups that do not divide", numbers(4, 3, 1, 1), { group: 3 }, "operand-shape"],
    ["pads that leave nothing", numbers(4, 3, 1, 1), { pads: [2, 0, 1, 0] }, "operand-shape"],
    ["a negative output padding", numbers(4, 3, 1, 1), { output_padding: [-1, 0] }, "onnx-attribute"],
  ])("%s", (_, w, attributes, code) => {
    const nodes = [node("ConvTranspose", "x w", attributes)];
    const problems = problemsOf({ nodes, inputs: { x: x.shape }, initializers: { w } });
    expect(problems.map((d) => d.code)).toEqual([code]);
  });

  test("a computed weight is declined", () => {
    const nodes = [node("Neg", "v", {}, "w"), node("ConvTranspose", "x w")];
    const problems = problemsOf({ nodes, inputs: { x: x.shape, v: [4, 3, 1, 1] } });
    expect(problems.map((d) => d.code)).toEqual(["onnx-not-constant"]);
  });
});

describe("pools", () => {
  const x = numbers(1, 2, 6, 7);
  const windows = { kernel: [3, 2], strides: [2, 2], dilations: [1, 1], begins: [1, 0], ends: [1, 1] };
  const attributes = { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] };

  test.each([0, 1])("max and mean, ceil_mode %i", (ceil_mode) => {
    const oracle = { ...windows, ceil: ceil_mode === 1 };
    expect(single("MaxPool", x, {}, { ...attributes, ceil_mode })).toEqual(poolOracle("max", x, oracle));
    for (const count_include_pad of [0, 1])
      expect(single("AveragePool", x, {}, { ...attributes, ceil_mode, count_include_pad }, 19)).toEqual(
        poolOracle("mean", x, oracle, count_include_pad === 1),
      );
  });

  test("ceil_mode adds a window, but none that starts in the padding", () => {
    const line = f32([1, 1, 5], [1, 2, 3, 4, 5]);
    const ceil = { kernel_shape: [2], strides: [2], ceil_mode: 1 };
    expect(single("MaxPool", line, {}, ceil).values).toEqual([2, 4, 5]);
    expect(single("MaxPool", line, {}, { ...ceil, pads: [0, 1] }).values).toEqual([2, 4, 5]);
    expect(single("MaxPool", line, {}, { kernel_shape: [2], strides: [2] }).values).toEqual([2, 4]);
    const wide = { kernel_shape: [3], strides: [2], pads: [0, 2], ceil_mode: 1 };
    expect(single("MaxPool", f32([1, 1, 4], [1, 2, 3, 4]), {}, wide).values).toEqual([3, 4]);
    expect(single("AveragePool", line, {}, { ...ceil, count_include_pad: 1 }, 19).values).toEqual([
      1.5, 3.5, 5,
    ]);
  });

  test("dilated max, and one dimension", () => {
    const dilated = { kernel: [2, 2], strides: [1, 1], dilations: [2, 3], begins: [0, 0], ends: [0, 0] };
    expect(single("MaxPool", x, {}, { kernel_shape: [2, 2], dilations: [2, 3] })).toEqual(
      poolOracle("max", x, dilated),
    );
    const line = numbers(2, 3, 8);
    const windows = { kernel: [3], strides: [2], dilations: [1], begins: [1], ends: [0] };
    expect(single("AveragePool", line, {}, { kernel_shape: [3], strides: [2], pads: [1, 0] })).toEqual(
      poolOracle("mean", line, windows),
    );
  });

  test("global pools keep the axes", () => {
    const all = { kernel: [6, 7], strides: [1, 1], dilations: [1, 1], begins: [0, 0], ends: [0, 0] };
    expect(single("GlobalAveragePool", x)).toEqual(poolOracle("mean", x, all));
    expect(single("GlobalMaxPool", x)).toEqual(poolOracle("max", x, all));
  });

  test("the indices of a volume's max pool are declined where they are used", () => {
    const pool = { op: "MaxPool", in: ["x"], out: ["y", "i"], attributes: { kernel_shape: [1, 1, 1] } };
    const used = { nodes: [pool], inputs: { x: [1, 1, 2, 2, 2] }, outputs: ["y", "i"] };
    expect(problemsOf(used).map(({ code }) => code)).toEqual(["onnx-unsupported-output"]);
  });
});

describe("matrix products", () => {
  const a = f32([2, 3], [1, 2, 3, 4, 5, 6]);
  const b = f32([3, 2], [1, 0, 2, 1, 0, 3]);
  const turned = f32([2, 3], [1, 2, 0, 0, 1, 3]);
  const product = { shape: [2, 2], values: [5, 11, 14, 23] };

  test("gemm is linear, with everything in its constants", () => {
    expect(single("Gemm", a, { b })).toEqual(product);
    expect(single("Gemm", a, { b: turned }, { transB: 1 })).toEqual(product);
    expect(single("Gemm", a, { b, c: f32([2], [10, 20]) }).values).toEqual([15, 31, 24, 43]);
    expect(single("Gemm", a, { b, c: f32([1], [10]) }).values).toEqual([15, 21, 24, 33]);
    const factors = { alpha: { float: 2 }, beta: { float: -1 } };
    expect(single("Gemm", a, { b, c: f32([1, 2], [10, 20]) }, factors).values).toEqual([0, 2, 18, 26]);
    const network = {
      nodes: [node("Gemm", "x b c", factors)],
      inputs: { x: [2, 3] },
      initializers: { b, c: f32([2], [1, 2]) },
    };
    expect(opsOf(network).filter((op) => op !== "constant" && op !== "transpose")).toEqual(["linear"]);
  });

  test("gemm with a matrix to add, transA, and a computed second matrix", () => {
    expect(single("Gemm", a, { b, c: f32([2, 1], [10, 20]) }, { beta: { float: 2 } }).values).toEqual([
      25, 31, 54, 63,
    ]);
    const columns = f32([3, 2], [1, 4, 2, 5, 3, 6]);
    expect(single("Gemm", columns, { b }, { transA: 1 })).toEqual(product);
    const network = {
      nodes: [node("Gemm", "x v c", { transB: 1, alpha: { float: 2 } })],
      inputs: { x: [2, 3], v: [2, 3] },
      initializers: { c: f32([2], [1, 2]) },
    };
    expect(run(network, a, turned).values).toEqual([11, 24, 29, 48]);
  });

  test("matmul of matrices and vectors", () => {
    expect(single("MatMul", a, { b })).toEqual(product);
    expect(single("MatMul", f32([3], [1, 2, 3]), { b })).toEqual({ shape: [2], values: [5, 11] });
    expect(single("MatMul", a, { b: f32([3], [1, 2, 0]) })).toEqual({ shape: [2], values: [5, 14] });
    expect(single("MatMul", f32([3], [1, 2, 3]), { b: f32([3], [1, 2, 0]) })).toEqual({
      shape: [],
      values: [5],
    });
    expect(single("MatMul", f32([2, 1, 3], [1, 2, 3, 4, 5, 6]), { b }).shape).toEqual([2, 1, 2]);
  });
});

describe("element-wise operators", () => {
  const x = f32([4], [-2, -0.5, 0.5, 3]);

  test("the table holds every function of one element the compiler has", () => {
    const names = operators.filter((op) => op.integer?.kind === "table").map((op) => op.name);
    const rows = Object.keys(converters).map((name) => name.replace(/^.*::/, "").toLowerCase());
    const renamed: Record<string, string> = { silu: "swish" };
    for (const name of names) expect(rows).toContain(renamed[name] ?? name.replaceAll("_", ""));
  });

  test("a row passes attributes on, with ONNX's defaults", () => {
    expect(single("LeakyRelu", x, {}, { alpha: { float: 0.5 } }).values).toEqual([-1, -0.25, 0.5, 3]);
    expect(single("LeakyRelu", f32([1], [-100])).values).toEqual([-1]);
    expect(single("HardSigmoid", f32([1], [1])).values[0]).toBeCloseTo(0.7, 6);
    expect(single("Relu", x).values).toEqual([0, 0, 0.5, 3]);
  });

  test("an attribute nobody reads is reported", () => {
    const { notes } = importNetwork({ nodes: [node("Relu", "x", { sharpness: 3 })], inputs: { x: [1] } });
    expect(notes.map(({ code, severity }) => [code, severity])).toEqual([
      ["onnx-ignored-attribute", "warning"],
    ]);
  });

  test("clip, by attributes until operator set 10 and by inputs since", () => {
    const bounds = { min: { float: -1 }, max: { float: 1 } };
    expect(single("Clip", x, {}, bounds, 6).values).toEqual([-1, -0.5, 0.5, 1]);
    expect(single("Clip", x, {}, { max: { float: 1 } }, 10).values).toEqual([-2, -0.5, 0.5, 1]);
    expect(single("Clip", x, { low: f32([], [-1]), high: f32([], [1]) }).values).toEqual([-1, -0.5, 0.5, 1]);
    expect(single("Clip", x, { absent, high: f32([], [1]) }).values).toEqual([-2, -0.5, 0.5, 1]);
    expect(single("Clip", x, { low: f32([], [2]), high: f32([], [1]) }).values).toEqual([1, 1, 1, 1]);
    const computed = { nodes: [node("Clip", "x low")], inputs: { x: [4], low: [] } };
    expect(run(computed, x, f32([], [0])).values).toEqual([0, 0, 0.5, 3]);
  });

  test("broadcasting, of today and before operator set 7", () => {
    const matrix = f32([2, 2], [1, 2, 3, 4]);
    expect(single("Add", matrix, { b: f32([2], [10, 20]) }).values).toEqual([11, 22, 13, 24]);
    expect(single("Add", matrix, { b: f32([2], [10, 20]) }, { broadcast: 1, axis: 0 }, 6).values).toEqual([
      11, 12, 23, 24,
    ]);
    expect(single("Add", matrix, { b: f32([2], [10, 20]) }, { broadcast: 1 }, 6).values).toEqual([
      11, 22, 13, 24,
    ]);
  });

  test("pow of common exponents is simpler", () => {
    const squares = { nodes: [node("Pow", "x e")], inputs: { x: [4] }, initializers: { e: f32([], [2]) } };
    expect(opsOf(squares)).toEqual(["mul"]);
    expect(run(squares, x).values).toEqual([4, 0.25, 0.25, 9]);
    expect(single("Pow", x, { e: tensor("i64", [], [3n]) }).values).toEqual([-8, -0.125, 0.125, 27]);
    expect(single("Pow", f32([2], [2, 3]), { e: i64(3, 2) }).values).toEqual([8, 9]);
  });

  test("any number of operands", () => {
    const pair = { a: f32([1], [0]), b: f32([4], [1, -1, 1, -1]) };
    expect(single("Max", x, pair).values).toEqual([1, 0, 1, 3]);
    expect(single("Min", x, pair).values).toEqual([-2, -1, 0, -1]);
    expect(single("Sum", x, pair).values).toEqual([-1, -1.5, 1.5, 2]);
  });
});

describe("normalization and reductions", () => {
  test("batch normalization is along axis 1", () => {
    const parameters = { s: f32([2], [1, 2]), b: f32([2], [0, 1]), m: f32([2], [1, 0]), v: f32([2], [4, 1]) };
    const result = single("BatchNormalization", f32([1, 2, 2], [1, 3, 1, 2]), parameters, {
      epsilon: { float: 0 },
    });
    expect(result.values).toEqual([0, 1, 3, 5]);
    const training = {
      nodes: [node("BatchNormalization", "x s b m v", { training_mode: 1 })],
      inputs: { x: [1, 2, 2] },
      initializers: parameters,
    };
    expect(problemsOf(training).map(({ code }) => code)).toEqual(["onnx-training"]);
  });

  test("softmax flattened until operator set 12", () => {
    const x = f32([1, 2, 2], [0, 0, 0, 0]);
    expect(single("Softmax", x).values).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(single("Softmax", x, {}, {}, 12).values).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(single("Softmax", x, {}, { axis: 2 }, 12).values).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(single("Softmax", x, {}, { axis: 3 }, 12).values).toEqual([1, 1, 1, 1]);
    expect(single("Softmax", x, {}, { axis: 0 }).values).toEqual([1, 1, 1, 1]);
  });

  test("axes of reductions, as attribute and as input", () => {
    const x = f32([2, 2], [1, 2, 3, 6]);
    expect(single("ReduceMean", x, {}, { axes: [1], keepdims: 0 })).toEqual({
      shape: [2],
      values: [1.5, 4.5],
    });
    expect(single("ReduceMean", x, { axes: i64(-2) }, {}, 18)).toEqual({ shape: [1, 2], values: [2, 4] });
    expect(single("ReduceSum", x, { axes: i64(0) })).toEqual({ shape: [1, 2], values: [4, 8] });
    expect(single("ReduceSum", x)).toEqual({ shape: [1, 1], values: [12] });
    expect(single("ReduceSum", x, {}, { noop_with_empty_axes: 1 }).values).toEqual([1, 2, 3, 6]);
    expect(single("ReduceMax", x, {}, { axes: [0], keepdims: 0 }).values).toEqual([3, 6]);
  });
});

describe("shapes", () => {
  const x = f32([2, 3], [1, 2, 3, 4, 5, 6]);

  test("reshape: 0 keeps, -1 takes the rest", () => {
    expect(single("Reshape", x, { s: i64(0, 1, -1) }).shape).toEqual([2, 1, 3]);
    expect(single("Reshape", x, {}, { shape: [3, 2] }, 1).shape).toEqual([3, 2]);
    const wrong = { nodes: [node("Reshape", "x s")], inputs: { x: [2, 3] } };
    for (const s of [i64(4, -1), i64(5), i64(-2, 3)])
      expect(problemsOf({ ...wrong, initializers: { s } }).map(({ code }) => code)).toEqual([
        "operand-shape",
      ]);
  });

  test("flatten, squeeze, unsqueeze, transpose", () => {
    const cube = f32([2, 1, 3, 1], [1, 2, 3, 4, 5, 6]);
    expect(single("Flatten", cube).shape).toEqual([2, 3]);
    expect(single("Flatten", cube, {}, { axis: 0 }).shape).toEqual([1, 6]);
    expect(single("Flatten", cube, {}, { axis: -2 }).shape).toEqual([2, 3]);
    expect(single("Squeeze", cube).shape).toEqual([2, 3]);
    expect(single("Squeeze", cube, {}, { axes: [1] }, 11).shape).toEqual([2, 3, 1]);
    expect(single("Squeeze", cube, { axes: i64(-1) }).shape).toEqual([2, 1, 3]);
    expect(single("Unsqueeze", x, { axes: i64(3, 0) }).shape).toEqual([1, 2, 3, 1]);
    expect(single("Unsqueeze", x, {}, { axes: [1] }, 11).shape).toEqual([2, 1, 3]);
    expect(single("Transpose", x)).toEqual({ shape: [3, 2], values: [1, 4, 2, 5, 3, 6] });
  });

  test("concat, split, slice, gather, pad", () => {
    expect(single("Concat", x, { b: f32([2, 1], [7, 8]) }, { axis: -1 }).values).toEqual([
      1, 2, 3, 7, 4, 5, 6, 8,
    ]);
    expect(single("Slice", x, {}, { starts: [1], ends: [9], axes: [1] }, 9).values).toEqual([2, 3, 5, 6]);
    const end = tensor("i64", [1], [-(2n ** 63n)]);
    const reversed = { starts: i64(-1), ends: end, axes: i64(1), steps: i64(-1) };
    expect(single("Slice", x, reversed).values).toEqual([3, 2, 1, 6, 5, 4]);
    const row = single("Gather", x, { index: tensor("i64", [], [-1n]) });
    expect(row).toEqual({ shape: [3], values: [4, 5, 6] });
    expect(single("Gather", x, { index: i64(1, 2) }, { axis: 1 }).values).toEqual([2, 3, 5, 6]);
    expect(single("Pad", f32([2], [1, 2]), { pads: i64(1, 2), v: f32([], [9]) }).values).toEqual([
      9, 1, 2, 9, 9,
    ]);
    expect(single("Pad", x, {}, { pads: [0, -1, 0, 1], value: { float: 7 } }, 2).values).toEqual([
      2, 3, 7, 5, 6, 7,
    ]);
    const halves = { op: "Split", in: ["x", "sizes"], out: ["a", "y"], attributes: { axis: 1 } };
    expect(
      run({ nodes: [halves], inputs: { x: [2, 3] }, initializers: { sizes: i64(1, 2) } }, x).values,
    ).toEqual([2, 3, 5, 6]);
  });

  test("the shape arithmetic exporters write leaves no trace", () => {
    // x.reshape(x.shape[0], -1) as PyTorch exports it, with a product for good measure.
    const network: Network = {
      nodes: [
        node("Shape", "x", {}, "shape"),
        node("Gather", "shape zero", {}, "batch"),
        node("Slice", "shape one end", {}, "rest"),
        node("ReduceProd", "rest", { keepdims: 0 }, "count"),
        node("Unsqueeze", "batch axes", {}, "batch1"),
        node("Unsqueeze", "count axes", {}, "count1"),
        node("Concat", "batch1 count1", { axis: 0 }, "wanted"),
        node("Cast", "wanted", { to: 6 }, "narrow"),
        node("Cast", "narrow", { to: 7 }, "wide"),
        node("Reshape", "x wide"),
      ],
      inputs: { x: [2, 3, 4] },
      initializers: {
        zero: tensor("i64", [], [0n]),
        one: i64(1),
        end: tensor("i64", [1], [2n ** 63n - 1n]),
        axes: i64(0),
      },
    };
    expect(opsOf(network)).toEqual(["reshape"]);
    expect(importNetwork(network).graph.outputs[0]!.type.shape).toEqual([2, 12]);
  });

  test.each<[string, NodeText[], number[]]>([
    ["Range", [node("Range", "zero three one", {}, "r")], [0, 1, 2]],
    ["Div rounds towards zero", [node("Div", "minus three", {}, "r")], [-2]],
    ["Mul wraps to its width", [node("Mul", "large large", {}, "r")], [0]],
    ["Where", [node("Equal", "v three", {}, "c"), node("Where", "c zero v", {}, "r")], [1, 2, 0]],
    ["Expand", [node("Expand", "v two", {}, "r")], [1, 2, 3, 1, 2, 3]],
    [
      "ConstantOfShape",
      [node("ConstantOfShape", "two", {}, "f"), node("Cast", "f", { to: 7 }, "r")],
      [0, 0, 0, 0, 0, 0],
    ],
    ["Slice with a step", [node("Slice", "v ones zeros zeros minuses", {}, "r")], [2]],
    ["Sub", [node("Sub", "v three", {}, "r")], [-2, -1, 0]],
    ["Gather from the end", [node("Gather", "v minuses", {}, "r")], [3]],
    ["Max", [node("Max", "v one three", {}, "r")], [3, 3, 3]],
  ])("folded: %s", (_, nodes, expected) => {
    const scalar = (value: bigint): Tensor => tensor("i64", [], [value]);
    const { graph } = importNetwork({
      nodes,
      outputs: ["r"],
      initializers: {
        zero: scalar(0n),
        one: scalar(1n),
        three: scalar(3n),
        minus: scalar(-8n),
        large: scalar(2n ** 32n),
        v: i64(1, 2, 3),
        two: i64(2, 3),
        ones: i64(1),
        zeros: i64(0),
        minuses: i64(-1),
      },
    });
    expect(graph.operations.map(({ definition }) => definition.name)).toEqual(["constant"]);
    const value = graph.operations[0]!.attributes.value as Tensor;
    expect(Array.from(numbersOf(value))).toEqual(expected);
  });

  test("a shape that depends on data is declined, with a reason", () => {
    const network = {
      nodes: [node("Cast", "s", { to: 7 }, "t"), node("Reshape", "x t")],
      inputs: { x: [6], s: [1] },
    };
    expect(problemsOf(network).map(({ code }) => code)).toEqual(["onnx-not-constant"]);
    const range = { nodes: [node("Range", "a b c")], inputs: { a: [], b: [], c: [] } };
    expect(problemsOf(range)[0]!.code).toBe("onnx-not-constant");
  });

  test("constants of terabytes are refused before they are made", () => {
    const shape = { nodes: [node("ConstantOfShape", "s")], initializers: { s: i64(2 ** 20, 2 ** 20) } };
    expect(problemsOf(shape)[0]!.code).toBe("onnx-too-large");
    const many = Array.from({ length: 5 }, (_, i) => node("ConstantOfShape", "s", {}, `y${i}`));
    const outputs = many.map(({ out }) => out[0]!);
    expect(problemsOf({ nodes: many, outputs, initializers: { s: i64(2 ** 24) } })[0]!.code).toBe(
      "onnx-too-large",
    );
    const wide = { nodes: [node("Conv", "x w", { pads: [2 ** 40, 0, 0, 0] })], inputs: { x: [1, 1, 1, 1] } };
    const problems = problemsOf({ ...wide, initializers: { w: numbers(1, 1, 1, 1) } });
    expect(problems[0]!.code).toBe("onnx-too-large");
  });
});

describe("faults", () => {
  test("all unsupported nodes at once", () => {
    const network: Network = {
      nodes: [
        { op: "Loop", in: ["x"], out: ["a"], name: "cell" },
        { op: "Relu", in: ["a"], out: ["b"] },
        { op: "Fancy", in: ["b"], out: ["c"], domain: "my.domain" },
        { op: "DynamicQuantizeLinear", in: ["c"], out: ["d"] },
        { op: "Tanhh", in: ["d"], out: ["y"] },
      ],
      inputs: { x: [1] },
    };
    const problems = problemsOf(network);
    expect(problems.map((d) => [d.code, d.subject, d.message])).toEqual([
      [
        "onnx-unsupported-operator",
        'node "cell" (Loop)',
        "the operator 'Loop' (ai.onnx 13) is not supported",
      ],
      ["onnx-unsupported-operator", "node #2 (Fancy)", "the operator 'Fancy' (my.domain 1) is not supported"],
      [
        "onnx-unsupported-operator",
        "node #3 (DynamicQuantizeLinear)",
        "the operator 'DynamicQuantizeLinear' (ai.onnx 13) is not supported",
      ],
      ["onnx-unsupported-operator", "node #4 (Tanhh)", "the operator 'Tanhh' (ai.onnx 13) is not supported"],
    ]);
    expect(problems[3]!.help).toBe("did you mean 'Tanh'?");
  });

  test("beyond twenty, the rest is summed up", () => {
    const nodes = Array.from({ length: 25 }, (_, i) => node("Odd", i === 0 ? "x" : `v${i - 1}`, {}, `v${i}`));
    const problems = problemsOf({ nodes, inputs: { x: [1] }, outputs: ["v24"] });
    expect(problems).toHaveLength(21);
    expect(problems[20]!.message).toBe("5 more nodes are not supported: 5 of Odd");
  });

  test("a name of Object's prototype is no operator", () => {
    const network = { nodes: [node("constructor", "x")], inputs: { x: [1] } };
    expect(problemsOf(network).map(({ code }) => code)).toEqual(["onnx-unsupported-operator"]);
  });

  test("independent faults are reported together, and each once", () => {
    const network: Network = {
      nodes: [
        node("Concat", "x x", {}, "a"),
        node("Relu", "a", {}, "b"),
        node("Transpose", "x", { perm: [0, 0] }, "c"),
        node("MatMul", "x bad", {}, "d"),
        node("MatMul", "x bad", {}, "e"),
      ],
      inputs: { x: [2, 2] },
      initializers: { bad: f32([2, 2], [1, 2, NaN, 4]) },
      outputs: ["b", "c", "d", "e"],
    };
    expect(problemsOf(network).map((d) => [d.code, d.subject])).toEqual([
      ["onnx-attribute", "node #0 (Concat)"],
      ["onnx-axis", "node #2 (Transpose)"],
      ["onnx-weights", 'initializer "bad"'],
    ]);
  });

  test("NaN is refused everywhere, infinity in weights", () => {
    const add = (mask: number) => ({
      nodes: [node("Add", "x m")],
      inputs: { x: [2] },
      initializers: { m: f32([2], [0, mask]) },
    });
    expect(codesOf(() => importNetwork(add(-Infinity)))).toBe("");
    expect(problemsOf(add(NaN))[0]!.message).toBe('initializer "m" holds NaN at index 1, expected a number');
    const conv = {
      nodes: [node("Conv", "x w b")],
      inputs: { x: [1, 1, 1, 1] },
      initializers: { w: numbers(1, 1, 1, 1), b: f32([1], [Infinity]) },
    };
    const [problem] = problemsOf(conv);
    expect(problem!.message).toBe('initializer "b" holds Infinity at index 0, expected a finite weight');
  });

  test("a diagnostic as the user reads it, with the file", () => {
    const bytes = onnxBytes({
      nodes: [{ op: "Conv", in: ["x", "w"], out: ["y"], name: "stem" }],
      inputs: { x: [1, 3, 8, 8] },
      initializers: { w: numbers(4, 2, 3, 3) },
    });
    const [problem] = diagnosticsOf(() => importOnnx(bytes, { file: "net.onnx" }));
    expect(renderDiagnostic(problem!)).toBe(
      [
        "error[operand-shape]: 'conv2d' has a weight of 2 input channels, expected 3 (3 channels in 1 groups)",
        '  in node "stem" (Conv) of net.onnx',
        '  note: input 0 is "x", f32[1, 3, 8, 8]',
        '  note: input 1 is initializer "w", f32[4, 2, 3, 3]',
        "  help: change it where the model is exported, or check the file with onnx.checker",
      ].join("\n"),
    );
  });

  test.each<[string, Network, string]>([
    ["a missing input", { nodes: [node("Add", "x")], inputs: { x: [1] } }, "onnx-missing-input"],
    ["a cast to strings", { nodes: [node("Cast", "x", { to: 8 })], inputs: { x: [1] } }, "onnx-cast"],
    ["a missing attribute", { nodes: [node("Concat", "x x")], inputs: { x: [1] } }, "onnx-attribute"],
    ["an axis out of range", { nodes: [node("Softmax", "x", { axis: 2 })], inputs: { x: [1] } }, "onnx-axis"],
    [
      "an integer division by zero",
      { nodes: [node("Div", "a b")], initializers: { a: i64(1), b: i64(0) } },
      "onnx-weights",
    ],
    [
      "a pad of an unknown mode",
      {
        nodes: [node("Pad", "x p", { mode: "mirror" })],
        inputs: { x: [4] },
        initializers: { p: i64(1, 1) },
      },
      "onnx-attribute",
    ],
  ])("%s", (_, network, code) => {
    expect(problemsOf(network).map((d) => d.code)).toEqual([code]);
  });
});
