/**
 * The shape of ONNX's protobuf messages, as far as onnx-proto 8.0.1 (ONNX 1.10) decodes them.
 *
 * The wire guard needs to know which length-delimited fields the decoder will recurse into and which numbers it will
 * append to an array; everything it does not know is skipped by the decoder too, so a newer ONNX's fields may be
 * left out here. The names are those of `onnx.proto`, because diagnostics quote them as a path.
 */

/** How the decoder reads a field: `int32` and `int64` are varints, the decoder takes at most 5 or 10 bytes of them. */
export type WireScalar = "int32" | "int64" | "float" | "double" | "string" | "bytes";

export type WireMessageName =
  | "ModelProto"
  | "GraphProto"
  | "NodeProto"
  | "AttributeProto"
  | "TensorProto"
  | "Segment"
  | "SparseTensorProto"
  | "ValueInfoProto"
  | "TypeProto"
  | "TensorType"
  | "SequenceType"
  | "MapType"
  | "TensorShapeProto"
  | "Dimension"
  | "StringStringEntryProto"
  | "TensorAnnotation"
  | "OperatorSetIdProto"
  | "TrainingInfoProto"
  | "FunctionProto";

/** Name in onnx.proto, what it holds, and "*" where it repeats. */
export type WireField = readonly [name: string, type: WireScalar | WireMessageName, repeated?: "*"];

type WireMessage = Readonly<Record<number, WireField>>;

const wireMessages: Readonly<Record<WireMessageName, WireMessage>> = {
  ModelProto: {
    1: ["ir_version", "int64"],
    2: ["producer_name", "string"],
    3: ["producer_version", "string"],
    4: ["domain", "string"],
    5: ["model_version", "int64"],
    6: ["doc_string", "string"],
    7: ["graph", "GraphProto"],
    8: ["opset_import", "OperatorSetIdProto", "*"],
    14: ["metadata_props", "StringStringEntryProto", "*"],
    20: ["training_info", "TrainingInfoProto", "*"],
    25: ["functions", "FunctionProto", "*"],
  },
  GraphProto: {
    1: ["node", "NodeProto", "*"],
    2: ["name", "string"],
    5: ["initializer", "TensorProto", "*"],
    10: ["doc_string", "string"],
    11: ["input", "ValueInfoProto", "*"],
    12: ["output", "ValueInfoProto", "*"],
    13: ["value_info", "ValueInfoProto", "*"],
    14: ["quantization_annotation", "TensorAnnotation", "*"],
    15: ["sparse_initializer", "SparseTensorProto", "*"],
  },
  NodeProto: {
    1: ["input", "string", "*"],
    2: ["output", "string", "*"],
    3: ["name", "string"],
    4: ["op_type", "string"],
    5: ["attribute", "AttributeProto", "*"],
    6: ["doc_string", "string"],
    7: ["domain", "string"],
  },
  AttributeProto: {
    1: ["name", "string"],
    2: ["f", "float"],
    3: ["i", "int64"],
    4: ["s", "bytes"],
    5: ["t", "TensorProto"],
    6: ["g", "GraphProto"],
    7: ["floats", "float", "*"],
    8: ["ints", "int64", "*"],
    9: ["strings", "bytes", "*"],
    10: ["tensors", "TensorProto", "*"],
    11: ["graphs", "GraphProto", "*"],
    13: ["doc_string", "string"],
    14: ["tp", "TypeProto"],
    15: ["type_protos", "TypeProto", "*"],
    20: ["type", "int32"],
    21: ["ref_attr_name", "string"],
    22: ["sparse_tensor", "SparseTensorProto"],
    23: ["sparse_tensors", "SparseTensorProto", "*"],
  },
  TensorProto: {
    1: ["dims", "int64", "*"],
    2: ["data_type", "int32"],
    3: ["segment", "Segment"],
    4: ["float_data", "float", "*"],
    5: ["int32_data", "int32", "*"],
    6: ["string_data", "bytes", "*"],
    7: ["int64_data", "int64", "*"],
    8: ["name", "string"],
    9: ["raw_data", "bytes"],
    10: ["double_data", "double", "*"],
    11: ["uint64_data", "int64", "*"],
    12: ["doc_string", "string"],
    13: ["external_data", "StringStringEntryProto", "*"],
    14: ["data_location", "int32"],
  },
  Segment: { 1: ["begin", "int64"], 2: ["end", "int64"] },
  SparseTensorProto: {
    1: ["values", "TensorProto"],
    2: ["indices", "TensorProto"],
    3: ["dims", "int64", "*"],
  },
  ValueInfoProto: { 1: ["name", "string"], 2: ["type", "TypeProto"], 3: ["doc_string", "string"] },
  TypeProto: {
    1: ["tensor_type", "TensorType"],
    4: ["sequence_type", "SequenceType"],
    5: ["map_type", "MapType"],
    6: ["denotation", "string"],
    8: ["sparse_tensor_type", "TensorType"],
    9: ["optional_type", "SequenceType"],
  },
  TensorType: { 1: ["elem_type", "int32"], 2: ["shape", "TensorShapeProto"] },
  SequenceType: { 1: ["elem_type", "TypeProto"] },
  MapType: { 1: ["key_type", "int32"], 2: ["value_type", "TypeProto"] },
  TensorShapeProto: { 1: ["dim", "Dimension", "*"] },
  Dimension: { 1: ["dim_value", "int64"], 2: ["dim_param", "string"], 3: ["denotation", "string"] },
  StringStringEntryProto: { 1: ["key", "string"], 2: ["value", "string"] },
  TensorAnnotation: {
    1: ["tensor_name", "string"],
    2: ["quant_parameter_tensor_names", "StringStringEntryProto", "*"],
  },
  OperatorSetIdProto: { 1: ["domain", "string"], 2: ["version", "int64"] },
  TrainingInfoProto: {
    1: ["initialization", "GraphProto"],
    2: ["algorithm", "GraphProto"],
    3: ["initialization_binding", "StringStringEntryProto", "*"],
    4: ["update_binding", "StringStringEntryProto", "*"],
  },
  FunctionProto: {
    1: ["name", "string"],
    4: ["input", "string", "*"],
    5: ["output", "string", "*"],
    6: ["attribute", "string", "*"],
    7: ["node", "NodeProto", "*"],
    8: ["doc_string", "string"],
    9: ["opset_import", "OperatorSetIdProto", "*"],
    10: ["domain", "string"],
  },
};

/** The field the decoder knows under this number, or `undefined` where it skips. */
export function wireField(message: WireMessageName, number: number): WireField | undefined {
  return wireMessages[message][number];
}

export function isWireMessageName(type: WireScalar | WireMessageName): type is WireMessageName {
  return type in wireMessages;
}
