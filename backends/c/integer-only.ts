/**
 * Proves emitted C free of floats: no float type, literal, macro, header or mathematical function outside comments and
 * strings. With the types gone there is nothing a float could be held in, so the rest is caution. The object file's symbols
 * are checked apart (driver/node/soft-float-symbols.ts).
 */

/** A place where C text speaks of floats. */
export interface FloatUse {
  /** Counts from 1. */
  readonly line: number;
  readonly text: string;
  readonly what: "type" | "literal" | "function" | "macro" | "header";
}

const functions =
  "sqrt|cbrt|floor|ceil|trunc|round|rint|nearbyint|lround|llround|lrint|llrint|fabs|fmin|fmax|fma|fmod|fdim|modf|frexp|" +
  "ldexp|scalbn|scalbln|ilogb|logb|exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|" +
  "tanh|asinh|acosh|atanh|erf|erfc|tgamma|lgamma|hypot|copysign|remainder|remquo|nextafter|nan|atof|strtod|strtof";

const patterns: readonly (readonly [FloatUse["what"], RegExp])[] = [
  ["header", /#\s*include\s*<(?:math|float|fenv|tgmath|complex)\.h>/g],
  ["type", /\b(?:float|double|_Complex|_Imaginary|float_t|double_t|_Float\d+x?|__fp16|_Decimal\d+)\b/g],
  // Hexadecimal floats have an exponent with p; decimal ones a point or an exponent, and no letter before.
  ["literal", /\b0[xX][0-9A-Fa-f.]*[pP][-+]?\d+[fFlL]?/g],
  ["literal", /(?<![\w.])(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?[fFlL]?|(?<![\w.])\d+[eE][-+]?\d+[fFlL]?/g],
  ["function", new RegExp(`\\b(?:${functions})[fl]?(?=\\s*\\()`, "g")],
  ["macro", /\b(?:NAN|INFINITY|HUGE_VAL[FL]?|(?:FLT|DBL|LDBL)_[A-Z0-9_]+)\b/g],
];

/** Comments and the contents of strings and characters as blanks; lines stay where they are. Angle includes stay too. */
function withoutCommentsAndStrings(source: string): string {
  const tokens = /\/\*[^]*?(?:\*\/|$)|\/\/[^\n]*|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/g;
  return source.replace(tokens, (token) => token.replace(/[^\n]/g, " "));
}

/** Every mention of floats, in order of lines; empty for integer-only C. */
export function findFloats(source: string): FloatUse[] {
  return withoutCommentsAndStrings(source)
    .split("\n")
    .flatMap((line, index) =>
      patterns.flatMap(([what, pattern]) =>
        [...line.matchAll(pattern)].map(([text]) => ({ line: index + 1, text, what })),
      ),
    );
}
