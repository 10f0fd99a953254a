/** The element types a tensor can hold, and what is known of each. */

/** Those that fill their bytes. */
export const wholeElementTypes = [
  "f32",
  "f64",
  "i8",
  "u8",
  "i16",
  "u16",
  "i32",
  "u32",
  "i64",
  "u64",
  "bool",
] as const;

/**
 * Integers of less than a byte, for weights: i2 … i7 are two's complement; odd2 … odd7 are the odd integers of a bit more, odd2
 * -3, -1, 1, 3 (2^b levels without a zero, all steps equal, symmetric). A tensor holds each in a byte; how they are packed is
 * a matter of storage.
 */
export const narrowElementTypes = [
  "i2",
  "i3",
  "i4",
  "i5",
  "i6",
  "i7",
  "odd2",
  "odd3",
  "odd4",
  "odd5",
  "odd6",
  "odd7",
] as const;

export const elementTypes = [...wholeElementTypes, ...narrowElementTypes] as const;

/** `bool` is stored as one byte, 0 or 1. */
export type WholeElementType = (typeof wholeElementTypes)[number];
export type NarrowElementType = (typeof narrowElementTypes)[number];
export type ElementType = WholeElementType | NarrowElementType;

export function isElementType(name: string): name is ElementType {
  return (elementTypes as readonly string[]).includes(name);
}

export function isNarrow(element: ElementType): element is NarrowElementType {
  return (narrowElementTypes as readonly string[]).includes(element);
}

/** The bits an element needs: 8 of a `bool`, which is not packed. */
export function elementBits(element: ElementType): number {
  if (element === "bool") return 8;
  return Number(element.replace(/^\D+/, ""));
}

/** In the memory of a tensor, where narrow elements take a byte each. */
export function elementSizeBytes(element: ElementType): number {
  return Math.ceil(elementBits(element) / 8);
}

export function isFloat(element: ElementType): element is "f32" | "f64" {
  return element === "f32" || element === "f64";
}

/** True of i2 to u64 and of odd integers; a `bool` is not a number. */
export function isInteger(element: ElementType): boolean {
  return element !== "bool" && !isFloat(element);
}

export function isSigned(element: ElementType): boolean {
  return !element.startsWith("u") && element !== "bool";
}

/** True of the elements between whose integers lies another: only odd ones are levels. */
export function isOdd(element: ElementType): boolean {
  return element.startsWith("odd");
}

/** True of the types whose elements are bigints in JavaScript. */
export function isBigInteger(element: ElementType): element is "i64" | "u64" {
  return element === "i64" || element === "u64";
}

/**
 * The smallest and the largest stored integer.
 *
 * @throws internal, for floats and for 64-bit integers, whose bounds a `number` cannot hold
 */
export function elementRange(element: ElementType): { readonly min: number; readonly max: number } {
  if (element === "bool") return { min: 0, max: 1 };
  if (isFloat(element) || isBigInteger(element)) throw new Error(`internal: no numeric range for ${element}`);
  const span = 2 ** elementBits(element);
  if (isOdd(element)) return { min: 1 - span, max: span - 1 };
  return isSigned(element) ? { min: -span / 2, max: span / 2 - 1 } : { min: 0, max: span - 1 };
}

/** Whether an integer type of at most 32 bits has this integer. */
export function holdsInteger(element: ElementType, value: number): boolean {
  const { min, max } = elementRange(element);
  return value >= min && value <= max && (!isOdd(element) || value % 2 !== 0);
}
