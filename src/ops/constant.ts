/**
 * Weights and every other tensor known before the network runs.
 *
 * Pruned weights stay in the graph behind a mask: the constant *is* its value with zeros where the mask is false, so that whoever
 * reads it sees exact zeros, while the text still has what was there and a later pass, or a user, can bring it back.
 *
 * Integers may be codes of few bits that groups multiply (src/numerics/group-codes.ts). The constant is what they stand for, and
 * nothing but memory knows: its layout keeps codes and factors.
 */
import { choice, int, tensorAttribute } from "../ir/attributes.ts";
import type { Value } from "../ir/graph.ts";
import { defineOp, type InferFail } from "../ir/operation.ts";
import { formatType, sameShape, tensorType } from "../ir/types.ts";
import {
  findUncoded,
  groupsOfRow,
  mostFactor,
  rowLengthOf,
  type GroupCodes,
} from "../numerics/group-codes.ts";
import { isOdd, narrowElementTypes } from "../tensor/element-type.ts";
import { allocate, findForeignInteger, tensor, type Tensor } from "../tensor/tensor.ts";

const unmasked = tensor("bool", [], [1]);
const noFactors = tensor("u8", [0, 0], []);

export const constant = defineOp({
  name: "constant",
  doc: `A tensor known at compile time. The declared type may give its integers a quantization. A mask of its shape makes elements zero (the
zero point of its quantization) where it is false; what value holds there is kept, but nobody sees it. With codes an i8 is kept in memory as
fewer bits: a code of that element, times factors[c, g] for the g-th group, of size group, in slice c along axis 0.`,
  example: "%y = constant {value = dense<[1.5, -2]>} : tensor<2xf32>",
  given: {},
  operands: [],
  attrs: {
    value: tensorAttribute(),
    mask: tensorAttribute(unmasked),
    codes: choice(["none", ...narrowElementTypes], "none"),
    group: int(0),
    factors: tensorAttribute(noFactors),
  },
  infer(_, { value, mask, codes, group, factors }, fail, declared) {
    const plain = tensorType(value.element, value.shape);
    const foreign = findForeignInteger(value);
    if (foreign >= 0)
      fail("tensor", `holds ${String(value.data[foreign])}, which is none of ${value.element}'s integers`);
    if (mask.element !== "bool") fail("attribute", `has a mask of ${mask.element}, expected bool`);
    if (mask.shape.length > 0 && !sameShape(mask.shape, value.shape))
      fail(
        "attribute",
        `has a mask of shape [${mask.shape.join(", ")}], expected [${value.shape.join(", ")}]`,
      );
    if (isMasking(mask) && isOdd(value.element))
      fail("attribute", `has a mask and holds ${value.element}, which has no zero`);
    if (codes !== "none") checkCodes(value, { element: codes, size: group, factors }, isMasking(mask), fail);
    else if (group !== 0 || factors.data.length > 0)
      fail("attribute", "has a group or factors, but no codes to multiply");
    if (declared === undefined) return plain;
    if (declared.element !== value.element || !sameShape(declared.shape, value.shape))
      fail("result-type", `holds ${formatType(plain)}, declared as ${formatType(declared)}`);
    const zeros = declared.quantization?.zero ?? [0];
    if (isMasking(mask) && zeros.some((zero) => zero !== 0))
      fail("attribute", `has a mask and zero point ${zeros.join(", ")}, expected 0: a pruned weight is 0`);
    return declared;
  },
  express() {
    throw new Error("internal: a constant has no expression, its value is read in place");
  },
  value: ({ value, mask }) => (isMasking(mask) ? masked(value, mask) : value),
  codes: ({ codes, group, factors }) =>
    codes === "none" ? undefined : { element: codes, size: group, factors },
});

