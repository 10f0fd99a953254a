/**
 * Runs every case of test/filetests (the format: src/text/filetest.ts). `vitest -u`, or UPDATE=1, writes the `becomes`
 * blocks anew; read the difference before you commit it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { createEngine, type EngineName } from "../../src/driver/engines.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { blessFileTest, parseFileTest, type FileTestCase } from "../../src/text/filetest.ts";
import { printGraph } from "../../src/text/print.ts";
import { runFileTestCase, type FileTestTools } from "../../src/text/run-filetest.ts";
import { updating } from "../updating.ts";

const compiled = (name: EngineName): ExecutorFactory => {
  return (graph) => createEngine(name, graph, nodeEngines);
};
const hasCompiler = firstWorking([["cc"], ["gcc"], ["clang"]]) !== undefined;

const tools: FileTestTools = {
  async transform(graph, steps) {
    await runPipeline(graph, steps, passes, createContext({ executor: interpreterFactory }), {
      print: printGraph,
    });
  },
  engines: {
    interpreter: interpreterFactory,
    "wasm-scalar": compiled("wasm-scalar"),
    "wasm-simd": compiled("wasm-simd"),
    ...(hasCompiler ? { c: compiled("c") } : {}),
  },
};

const root = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".qir"),
);

test("there are text tests", () => {
  expect(files).not.toEqual([]);
});

test.skipIf(!hasCompiler)("executed lines run on compiled C too (skipped: no C compiler)", () => {
  expect(Object.keys(tools.engines)).toEqual(["interpreter", "wasm-scalar", "wasm-simd", "c"]);
});

describe.each(files.toSorted())("%s", (file) => {
  const path = root + file;
  const text = readFileSync(path, "utf8");
  const cases = parseFileTest(text, `test/filetests/${file.replaceAll("\\", "/")}`);
  const blessed = new Map<FileTestCase, string>();

  test.each(cases.map((testCase) => [testCase.name, testCase] as const))("%s", async (_, testCase) => {
    const { problems, stale } = await runFileTestCase(testCase, tools);
    expect(problems.join("\n")).toBe("");
    if (stale === undefined) return;
    if (updating()) blessed.set(testCase, stale);
    else expect(testCase.becomes, "its `becomes` (vitest -u writes it anew)").toBe(stale.trim());
  });

  afterAll(() => {
    const updated = blessFileTest(text, cases, blessed);
    if (updated !== text) writeFileSync(path, updated);
  });
});
