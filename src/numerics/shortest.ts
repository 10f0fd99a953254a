/**
 * Numbers as the shortest decimals that read back as the same number, as the textual IR prints them.
 *
 * JavaScript prints doubles so. A number that is an f32 is usually shorter when it only has to come back through
 * `Math.fround`: 0.1 instead of 0.10000000149011612. For each number of digits from 1 on, the nearest decimal and its
 * two neighbours are tried (the neighbours matter where the gap below a power of two is half the gap above).
 */

/** A float type whose numbers are printed. */
export type Precision = "f32" | "f64";

/**
 * The shortest decimal that `parseNumber(text, precision)` reads back as `x`, or `inf`, `-inf`, `nan`, `-0`.
 *
 * @throws internal, when the precision is f32 and `x` is not an f32
 */
export function formatNumber(x: number, precision: Precision = "f64"): string {
  if (Number.isNaN(x)) return "nan";
  if (x === Infinity) return "inf";
  if (x === -Infinity) return "-inf";
  if (Object.is(x, -0)) return "-0";
  if (precision === "f64" || x === 0) return String(x);
  if (Math.fround(x) !== x) throw new Error(`internal: ${x} is no f32`);
  for (let digits = 1; digits <= 9; digits++) {
    const found = candidates(x, digits).find((decimal) => Math.fround(decimal) === x);
    if (found !== undefined) return String(found);
  }
  throw new Error(`internal: ${x} needs more than 9 digits`);
}

/** What `formatNumber` printed, or undefined when the text is no number: no blanks, no hex, no `Infinity`. */
export function parseNumber(text: string, precision: Precision = "f64"): number | undefined {
  if (text === "nan") return NaN;
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  if (!/^-?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text)) return undefined;
  return precision === "f32" ? Math.fround(Number(text)) : Number(text);
}

/** The decimal of so many digits that is nearest to x, then its neighbours. */
function candidates(x: number, digits: number): number[] {
  const nearest = x.toExponential(digits - 1);
  const [mantissa, exponent] = nearest.split("e") as [string, string];
  const integer = Number(mantissa.replace(".", ""));
  const scale = Number(exponent) - (digits - 1);
  return [nearest, `${integer - 1}e${scale}`, `${integer + 1}e${scale}`].map(Number);
}
