/**
 * A new operator needs no change behind the operators: back ends, schedules and the loop IR know loops, buffers and arithmetic,
 * and never an operator's name (design.md, "The way of the data"). So no name in the list is a word of their code: of an
 * identifier (`emitMaxPool`) or of a string (`"max_pool"`). Comments may speak of convolutions.
 */
import { describe, expect, test } from "vitest";
import ts from "typescript";
import { operators } from "../../src/ops/index.ts";
import { parseSource, placeOf, sourceFiles, visitNodes, type SourceFile } from "./source-files.ts";

/** Words of arithmetic and of memory that operators are named after, not the other way round. */
const loopWords: Readonly<Record<string, string>> = {
  add: "arithmetic of the loop IR",
  sub: "arithmetic of the loop IR",
  mul: "arithmetic of the loop IR",
  div: "arithmetic of the loop IR",
  neg: "arithmetic of the loop IR",
  abs: "arithmetic of the loop IR",
  and: "arithmetic of the loop IR",
  or: "arithmetic of the loop IR",
  xor: "arithmetic of the loop IR",
  select: "an expression of the loop IR",
  sqrt: "arithmetic of the loop IR",
  floor: "arithmetic of the loop IR",
  ceil: "arithmetic of the loop IR",
  not: "plain English in messages",
  less: "a comparison",
  cast: "C's way to write a conversion",
  constant: "a buffer's role, and a literal",
  sign: "as in sign-extend",
  round: "as in rounding constant",
  slice: "Array.prototype.slice",
  concat: "Array.prototype.concat",
  minimum: "a bound, in plain English",
  maximum: "a bound, in plain English",
  clip: "loops are clipped to where reads are inside",
};

/** file: a word, and why it is there. */
const exceptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "backends/c/names.ts": cMathematics("names an identifier may not take"),
  "backends/c/integer-only.ts": cMathematics("what the proof looks for"),
  "backends/wasm/wrapper.ts": {
    quantize: "the caller's floats, outside the module",
    dequantize: "the caller's floats, outside the module",
  },
};

function cMathematics(why: string): Readonly<Record<string, string>> {
  const reason = `functions of C's mathematical library: ${why}`;
  return Object.fromEntries(
    ["exp", "log", "pow", "tanh", "erf", "sin", "cos", "remainder"].map((name) => [name, reason]),
  );
}

const words = (text: string): string[] =>
  text
    .replaceAll("RegExp", "")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/);

const names = operators
  .map(({ name }) => name)
  .filter((name) => loopWords[name] === undefined)
  .map((name) => ({ name, text: ` ${words(name).join(" ")} ` }));

function namesIn(file: SourceFile): string[] {
  const found: string[] = [];
  visitNodes(file.syntax, (node) => {
    const text = textOf(node);
    if (text === undefined) return;
    const spaced = ` ${words(text).join(" ")} `;
    for (const { name, text: wanted } of names)
      if (spaced.includes(wanted) && exceptions[file.path]?.[name] === undefined)
        found.push(`${placeOf(file, node)}: ${name} in ${text.trim().slice(0, 60)}`);
  });
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node.parent ?? node)) return undefined; // imports.test.ts sees to those
  if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) return node.text;
  return undefined;
}

const files = sourceFiles(
  "backends/c",
  "backends/wasm",
  "passes/schedule",
  "passes/lower",
  "passes/memory",
  "src/loops",
);

test("nothing behind the operators names one", () => {
  expect(files.flatMap(namesIn).join("\n")).toBe("");
});

test("every word that is let through is needed", () => {
  const all = operators.map(({ name }) => name);
  for (const word of Object.keys(loopWords)) expect(all).toContain(word);
  for (const [path, allowed] of Object.entries(exceptions)) {
    const file = files.find((candidate) => candidate.path === path);
    for (const word of Object.keys(allowed))
      expect(file?.syntax.text, path).toMatch(new RegExp(`\\b${word}\\b`));
  }
});

describe("the test itself", () => {
  const found = (text: string): string[] => namesIn(parseSource("backends/c/x.ts", text));

  test.each([
    "if (name === 'max_pool') return;",
    'const table = { "batch-norm": 1 };',
    "emitMaxPool();",
    "const isSoftmax = true;",
    "switch (kind) { case `conv2d`: }",
    "const text = `${x} conv2d ${y}`;",
  ])("%s is refused", (text) => {
    expect(found(text)).toHaveLength(1);
  });

  test.each([
    "// conv2d + requantize",
    "/** A softmax. */ const x = 1;",
    "const pool = max(a, b); const expression = add(a, b);",
    'const text = "maximal pooling, paddings";',
  ])("%s is allowed", (text) => {
    expect(found(text)).toEqual([]);
  });
});
