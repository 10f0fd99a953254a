/** The texts in docs/ir.md are what they claim to be. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseFileTest } from "../../src/text/filetest.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { printGraph } from "../../src/text/print.ts";
import { passes } from "../../passes/index.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { runFileTestCase } from "../../src/text/run-filetest.ts";

const page = readFileSync(new URL("../../docs/ir.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/```\n([\s\S]*?)```/g)].map((match) => match[1]!);

describe("docs/ir.md", () => {
  test("its first graph reads, and prints as it stands", () => {
    const text = blocks[0]!;
    expect(text).toContain("graph @net");
    const externals = new Map([
      [
        "w",
        tensor(
          "i8",
          [4, 3, 3, 1],
          Array.from({ length: 36 }, (_, i) => i),
        ),
      ],
    ]);
    const printed = new Map<string, Tensor>();
    expect(printGraph(parseGraph(text, { externals }), { externals: printed })).toBe(text);
    expect(printed).toEqual(externals);
  });

  test("its text test passes", async () => {
    const text = blocks.find((block) => block.startsWith("// run:"))!;
    const cases = parseFileTest(text, "docs/ir.md");
    expect(cases).toHaveLength(1);
    const result = await runFileTestCase(cases[0]!, {
      async transform(graph, steps) {
        await runPipeline(graph, steps, passes, createContext());
      },
      engines: { interpreter: interpreterFactory },
    });
    expect(result).toEqual({ problems: [], stale: undefined });
  });
});
