/**
 * Decodes an ONNX file into the plain structures of model.ts.
 *
 * The bytes pass the wire guard first; onnx-proto then cannot overflow the stack or the memory. What is decided here:
 *
 *   - Attributes of files before `AttributeProto.type` existed get their kind from the field that is set.
 *   - `Constant` nodes with numbers become initializers, so that conversion knows one form of constant. Those that
 *     hold strings or a sparse tensor become opaque ones.
 *   - A name given to two constants of one graph is an error here, since a map would hide it; every other question
 *     of structure is check.ts's.
 *   - Bodies of model-local functions, training graphs, metadata and doc strings are dropped.
 */
import onnxProto from "onnx-proto";
import type { onnx as Proto } from "onnx-proto";
import { DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import { tensor } from "../../tensor/tensor.ts";
import { decodeDims, decodeTensor } from "./decode-tensor.ts";
import { decodeType } from "./decode-type.ts";
import { exactReader, toInteger, toNumbers } from "./exact-reader.ts";
import type { OnnxAttribute, OnnxConstant, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from "./model.ts";
import { guardOnnxBytes } from "./wire-guard.ts";
import type { WireLimits } from "./wire-guard.ts";

const utf8 = new TextDecoder();

/** AttributeProto.AttributeType by number, as fields of the decoded message in the order to look for unset types. */
const attributeFields = new Map<number, keyof Proto.IAttributeProto>([
  [1, "f"],
  [2, "i"],
  [3, "s"],
  [4, "t"],
  [5, "g"],
  [6, "floats"],
  [7, "ints"],
  [8, "strings"],
  [9, "tensors"],
  [10, "graphs"],
  [11, "sparseTensor"],
  [12, "sparseTensors"],
  [13, "tp"],
  [14, "typeProtos"],
]);

function isSet(proto: Proto.IAttributeProto, field: keyof Proto.IAttributeProto): boolean {
  if (!Object.hasOwn(proto, field)) return false;
  const value: unknown = proto[field];
  return !Array.isArray(value) || value.length > 0;
}

function attributeField(proto: Proto.IAttributeProto): keyof Proto.IAttributeProto | undefined {
  const type = proto.type ?? 0;
  if (type !== 0) return attributeFields.get(type);
  return [...attributeFields.values()].find((field) => isSet(proto, field));
}

function decodeAttribute(proto: Proto.IAttributeProto, owner: string): OnnxAttribute {
  const subject = `attribute "${proto.name ?? ""}" of ${owner}`;
  if (proto.refAttrName) return { kind: "opaque", value: `reference to '${proto.refAttrName}'` };
  const absent = (): never =>
    fail("onnx-attribute", `${subject} has no value of the type it declares`, {
      subject,
      help: "export the model again, or check it with onnx.checker",
    });
  const field = attributeField(proto);
  switch (field) {
    case "f":
      return { kind: "float", value: proto.f ?? 0 };
    case "i":
      return { kind: "int", value: toInteger(proto.i) };
    case "s":
      return { kind: "string", value: utf8.decode(proto.s ?? new Uint8Array(0)) };
    case "t":
      return { kind: "tensor", value: decodeTensor(proto.t ?? absent(), subject) };
    case "g":
      return { kind: "graph", value: decodeGraph(proto.g ?? absent()) };
    case "tp":
      return { kind: "type", value: decodeType(proto.tp ?? absent(), subject) };
    case "floats":
      return { kind: "floats", value: proto.floats ?? [] };
    case "ints":
      return { kind: "ints", value: toNumbers(proto.ints ?? []) };
    case "strings":
      return { kind: "strings", value: (proto.strings ?? []).map((bytes) => utf8.decode(bytes)) };
    case "tensors":
      return { kind: "tensors", value: (proto.tensors ?? []).map((item) => decodeTensor(item, subject)) };
    case "graphs":
      return { kind: "graphs", value: (proto.graphs ?? []).map((item) => decodeGraph(item)) };
    case "typeProtos":
      return { kind: "types", value: (proto.typeProtos ?? []).map((item) => decodeType(item, subject)) };
    case "sparseTensor":
    case "sparseTensors":
      return { kind: "opaque", value: "sparse tensor" };
    default:
      return { kind: "opaque", value: `attribute type ${proto.type ?? 0}` };
  }
}

/** ONNX's own operator set has two names. */
const plainDomain = (domain: string | null | undefined): string =>
  domain === "ai.onnx" ? "" : (domain ?? "");

/** How diagnostics call a node: `node "conv_3" (Conv)`, or by its position where it has no name. */
export function describeNode(node: Pick<OnnxNode, "name" | "opType" | "index">): string {
  return `node ${node.name === "" ? `#${node.index}` : `"${node.name}"`} (${node.opType})`;
}

function decodeNode(proto: Proto.INodeProto, index: number): OnnxNode {
  const name = proto.name ?? "";
  const opType = proto.opType ?? "";
  const owner = describeNode({ name, opType, index });
  const attributes = new Map<string, OnnxAttribute>();
  for (const attribute of proto.attribute ?? []) {
    const key = attribute.name ?? "";
    if (attributes.has(key)) {
      fail("onnx-attribute", `${owner} has two attributes "${key}"`, {
        subject: owner,
        help: "export the model again, or check it with onnx.checker",
      });
    }
    attributes.set(key, decodeAttribute(attribute, owner));
  }
  return {
    name,
    opType,
    domain: plainDomain(proto.domain),
    inputs: proto.input ?? [],
    outputs: proto.output ?? [],
    attributes,
    index,
  };
}

function decodeValueInfo(proto: Proto.IValueInfoProto): OnnxValueInfo {
  const name = proto.name ?? "";
  return { name, ...decodeType(proto.type ?? {}, `value "${name}"`) };
}

/** The constant a `Constant` node stands for, or `undefined` if the node does not look like one. */
function constantOf(node: OnnxNode): OnnxConstant | undefined {
  if (node.opType !== "Constant" || node.domain !== "" || node.attributes.size !== 1) return undefined;
  if (node.inputs.length !== 0 || node.outputs.length !== 1 || node.outputs[0] === "") return undefined;
  const [[name, { kind, value }]] = [...node.attributes] as [[string, OnnxAttribute]];
  switch (`${name}: ${kind}`) {
    case "value: tensor":
      return value as OnnxConstant;
    case "value_float: float":
      return tensor("f32", [], [value as number]);
    case "value_floats: floats":
      return tensor("f32", [(value as number[]).length], value as number[]);
    case "value_int: int":
      return tensor("i64", [], [BigInt(value as number | bigint)]);
    case "value_ints: ints":
      return tensor("i64", [(value as number[]).length], (value as (number | bigint)[]).map(BigInt));
    case "value_string: string":
      return { opaque: "string", shape: [] };
    case "value_strings: strings":
      return { opaque: "string", shape: [(value as string[]).length] };
    case "sparse_value: opaque":
      return { opaque: "sparse tensor", shape: [] };
    default:
      return undefined;
  }
}

function decodeGraph(proto: Proto.IGraphProto): OnnxGraph {
  const name = proto.name ?? "";
  const initializers = new Map<string, OnnxConstant>();
  const define = (key: string, constant: OnnxConstant): void => {
    if (initializers.has(key)) {
      fail("onnx-duplicate-definition", `constant "${key}" of graph "${name}" is defined twice`, {
        subject: `initializer "${key}" of graph "${name}"`,
        help: "give every value of the graph its own name",
      });
    }
    initializers.set(key, constant);
  };
  for (const item of proto.initializer ?? []) {
    const key = item.name ?? "";
    define(key, decodeTensor(item, `initializer "${key}"`));
  }
  for (const item of proto.sparseInitializer ?? []) {
    const key = item.values?.name ?? "";
    define(key, { opaque: "sparse tensor", shape: decodeDims(item.dims ?? [], `initializer "${key}"`) });
  }
  const nodes: OnnxNode[] = [];
  for (const [index, item] of (proto.node ?? []).entries()) {
    const node = decodeNode(item, index);
    const constant = constantOf(node);
    if (constant === undefined) nodes.push(node);
    else define(node.outputs[0]!, constant);
  }
  return {
    name,
    nodes,
    inputs: (proto.input ?? []).map(decodeValueInfo),
    outputs: (proto.output ?? []).map(decodeValueInfo),
    initializers,
    valueInfos: new Map((proto.valueInfo ?? []).map((item) => [item.name ?? "", decodeValueInfo(item)])),
  };
}

function decodeProto(bytes: Uint8Array): Proto.ModelProto {
  try {
    return onnxProto.onnx.ModelProto.decode(exactReader(bytes));
  } catch (error) {
    // The guard proved the bytes decodable, so this is a gap in the guard; the file is odd all the same.
    if (error instanceof DiagnosticError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return fail("onnx-malformed", `malformed ONNX file: ${reason}`, {
      help: "the file is damaged or was written by a faulty exporter: export it again",
    });
  }
}

/**
 * Decodes the bytes of a .onnx file. Nothing of the result refers to `bytes`.
 *
 * Pass the result to `checkOnnxModel` before relying on its structure: names may still be undefined here.
 * @throws DiagnosticError of the wire guard (see `guardOnnxBytes`), and onnx-no-graph, onnx-attribute,
 *   onnx-external-data, onnx-tensor-shape, onnx-tensor-data, onnx-duplicate-definition
 */
export function decodeOnnx(bytes: Uint8Array, limits: Partial<WireLimits> = {}): OnnxModel {
  guardOnnxBytes(bytes, limits);
  const proto = decodeProto(bytes);
  if (!proto.graph) {
    fail("onnx-no-graph", "the ONNX model holds no graph", {
      help: "export the model again: a file without a graph computes nothing",
    });
  }
  const producer = [proto.producerName, proto.producerVersion].filter(Boolean).join(" ");
  return {
    irVersion: Number(toInteger(proto.irVersion)),
    producer,
    opsets: new Map(
      proto.opsetImport.map(({ domain, version }) => [plainDomain(domain), Number(toInteger(version))]),
    ),
    functions: proto.functions.map((item) => `${item.domain ?? ""}::${item.name ?? ""}`),
    graph: decodeGraph(proto.graph),
  };
}
