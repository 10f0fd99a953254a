import onnxProto from "onnx-proto";
import { describe, expect, test } from "vitest";
import { decodeOnnx } from "../../../src/frontends/onnx/decode.ts";
import { float16ToNumber } from "../../../src/frontends/onnx/decode-tensor.ts";
import { codesOf, diagnosticsOf } from "./diagnostics-of.ts";
import * as wire from "./wire-writer.ts";

const rawOf = (data: ArrayBufferView) =>
  wire.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

const withTensor = (dataType: number, dims: readonly number[], ...data: wire.Part[]) =>
  wire.model(wire.initializer(wire.tensorProto("w", dataType, dims, ...data)));

const constant = (dataType: number, dims: readonly number[], ...data: wire.Part[]) =>
  decodeOnnx(withTensor(dataType, dims, ...data)).graph.initializers.get("w");

test("the small model", () => {
  const model = decodeOnnx(wire.smallModel());
  expect(model).toMatchObject({ irVersion: 8, producer: "", functions: [] });
  expect(model.opsets).toEqual(new Map([["", 13]]));
  expect(model.graph.nodes).toEqual([
    {
      name: "add",
      opType: "Add",
      domain: "",
      inputs: ["x", "w"],
      outputs: ["sum"],
      attributes: new Map(),
      index: 0,
    },
    {
      name: "",
      opType: "Relu",
      domain: "",
      inputs: ["sum"],
      outputs: ["y"],
      attributes: new Map([["axes", { kind: "ints", value: [1, -2] }]]),
      index: 1,
    },
  ]);
  expect(model.graph.inputs).toEqual([{ name: "x", declared: "float", element: "f32", shape: ["batch", 2] }]);
  expect(model.graph.initializers.get("w")).toEqual({
    element: "f32",
    shape: [2],
    data: Float32Array.of(1, 2),
  });
});

test("a Buffer in a pool, and a model of onnx-proto's own encoder", () => {
  const bytes = onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    producerName: "quern",
    producerVersion: "1",
    opsetImport: [{ domain: "ai.onnx", version: 17 }],
    graph: { node: [{ opType: "Relu", domain: "ai.onnx", input: ["x", ""], output: ["y"] }] },
  }).finish();
  const pooled = Buffer.concat([Buffer.from([1, 2, 3]), bytes]).subarray(3);
  const model = decodeOnnx(pooled);
  expect(model.producer).toBe("quern 1");
  expect(model.opsets).toEqual(new Map([["", 17]]));
  expect(model.graph.nodes[0]).toMatchObject({ domain: "", inputs: ["x", ""] });
});

