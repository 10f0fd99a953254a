/**
 * ONNX files that are well formed as protobuf and hostile as models: each is to be refused, whatever the seed. Sizes are drawn over
 * many magnitudes, so that limits are met from both sides of machine words.
 */
import type { Random } from "../../src/pass/random.ts";
import * as wire from "../../test/frontends/onnx/wire-writer.ts";
import { extreme, magnitude, name, pick, size, type Hostile } from "./drawing.ts";

type Part = wire.Part;

const x = (dims: readonly (number | string)[] = [1, 4]): Uint8Array => wire.input(wire.valueInfo("x", dims));
const y = wire.output(wire.message(wire.text(1, "y")));
const op = (type: string, inputs: readonly string[], outputs: readonly string[], ...more: Part[]) =>
  wire.graphNode(wire.node(type, inputs, outputs, ...more));
const relu = (from: string, to: string): Uint8Array => op("Relu", [from], [to]);
const ints = (key: string, values: readonly number[]): Uint8Array =>
  wire.attribute(key, 7, wire.bytes(8, values.flatMap(wire.varint)));
const int = (key: string, value: number | bigint): Uint8Array => wire.attribute(key, 2, wire.int(3, value));
const raw = (array: Float32Array | BigInt64Array | Int8Array): Uint8Array =>
  wire.bytes(9, new Uint8Array(array.buffer));
const i64s = (key: string, values: readonly (number | bigint)[]): Uint8Array =>
  wire.initializer(
    wire.tensorProto(key, 7, [values.length], raw(BigInt64Array.from(values, (v) => BigInt(v)))),
  );
const f32s = (key: string, dims: readonly number[], values: readonly number[]): Uint8Array =>
  wire.initializer(wire.tensorProto(key, 1, dims, raw(Float32Array.from(values))));
const ones = (key: string, dims: readonly number[]): Uint8Array =>
  f32s(key, dims, Array<number>(dims.reduce((count, extent) => count * extent, 1)).fill(1));

/** Nodes that need each other in a circle, of which one may be all. */
function cycle(random: Random): Uint8Array {
  const length = 1 + random.integer(200);
  const nodes = Array.from({ length }, (_, i) => relu(`v${i}`, `v${(i + 1) % length}`));
  return wire.model(...nodes, op("Add", ["x", `v${random.integer(length)}`], ["y"]), x(), y);
}

/** Graphs in attributes of nodes of graphs. */
function nesting(random: Random): Uint8Array {
  let body: Uint8Array = wire.message(relu("x", "y"), y);
  for (let depth = 25 + size(random, 10); depth > 0; depth--)
    body = wire.message(op("If", ["x"], ["y"], wire.attribute("then_branch", 5, wire.bytes(6, body))), y);
  return wire.message(
    wire.int(1, 8),
    wire.bytes(7, body),
    wire.bytes(8, wire.message(wire.text(1, ""), wire.int(2, 13))),
  );
}

/** An initializer that says it is more than its bytes, or than anything. */
function initializerShape(random: Random): Uint8Array {
  const dims = Array.from({ length: 1 + random.integer(5) }, () => extreme(random));
  const tensor = wire.tensorProto("w", 1, dims, raw(Float32Array.of(1)));
  return wire.model(wire.initializer(tensor), op("Add", ["x", "w"], ["y"]), x(), y);
}

/** An input of more elements than memory has bytes, or of a negative extent. */
function inputShape(random: Random): Uint8Array {
  const dims = Array.from({ length: 2 + random.integer(3) }, () => 2 ** (16 + random.integer(30)));
  if (random.integer(2) === 0) dims[random.integer(dims.length)] = -2 - random.integer(2 ** 30);
  return wire.model(relu("x", "y"), x(dims), y);
}

