/**
 * The elements of a tensor as text: `[[1, 2], [3, 4]]` by shape, `splat 0` when all are equal. Every element reads back
 * as the same bits: f32 through the shortest decimal that rounds to it, 64-bit integers as bigints (NaN payloads aside).
 */
import { formatNumber } from "../numerics/shortest.ts";
import {
  elementRange,
  elementSizeBytes,
  holdsInteger,
  isBigInteger,
  isFloat,
  type ElementType,
} from "../tensor/element-type.ts";
import { allocate, elementCount, stridesOf, type Tensor } from "../tensor/tensor.ts";
import { numberOfText, type ElementsSyntax, type NestedSyntax } from "./syntax.ts";
import type { TextRange } from "./source.ts";

/** A splat is a few characters that could ask for all memory. */
const largestSplatBytes = 2 ** 28;

export type ElementsFail = (message: string, at: TextRange) => never;

/** The tensor that was written. `fail` must throw: elements that do not fit the type or the shape. */
export function tensorOfElements(
  syntax: ElementsSyntax,
  element: ElementType,
  shape: readonly number[],
  fail: ElementsFail,
): Tensor {
  if (syntax.splat && elementCount(shape) * elementSizeBytes(element) > largestSplatBytes)
    fail(
      `a splat of ${elementCount(shape)} elements is too large, at most ${largestSplatBytes} bytes are filled`,
      syntax.at,
    );
  const leaves: (number | bigint)[] = [];
  if (syntax.splat) leaves.push(elementOf(syntax.nested, element, fail));
  else collect(syntax.nested, element, shape, 0, leaves, fail);
  const data = allocate(element, elementCount(shape));
  if (syntax.splat) (data as { fill(value: number | bigint): void }).fill(leaves[0]!);
  else (data as { set(values: readonly (number | bigint)[]): void }).set(leaves);
  return { element, shape, data };
}

/** `[[1, 2], [3, 4]]`, `3` for a scalar, `splat 0` for two or more equal elements. */
export function formatElements({ element, shape, data }: Tensor): string {
  const text = (index: number): string => formatElement(element, data[index]!);
  if (data.length > 1 && (data as Uint8Array).every((value) => Object.is(value, data[0])))
    return `splat ${text(0)}`;
  const strides = stridesOf(shape);
  const nested = (axis: number, offset: number): string => {
    if (axis === shape.length) return text(offset);
    const items = Array.from({ length: shape[axis]! }, (_, i) =>
      nested(axis + 1, offset + i * strides[axis]!),
    );
    return `[${items.join(", ")}]`;
  };
  return nested(0, 0);
}

function formatElement(element: ElementType, value: number | bigint): string {
  if (element === "bool") return value === 0 ? "false" : "true";
  return typeof value === "bigint"
    ? value.toString()
    : formatNumber(value, element === "f32" ? "f32" : "f64");
}

function collect(
  nested: NestedSyntax,
  element: ElementType,
  shape: readonly number[],
  axis: number,
  leaves: (number | bigint)[],
  fail: ElementsFail,
): void {
  if (axis === shape.length) {
    leaves.push(elementOf(nested, element, fail));
    return;
  }
  if (!("list" in nested)) return fail(`found one element, expected a list of ${shape[axis]}`, nested.at);
  if (nested.list.length !== shape[axis])
    fail(`a list along axis ${axis} has ${nested.list.length} entries, expected ${shape[axis]}`, nested.at);
  for (const item of nested.list) collect(item, element, shape, axis + 1, leaves, fail);
}

function elementOf(nested: NestedSyntax, element: ElementType, fail: ElementsFail): number | bigint {
  if ("list" in nested) return fail("found a list, expected one element", nested.at);
  const { text, at } = nested;
  const isBoolean = text === "true" || text === "false";
  if (isBoolean !== (element === "bool")) fail(`'${text}' is no element of ${element}`, at);
  if (isBoolean) return text === "true" ? 1 : 0;
  if (isFloat(element)) {
    const exact = numberOfText(text);
    const value = element === "f32" ? Math.fround(exact) : exact;
    if (Math.abs(value) === Infinity && !text.endsWith("inf"))
      fail(`${text} is beyond the range of ${element}`, at);
    return value;
  }
  if (!/^-?\d+$/.test(text)) fail(`'${text}' is no integer, as elements of ${element} are`, at);
  if (isBigInteger(element)) {
    const value = BigInt(text);
    const wrapped = element === "i64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
    return wrapped === value ? value : fail(`${text} is beyond the range of ${element}`, at);
  }
  const { min, max } = elementRange(element);
  const value = Number(text);
  if (value < min || value > max) fail(`${text} is beyond the range of ${element}, ${min} to ${max}`, at);
  return holdsInteger(element, value)
    ? value
    : fail(`${text} is even, ${element} holds odd integers from ${min} to ${max}`, at);
}
