/** Powers. No integer form: with a constant exponent it is a function of one element, which frontends write otherwise. */
import { convert } from "../expr/build.ts";
import { powExpression } from "../expr/elementary.ts";
import { defineBinary } from "./binary.ts";

export const pow = defineBinary({
  name: "pow",
  doc: "y = lhs^rhs, computed in doubles and rounded once; special values as C99's pow. Source: ONNX Pow.",
  real: (a, b) => convert("f32", powExpression(convert("f64", a), convert("f64", b))),
});
