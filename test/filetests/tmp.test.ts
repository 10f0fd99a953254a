/**
 * Runs every case of test/filetests (the format: src/text/filetest.ts). `vitest -u`, or UPDATE=1, writes the `becomes`
 * blocks anew; read the difference before you commit it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
const passes: readonly Pass[] = [];
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext, type Pass } from "../../src/pass/pass.ts";
import { blessFileTest, parseFileTest, type FileTestCase } from "../../src/text/filetest.ts";
import { printGraph } from "../../src/text/print.ts";
import { runFileTestCase, type FileTestTools } from "../../src/text/run-filetest.ts";

const tools: FileTestTools = {
  async transform(graph, steps) {
    await runPipeline(graph, steps, passes, createContext({ executor: interpreterFactory }), {
      print: printGraph,
    });
  },
  engines: { interpreter: interpreterFactory },
};

const root = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".qir"),
);

/** Vitest's own flag: "all" under `-u`. It has no public reader, hence the narrow look at its state. */
function updating(): boolean {
  const state: unknown = (expect.getState() as { snapshotState?: unknown }).snapshotState;
  const { snapshotUpdateState } = (state ?? {}) as { snapshotUpdateState?: string };
  return snapshotUpdateState === "all" || process.env["UPDATE"] === "1";
}

test("there are text tests", () => {
  expect(files).not.toEqual([]);
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