/** Constants of billions of elements out of a few bytes. */
function largeConstant(random: Random): Uint8Array {
  // What is computed here, and what is left to be computed, have limits of their own.
  const folded = [2 ** (13 + random.integer(18)), 2 ** (13 + random.integer(18))];
  const extents = folded.map((extent) => 8 * extent);
  const kinds: readonly (() => Part[])[] = [
    () => [i64s("s", folded), op("ConstantOfShape", ["s"], ["c"])],
    () => [i64s("s", extents), ones("w", [1, 1]), op("Expand", ["w", "s"], ["c"])],
    () => [i64s("s", extents), ones("w", [2, 2]), op("Tile", ["w", "s"], ["c"])],
    () => [
      i64s("pads", [extents[0]!, 0, 0, extents[1]!]),
      ones("w", [1, 1]),
      op("Pad", ["w", "pads"], ["c"]),
    ],
    () => {
      const end = magnitude(random, 25, 51);
      return [
        scalar("from", 0),
        scalar("to", end),
        scalar("by", 1),
        op("Range", ["from", "to", "by"], ["c"]),
      ];
    },
    () => [
      scalar("depth", magnitude(random, 25, 51)),
      i64s("at", [0, 1]),
      i64s("values", [0, 1]),
      op("OneHot", ["at", "depth", "values"], ["c"]),
    ],
  ];
  return wire.model(...pick(random, kinds)(), op("Add", ["x", "c"], ["y"]), x([1, 1]), y);
}

const scalar = (key: string, value: number): Uint8Array =>
  wire.initializer(wire.tensorProto(key, 7, [], raw(BigInt64Array.of(BigInt(value)))));

/** Two things of one name. */
function duplicates(random: Random): Uint8Array {
  const key = name(random);
  const add = op("Add", ["x", key], ["y"]);
  const kinds: readonly (() => Uint8Array)[] = [
    () => wire.model(ones(key, [1]), ones(key, [1]), add, x(), y),
    () => wire.model(relu("x", key), relu("x", key), add, x(), y),
    () => wire.model(ones(key, [1]), relu("x", key), add, x(), y),
    () => wire.model(relu("x", "x"), relu("x", "y"), x(), y),
    () => wire.model(relu("x", "y"), x(), x(), y),
    () => wire.model(op("Relu", ["x"], ["y"], int(key, 1), int(key, 1)), x(), y),
    () => wire.model(op("Split", ["x"], [key, key]), add, x(), y),
  ];
  return pick(random, kinds)();
}

/** Operator sets that were never issued, or none. */
function opsets(random: Random): Uint8Array {
  const version = pick(random, [0, -1, -(2 ** 31), 1000 + magnitude(random, 0, 50), 2 ** 53, 2n ** 63n - 1n]);
  const domain = pick(random, ["", "ai.onnx"]);
  const imports =
    random.integer(4) === 0 ? [] : [wire.bytes(8, wire.message(wire.text(1, domain), wire.int(2, version)))];
  const graph = wire.message(relu("x", "y"), x(), y);
  return wire.message(wire.int(1, 8), wire.bytes(7, graph), ...imports);
}

const locations = [
  "../weights.bin",
  "../../../../../../etc/passwd",
  "/etc/passwd",
  "/dev/zero",
  "/proc/self/mem",
  "C:\\Windows\\win.ini",
  "\\\\server\\share\\w",
  "file:///etc/passwd",
  "http://127.0.0.1:9/weights.bin",
  "https://example.com/weights.bin",
  "weights.bin",
  "./link",
  "a/../../b",
  ".",
  "",
  "weights\0.bin",
  "~/.ssh/id_rsa",
];

/** Weights outside of the file: wherever they are said to be, nothing is opened. */
function externalData(random: Random): Uint8Array {
  const entry = (key: string, value: string): Uint8Array =>
    wire.bytes(13, wire.message(wire.text(1, key), wire.text(2, value)));
  const entries = [
    entry("location", pick(random, locations)),
    ...(random.integer(2) === 0 ? [entry("offset", String(extreme(random)))] : []),
    ...(random.integer(2) === 0 ? [entry("length", String(extreme(random)))] : []),
  ];
  const where = random.integer(8) === 0 ? [] : entries;
  const tensor = wire.tensorProto("w", 1, [size(random, 16)], ...where, wire.int(14, 1));
  const inNode = op("Constant", [], ["w"], wire.attribute("value", 4, wire.bytes(5, tensor)));
  const holder = random.integer(2) === 0 ? wire.initializer(tensor) : inNode;
  return wire.model(holder, op("Add", ["x", "w"], ["y"]), x(), y);
}

