/** What the file looks like: nodes, orders of axes, names, scales; and what cannot be written. */
import { describe, expect, test } from "vitest";
import { exportOnnx, type OnnxExportOptions } from "../../../backends/onnx/export-onnx.ts";
import { DiagnosticError } from "../../../src/diagnostics/diagnostic.ts";
import { decodeOnnx } from "../../../src/frontends/onnx/decode.ts";
import { isOpaque } from "../../../src/frontends/onnx/model.ts";
import { numbersOf } from "../../../src/tensor/tensor.ts";
import { parseGraph } from "../../../src/text/parse.ts";
import { expectSame } from "./written-and-read.ts";

type Options = Partial<OnnxExportOptions>;

const write = (text: string, options: Options = {}): Uint8Array =>
  exportOnnx(parseGraph(text), { version: "test", ...options }).bytes;

/** Ports, nodes and initializers, one a line. */
function listing(text: string, options?: Options): string {
  const { graph, opsets, producer } = decodeOnnx(write(text, options));
  expect([...opsets]).toEqual([["", 21]]);
  expect(producer).toBe("quern test");
  const port = ({ name, element, shape }: (typeof graph.inputs)[number]): string =>
    `${name}: ${element}[${shape!.join(", ")}]`;
  const values = [...graph.initializers].map(([name, value]) =>
    isOpaque(value)
      ? name
      : `${name} = ${value.element}[${value.shape.join(", ")}] ${Array.from(numbersOf(value)).slice(0, 6).join(" ")}`,
  );
  const nodes = graph.nodes.map(({ opType, inputs, outputs, attributes }) => {
    const given = [...attributes].map(([key, { value }]) => ` ${key}=${JSON.stringify(value)}`);
    return `${outputs.join(", ")} = ${opType}(${inputs.join(", ")})${given.join("")}`;
  });
  return ["", ...graph.inputs.map(port), ...values, ...nodes, ...graph.outputs.map(port), ""].join("\n");
}

const layer = `graph @net(%x: tensor<1x2x2x2xf32>) {
  %xs = quantize %x : tensor<1x2x2x2xi8, 0.5:-3>
  %xf = dequantize %xs : tensor<1x2x2x2xf32>
  %t = transpose %xf {permutation = [0, 2, 3, 1]} : tensor<1x2x2x2xf32>
  %ts = quantize %t : tensor<1x2x2x2xi8, 0.5:-3>
  %tf = dequantize %ts : tensor<1x2x2x2xf32>
  %w = constant {value = dense<[[[[1, 2]]], [[[3, 4]]]]> : tensor<2x1x1x2xi8>} : tensor<2x1x1x2xi8, {0.25, 0.5}:0 @0>
  %wf = dequantize %w : tensor<2x1x1x2xf32>
  %b = constant {value = dense<[10, -10]> : tensor<2xi32>} : tensor<2xi32, {0.125, 0.25}:0 @0>
  %bf = dequantize %b : tensor<2xf32>
  %c = conv2d %tf, %wf, %bf : tensor<1x2x2x2xf32> loc "node \\"conv\\" (Conv)"
  %r = relu %c : tensor<1x2x2x2xf32>
  %rs = quantize %r : tensor<1x2x2x2xi8, 0.25:-128>
  %rf = dequantize %rs : tensor<1x2x2x2xf32>
  %y = transpose %rf {permutation = [0, 3, 1, 2]} : tensor<1x2x2x2xf32>
  return %y
}
`;

