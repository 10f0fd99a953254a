/** The logistic function. Its values lie in (0, 1), so its stored form always has scale 1/256 and zero -128. */
import { sigmoidExpression } from "../expr/elementary.ts";
import { perTensor } from "../ir/types.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const sigmoid = defineUnary({
  name: "sigmoid",
  doc: "y = 1 / (1 + e^-x). Source: ONNX Sigmoid; TensorFlow Lite quantization specification, LOGISTIC.",
  real: inDouble(sigmoidExpression),
  integer: { kind: "table", result: perTensor(1 / 256, -128) },
});