describe("tensor data", () => {
  test("raw_data is copied at any alignment", () => {
    for (let shift = 0; shift < 4; shift++) {
      const name = wire.text(12, "d".repeat(shift));
      const bytes = withTensor(1, [2], name, rawOf(Float32Array.of(1.5, -2)));
      const decoded = decodeOnnx(bytes).graph.initializers.get("w");
      bytes.fill(0);
      expect(decoded).toEqual({ element: "f32", shape: [2], data: Float32Array.of(1.5, -2) });
    }
  });

  test.each([
    ["f32", 1, rawOf(Float32Array.of(-1.5)), Float32Array.of(-1.5)],
    ["u8", 2, rawOf(Uint8Array.of(255)), Uint8Array.of(255)],
    ["i8", 3, rawOf(Int8Array.of(-128)), Int8Array.of(-128)],
    ["u16", 4, rawOf(Uint16Array.of(65535)), Uint16Array.of(65535)],
    ["i16", 5, rawOf(Int16Array.of(-2)), Int16Array.of(-2)],
    ["i32", 6, rawOf(Int32Array.of(-2)), Int32Array.of(-2)],
    ["i64", 7, rawOf(BigInt64Array.of(-(2n ** 63n))), BigInt64Array.of(-(2n ** 63n))],
    ["bool", 9, rawOf(Uint8Array.of(7)), Uint8Array.of(1)],
    ["f32", 10, rawOf(Uint16Array.of(0xc100)), Float32Array.of(-2.5)],
    ["f64", 11, rawOf(Float64Array.of(0.1)), Float64Array.of(0.1)],
    ["u32", 12, rawOf(Uint32Array.of(2 ** 32 - 1)), Uint32Array.of(2 ** 32 - 1)],
    ["u64", 13, rawOf(BigUint64Array.of(2n ** 64n - 1n)), BigUint64Array.of(2n ** 64n - 1n)],
    ["f32", 16, rawOf(Uint16Array.of(0xc020)), Float32Array.of(-2.5)],
    ["f32", 1, wire.float(4, -1.5), Float32Array.of(-1.5)],
    ["u8", 2, wire.int(5, 255), Uint8Array.of(255)],
    ["i8", 3, wire.bytes(5, wire.varint(-128)), Int8Array.of(-128)],
    ["i32", 6, wire.int(5, -(2 ** 31)), Int32Array.of(-(2 ** 31))],
    ["i64", 7, wire.int(7, -(2n ** 63n)), BigInt64Array.of(-(2n ** 63n))],
    ["i64", 7, wire.bytes(7, wire.varint(2n ** 53n + 1n)), BigInt64Array.of(2n ** 53n + 1n)],
    ["bool", 9, wire.int(5, 1), Uint8Array.of(1)],
    ["f32", 10, wire.int(5, 0x3c00), Float32Array.of(1)],
    ["f64", 11, wire.bytes(10, new Uint8Array(Float64Array.of(0.1).buffer)), Float64Array.of(0.1)],
    ["u32", 12, wire.int(11, 2 ** 32 - 1), Uint32Array.of(2 ** 32 - 1)],
    ["u64", 13, wire.int(11, 2n ** 64n - 1n), BigUint64Array.of(2n ** 64n - 1n)],
    ["f32", 16, wire.int(5, 0x3f80), Float32Array.of(1)],
  ] as const)("%s from data type %i", (element, dataType, field, data) => {
    expect(constant(dataType, [1], field)).toEqual({ element, shape: [1], data });
  });

  test("every float16 widens as IEEE 754 says", () => {
    const value = (bits: number) => {
      const [sign, exponent, mantissa] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
      if (exponent === 31) return mantissa ? NaN : sign / 0;
      return sign * (exponent ? 2 ** (exponent - 15) * (1 + mantissa / 1024) : 2 ** -14 * (mantissa / 1024));
    };
    for (let bits = 0; bits < 65536; bits++) {
      if (!Object.is(float16ToNumber(bits), value(bits))) expect(float16ToNumber(bits)).toBe(value(bits));
    }
  });

  test("a scalar, and an empty tensor", () => {
    expect(constant(7, [], wire.int(7, 3))).toEqual({
      element: "i64",
      shape: [],
      data: BigInt64Array.of(3n),
    });
    expect(constant(1, [0, 4])).toEqual({ element: "f32", shape: [0, 4], data: new Float32Array(0) });
  });

  test.each([
    ["string", 8, "string"],
    ["complex64", 14, "complex64"],
    ["float8", 17, "float8e4m3fn"],
    ["int4", 22, "int4"],
    ["none", 0, "undefined"],
    ["unheard of", 99, "element type 99"],
  ])("%s becomes an opaque constant", (_, dataType, opaque) => {
    expect(constant(dataType, [3], wire.bytes(9, [1, 2]))).toEqual({ opaque, shape: [3] });
  });

  test.each([
    ["too few numbers", "onnx-tensor-data", withTensor(1, [2], wire.float(4, 1))],
    ["too many bytes", "onnx-tensor-data", withTensor(1, [1], wire.bytes(9, new Uint8Array(8)))],
    ["bytes that are no whole element", "onnx-tensor-data", withTensor(1, [1], wire.bytes(9, [1, 2, 3]))],
    ["the wrong list", "onnx-tensor-data", withTensor(1, [1], wire.int(5, 1))],
    ["a number beyond int8", "onnx-tensor-data", withTensor(3, [1], wire.int(5, 128))],
    ["a number beyond uint32", "onnx-tensor-data", withTensor(12, [1], wire.int(11, 2n ** 32n))],
    ["a negative dimension", "onnx-tensor-shape", withTensor(1, [-1], wire.float(4, 1))],
    ["a huge dimension", "onnx-tensor-shape", withTensor(1, [2 ** 40], wire.float(4, 1))],
    ["dimensions whose product is huge", "onnx-tensor-shape", withTensor(1, [65536, 65536, 65536])],
    ["data outside the file", "onnx-external-data", withTensor(1, [1], wire.int(14, 1))],
    [
      "a path outside the file",
      "onnx-external-data",
      withTensor(
        1,
        [1],
        wire.bytes(13, wire.message(wire.text(1, "location"), wire.text(2, "../../etc/passwd"))),
      ),
    ],
  ])("%s", (_, code, bytes) => {
    const [problem] = diagnosticsOf(() => decodeOnnx(bytes));
    expect(problem?.code).toBe(code);
    expect(problem?.message).toContain('initializer "w"');
    expect(problem?.message).not.toContain("passwd");
  });
});