describe("a layer", () => {
  test("is written in ONNX's order of axes, without a transposition", () => {
    expect(listing(layer, { inputs: ["in/put:0"], outputs: ["out/put:0"] })).toMatchInlineSnapshot(`
      "
      in/put:0: f32[1, 2, 2, 2]
      xs_scale = f32[] 0.5
      xs_zero_point = i8[] -3
      b = i32[2] 10 -10
      b_scale = f32[2] 0.125 0.25
      w = i8[2, 2, 1, 1] 1 2 3 4
      w_scale = f32[2] 0.25 0.5
      w_zero_point = i8[2] 0 0
      rs_scale = f32[] 0.25
      rs_zero_point = i8[] -128
      xs = QuantizeLinear(in/put:0, xs_scale, xs_zero_point)
      xf = DequantizeLinear(xs, xs_scale, xs_zero_point)
      bf = DequantizeLinear(b, b_scale) axis=0
      wf = DequantizeLinear(w, w_scale, w_zero_point) axis=0
      c = Conv(xf, wf, bf) kernel_shape=[1,1] strides=[1,1] pads=[0,0,0,0] dilations=[1,1] group=1
      r = Relu(c)
      rs = QuantizeLinear(r, rs_scale, rs_zero_point)
      out/put:0 = DequantizeLinear(rs, rs_scale, rs_zero_point)
      out/put:0: f32[1, 2, 2, 2]
      "
    `);
    expectSame(parseGraph(layer));
  });

  test("in NHWC is transposed at its ends", () => {
    const text = layer
      .replace("%t = transpose %xf {permutation = [0, 2, 3, 1]}", "%t = relu %xf")
      .replace("%y = transpose %rf {permutation = [0, 3, 1, 2]}", "%y = relu %rf");
    const nodes = listing(text);
    expect(nodes).toContain("tf_transposed = Transpose(tf) perm=[0,3,1,2]");
    expect(nodes).toContain("\ny = Transpose(y_1) perm=[0,2,3,1]");
    expectSame(parseGraph(text));
  });

  test("says which tensor stands for a value", () => {
    const { tensors } = exportOnnx(parseGraph(layer), { version: "test" });
    expect(tensors.get("ts")).toEqual({ name: "xs", order: [0, 3, 1, 2] });
    expect(tensors.get("y")).toEqual({ name: "y", order: [0, 1, 2, 3] });
    expect(tensors.has("w")).toBe(false);
  });
});

describe("written and read again", () => {
  const graph = (inputs: string, body: string): string => `graph @g(${inputs}) {\n${body}\n  return %y\n}`;
  const nhwc = "%z: tensor<2x3x5x4xf32>";
  const turn = "%x = transpose %z {permutation = [0, 2, 3, 1]} : tensor<2x5x4x3xf32>\n";

  test.each([
    [
      "strides, pads, dilations",
      graph(
        nhwc,
        `${turn}%w = constant {value = dense<splat 0.5>} : tensor<4x2x3x3xf32>
      %y = conv2d %x, %w {strides = [2, 1], pads = [1, 0, 2, 3], dilations = [2, 1]} : tensor<2x3x5x4xf32>`,
      ),
    ],
    [
      "groups",
      graph(
        nhwc,
        `${turn}%w = constant {value = dense<splat 0.5>} : tensor<6x2x3x1xf32>
      %b = constant {value = dense<[1, 2, 3, 4, 5, 6]>} : tensor<6xf32>
      %y = conv2d %x, %w, %b {groups = 3} : tensor<2x4x2x6xf32>`,
      ),
    ],
    [
      "a pool that counts padding",
      graph(
        nhwc,
        `${turn}%y = avg_pool %x {kernel = [3, 2], pads = [1, 0, 2, 1], count_include_pad = true} : tensor<2x6x4x3xf32>`,
      ),
    ],
    [
      "a pool that does not",
      graph(
        nhwc,
        `${turn}%y = avg_pool %x {kernel = [3, 2], pads = [1, 0, 2, 1], dilations = [1, 2]} : tensor<2x6x3x3xf32>`,
      ),
    ],
    [
      "a mean that drops axes",
      graph(nhwc, `${turn}%y = reduce_mean %x {axes = [1], keepdims = false} : tensor<2x4x3xf32>`),
    ],
    [
      "a constant of fewer axes",
      graph(
        nhwc,
        `${turn}%c = constant {value = dense<[1, 2, 3]>} : tensor<3xf32>
      %y = add %x, %c : tensor<2x5x4x3xf32>`,
      ),
    ],
    [
      "a stored constant of fewer axes",
      graph(
        nhwc,
        `${turn}%c = constant {value = dense<[1, 2, 3]> : tensor<3xi8>} : tensor<3xi8, {0.5, 0.25, 1}:0 @0>
      %f = dequantize %c : tensor<3xf32>
      %y = mul %f, %x : tensor<2x5x4x3xf32>`,
      ),
    ],
    [
      "a computed value of fewer axes",
      graph(`${nhwc}, %c: tensor<3xf32>`, `${turn}%y = mul %x, %c : tensor<2x5x4x3xf32>`),
    ],
    [
      "operands in two orders",
      graph(`${nhwc}, %q: tensor<2x5x4x3xf32>`, `${turn}%y = sub %q, %x : tensor<2x5x4x3xf32>`),
    ],
    [
      "scales along an axis",
      graph(
        nhwc,
        `${turn}%q = quantize %x : tensor<2x5x4x3xi8, {0.5, 0.25, 1}:0 @3>
      %y = dequantize %q : tensor<2x5x4x3xf32>`,
      ),
    ],
    [
      "a matrix of three axes with bias",
      graph(
        "%x: tensor<2x3x4xf32>",
        `%w = constant {value = dense<[[1, 2, 3, 4], [5, 6, 7, 8]]>} : tensor<2x4xf32>
      %b = constant {value = dense<[1, -1]>} : tensor<2xf32>
      %y = linear %x, %w, %b : tensor<2x3x2xf32>`,
      ),
    ],
    [
      "a reshape of what lies in another order",
      graph(nhwc, `${turn}%y = reshape %x {shape = [2, 60]} : tensor<2x60xf32>`),
    ],
    [
      "a normalization over an image",
      graph(
        `${nhwc}, %w: tensor<3xf32>`,
        `${turn}%y = layer_norm %x, %w {axes = [1, 2], epsilon = 0.25} : tensor<2x5x4x3xf32>`,
      ),
    ],
    [
      "weights of four bits",
      graph(
        "%x: tensor<2x2xf32>",
        `%w = constant {value = dense<[[1, -8], [7, 0]]>} : tensor<2x2xi4, {0.5, 0.25}:0 @0>
      %f = dequantize %w : tensor<2x2xf32>
      %y = linear %x, %f : tensor<2x2xf32>`,
      ),
    ],
    [
      "pruned weights",
      graph(
        "%x: tensor<2x2xf32>",
        `%w = constant {value = dense<[[1, -8], [7, 9]]>, mask = dense<[[true, false], [true, true]]> : tensor<2x2xbool>} : tensor<2x2xi8, {0.5, 0.25}:0 @0>
      %f = dequantize %w : tensor<2x2xf32>
      %y = linear %x, %f : tensor<2x2xf32>`,
      ),
    ],
    [
      "an input that is an output",
      "graph @g(%x: tensor<2xf32>) {\n  %y = relu %x : tensor<2xf32>\n  return %y, %x\n}",
    ],
  ])("%s", (_, text) => {
    expectSame(parseGraph(text));
  });

  test("one value as two outputs", () => {
    const text = "graph @g(%x: tensor<2xf32>) {\n  %y = relu %x : tensor<2xf32>\n  return %y, %y\n}";
    expect(listing(text, { outputs: ["a", "b"] })).toMatchInlineSnapshot(`
      "
      x: f32[2]
      a = Relu(x)
      b = Identity(a)
      a: f32[2]
      b: f32[2]
      "
    `);
  });
});

