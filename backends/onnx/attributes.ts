/** Attributes of ONNX nodes, which say of a number whether it is an integer or a float, as the file has to. */
import onnxProto from "onnx-proto";
import type { onnx as Proto } from "onnx-proto";
import type { AttributeSpec, AttributeValue } from "../../src/ir/attributes.ts";

export type OnnxAttribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "ints"; readonly value: readonly number[] };

export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

export const int = (value: number | boolean): OnnxAttribute => ({ kind: "int", value: Number(value) });
export const float = (value: number): OnnxAttribute => ({ kind: "float", value });
export const ints = (value: readonly number[]): OnnxAttribute => ({ kind: "ints", value });
export const text = (value: string): OnnxAttribute => ({ kind: "text", value });

/** An attribute of ours that ONNX has under the same name. */
export function onnxAttribute({ kind }: AttributeSpec, value: AttributeValue): OnnxAttribute {
  if (typeof value === "number") return kind === "float" ? float(value) : int(value);
  if (typeof value === "boolean") return int(value);
  if (typeof value === "string") return text(value);
  throw new Error(`internal: no ONNX attribute holds ${kind}`);
}

const { AttributeType } = onnxProto.onnx.AttributeProto;

export function attributeProto(name: string, attribute: OnnxAttribute): Proto.IAttributeProto {
  switch (attribute.kind) {
    case "int":
      return { name, type: AttributeType.INT, i: attribute.value };
    case "float":
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case "ints":
      return { name, type: AttributeType.INTS, ints: [...attribute.value] };
    case "text":
      return { name, type: AttributeType.STRING, s: new TextEncoder().encode(attribute.value) };
  }
}