/** Windows, axes and lists that no tensor has. */
function attributes(random: Random): Uint8Array {
  const wrong = (): number => pick(random, [-1, -(2 ** 31), 2 ** 20 + magnitude(random, 0, 40), 2 ** 52]);
  const axis = (): number => pick(random, [-5 - magnitude(random, 0, 40), 4 + magnitude(random, 0, 40)]);
  const image = x([1, 2, 4, 4]);
  const kinds: readonly (() => Uint8Array)[] = [
    () => {
      const key = pick(random, ["strides", "dilations", "pads", "kernel_shape"]);
      const strides = [1, pick(random, [0, -1, -(2 ** 31)])];
      const pads = [0, 0, -1 - random.integer(2 ** 30), wrong()];
      const bad = key === "pads" ? pads : key === "strides" ? strides : [wrong(), wrong()];
      return wire.model(ones("w", [2, 2, 3, 3]), op("Conv", ["x", "w"], ["y"], ints(key, bad)), image, y);
    },
    () => {
      const group = pick(random, [0, -1, 3, 2 ** 31, 2 ** 40]);
      return wire.model(
        ones("w", [2, 2, 3, 3]),
        op("Conv", ["x", "w"], ["y"], int("group", group)),
        image,
        y,
      );
    },
    () => {
      const kernel = ints("kernel_shape", [wrong(), wrong()]);
      return wire.model(op(pick(random, ["MaxPool", "AveragePool"]), ["x"], ["y"], kernel), image, y);
    },
    () => wire.model(op("Softmax", ["x"], ["y"], int("axis", axis())), image, y),
    () => wire.model(op("Concat", ["x", "x"], ["y"], int("axis", axis())), image, y),
    () => wire.model(op("Transpose", ["x"], ["y"], ints("perm", [0, 1, 1, axis()])), image, y),
    () => wire.model(i64s("s", [wrong(), -1, -1]), op("Reshape", ["x", "s"], ["y"]), image, y),
    () => wire.model(i64s("s", [2 ** 40, 2 ** 40]), op("Reshape", ["x", "s"], ["y"]), image, y),
    () => wire.model(i64s("s", [wrong()]), op("Expand", ["x", "s"], ["y"]), image, y),
    () => wire.model(i64s("s", [2 ** 30, 2 ** 30, 1, 1]), op("Tile", ["x", "s"], ["y"]), image, y),
    () =>
      wire.model(i64s("k", [17 + magnitude(random, 0, 40)]), op("TopK", ["x", "k"], ["z", "y"]), image, y),
    () =>
      wire.model(
        i64s("a", [0]),
        i64s("b", [1]),
        i64s("c", [axis()]),
        op("Slice", ["x", "a", "b", "c"], ["y"]),
        image,
        y,
      ),
    () =>
      wire.model(
        f32s("s", [4], [1, 1, 2 ** (30 + random.integer(60)), 2 ** 30]),
        op(
          "Resize",
          ["x", "", "s"],
          ["y"],
          wire.attribute("mode", 3, wire.text(4, pick(random, ["linear", "cubic", "nearest"]))),
        ),
        image,
        y,
      ),
    () => wire.model(i64s("p", [0, 0, 2 ** 40, 0, 0, 0, 0, 0]), op("Pad", ["x", "p"], ["y"]), image, y),
    () =>
      wire.model(
        ones("w", [1, 4, 1]),
        ones("r", [1, 4, 1]),
        op("LSTM", ["x", "w", "r"], ["y"], int("hidden_size", wrong())),
        x([2 ** (20 + random.integer(20)), 1, 1]),
        y,
      ),
    () =>
      wire.model(
        op(
          "Einsum",
          ["x"],
          ["y"],
          wire.attribute(
            "equation",
            3,
            wire.text(4, "a".repeat(1 + random.integer(3)) + "->" + "z".repeat(size(random, 20))),
          ),
        ),
        image,
        y,
      ),
  ];
  return pick(random, kinds)();
}