describe("what cannot be written", () => {
  const problemsOf = (text: string): string[] => {
    try {
      write(text);
      return [];
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      return error.diagnostics.map(
        ({ code, subject, message, help }) => `${code} ${subject!}: ${message} → ${help!}`,
      );
    }
  };

  test("is named, all of it, with node and cure", () => {
    const text = `graph @g(%x: tensor<2x3xf32>, %s: tensor<3xf32>) {
  %n = batch_norm %x, %s, %s, %s, %s {axis = 1} : tensor<2x3xf32> loc "node \\"bn\\" (BatchNormalization)"
  %m = mod %n, %x : tensor<2x3xf32>
  %y = layer_norm %m, %s {axes = [1], centre = false} : tensor<2x3xf32>
  return %y
}`;
    expect(problemsOf(text)).toMatchInlineSnapshot(`
      [
        "onnx-export node "bn" (BatchNormalization): 'batch_norm' cannot be written as ONNX → leave out the target onnx, or express it by operators that docs/onnx-export.md lists",
        "onnx-export %m: ONNX's Mod of reals has the sign of the dividend → write it with Floor, Mul and Sub",
        "onnx-export %y: 'layer_norm' over axes [1] without centring is none of ONNX's normalizations → leave out the target onnx",
      ]
    `);
  });

  test("a scale that float32 does not hold", () => {
    const text = `graph @g(%x: tensor<2xf32>) {
  %w = constant {value = dense<[1, 2]> : tensor<2xi32>} : tensor<2xi32, 1e-60:0>
  %f = dequantize %w : tensor<2xf32>
  %y = add %x, %f : tensor<2xf32>
  return %y
}`;
    expect(problemsOf(text)).toMatchInlineSnapshot(`
      [
        "onnx-export %w: a scale is 1e-60, which the float32 of ONNX does not hold → leave out the target onnx",
      ]
    `);
  });
});
