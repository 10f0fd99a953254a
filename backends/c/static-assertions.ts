/**
 * What emitted C asks of the compiler beyond C99, checked when it is compiled: a negative array size stops it. Both are
 * implementation-defined in C99, and every compiler we know does it our way.
 */
export type StaticAssertion = "arithmetic shift" | "wrapping conversion";

const conditions: Readonly<Record<StaticAssertion, { readonly suffix: string; readonly condition: string }>> =
  {
    "arithmetic shift": { suffix: "shifts_right_arithmetically", condition: "(-3 >> 1) == -2" },
    "wrapping conversion": { suffix: "wraps_when_narrowing", condition: "(int8_t)200 == -56" },
  };

export function staticAssertions(name: string, used: ReadonlySet<StaticAssertion>): string[] {
  return [...used].sort().map((assertion) => {
    const { suffix, condition } = conditions[assertion];
    return `typedef char ${name}_${suffix}[${condition} ? 1 : -1];`;
  });
}
