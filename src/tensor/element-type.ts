/** The element types a tensor can hold, and what is known of each. */

export const elementTypes = [
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

/** `bool` is stored as one byte, 0 or 1. */
export type ElementType = (typeof elementTypes)[number];

export function isElementType(name: string): name is ElementType {
  return (elementTypes as readonly string[]).includes(name);
}

export function elementSizeBytes(element: ElementType): number {
  return element === "bool" ? 1 : Number(element.slice(1)) / 8;
}

export function isFloat(element: ElementType): element is "f32" | "f64" {
  return element === "f32" || element === "f64";
}

/** True of i8 to u64; a `bool` is not a number. */
export function isInteger(element: ElementType): boolean {
  return element !== "bool" && !isFloat(element);
}

export function isSigned(element: ElementType): boolean {
  return element.startsWith("i") || element.startsWith("f");
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
  const span = 2 ** (8 * elementSizeBytes(element));
  return isSigned(element) ? { min: -span / 2, max: span / 2 - 1 } : { min: 0, max: span - 1 };
}
