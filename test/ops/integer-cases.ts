/**
 * Operators in integers, each with the error that it may have: a half for one rounding (algorithms.md, section 8), what a coarser form
 * costs beside it. The networks are real ones of a few operators, whose inputs are stored as `given` says.
 */
import type { Graph } from "../../src/ir/graph.ts";
import { formatType, perTensor, tensorType, type TensorType } from "../../src/ir/types.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { importNetwork, numbers, type Network } from "../frontends/onnx/networks.ts";
import { everyValue, patternsOf, realType } from "./measure-integer-error.ts";

export interface IntegerCase {
  /** The operator of ours, or ONNX's where several of ours do it together. */
  readonly operator: string;
  readonly what?: string;
  readonly types: readonly TensorType[];
  readonly graph: () => Graph;
  readonly samples: () => Tensor[][];
  readonly inputs: "all values" | "all pairs" | "random";
  readonly bound: number;
}

type Given = Readonly<Record<string, string>>;

const exact = 0;
const once = 0.5001;

/** Scales are f32, as those of a compiled network's inputs are. */
function typesOf(given: Given): TensorType[] {
  const inputs = Object.entries(given).map(([name, type]) => `${name}: ${type}`);
  const [first] = Object.keys(given);
  const { inputs: values } = parseGraph(`graph @f(${inputs.join(", ")}) {\n  return ${first!}\n}\n`);
  return values.map(({ type: { element, shape, quantization: { scale, zero } = perTensor(1, 0) } }) =>
    tensorType(element, shape, perTensor(Math.fround(scale[0]!), zero[0]!)),
  );
}

interface Written {
  readonly operator?: string;
  readonly what?: string;
  readonly inputs?: IntegerCase["inputs"];
  readonly randoms?: number;
  readonly bound?: number;
}

/** Lines of a real network; `inputs` says how it is fed. */
function text(line: string, given: Given, options: Written = {}): IntegerCase {
  const types = typesOf(given);
  const operator = options.operator ?? /%y = (\w+)/.exec(line)![1]!;
  const header = Object.keys(given).map((name, i) => `${name}: ${formatType(realType(types[i]!))}`);
  return {
    operator,
    ...(options.what === undefined ? {} : { what: options.what }),
    types,
    graph: () => parseGraph(`graph @f(${header.join(", ")}) {\n  ${line}\n  return %y\n}\n`),
    ...fed(types, options),
    bound: options.bound ?? once,
  };
}

/** A network of ONNX's nodes. */
function onnx(operator: string, network: Network, given: Given, options: Written = {}): IntegerCase {
  const types = typesOf(given);
  const inputs = Object.fromEntries(
    Object.keys(given).map((name, i): [string, readonly number[]] => [name.slice(1), types[i]!.shape]),
  );
  return {
    operator,
    ...(options.what === undefined ? {} : { what: options.what }),
    types,
    graph: () => importNetwork({ ...network, inputs }).graph,
    ...fed(types, options),
    bound: options.bound ?? once,
  };
}

const fed = (types: readonly TensorType[], { inputs = "random", randoms = 20 }: Written) => ({
  inputs,
  samples: () => (inputs === "random" ? patternsOf(types, randoms) : everyValue(types)),
});

const bytes = (shape: string, scale = 0.05, zero = 3): string => `tensor<${shape}xi8, ${scale}:${zero}>`;
const vector = { "%x": bytes("256") };
const pairs = { "%a": bytes("256x1", 0.1, -128), "%b": bytes("256", 0.0333, 127) };
const alike = { "%a": bytes("256x1"), "%b": bytes("256") };
const all = { inputs: "all values" } as const;
const allPairs = { inputs: "all pairs" } as const;

const unary = (name: string, attributes = "", given: Given = vector, what?: string): IntegerCase =>
  text(`%y = ${name} %x${attributes} : tensor<256xf32>`, given, what === undefined ? all : { ...all, what });

/** Nothing below or above 0, where a function has no values or a pole. */
const positive = { "%x": bytes("256", 0.05, -128) };

