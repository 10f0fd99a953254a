/**
 * Any function of one stored 16-bit element: a table of its values at every 64th integer, and straight lines between.
 *
 *     u = q + 2^15    j = u >> 6    r = u & 63
 *     y = clamp((64 T[j] + (T[j+1] - T[j]) r + 2^(f + 5)) >> (f + 6))        T with f fractional bits
 *
 * A line leaves a function by at most h^2 / 8 |f''|, h being 64 steps of the operand: for tanh over ±8 that is 2.4e-5, less than a step of
 * 2^-15. All sums stay within 2^23.
 */
import { add, and, at, axes, clamp, compute, i32, load, mul, shr, sub } from "../expr/build.ts";
import type { Expression } from "../expr/expression.ts";
import { int, tensorAttribute } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType, sameShape } from "../ir/types.ts";
import { elementRange } from "../tensor/element-type.ts";
import { allocate, numbersOf } from "../tensor/tensor.ts";
import { requireActivation, requireElement } from "./type-rules.ts";

const intervals = 1024;

/** Entry k of the table is the function's value at the k-th of these integers; the last lies one beyond the range. */
export const knots: readonly number[] = Array.from({ length: intervals + 1 }, (_, k) => 64 * k - 2 ** 15);

export const interpolate = defineOp({
  name: "interpolate",
  doc: `y = clamp((64 * T[j] + (T[j + 1] - T[j]) * r + 2^(f + 5)) >> (f + 6)), for i16 elements q, j = (q + 32768) >> 6, r = (q + 32768) & 63, and
a table T of 1025 entries with f fractional bits, which the result's type gives a meaning. Source: TensorFlow Lite's 16-bit tables.`,
  example: `%y = interpolate %x {table = dense<splat 5> : tensor<1025xi16>} : tensor<4xi16, 0.25:0>`,
  given: { "%x": "tensor<4xi16, 0.5:0>" },
  operands: ["input"],
  attrs: { table: tensorAttribute(), fraction: int(0) },

  infer({ input }, { table, fraction }, fail, declared) {
    requireActivation("input", input, fail);
    requireElement("input", input, ["i16"], fail);
    if (table.element !== "i16" || !sameShape(table.shape, [knots.length]))
      fail(
        "attribute",
        `has a table ${table.element}[${table.shape.join(", ")}], expected i16[${knots.length}]`,
      );
    if (fraction < 0 || fraction > 8) fail("attribute", `has fraction ${fraction}, expected 0 to 8`);
    if (declared === undefined)
      return fail("result-type", "needs a result type, which its operand does not determine");
    if (!sameShape(declared.shape, input.shape))
      fail("result-type", `is declared ${formatType(declared)}, expected the shape of ${formatType(input)}`);
    requireActivation("a result", declared, fail);
    return declared;
  },

  express({ input }, { table, fraction }, result) {
    const domain = axes(result.type.shape, []);
    const u = add(load(input.tensor, domain.map(at)), i32(2 ** 15));
    const [j, r] = [shr(u, i32(6)), and(u, i32(63))];
    const entries = result.constant("table", table);
    const entry = (k: Expression): Expression => load(entries, [{ value: k }]);
    const [low, high] = [entry(j), entry(add(j, i32(1)))];
    const between = add(mul(low, i32(64)), mul(sub(high, low), r));
    const rounded = shr(add(between, i32(2 ** (fraction + 5))), i32(fraction + 6));
    const { min, max } = elementRange(result.type.element);
    return [compute(result.tensor, domain, clamp(rounded, i32(min), i32(max)))];
  },

  evalStored({ input }, { table, fraction }, { result }) {
    const [x, entries] = [numbersOf(input), numbersOf(table)];
    const { min, max } = elementRange(result.element);
    const data = allocate(result.element, x.length) as Int16Array;
    x.forEach((q: number, i: number) => {
      const j = Math.floor((q + 32768) / 64);
      const part = (q - knots[j]!) / 64;
      const y = entries[j]! * (1 - part) + entries[j + 1]! * part;
      data[i] = Math.max(min, Math.min(max, Math.floor(y / 2 ** fraction + 0.5)));
    });
    return { shape: result.shape, element: result.element, data };
  },
});