describe("attributes", () => {
  const decoded = (...field: wire.Part[]) =>
    decodeOnnx(
      wire.model(
        wire.graphNode(wire.node("X", [], ["y"], wire.bytes(5, wire.message(wire.text(1, "a"), ...field)))),
      ),
    ).graph.nodes[0]!.attributes.get("a");
  const sub = wire.message(wire.text(2, "body"), wire.graphNode(wire.node("Relu", ["x"], ["y"])));

  test.each([
    ["int", 2, wire.int(3, -7), -7],
    ["int", 2, wire.int(3, 2n ** 63n - 1n), 2n ** 63n - 1n],
    ["float", 1, wire.float(2, 0.5), 0.5],
    ["string", 3, wire.text(4, "SAME_ÜPPER"), "SAME_ÜPPER"],
    ["ints", 7, wire.message(wire.int(8, 1), wire.int(8, -1)), [1, -1]],
    ["floats", 6, wire.bytes(7, new Uint8Array(Float32Array.of(1, 2).buffer)), [1, 2]],
    ["strings", 8, wire.message(wire.text(9, "a"), wire.text(9, "b")), ["a", "b"]],
    [
      "tensor",
      4,
      wire.bytes(5, wire.tensorProto("", 3, [1], wire.int(5, 9))),
      { element: "i8", data: Int8Array.of(9) },
    ],
    ["graph", 5, wire.bytes(6, sub), { name: "body", nodes: [{ opType: "Relu" }] }],
    ["type", 13, wire.bytes(14, wire.bytes(1, wire.int(1, 10))), { declared: "float16", element: "f32" }],
  ])("%s %i", (kind, type, field, value) => {
    expect(decoded(wire.int(20, type), field)).toMatchObject({ kind, value });
    // Files of IR version 1 have no type: the field that is set tells.
    expect(decoded(field)).toMatchObject({ kind, value });
  });

  test("a zero that the encoder left out is still the declared kind", () => {
    expect(decoded(wire.int(20, 2))).toEqual({ kind: "int", value: 0 });
    expect(decoded(wire.int(20, 7))).toEqual({ kind: "ints", value: [] });
  });

  test("unknown kinds are opaque; a missing tensor is an error", () => {
    expect(decoded(wire.int(20, 44))).toEqual({ kind: "opaque", value: "attribute type 44" });
    expect(decoded(wire.int(20, 11))).toEqual({ kind: "opaque", value: "sparse tensor" });
    expect(codesOf(() => decoded(wire.int(20, 4)))).toBe("onnx-attribute");
  });
});

describe("Constant nodes become initializers", () => {
  const graphOf = (...attributes: Uint8Array[]) =>
    decodeOnnx(wire.model(wire.graphNode(wire.node("Constant", [], ["c"], ...attributes)))).graph;

  test.each([
    [
      "value",
      wire.attribute("value", 4, wire.bytes(5, wire.tensorProto("", 3, [1], wire.int(5, 9)))),
      { element: "i8" },
    ],
    [
      "value_float",
      wire.attribute("value_float", 1, wire.float(2, 2)),
      { shape: [], data: Float32Array.of(2) },
    ],
    ["value_int", wire.attribute("value_int", 2, wire.int(3, 2)), { shape: [], data: BigInt64Array.of(2n) }],
    [
      "value_ints",
      wire.attribute("value_ints", 7, wire.int(8, 2)),
      { shape: [1], data: BigInt64Array.of(2n) },
    ],
    [
      "value_floats",
      wire.attribute("value_floats", 6, wire.float(7, 2)),
      { shape: [1], data: Float32Array.of(2) },
    ],
    ["value_string", wire.attribute("value_string", 3, wire.text(4, "s")), { opaque: "string" }],
  ])("%s", (_, attribute, expected) => {
    const graph = graphOf(attribute);
    expect(graph.nodes).toEqual([]);
    expect(graph.initializers.get("c")).toMatchObject(expected);
  });

  test("a Constant that says nothing stays a node, for conversion to refuse", () => {
    expect(graphOf().nodes).toHaveLength(1);
  });

  test("two constants of one name", () => {
    const one = wire.initializer(wire.tensorProto("w", 1, [1], wire.float(4, 1)));
    expect(codesOf(() => decodeOnnx(wire.model(one, one)))).toBe("onnx-duplicate-definition");
  });
});

test("types that are no tensors keep their name", () => {
  const sequence = wire.message(
    wire.text(1, "s"),
    wire.bytes(2, wire.bytes(4, wire.bytes(1, wire.bytes(1, wire.int(1, 1))))),
  );
  expect(decodeOnnx(wire.model(wire.input(sequence))).graph.inputs).toEqual([
    { name: "s", declared: "sequence of float" },
  ]);
});
