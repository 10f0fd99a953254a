/** The hyperbolic tangent. Its values lie in (-1, 1), so its stored form always has scale 1/128 and zero 0. */
import { tanhExpression } from "../expr/elementary.ts";
import { perTensor } from "../ir/types.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const tanh = defineUnary({
  name: "tanh",
  doc: "y = (e^x - e^-x) / (e^x + e^-x). Source: ONNX Tanh; TensorFlow Lite quantization specification, TANH.",
  real: inDouble(tanhExpression),
  integer: { kind: "table", result: perTensor(1 / 128, 0) },
});