function checkCodes(value: Tensor, codes: GroupCodes, isMasked: boolean, fail: InferFail): void {
  const { element, size, factors } = codes;
  const { shape } = value;
  if (value.element !== "i8" || shape.length < 2)
    fail("attribute", `has codes and holds ${formatType(value)}, expected i8 of at least two axes`);
  if (isMasked && isOdd(element)) fail("attribute", `has a mask and codes of ${element}, which has no zero`);
  if (size < 1 || (size & (size - 1)) !== 0)
    fail("attribute", `has groups of ${size}, expected a power of two`);
  const wanted = [shape[0]!, groupsOfRow(rowLengthOf(shape), size)];
  if (factors.element !== "u8" || !sameShape(factors.shape, wanted))
    fail(
      "attribute",
      `has factors of ${formatType(factors)}, expected ${formatType(tensorType("u8", wanted))}`,
    );
  const most = mostFactor(element);
  const wrong = factors.data.find((factor: number | bigint) => factor < 1 || factor > most);
  if (wrong !== undefined) fail("attribute", `has the factor ${wrong} for ${element}, expected 1 to ${most}`);
  const foreign = findUncoded(value, codes);
  if (foreign >= 0)
    fail("tensor", `holds ${String(value.data[foreign])}, for which its group has no code of ${element}`);
}

const isMasking = ({ data }: Tensor): boolean => (data as Uint8Array).includes(0);

/** Which elements of a constant are kept, of its shape; undefined when all are or the value is no constant. */
export function maskOf({ producer, type }: Value): Tensor | undefined {
  if (producer?.definition !== constant) return undefined;
  const mask = producer.attributes["mask"] as Tensor;
  if (!isMasking(mask)) return undefined;
  return sameShape(mask.shape, type.shape) ? mask : tensor("bool", type.shape);
}

/** How many elements of a value a mask hides. */
export function prunedCount(value: Value): number {
  let pruned = 0;
  for (const kept of (maskOf(value)?.data ?? []) as ArrayLike<number> & Iterable<number>)
    if (kept === 0) pruned++;
  return pruned;
}

/** Attributes for a constant of this value that keeps what the mask keeps, and that memory keeps as codes. */
export const maskedBy = (
  value: Tensor,
  mask: Tensor | undefined,
  codes?: GroupCodes,
): ConstantAttributes => ({
  value,
  ...(mask === undefined ? {} : { mask }),
  ...(codes === undefined ? {} : { codes: codes.element, group: codes.size, factors: codes.factors }),
});

export type ConstantAttributes = {
  readonly value: Tensor;
  readonly mask?: Tensor;
  readonly codes?: GroupCodes["element"];
  readonly group?: number;
  readonly factors?: Tensor;
};

/** What a constant holds, elements included that its mask hides. */
export const contentsOf = ({ producer }: Value): Tensor => producer!.attributes["value"] as Tensor;

/** Attributes of a constant after each element was changed where it lies: what is masked stays masked. */
export const rewriteElements = (value: Value, rewrite: (contents: Tensor) => Tensor): ConstantAttributes =>
  maskedBy(rewrite(contentsOf(value)), maskOf(value));

/** Attributes of a constant after its elements moved: the mask moves with them. */
export function moveElements(value: Value, move: (contents: Tensor) => Tensor): ConstantAttributes {
  const mask = maskOf(value);
  return maskedBy(move(contentsOf(value)), mask && move(mask));
}

/** Asked for again and again by passes that look for constants. */
const known = new WeakMap<Tensor, { readonly value: Tensor; readonly result: Tensor }>();

function masked(value: Tensor, mask: Tensor): Tensor {
  const found = known.get(mask);
  if (found?.value === value) return found.result;
  const data = allocate(value.element, value.data.length);
  const kept = mask.data.length === 1 ? undefined : mask.data;
  for (let i = 0; i < data.length; i++) if (kept?.[i] === 1) data[i] = value.data[i]!;
  const result: Tensor = { element: value.element, shape: value.shape, data };
  known.set(mask, { value, result });
  return result;
}
