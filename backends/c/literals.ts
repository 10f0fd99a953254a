/**
 * Numbers as C literals that read back as the same number, whatever the width of `int`.
 *
 * Decimal integers take the first type that holds them, so they need no suffix; the smallest of each width has no
 * literal (`-2147483648` is a minus before a wider number) and goes by its name in stdint.h. Floats are decimals:
 * nine significant digits bring any f32 back, seventeen any f64, and fewer are used where they provably suffice.
 */
import type { BufferData, LaneElement } from "../../src/loops/loop.ts";
import { formatNumber } from "../../src/numerics/shortest.ts";

/** @throws internal, when the value is no integer that a double holds exactly */
export function integerLiteral(value: number | bigint): string {
  if (typeof value === "number" && !Number.isInteger(value))
    throw new Error(`internal: ${value} is no integer`);
  const exact = BigInt(value);
  if (exact === -(2n ** 31n)) return "INT32_MIN";
  if (exact === -(2n ** 63n)) return "INT64_MIN";
  return exact.toString();
}

/** Floats; `NAN` and `INFINITY` are math.h's. */
export function floatLiteral(value: number, element: "f32" | "f64"): string {
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value < 0 ? "-INFINITY" : "INFINITY";
  const digits = Object.is(value, -0) ? "-0" : element === "f64" ? String(value) : shortFloat(value);
  const decimal = /[.e]/.test(digits) ? digits : `${digits}.0`;
  return element === "f32" ? `${decimal}f` : decimal;
}

/**
 * JavaScript reads a decimal to f64 and then to f32, C reads it to f32 at once. They agree unless the f64 lies within
 * an f64 step of the middle between two f32, so a short decimal must keep that distance.
 */
function shortFloat(value: number): string {
  const short = formatNumber(value, "f32");
  const margin = 2 ** -51;
  const safe = [1 - margin, 1 + margin].every((factor) => Math.fround(Number(short) * factor) === value);
  return safe ? short : longFloat(value);
}

const longFloat = (value: number): string => String(Number(value.toPrecision(9)));

export function literal(value: number, element: LaneElement): string {
  return element === "f32" || element === "f64" ? floatLiteral(value, element) : integerLiteral(value);
}

/** The elements of a constant. Many floats take nine digits each: looking for the shortest is slow. */
export function dataLiterals(data: BufferData): string[] {
  if (data instanceof BigInt64Array) return Array.from(data, integerLiteral);
  if (data instanceof Float64Array) return Array.from(data, (value) => floatLiteral(value, "f64"));
  if (!(data instanceof Float32Array)) return Array.from(data, integerLiteral);
  return Array.from(data, (value) => {
    if (!Number.isFinite(value) || Object.is(value, -0)) return floatLiteral(value, "f32");
    const digits = longFloat(value);
    return /[.e]/.test(digits) ? `${digits}f` : `${digits}.0f`;
  });
}