/** A constant of small whole numbers, as text. */
const dense = (name: string, shape: readonly number[], factor: number): string => {
  const values = Array.from(numbers(...shape).data as Float32Array, (x) => x * factor);
  const nested = (axis: number, from: number, count: number): string => {
    if (axis === shape.length) return String(values[from]!);
    const inner = count / shape[axis]!;
    return `[${Array.from({ length: shape[axis]! }, (_, i) => nested(axis + 1, from + i * inner, inner)).join(", ")}]`;
  };
  return `${name} = constant {value = dense<${nested(0, 0, values.length)}>} : tensor<${shape.join("x")}xf32>`;
};

const resize = (
  what: string,
  attributes: NonNullable<Network["nodes"][number]["attributes"]>,
  sizes: number[],
  bound: number,
  shape = "1x2x7x5",
): IntegerCase =>
  onnx(
    "Resize",
    {
      nodes: [{ op: "Resize", in: ["x", "", "", "sizes"], out: ["y"], attributes }],
      initializers: { sizes: tensor("i64", [sizes.length], sizes.map(BigInt)) },
    },
    { "%x": bytes(shape) },
    { what, bound, randoms: 200 },
  );

export const integerCases: readonly IntegerCase[] = [
  text(
    `${dense("%w", [4, 3, 3, 2], 0.1)}\n  ${dense("%b", [4], 0.3)}\n  %y = conv2d %x, %w, %b {pads = [1, 1, 1, 1]} : tensor<1x6x5x4xf32>`,
    { "%x": bytes("1x6x5x2") },
  ),
  text(
    `${dense("%w", [4, 3, 3, 1], 0.1)}\n  %y = conv2d %x, %w {groups = 4, pads = [1, 1, 1, 1]} : tensor<1x6x5x4xf32>`,
    { "%x": bytes("1x6x5x4") },
    { what: "depthwise" },
  ),
  onnx(
    "ConvTranspose",
    {
      nodes: [{ op: "ConvTranspose", in: ["x", "w", "b"], out: ["y"], attributes: { strides: [2, 2] } }],
      initializers: { w: numbers(2, 3, 3, 3), b: numbers(3) },
    },
    { "%x": bytes("1x2x4x5") },
  ),
  text(
    `${dense("%w", [5, 16], 0.1)}\n  ${dense("%b", [5], 0.3)}\n  %y = linear %x, %w, %b : tensor<6x5xf32>`,
    { "%x": bytes("6x16") },
  ),
  text(
    "%y = matmul %a, %b : tensor<2x5x7xf32>",
    { "%a": bytes("2x5x16"), "%b": bytes("2x16x7", 0.02, -9) },
    { what: "of two activations" },
  ),
  text("%y = avg_pool %x {kernel = [3, 2], strides = [2, 1]} : tensor<1x3x4x3xf32>", {
    "%x": bytes("1x7x5x3"),
  }),
  text(
    "%y = avg_pool %x {kernel = [3, 3], pads = [1, 1, 1, 1]} : tensor<1x7x5x3xf32>",
    { "%x": bytes("1x7x5x3") },
    { what: "windows over the border" },
  ),
  text("%y = reduce_mean %x {axes = [1, 2]} : tensor<1x1x1x3xf32>", { "%x": bytes("1x7x7x3") }),
  text("%y = reduce_sum %x {axes = [1]} : tensor<5x1xf32>", { "%x": bytes("5x40") }),
  text(
    "%y = softmax %x : tensor<8x10xf32>",
    { "%x": bytes("8x10", 0.125, 11) },
    { randoms: 100, bound: 0.501 },
  ),
  text(
    "%y = softmax %x : tensor<4x1000xf32>",
    { "%x": bytes("4x1000", 0.02, 11) },
    { what: "1,000 classes", bound: 0.532 },
  ),
  ...["add", "sub"].map((name) => text(`%y = ${name} %a, %b : tensor<256x256xf32>`, pairs, allPairs)),
  text("%y = mul %a, %b : tensor<256x256xf32>", pairs, allPairs),
  ...["minimum", "maximum"].flatMap((name) => [
    text(`%y = ${name} %a, %b : tensor<256x256xf32>`, alike, { ...allPairs, bound: exact }),
    text(`%y = ${name} %a, %b : tensor<256x256xf32>`, pairs, { ...allPairs, what: "of different scales" }),
  ]),
  text("%y = relu %x : tensor<256xf32>", vector, { ...all, bound: exact }),
  text("%y = clip %x {min = -1.03, max = 4.9} : tensor<256xf32>", vector, all),
  ...[5, 64, 384].map((n) =>
    onnx(
      "layer_norm",
      {
        nodes: [{ op: "LayerNormalization", in: ["x", "w", "b"], out: ["y"] }],
        initializers: { w: numbers(n), b: numbers(n) },
        opset: 17,
      },
      { "%x": bytes(`4x${n}`) },
      { what: `rows of ${n}`, bound: 0.502 },
    ),
  ),
  onnx(
    "RMSNormalization",
    {
      nodes: [{ op: "RMSNormalization", in: ["x", "w"], out: ["y"] }],
      initializers: { w: numbers(64) },
      opset: 23,
    },
    { "%x": bytes("4x64") },
    { bound: 0.502 },
  ),
  onnx(
    "InstanceNormalization",
    {
      nodes: [
        { op: "Transpose", in: ["x"], out: ["c"], attributes: { perm: [0, 3, 1, 2] } },
        { op: "InstanceNormalization", in: ["c", "w", "b"], out: ["n"] },
        { op: "Transpose", in: ["n"], out: ["y"], attributes: { perm: [0, 2, 3, 1] } },
      ],
      initializers: { w: numbers(3), b: numbers(3) },
    },
    { "%x": bytes("2x5x7x3") },
    { bound: 0.502, what: "between convolutions" },
  ),
  onnx(
    "GroupNormalization",
    {
      nodes: [{ op: "GroupNormalization", in: ["x", "w", "b"], out: ["y"], attributes: { num_groups: 2 } }],
      initializers: { w: numbers(4), b: numbers(4) },
      opset: 21,
    },
    { "%x": bytes("2x4x5x7") },
    // Gain and offset are of channels, which the groups' rows run across: each rounds by itself.
    { bound: 1.5, what: "gain and offset apart" },
  ),
  ...["leaky_relu", "sigmoid", "tanh", "exp", "abs", "neg", "erf", "sin", "cos", "silu", "hard_sigmoid"].map(
    (name) => unary(name),
  ),
  ...["hard_swish", "elu", "celu", "selu", "softplus", "softsign", "mish", "shrink", "floor", "ceil"].map(
    (name) => unary(name),
  ),
  ...["thresholded_relu", "round", "sign"].map((name) => unary(name)),
  unary("gelu"),
  unary("gelu", ' {approximate = "tanh"}', vector, "by its tanh"),
  unary("sqrt", "", positive),
  ...["log", "reciprocal"].map((name) =>
    unary(name, "", { "%x": bytes("256", 0.05, -128) }, "of positive numbers"),
  ),
  text(
    "%y = max_pool %x {kernel = [2, 2]} : tensor<1x6x4x3xf32>",
    { "%x": bytes("1x7x5x3") },
    { bound: exact },
  ),
  ...["arg_max", "arg_min"].map((name) =>
    text(`%y = ${name} %x {axis = 1} : tensor<5x1xi64>`, { "%x": bytes("5x40") }, { bound: exact }),
  ),
  text(
    "%y = top_k_indices %x {axis = 1, k = 5} : tensor<5x5xi64>",
    { "%x": bytes("5x40") },
    { bound: exact },
  ),
  ...["equal", "less", "less_equal"].map((name) =>
    text(`%y = ${name} %a, %b : tensor<256x256xbool>`, alike, { ...allPairs, bound: exact }),
  ),
  ...["reduce_max", "reduce_min"].map((name) =>
    text(`%y = ${name} %x {axes = [1]} : tensor<5x1xf32>`, { "%x": bytes("5x40") }, { bound: exact }),
  ),
  text("%y = reshape %x {shape = [16, 16]} : tensor<16x16xf32>", vector, { ...all, bound: exact }),
  ...[
    "transpose %x {permutation = [2, 0, 1]} : tensor<4x5x3xf32>",
    "slice %x {starts = [0], ends = [3], axes = [1], steps = [2]} : tensor<5x2x4xf32>",
    "pad %x {before = [1, 0, 0], after = [2, 0, 1]} : tensor<8x3x5xf32>",
    "expand %x {shape = [2, 5, 3, 4]} : tensor<2x5x3x4xf32>",
  ].map((line) => text(`%y = ${line}`, { "%x": bytes("5x3x4") }, { bound: exact })),
  ...[
    ["gather %x, %i {axis = 1} : tensor<5x2x4xf32>", "dense<[2, 0]> : tensor<2xi32>"],
    ["gather_elements %x, %i {axis = 0} : tensor<1x1x2xf32>", "dense<[[[4, 1]]]> : tensor<1x1x2xi32>"],
    ["gather_nd %x, %i : tensor<2x4xf32>", "dense<[[4, 2], [0, 1]]> : tensor<2x2xi32>"],
  ].map(([line, indices]) =>
    text(
      `%i = constant {value = ${indices!.replace(/ : .*/, "")}} : ${indices!.replace(/.* : /, "")}\n  %y = ${line!}`,
      { "%x": bytes("5x3x4") },
      { bound: exact },
    ),
  ),
  text(
    "%i = constant {value = dense<[[1, 1, 0]]>} : tensor<1x3xi32>\n  %y = scatter_elements %x, %i, %u {axis = 0} : tensor<5x3xf32>",
    { "%x": bytes("5x3"), "%u": bytes("1x3") },
    { bound: exact },
  ),
  text(
    "%i = constant {value = dense<[[1], [4]]>} : tensor<2x1xi32>\n  %y = scatter_nd %x, %i, %u : tensor<5x3xf32>",
    { "%x": bytes("5x3"), "%u": bytes("2x3") },
    { bound: exact },
  ),
  text(
    "%c = constant {value = dense<[true, false, true]>} : tensor<3xbool>\n  %y = select %c, %a, %b : tensor<5x3xf32>",
    { "%a": bytes("5x3"), "%b": bytes("5x3") },
    { bound: exact },
  ),
  text(
    "%c = constant {value = dense<[true, false, true]>} : tensor<3xbool>\n  %y = select %c, %a, %b : tensor<5x3xf32>",
    { "%a": bytes("5x3", 0.1, -128), "%b": bytes("5x3", 0.0333, 127) },
    { what: "of different scales" },
  ),
  text(
    "%y = concat %a, %b {axis = 0} : tensor<512xf32>",
    { "%a": bytes("256"), "%b": bytes("256") },
    { ...all, bound: exact },
  ),
  text(
    "%y = concat %a, %b {axis = 0} : tensor<512xf32>",
    { "%a": bytes("256", 0.1, -128), "%b": bytes("256", 0.0333, 127) },
    { ...all, what: "of different scales" },
  ),
  resize("nearest, two axes", { mode: "nearest" }, [1, 2, 11, 8], exact),
  resize("linear, one axis", { mode: "linear" }, [1, 2, 11, 5], 0.75),
  resize("linear, two axes", { mode: "linear" }, [1, 2, 11, 8], 0.75),
  resize(
    "linear, corners aligned",
    { mode: "linear", coordinate_transformation_mode: "align_corners" },
    [1, 2, 13, 9],
    0.75,
  ),
  resize("linear, to a half", { mode: "linear" }, [1, 2, 3, 2], 0.75),
  resize("cubic, two axes", { mode: "cubic" }, [1, 2, 11, 8], 1),
  resize("linear, three axes", { mode: "linear" }, [1, 2, 5, 7, 4], 0.75, "1x2x3x4x3"),
];
