/** Any function of one stored 8-bit element: a table with an entry for each of its 256 values. */
import { at, axes, compute, i32, load, sub } from "../expr/build.ts";
import { tensorAttribute } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { elementRange } from "../tensor/element-type.ts";
import { allocate, numbersOf } from "../tensor/tensor.ts";
import { requireActivation, requireElement } from "./type-rules.ts";

/** The example halves the scale by keeping the integers. */
const identityEntries = Array.from({ length: 256 }, (_, i) => i - 128).join(", ");

export const lookup = defineOp({
  name: "lookup",
  doc: "y = table[q - lowest q], for i8 or u8 elements q and a table of 256 entries, which the result's type gives a meaning.",
  example: `%y = lookup %x {table = dense<[${identityEntries}]> : tensor<256xi8>} : tensor<4xi8, 0.25:-3>`,
  given: { "%x": "tensor<4xi8, 0.5:-3>" },
  operands: ["input"],
  attrs: { table: tensorAttribute() },

  infer({ input }, { table }, fail, declared) {
    requireActivation("input", input, fail);
    requireElement("input", input, ["i8", "u8"], fail);
    if (!sameShape(table.shape, [256]))
      fail("attribute", `has a table of shape [${table.shape.join(", ")}], expected [256]`);
    if (declared === undefined)
      return fail("result-type", "needs a result type, which its operand does not determine");
    if (!sameShape(declared.shape, input.shape))
      fail("result-type", `is declared ${formatType(declared)}, expected the shape of ${formatType(input)}`);
    requireActivation("a result", declared, fail);
    if (table.element !== declared.element)
      fail("result-type", `has a table of ${table.element}, expected ${declared.element} as its result`);
    return declared;
  },

  express({ input }, { table }, result) {
    const domain = axes(result.type.shape, []);
    const { min } = elementRange(input.type.element);
    const entry = sub(load(input.tensor, domain.map(at)), i32(min));
    return [compute(result.tensor, domain, load(result.constant("table", table), [{ value: entry }]))];
  },

  evalStored({ input }, { table }, { result }) {
    const [x, entries] = [numbersOf(input), numbersOf(table)];
    const data = allocate(result.element, x.length) as Int8Array;
    const offset = input.element === "i8" ? 128 : 0;
    x.forEach((q: number, i: number) => (data[i] = entries[q + offset]!));
    return { shape: result.shape, element: result.element, data };
  },
});
