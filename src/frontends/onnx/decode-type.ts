/**
 * Turns a TypeProto into our description of a type. Only dense tensors of element types that we have get an
 * `element`; sequences, maps, optionals and the rest keep their ONNX name, for the diagnostic their use will get.
 */
import type { onnx as Proto } from "onnx-proto";
import { fail } from "../../diagnostics/diagnostic.ts";
import { elementTypeName, elementTypeOf } from "./decode-tensor.ts";
import { toInteger } from "./exact-reader.ts";
import type { OnnxDimension, OnnxType } from "./model.ts";

/** A dimension: -1 and the empty symbol are what some exporters write for "unknown". */
function decodeDimension(proto: Proto.TensorShapeProto.IDimension, owner: string): OnnxDimension {
  if (proto.dimParam) return proto.dimParam;
  if (!Object.hasOwn(proto, "dimValue")) return null;
  const extent = toInteger(proto.dimValue);
  if (extent === -1) return null;
  if (extent >= 0 && extent < 2 ** 31) return Number(extent);
  return fail("onnx-tensor-shape", `${owner} has a dimension of ${String(extent)}`, {
    subject: owner,
    help: "the file is damaged or was written by a faulty exporter: export it again",
  });
}

function decodeTensorType(proto: Proto.TypeProto.ITensor, owner: string): OnnxType {
  const dataType = proto.elemType ?? 0;
  const element = elementTypeOf(dataType);
  const shape = proto.shape?.dim?.map((dimension) => decodeDimension(dimension, owner));
  return {
    declared: dataType === 0 ? "" : elementTypeName(dataType),
    ...(element === undefined ? {} : { element }),
    ...(proto.shape ? { shape: shape ?? [] } : {}),
  };
}

/** The element type's name stands for a tensor of it. */
function nested(proto: Proto.ITypeProto | null | undefined, owner: string): string {
  return proto ? decodeType(proto, owner).declared : "";
}

/** @throws DiagnosticError onnx-tensor-shape, for a dimension of 2^31 or more, or a negative one but -1 */
export function decodeType(proto: Proto.ITypeProto, owner: string): OnnxType {
  if (proto.tensorType) return decodeTensorType(proto.tensorType, owner);
  if (proto.sequenceType) return { declared: `sequence of ${nested(proto.sequenceType.elemType, owner)}` };
  if (proto.optionalType) return { declared: `optional of ${nested(proto.optionalType.elemType, owner)}` };
  if (proto.mapType) return { declared: `map to ${nested(proto.mapType.valueType, owner)}` };
  if (proto.sparseTensorType) {
    return { declared: `sparse ${elementTypeName(proto.sparseTensorType.elemType ?? 0)}` };
  }
  return { declared: "" };
}
