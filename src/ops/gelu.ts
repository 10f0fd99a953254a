/** The Gaussian error linear unit, exact or by its tanh approximation. */
import { erfExpression, tanhExpression } from "../expr/elementary.ts";
import { plus, times } from "../expr/double-terms.ts";
import { choice } from "../ir/attributes.ts";
import { defineUnary, inDouble } from "./unary.ts";

export const gelu = defineUnary({
  name: "gelu",
  doc: `y = x / 2 * (1 + erf(x / sqrt(2))), or, with approximate = tanh,
x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))). Source: ONNX Gelu; Hendrycks and Gimpel 2016.`,
  attrs: { approximate: choice(["none", "tanh"], "none") },
  real: (element, { approximate }) =>
    inDouble((x) => {
      const cubic = plus(x, times(0.044715, times(times(x, x), x)));
      const gate =
        approximate === "none"
          ? erfExpression(times(x, 0.7071067811865476))
          : tanhExpression(times(0.7978845608028654, cubic));
      return times(times(0.5, x), plus(1, gate));
    })(element),
});
