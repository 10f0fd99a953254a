/** Whatever is done to a text, it is read or refused with diagnostics: no internal error, no crash in a type rule. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { operators } from "../../src/ops/index.ts";
import { parseGraphs } from "../../src/text/parse.ts";

const texts = operators
  .filter(({ example }) => example.length < 400)
  .map(({ given, example }) => {
    const inputs = Object.entries(given).map(([value, type]) => `${value}: ${type}`);
    return `graph @f(${inputs.join(", ")}) {\n  ${example}\n  return ${example.split(" ")[0]!}\n}\n`;
  });

const tokenPattern = /[A-Za-z_]\w*|-?\d+(?:\.\d+)?|\s+|./g;
const tokens = [...new Set(texts.join("").match(tokenPattern))];
const words = tokens.filter((token) => /^[A-Za-z_]/.test(token));
const numbers = "0 1 2 3 4 5 6 7 8 9 -1 -5 0.5 1e999 9007199254740993 nan -inf 2147483648".split(" ");

/** Mostly numbers for numbers and words for words, so that many mutants pass the grammar and meet the type rules. */
const mutated = fc
  .record({
    text: fc.constantFrom(...texts),
    changes: fc.array(
      fc.record({
        at: fc.nat(),
        number: fc.constantFrom(...numbers),
        word: fc.constantFrom(...words),
        any: fc.constantFrom(...tokens),
        wild: fc.nat(9).map((n) => n === 0),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ text, changes }) => {
    const parts = text.match(tokenPattern)!;
    for (const { at, number, word, any, wild } of changes) {
      const like = wild ? /./ : at % 4 === 0 ? /^[A-Za-z_]/ : /^-?\d/;
      const places = parts.flatMap((part, i) => (like.test(part) ? [i] : []));
      const place = places[at % places.length];
      if (place !== undefined) parts[place] = wild ? any : at % 4 === 0 ? word : number;
    }
    return parts.join("");
  });

test("mutated examples of operators", () => {
  let read = 0;
  fc.assert(
    fc.property(mutated, (text) => {
      try {
        parseGraphs(text);
        read++;
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        for (const { span } of error.diagnostics) expect(span).toBeDefined();
      }
    }),
    { numRuns: 1500, seed: 4 },
  );
  expect(read).toBeGreaterThan(50);
});