/** Scales and zero points that stand for nothing. */
function quantization(random: Random): Uint8Array {
  const scale = pick(random, [NaN, 0, -1, Infinity, -Infinity]);
  const count = 2 + random.integer(1000);
  const many = ones("s", [count === 4 ? 5 : count]);
  const kinds: readonly (() => Uint8Array)[] = [
    () =>
      wire.model(
        f32s("s", [], [scale]),
        op("QuantizeLinear", ["x", "s"], ["q"]),
        op("DequantizeLinear", ["q", "s"], ["y"]),
        x(),
        y,
      ),
    () =>
      wire.model(
        many,
        op("QuantizeLinear", ["x", "s"], ["q"], int("axis", 1)),
        op("DequantizeLinear", ["q", "s"], ["y"]),
        x(),
        y,
      ),
    () =>
      wire.model(
        ones("s", [4]),
        op("QuantizeLinear", ["x", "s"], ["q"], int("axis", extreme(random) + 7)),
        op("DequantizeLinear", ["q", "s"], ["y"]),
        x(),
        y,
      ),
    () =>
      wire.model(
        ones("s", [1]),
        ones("t", [1]),
        i64s("z", [extreme(random)]),
        op("QuantizeLinear", ["x", "s", "z"], ["q"]),
        op("DequantizeLinear", ["q", "t", "z"], ["y"]),
        x(),
        y,
      ),
    () =>
      wire.model(
        f32s("s", [1], [1]),
        f32s("t", [1], [2]),
        op("QuantizeLinear", ["x", "s"], ["q"]),
        op("DequantizeLinear", ["q", "t"], ["y"]),
        x(),
        y,
      ),
  ];
  return pick(random, kinds)();
}

/** What many empty things cost. */
function crowds(random: Random): Uint8Array {
  const count = 200_001 + random.integer(20_000);
  const kinds: readonly (() => Uint8Array)[] = [
    () => wire.model(repeated([0x0a, 0], count), relu("x", "y"), x(), y),
    () => wire.model(repeated([0x2a, 0], count), relu("x", "y"), x(), y),
    () =>
      wire.model(
        wire.graphNode(wire.message(wire.node("Relu", ["x"], ["y"]), repeated([0x2a, 0], 5 * count))),
        x(),
        y,
      ),
    () =>
      wire.model(
        wire.initializer(
          wire.message(repeated([8, 1], 65 + random.integer(count)), wire.int(2, 1), wire.text(8, "w")),
        ),
        relu("x", "y"),
        x(),
        y,
      ),
  ];
  return pick(random, kinds)();
}

function repeated(unit: readonly number[], count: number): Uint8Array {
  const bytes = new Uint8Array(unit.length * count);
  for (let i = 0; i < count; i++) bytes.set(unit, unit.length * i);
  return bytes;
}

/** Subgraphs and functions that need themselves, names that nobody defines, outputs of nothing. */
function references(random: Random): Uint8Array {
  const key = name(random);
  const body = wire.message(op("If", [key], ["y"]), y);
  const kinds: readonly (() => Uint8Array)[] = [
    () => wire.model(op("Add", ["x", key], ["y"]), x(), y),
    () => wire.model(op("If", ["x"], ["y"], wire.attribute("then_branch", 5, wire.bytes(6, body))), x(), y),
    () =>
      wire.model(op("Loop", ["x", "x", "y"], ["y"], wire.attribute("body", 5, wire.bytes(6, body))), x(), y),
    () => wire.model(relu("x", key), x(), y),
    () => wire.model(relu("x", "y"), x()),
    () => wire.model(x(), y),
    () => wire.model(op(key, ["x"], ["y"], wire.text(7, key)), x(), y),
    () => selfCall(key),
  ];
  return pick(random, kinds)();
}

/** A model-local function whose body calls it. */
function selfCall(key: string): Uint8Array {
  const call = wire.node(key, ["x"], ["y"], wire.text(7, "local"));
  const body = wire.message(
    wire.text(1, key),
    wire.text(4, "x"),
    wire.text(5, "y"),
    wire.bytes(7, call),
    wire.text(10, "local"),
  );
  const graph = wire.message(wire.graphNode(call), x(), y);
  const imports = ["", "local"].map((domain) =>
    wire.bytes(8, wire.message(wire.text(1, domain), wire.int(2, 13))),
  );
  return wire.message(wire.int(1, 8), wire.bytes(7, graph), ...imports, wire.bytes(25, body));
}

export const hostileOnnx: Hostile = {
  cycle,
  nesting,
  initializerShape,
  inputShape,
  largeConstant,
  duplicates,
  opsets,
  externalData,
  attributes,
  quantization,
  crowds,
  references,
};
