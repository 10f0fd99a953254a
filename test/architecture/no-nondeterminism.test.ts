/**
 * The same model, samples and options give the same bytes on any machine (design.md, invariant 7). So the compiler asks no clock and no
 * chance, follows no locale, and takes none of the functions whose last bit ECMAScript leaves to the engine.
 */
import { describe, expect, test } from "vitest";
import ts from "typescript";
import { parseSource, placeOf, sourceFiles, visitNodes, type SourceFile } from "./source-files.ts";

/** ECMA-262: "an implementation-approximated Number value"; src/numerics has ours. */
const approximated =
  "acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log10 log1p log2 pow sin sinh tan tanh".split(
    " ",
  );

const members: Readonly<Record<string, string>> = {
  ...Object.fromEntries(approximated.map((name) => [`Math.${name}`, "its last bit is the engine's choice"])),
  "Math.random": "chance",
  "Math.round": "halves go up, not away from zero: use src/numerics/round.ts",
  "performance.now": "a clock",
  "process.hrtime": "a clock",
  "crypto.randomUUID": "chance",
  "crypto.getRandomValues": "chance",
};

/** Whatever the object is. */
const methods: Readonly<Record<string, string>> = {
  localeCompare: "follows the locale",
  toLocaleString: "follows the locale",
  toLocaleLowerCase: "follows the locale",
  toLocaleUpperCase: "follows the locale",
};

const globals: Readonly<Record<string, string>> = {
  Date: "a clock",
  Intl: "follows the locale",
  setTimeout: "a clock",
  setInterval: "a clock",
};

/** file: what it may say, and why. */
const exceptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "src/numerics/round.ts": { "Math.round": "the place where our rounding is made of it" },
};

function flawsOf(file: SourceFile): string[] {
  const flaws: string[] = [];
  const report = (node: ts.Node, what: string, why: string): void => {
    if (exceptions[file.path]?.[what] === undefined) flaws.push(`${placeOf(file, node)}: ${what}: ${why}`);
  };
  visitNodes(file.syntax, (node) => {
    if (ts.isPropertyAccessExpression(node)) {
      const member = `${lastName(node.expression)}.${node.name.text}`;
      if (members[member] !== undefined) report(node, member, members[member]);
      if (Object.hasOwn(methods, node.name.text)) report(node, node.name.text, methods[node.name.text]!);
    }
    if (ts.isElementAccessExpression(node) && lastName(node.expression) === "Math")
      report(node, "Math[…]", "name the function");
    if (
      ts.isVariableDeclaration(node) &&
      node.initializer !== undefined &&
      lastName(node.initializer) === "Math"
    )
      report(node, "Math", "name the function where it is called");
    if (ts.isIdentifier(node) && Object.hasOwn(globals, node.text) && !isOwnName(node))
      report(node, node.text, globals[node.text]!);
    if (isPower(node) && !isExactPower(node))
      report(node, "**", "its last bit is the engine's choice: use src/numerics/elementary.ts");
  });
  return flaws;
}

const lastName = (node: ts.Expression): string =>
  ts.isIdentifier(node) ? node.text : ts.isPropertyAccessExpression(node) ? node.name.text : "";

/** The name of a property, as in `{ Date: … }` and `x.Date`. */
function isOwnName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node)
    return lastName(parent.expression) !== "globalThis";
  return ts.isPropertyAssignment(parent) && parent.name === node;
}

const isPower = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) &&
  [ts.SyntaxKind.AsteriskAsteriskToken, ts.SyntaxKind.AsteriskAsteriskEqualsToken].includes(
    node.operatorToken.kind,
  );

/**
 * A power of two, or a bigint's. Exponents of 2 are integers throughout, and every engine gives those exactly while the
 * result is a normal number; where it may be subnormal, src/numerics/float-bits.ts builds the bits.
 */
const isExactPower = ({ left }: ts.BinaryExpression): boolean =>
  ts.isBigIntLiteral(left) || left.getText() === "2";

const files = sourceFiles("src", "passes", "backends").filter(
  ({ path }) => !path.startsWith("src/driver/node/"),
);

test("the compiler is deterministic as far as words can tell", () => {
  expect(files.flatMap(flawsOf).join("\n")).toBe("");
});

test("every exception is one", () => {
  for (const [path, words] of Object.entries(exceptions)) {
    const file = files.find((candidate) => candidate.path === path);
    for (const word of Object.keys(words)) expect(file?.syntax.text, `${path}: ${word}`).toContain(word);
  }
});

describe("the test itself", () => {
  const flaws = (text: string): string[] => flawsOf(parseSource("src/ops/x.ts", text));

  test.each([
    "const x = Math.random();",
    "const x = globalThis.Math.exp(1);",
    "const { exp } = Math;",
    "const x = Math[name](1);",
    "const x = Date.now();",
    "const x = new Date();",
    "const x = globalThis.Date.now();",
    "const x = globalThis.performance.now();",
    "names.sort((a, b) => a.localeCompare(b));",
    "const x = y ** k;",
    "x **= 2;",
    "const x = 10 ** 3;",
  ])("%s is refused", (text) => {
    expect(flaws(text)).toHaveLength(1);
  });

  test.each([
    "const x = Math.sqrt(Math.fround(Math.abs(y)));",
    "// Math.exp",
    'const text = "Math.exp(1)";',
    "const x = { Date: 1 };",
    "const x = 2 ** k + 2 ** -126 + Number(2n ** k);",
    "const x = log.exp;",
  ])("%s is allowed", (text) => {
    expect(flaws(text)).toEqual([]);
  });
});
