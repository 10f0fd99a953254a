/**
 * The small functions that emitted C may call. Each is there only when it is used, since clang warns of an unused one.
 *
 * Minima and maxima are the loop IR's comparisons, so operands are evaluated once and NaNs go where it says. Conversions
 * to integers saturate because C leaves what does not fit undefined. Bits of doubles are read through a union, which C99
 * (6.5.2.3) allows.
 */
import type { LaneElement } from "../../src/loops/loop.ts";

export const scalarTypes: Readonly<Record<"i32" | "i64" | "f32" | "f64", string>> = {
  i32: "int32_t",
  i64: "int64_t",
  f32: "float",
  f64: "double",
};

export type ScalarElement = keyof typeof scalarTypes;

/** What the printed expressions need besides the language. */
export type HelperName =
  | `${"min" | "max"}_${ScalarElement}`
  | `${"clamp" | "abs"}_${"i32" | "i64"}`
  | `${"i32" | "i64"}_from_${"f32" | "f64"}`
  | "mulhi_i32"
  | "wide_i32"
  | "pow2_f64"
  | "exponent_f64"
  | "significand_f64";

/** Names that no global of a program may take. */
export const helperNames: readonly HelperName[] = [
  ...(["i32", "i64", "f32", "f64"] as const).flatMap((type) => [`min_${type}`, `max_${type}`] as const),
  ...(["i32", "i64"] as const).flatMap((type) => [`clamp_${type}`, `abs_${type}`] as const),
  ...(["i32", "i64"] as const).flatMap((type) => [`${type}_from_f32`, `${type}_from_f64`] as const),
  "mulhi_i32",
  "wide_i32",
  "pow2_f64",
  "exponent_f64",
  "significand_f64",
];

const inline = (result: string, name: string, parameters: string, body: readonly string[]): string =>
  [`static inline ${result} ${name}(${parameters})`, "{", ...body.map((line) => `    ${line}`), "}"].join(
    "\n",
  );

const punned = "union { uint64_t bits; double value; } word;";

/** The largest power of two that the integer type reaches; NaN fails every comparison and falls through to 0. */
function fromFloat(name: string, to: "i32" | "i64", from: "f32" | "f64"): string {
  const suffix = from === "f32" ? "f" : "";
  const limit = `${to === "i32" ? "2147483648.0" : "9223372036854775808.0"}${suffix}`;
  const bits = to === "i32" ? "32" : "64";
  const below = to === "i32" && from === "f64" ? "x > -2147483649.0" : `x >= -${limit}`;
  return inline(scalarTypes[to], name, `${scalarTypes[from]} x`, [
    `if (${below} && x < ${limit}) {`,
    `    return (${scalarTypes[to]})x;`,
    "}",
    `return x > 0.0${suffix} ? INT${bits}_MAX : x < 0.0${suffix} ? INT${bits}_MIN : 0;`,
  ]);
}

function definition(name: HelperName): string {
  const [operation, ...rest] = name.split("_") as [string, ...string[]];
  const type = scalarTypes[rest.at(-1) as ScalarElement];
  switch (operation) {
    case "min":
      return inline(type, name, `${type} a, ${type} b`, ["return b < a ? b : a;"]);
    case "max":
      return inline(type, name, `${type} a, ${type} b`, ["return a < b ? b : a;"]);
    case "clamp":
      return inline(type, name, `${type} x, ${type} low, ${type} high`, [
        "return x < low ? low : x > high ? high : x;",
      ]);
    case "abs":
      return inline(type, name, `${type} x`, ["return x < 0 ? -x : x;"]);
    case "mulhi":
      return `/* The high word of the 64-bit product. */\n${inline(type, name, "int32_t a, int32_t b", [
        "return (int32_t)(((int64_t)a * b) >> 32);",
      ])}`;
    case "wide":
      return `/* Compilers warn of comparisons that the type of a narrow operand decides, but not behind a call. */\n${inline(
        type,
        name,
        "int32_t x",
        ["return x;"],
      )}`;
    case "pow2":
      return `/* 2^k for an integral k in [-1022, 1023]. */\n${inline(type, name, "double k", [
        punned,
        "word.bits = (uint64_t)((int64_t)k + 1023) << 52;",
        "return word.value;",
      ])}`;
    case "exponent":
      return `/* The unbiased exponent of a positive normal number. */\n${inline(type, name, "double x", [
        punned,
        "word.value = x;",
        "return (double)((int64_t)(word.bits >> 52) - 1023);",
      ])}`;
    case "significand":
      return `/* The significand in [1, 2) of a positive normal number. */\n${inline(type, name, "double x", [
        punned,
        "word.value = x;",
        "word.bits = (word.bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);",
        "return word.value;",
      ])}`;
    default:
      return `/* Toward zero; saturates, NaN gives 0. */\n${fromFloat(name, operation as "i32", rest.at(-1) as "f32")}`;
  }
}

/** Definitions of the helpers, in an order that does not depend on that of their first use. */
export const helperDefinitions = (used: ReadonlySet<HelperName>): string[] =>
  [...used].sort((a, b) => (a < b ? -1 : 1)).map(definition);

/** @throws internal, when the element is no scalar's */
export function scalarElement(element: LaneElement, lanes: number): ScalarElement {
  if (lanes !== 1 || element === "i8" || element === "i16") {
    throw new Error(`internal: the C back end prints scalars, not ${element}x${lanes}`);
  }
  return element;
}
