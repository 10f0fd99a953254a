/** The walkthroughs show code that exists and works. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { parseFileTest } from "../../src/text/filetest.ts";
import { runFileTestCase } from "../../src/text/run-filetest.ts";
import { foldDoubleNegation } from "./fold-double-negation.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const blocksOf = (page: string): string[] =>
  [...read(page).matchAll(/```(?:ts)?\n([\s\S]*?)```/g)].map(([, text]) => text!);

test("docs/add-an-operator.md shows an operator as it is", () => {
  expect(blocksOf("docs/add-an-operator.md")[0]).toBe(read("src/ops/softplus.ts"));
  for (const line of ["Softplus: since(1, unary(softplus)),", '["softplus", [0, 100, -100]'])
    expect(read("docs/add-an-operator.md")).toContain(line);
  expect(read("src/frontends/onnx/converters/elementwise.ts")).toContain(
    "Softplus: since(1, unary(softplus)),",
  );
  expect(read("test/ops/real.test.ts")).toContain('["softplus", [0, 100, -100]');
});

test("docs/add-a-pass.md shows a pass that does what its text test says", async () => {
  const [text, code] = blocksOf("docs/add-a-pass.md");
  expect(code).toBe(read("test/docs/fold-double-negation.ts"));
  const cases = parseFileTest(text!, "docs/add-a-pass.md");
  expect(cases).toHaveLength(2);
  for (const testCase of cases) {
    const result = await runFileTestCase(testCase, {
      async transform(graph, steps) {
        await runPipeline(graph, steps, [foldDoubleNegation], createContext());
      },
      engines: { interpreter: interpreterFactory },
    });
    expect(result).toEqual({ problems: [], stale: undefined });
  }
});

test("links of the pages lead somewhere", () => {
  for (const page of [
    "README.md",
    "docs/README.md",
    "docs/architecture.md",
    "docs/add-a-pass.md",
    "docs/add-an-operator.md",
    "docs/testing.md",
    "docs/arithmetic.md",
    "docs/ir.md",
    "docs/operators.md",
    "docs/errors.md",
  ])
    for (const [, target] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g))
      expect(
        () => read(new URL(target!, `file:///${page}`).pathname.slice(1)),
        `${page}: ${target!}`,
      ).not.toThrow();
});
