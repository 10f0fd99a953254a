/** Powers. No integer form: with a constant exponent it is a function of one element, which frontends write otherwise. */
import { convert } from "../expr/build.ts";
import { convertElement } from "../expr/element-arithmetic.ts";
import { powExpression } from "../expr/elementary.ts";
import { defineBinary } from "./binary.ts";

export const pow = defineBinary({
  name: "pow",
  doc: `y = lhs^rhs, computed in doubles and rounded once, of plain integers towards zero; special values as C99's pow. Source: ONNX Pow.`,
  plain: (element, a, b) => {
    const [x, e] = [a, b].map((operand) => convertElement(element, "f64", operand));
    const power = powExpression(x!, e!);
    return element === "f32" ? convert("f32", power) : convertElement("f64", element, power);
  },
  rewrite: "write a constant exponent as products",
});
