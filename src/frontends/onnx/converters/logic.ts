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
import { scalarTensor } from "./terms.ts";
import { binary, broadcastOperands, since, unary, type Converter, type ConverterTable } from "./converter.ts";

export const logic: ConverterTable = {
  And: since(1, binary(and), "attributes broadcast and axis until 6"),
  BitwiseAnd: since(18, binary(and)),
  BitwiseNot: since(18, unary(not)),
  BitwiseOr: since(18, binary(or)),
  BitwiseXor: since(18, binary(xor)),
  Cast: since(
    1,
    (node) => converted(node, castElement(node)),
    "to is a word until 5; half precision is computed in f32, 4 and 8-bit floats and 4-bit integers are declined",
  ),
  CastLike: since(15, convertCastLike, "as Cast"),
  Equal: since(1, binary(equal), "attributes broadcast and axis until 6"),
  Greater: since(1, exchanged(less), "attributes broadcast and axis until 6"),
  GreaterOrEqual: since(12, exchanged(lessEqual)),
  IsInf: since(10, convertIsInf),
  IsNaN: since(9, unary(isNan)),
  Less: since(1, binary(less), "attributes broadcast and axis until 6"),
  LessOrEqual: since(12, binary(lessEqual)),
  Not: since(1, unary(not)),
  Or: since(1, binary(or), "attributes broadcast and axis until 6"),
  Where: since(9, convertWhere),
  Xor: since(1, binary(xor), "attributes broadcast and axis until 6"),
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
  // A choice between two reals has an integer form.
  const input = node.value(0);
  if (input.type.element === "bool" && to === "f32")
    return node.create(select, { condition: input, lhs: realOf(node, 1), rhs: realOf(node, 0) }, {});
  return node.create(cast, { input }, { to });
}

const realOf = (node: NodeView, number: number): Value =>
  node.constant(scalarTensor("f32", number), "number");

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
