/** Builds small ONNX files from plain data, imports and runs them. */
import { interpret } from "../../../src/exec/interpreter.ts";
import { importOnnx, type ImportedModel } from "../../../src/frontends/onnx/import-onnx.ts";
import { verify } from "../../../src/ir/verify.ts";
import { numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import * as wire from "./wire-writer.ts";

/** Attributes: integers are ints, lists of them too; floats are wrapped by `float`, subgraphs by `graph`, texts are strings. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | readonly string[]
  | { readonly float: number }
  | { readonly graph: Network };

export interface NodeText {
  readonly op: string;
  readonly in: readonly string[];
  readonly out: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export interface Network {
  readonly nodes: readonly NodeText[];
  /** Shapes of f32 inputs. */
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly outputs?: readonly string[];
  readonly opset?: number;
}

const isTexts = (value: readonly (number | string)[]): value is readonly string[] =>
  typeof value[0] === "string";

const attributePart = (name: string, value: AttributeValue): Uint8Array => {
  if (typeof value === "string") return wire.attribute(name, 3, wire.text(4, value));
  if (typeof value === "number") return wire.attribute(name, 2, wire.int(3, value));
  if ("float" in value) return wire.attribute(name, 1, wire.float(2, value.float));
  if ("graph" in value) return wire.attribute(name, 5, wire.bytes(6, graphPart(value.graph)));
  if (isTexts(value)) return wire.attribute(name, 8, ...value.map((word) => wire.text(9, word)));
  return wire.attribute(name, 7, wire.bytes(8, value.flatMap(wire.varint)));
};

const nodePart = ({ op, in: inputs, out, name, domain, attributes = {} }: NodeText): Uint8Array =>
  wire.graphNode(
    wire.node(
      op,
      inputs,
      out,
      ...(name === undefined ? [] : [wire.text(3, name)]),
      ...Object.entries(attributes).map(([key, value]) => attributePart(key, value)),
      ...(domain === undefined ? [] : [wire.text(7, domain)]),
    ),
  );

const dataTypes: Readonly<Record<string, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  bool: 9,
  f64: 11,
};

const initializerPart = (name: string, { element, shape, data }: Tensor): Uint8Array => {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return wire.initializer(wire.tensorProto(name, dataTypes[element]!, shape, wire.bytes(9, raw)));
};

function graphPart({ nodes, inputs = {}, initializers = {}, outputs = ["y"] }: Network): Uint8Array {
  return wire.message(
    wire.text(2, "g"),
    ...nodes.map(nodePart),
    ...Object.entries(initializers).map(([name, value]) => initializerPart(name, value)),
    ...Object.entries(inputs).map(([name, shape]) => wire.input(wire.valueInfo(name, shape))),
    ...outputs.map((name) => wire.output(wire.message(wire.text(1, name)))),
  );
}

export function onnxBytes(network: Network): Uint8Array {
  const { opset = 13 } = network;
  const imports = ["", "com.microsoft", "my.domain"].map((domain) =>
    wire.bytes(8, wire.message(wire.text(1, domain), wire.int(2, domain === "" ? opset : 1))),
  );
  return wire.message(wire.int(1, 8), wire.bytes(7, graphPart(network)), ...imports);
}

/** Imports and verifies. */
export function importNetwork(network: Network): ImportedModel {
  const imported = importOnnx(onnxBytes(network));
  const problems = verify(imported.graph);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("\n"));
  return imported;
}

export interface Result {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** The first output for the given inputs, by the reference interpreter. */
export function run(network: Network, ...inputs: readonly Tensor[]): Result {
  const { graph } = importNetwork(network);
  const [output] = interpret(graph, inputs) as [Tensor];
  return { shape: output.shape, values: Array.from(numbersOf(output)) };
}

export const f32 = (shape: readonly number[], values: readonly number[]): Tensor =>
  tensor("f32", shape, values);

export const i64 = (...values: readonly number[]): Tensor =>
  tensor("i64", [values.length], values.map(BigInt));

/** Small whole numbers of either sign, without a pattern: sums of their products are exact in f32. */
export function numbers(...shape: readonly number[]): Tensor {
  let state = 12345 + shape.length;
  const count = shape.reduce((product, extent) => product * extent, 1);
  const values = Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return ((state >>> 16) % 15) - 7;
  });
  return f32(shape, values);
}
