/** Comparisons, truth values and element types. */
import type { Value } from "../../../ir/graph.ts";
import { and } from "../../../ops/and.ts";
import { cast } from "../../../ops/cast.ts";
import { equal } from "../../../ops/equal.ts";
import { isInf } from "../../../ops/is-inf.ts";
import { isNan } from "../../../ops/is-nan.ts";
import { less } from "../../../ops/less.ts";
import { lessEqual } from "../../../ops/less-equal.ts";
import { not } from "../../../ops/not.ts";
import { or } from "../../../ops/or.ts";
import { select } from "../../../ops/select.ts";
import { xor } from "../../../ops/xor.ts";
import { isNarrow, type ElementType } from "../../../tensor/element-type.ts";
import { elementTypeOf } from "../decode-tensor.ts";
import { contentAt, type NodeView } from "../node-view.ts";
import { elementOf, type Converted } from "../operand.ts";
import { binary, broadcastOperands, unary, type Converter, type ConverterTable } from "./converter.ts";

export const logic: ConverterTable = {
  And: binary(and),
  BitwiseAnd: binary(and),
  BitwiseNot: unary(not),
  BitwiseOr: binary(or),
  BitwiseXor: binary(xor),
  Cast: (node) => converted(node, castElement(node)),
  CastLike: convertCastLike,
  Equal: binary(equal),
  Greater: exchanged(less),
  GreaterOrEqual: exchanged(lessEqual),
  IsInf: convertIsInf,
  IsNaN: unary(isNan),
  Less: binary(less),
  LessOrEqual: binary(lessEqual),
  Not: unary(not),
  Or: binary(or),
  Where: convertWhere,
  Xor: binary(xor),
};

/** a > b is b < a, also where one of them is NaN. */
function exchanged(definition: typeof less): Converter {
  return (node) => {
    const [rhs, lhs] = broadcastOperands(node);
    return node.create(definition, { lhs, rhs }, {});
  };
}

/** The element type of a Cast: a number, before operator set 6 a word. */
export function castElement(node: NodeView): ElementType {
  const { attributes } = node;
  attributes.ignore("saturate", "round_mode");
  if (node.opset < 6) {
    const word = attributes.required("to", attributes.string("to"));
    const element = wordElements[word];
    return element ?? node.fail("onnx-cast", `casts to '${word}', which is not supported`);
  }
  const to = attributes.required("to", attributes.int("to"));
  if (to === 10 || to === 16)
    node.warn("onnx-cast", "casts to a half-precision type, which is computed in f32 here");
  return (
    elementTypeOf(to) ?? node.fail("onnx-cast", `casts to the element type ${to}, which is not supported`)
  );
}

const wordElements: Readonly<Record<string, ElementType | undefined>> = {
  BOOL: "bool",
  DOUBLE: "f64",
  FLOAT: "f32",
  FLOAT16: "f32",
  INT8: "i8",
  INT16: "i16",
  INT32: "i32",
  INT64: "i64",
  UINT8: "u8",
  UINT16: "u16",
  UINT32: "u32",
  UINT64: "u64",
};

function converted(node: NodeView, to: ElementType): Converted {
  if (elementOf(node.operand(0)) === to) return contentAt(node, 0);
  if (isNarrow(to)) return node.fail("onnx-cast", `casts to ${to}, which is not supported`);
  return node.create(cast, { input: node.value(0) }, { to });
}

function convertCastLike(node: NodeView): Converted {
  node.attributes.ignore("saturate", "round_mode");
  return converted(node, elementOf(node.operand(1)));
}

function convertIsInf(node: NodeView): Value {
  const positive = node.attributes.flag("detect_positive") ?? true;
  const negative = node.attributes.flag("detect_negative") ?? true;
  return node.create(isInf, { input: node.value(0) }, { positive, negative });
}

function convertWhere(node: NodeView): Value {
  const [condition, lhs, rhs] = [0, 1, 2].map((index) => node.value(index)) as [Value, Value, Value];
  return node.create(select, { condition, lhs, rhs }, {});
}
