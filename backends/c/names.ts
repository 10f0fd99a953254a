/**
 * C identifiers for the names of a loop program, which may be any text (`layer1/out:0`).
 *
 * A name keeps its letters, digits and underscores; a scope makes it unique and keeps it clear of keywords, of the
 * names that compilers know as library functions (a constant called `exp` is a warning), and of what encloses it.
 */

const words = (text: string): string[] => text.split(" ");

/** Keywords, and what emitted C itself may say in any function. */
const reserved = new Set([
  ...words(
    "auto break case char const continue default do double else enum extern float for goto if inline int",
  ),
  ...words(
    "long register restrict return short signed sizeof static struct switch typedef union unsigned void",
  ),
  ...words("volatile while asm typeof bool true false memory arena NULL NAN INFINITY UINT64_C"),
  ...words("sqrt floor ceil trunc nearbyint fabs sqrtf floorf ceilf truncf nearbyintf fabsf"),
  ...["8", "16", "32", "64"].flatMap((bits) => [
    `int${bits}_t`,
    `uint${bits}_t`,
    `INT${bits}_MIN`,
    `INT${bits}_MAX`,
  ]),
]);

/** Functions that compilers know without a declaration: no global may be called so. */
const standardNames = [
  ...words(
    "abs labs llabs div exit abort malloc calloc realloc free printf puts putchar scanf index rindex log logb",
  ),
  ...words(
    "gamma exp pow cbrt sin cos tan asin acos atan sinh cosh tanh erf erfc round rint fma fmax fmin fmod fdim",
  ),
  ...words(
    "modf frexp ldexp scalbn ilogb hypot remainder copysign nan lround lrint j0 j1 jn y0 y1 yn drem significand",
  ),
  ...words(
    "memcpy memset memmove memcmp strlen bcmp bzero alloca signbit isnan isinf finite conj creal cimag carg main",
  ),
  ...words(
    "errno signgam log2 log10 log1p exp2 expm1 lgamma tgamma exp10 sincos scalb isalpha isdigit tolower toupper",
  ),
];

/** The nearest identifier: other characters become underscores, runs of them one; never empty, never a digit first. */
export function identifier(text: string): string {
  const cleaned = text.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  if (cleaned === "") return "x";
  return /^[0-9]/.test(cleaned) ? `x${cleaned}` : cleaned;
}

export const isIdentifier = (text: string): boolean =>
  /^[A-Za-z][A-Za-z0-9_]*$/.test(text) && !reserved.has(text) && !standardNames.includes(text);

/** Unique names: each object asked for gets one, and keeps it. */
export class NameScope {
  readonly #taken: Set<string>;
  readonly #barred: ReadonlySet<string>;
  readonly #names = new Map<object, string>();

  /** `barred` names are refused here, but free in inner scopes. */
  constructor(taken: Iterable<string> = [], barred: Iterable<string> = []) {
    this.#taken = new Set(taken);
    this.#barred = new Set(barred);
  }

  /** The scope of a C file; `barred` are names of one function that sees them all. */
  static global(taken: Iterable<string>, barred: readonly string[]): NameScope {
    return new NameScope(taken, [...standardNames, ...barred]);
  }

  /** The object's name, made from `text` when it has none yet. */
  of(object: object, text: string): string {
    const known = this.#names.get(object);
    if (known !== undefined) return known;
    const name = this.fresh(text);
    this.#names.set(object, name);
    return name;
  }

  /** A name like `text` that nothing else has. */
  fresh(text: string): string {
    const base = identifier(text);
    const isFree = (name: string) => !this.#taken.has(name) && !this.#barred.has(name) && !reserved.has(name);
    let name = base;
    for (let count = 2; !isFree(name); count++) name = `${base}_${count}`;
    this.#taken.add(name);
    return name;
  }

  /** A scope inside this one: its names differ from all that exist here by now. */
  inner(): NameScope {
    return new NameScope(this.#taken);
  }
}
