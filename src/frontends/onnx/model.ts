/**
 * An ONNX model as plain data: what decoding gives and conversion to our graph IR takes.
 *
 * It differs from onnx.proto where the difference spares every consumer a case: integers are exact (a bigint only
 * beyond 2^53), tensors are ours whatever field held their numbers, the domain "ai.onnx" is written "", and
 * `Constant` nodes have become initializers.
 */
import type { ElementType } from "../../tensor/element-type.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface OnnxModel {
  readonly irVersion: number;
  /** Name and version of the exporter, "" when it did not say. */
  readonly producer: string;
  /** Version of each imported operator set by domain; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** "domain::name" of the model-local functions. Their bodies are not decoded. */
  readonly functions: readonly string[];
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  /** As listed in the file: before IR version 4 the initializers are among them. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly initializers: ReadonlyMap<string, OnnxConstant>;
  /** What the exporter said of inner values, by name. */
  readonly valueInfos: ReadonlyMap<string, OnnxValueInfo>;
}

export interface OnnxNode {
  /** Often "". */
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** "" stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
  /** Position in the file's list of nodes, for diagnostics. */
  readonly index: number;
}

/** An integer: a bigint only where a double would not hold it exactly (INT64_MAX as "to the end" of a slice). */
export type OnnxInteger = number | bigint;

export type OnnxAttribute =
  | { readonly kind: "int"; readonly value: OnnxInteger }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxConstant }
  | { readonly kind: "graph"; readonly value: OnnxGraph }
  | { readonly kind: "type"; readonly value: OnnxType }
  | { readonly kind: "ints"; readonly value: readonly OnnxInteger[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensors"; readonly value: readonly OnnxConstant[] }
  | { readonly kind: "graphs"; readonly value: readonly OnnxGraph[] }
  | { readonly kind: "types"; readonly value: readonly OnnxType[] }
  /** Sparse tensors, references to a function's attributes, kinds that a newer ONNX brought. */
  | { readonly kind: "opaque"; readonly value: string };

/** A constant whose numbers we do not represent: only its use is an error, which `what` names ("string"). */
export interface OpaqueConstant {
  readonly opaque: string;
  readonly shape: readonly number[];
}

export type OnnxConstant = Tensor | OpaqueConstant;

export function isOpaque(constant: OnnxConstant): constant is OpaqueConstant {
  return "opaque" in constant;
}

/** A dimension: its extent, the name of a symbolic one, or `null` where nothing is known. */
export type OnnxDimension = number | string | null;

export interface OnnxType {
  /** As ONNX calls it ("float16", "sequence of float"); "" when not given. */
  readonly declared: string;
  /** The element type values of this type have here; absent when we represent no such values. */
  readonly element?: ElementType;
  /** Absent when not even the rank is known. */
  readonly shape?: readonly OnnxDimension[];
}

export interface OnnxValueInfo extends OnnxType {
  readonly name: string;
}
