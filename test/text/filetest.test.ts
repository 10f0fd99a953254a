/** The tests of the tests: each way a case can be wrong must be seen, or a text test could not fail. */
import { describe, expect, test } from "vitest";
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { blessFileTest, parseFileTest, type FileTestCase } from "../../src/text/filetest.ts";
import { runFileTestCase, type FileTestResult, type FileTestTools } from "../../src/text/run-filetest.ts";

/** `rename` names the first result; `refuse` refuses. */
const tools: FileTestTools = {
  transform(graph, steps) {
    for (const { pass } of steps) {
      if (pass === "rename") graph.rename(graph.operations[0]!.result, "renamed");
      if (pass === "refuse") fail("refused", "this graph is refused");
    }
  },
  engines: {
    rectifier: (graph) =>
      Promise.resolve({
        run: ([input]) =>
          graph.operations.map(() => ({
            ...input!,
            data: (input!.data as Float32Array).map((x) => Math.max(x, 0)),
          })),
        dispose: () => undefined,
      }),
  },
};

const relu = `graph @f(%x: tensor<2xf32>) {
  %y = relu %x : tensor<2xf32>
  return %y
}`;
const renamed = relu.replaceAll("%y", "%renamed");

const run = (text: string): Promise<FileTestResult[]> =>
  Promise.all(parseFileTest(text, "t.qir").map((testCase) => runFileTestCase(testCase, tools)));
const ok: FileTestResult = { problems: [], stale: undefined };

describe("cases", () => {
  test("share the pipeline of the file, or have their own", async () => {
    const text = `// run: rename\n\n// case: a\n${relu}\n// becomes:\n${renamed}\n\n// case: b\n// run: nothing\n${relu}\n// becomes: unchanged\n`;
    expect(await run(text)).toEqual([ok, ok]);
    expect(parseFileTest(text, "t.qir").map((c) => [c.name, c.pipeline?.text, c.line])).toEqual([
      ["a", "rename", 3],
      ["b", "nothing", 14],
    ]);
  });

  test("a file without cases is one", async () => {
    expect(await run(`// run: rename\n${relu}\n// becomes:\n${renamed}\n`)).toEqual([ok]);
  });

  test("a result that differs, or is not stated, is stale", async () => {
    const stale = { problems: [], stale: `${renamed}\n` };
    expect(await run(`// run: rename\n${relu}\n// becomes: unchanged`)).toEqual([stale]);
    expect(await run(`// run: rename\n${relu}\n// becomes:\n${relu}`)).toEqual([stale]);
    expect(await run(`// run: rename\n${relu}`)).toEqual([stale]);
    expect(await run(relu)).toEqual([{ problems: [], stale: "unchanged" }]);
    expect(await run(`// run: nothing\n${relu}\n// becomes:\n${relu}`)).toEqual([
      { problems: [], stale: "unchanged" },
    ]);
  });

  test("blessing writes what is stale, in place, and is then content", async () => {
    const text = `// run: rename\n\n// case: a\n${relu}\n// becomes: unchanged\n// run: @f([1, -1]) == [1, 0]\n\n// case: b\n${relu}\n\n// case: c\n${relu}\n// becomes:\n${relu}\n\n`;
    const cases = parseFileTest(text, "t.qir");
    const becomes = new Map<FileTestCase, string>();
    for (const testCase of cases) becomes.set(testCase, (await runFileTestCase(testCase, tools)).stale!);
    const blessed = blessFileTest(text, cases, becomes);
    const block = `// becomes:\n${renamed}\n`;
    expect(blessed).toBe(
      `// run: rename\n\n// case: a\n${relu}\n${block}// run: @f([1, -1]) == [1, 0]\n\n// case: b\n${relu}\n${block}\n// case: c\n${relu}\n${block}\n`,
    );
    expect(await run(blessed)).toEqual([ok, ok, ok]);
  });
});

describe("expected errors", () => {
  const bad = (annotation: string, below = ""): string =>
    `graph @f(%x: tensor<2xf32>) {\n  %y = rellu %x : tensor<2xf32>${annotation}\n${below}  return %y\n}`;

  test("stand on the line or below it", async () => {
    expect(await run(bad(" // error: no operator"))).toEqual([ok]);
    expect(await run(bad("", "  // error: error[unknown-operator]\n"))).toEqual([ok]);
  });

  test("must be there, on their line, with their words", async () => {
    const problems = async (text: string): Promise<number> => (await run(text))[0]!.problems.length;
    expect(await problems(bad(""))).toBe(1);
    expect(await problems(bad(" // error: other words"))).toBe(2);
    expect(await problems(bad("", "  return %y // error: no operator\n"))).toBeGreaterThan(0);
    expect(await problems(bad(" // error: no operator // error: no operator"))).toBeGreaterThan(0);
    expect(await problems(`// run: nothing\n${relu} // error: anything\n`)).toBe(1);
    expect(await problems(bad(" // error: no operator") + "\n// becomes: unchanged")).toBe(1);
  });

  test("of passes have no line and may stand anywhere", async () => {
    expect(await run(`// run: refuse\n${relu}\n// error: error[refused]: this graph is refused\n`)).toEqual([
      ok,
    ]);
    expect((await run(`// run: refuse\n${relu}\n// becomes: unchanged`))[0]!.problems).toHaveLength(1);
  });
});

describe("executed lines", () => {
  test("hold on every engine", async () => {
    expect(await run(`${relu}\n// run: @f([1, -1]) == [1, 0]\n// run: @f([2, 3]) == [2, 3]\n`)).toEqual([ok]);
    const [wrong] = await run(`${relu}\n// run: @f([1, -1]) == [1, 2]\n`);
    expect(wrong!.problems).toEqual(["line 5: @f as written gives [1, 0] in rectifier, expected [1, 2]"]);
  });

  test("hold after the pipeline too", async () => {
    const [wrong] = await run(
      `// run: rename\n${relu}\n// becomes:\n${renamed}\n// run: @f([1, -1]) == [1, 2]\n`,
    );
    expect(wrong!.problems).toEqual([
      "line 11: @f as written gives [1, 0] in rectifier, expected [1, 2]",
      "line 11: @f after the pipeline gives [1, 0] in rectifier, expected [1, 2]",
    ]);
  });

  test.each([
    ["@g([1, 2]) == [1, 2]", "t.qir:5:1: error[syntax]: there is no graph @g"],
    ["@f([1, 2, 3]) == [1, 2]", "t.qir:5:4: error[syntax]: a list along axis 0 has 3 entries, expected 2"],
    ["@f() == [1, 2]", "found 0 inputs, expected 1"],
    ["@f([1, 2]) == [1, 2], 3", "found 2 outputs, expected 1"],
    ["@f([1, 2])", "found the end of the text, expected '=='"],
  ])("%s is refused", async (line, message) => {
    expect((await run(`${relu}\n// run: ${line}\n`))[0]!.problems.join()).toContain(message);
  });
});

test.each([
  ["// cse: x", "there is no directive 'cse'"],
  ["// become: unchanged", "there is no directive 'become'"],
  ["// becomes: changed", "'becomes' is followed by 'changed', expected 'unchanged' or nothing"],
  ["graph // run: x", "'run' stands behind other text"],
  ["// becomes: unchanged\n// becomes: unchanged", "a case has two 'becomes'"],
  ["// case:", "a case has no name"],
])("a directive that would be misread is refused: %s", (text, message) => {
  expect(() => parseFileTest(text, "t.qir")).toThrow(message);
});
