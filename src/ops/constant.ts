/** Weights and every other tensor known before the network runs. */
import { tensorAttribute } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameShape, tensorType } from "../ir/types.ts";
import { findForeignInteger } from "../tensor/tensor.ts";

export const constant = defineOp({
  name: "constant",
  doc: `A tensor known at compile time. The declared type may give its integers a quantization.`,
  example: "%y = constant {value = dense<[1.5, -2]>} : tensor<2xf32>",
  given: {},
  operands: [],
  attrs: { value: tensorAttribute() },
  infer(_, { value }, fail, declared) {
    const plain = tensorType(value.element, value.shape);
    const foreign = findForeignInteger(value);
    if (foreign >= 0)
      fail("tensor", `holds ${String(value.data[foreign])}, which is none of ${value.element}'s integers`);
    if (declared === undefined) return plain;
    if (declared.element !== value.element || !sameShape(declared.shape, value.shape))
      fail("result-type", `holds ${formatType(plain)}, declared as ${formatType(declared)}`);
    return declared;
  },
  express() {
    throw new Error("internal: a constant has no expression, its value is read in place");
  },
  value: ({ value }) => value,
});
