import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePipeline, printPipeline, type PipelineStep } from "../../src/text/pipeline.ts";

const plain = (steps: readonly PipelineStep[]): object[] =>
  steps.map(({ pass, options }) => ({ pass, options }));

describe("pipelines", () => {
  test("are read with their options and places", () => {
    const steps = parsePipeline(
      `fold-batch-norm, calibrate{method=mse, samples=100},\n  prune{groups=[1,2], name="x y", on=true} // last`,
    );
    expect(plain(steps)).toEqual([
      { pass: "fold-batch-norm", options: {} },
      { pass: "calibrate", options: { method: "mse", samples: 100 } },
      { pass: "prune", options: { groups: [1, 2], name: "x y", on: true } },
    ]);
    expect(steps[2]!.span).toMatchObject({ file: "pipeline", line: 2, column: 3 });
    expect(printPipeline(steps)).toBe(
      `fold-batch-norm, calibrate{method=mse, samples=100}, prune{groups=[1, 2], name="x y", on=true}`,
    );
  });

  test("may be empty", () => {
    expect(parsePipeline(" ")).toEqual([]);
    expect(parsePipeline("fold{}")).toMatchObject([{ pass: "fold", options: {} }]);
    expect(printPipeline([])).toBe("");
  });

  test("words that start like numbers or truth values stay words", () => {
    const values = [
      "infer",
      "inf",
      "nan",
      "true",
      "true-ish",
      "nan-like",
      "",
      "a b",
      "-1",
      "minmax",
      "e5",
      "trueish",
    ];
    for (const value of values) {
      const steps = [{ pass: "p", options: { value } }];
      expect(plain(parsePipeline(printPipeline(steps)))).toEqual(steps);
    }
    expect(printPipeline([{ pass: "p", options: { a: "infer", b: "inf" } }])).toBe(`p{a=infer, b="inf"}`);
  });

  test("come back from their text", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3}){0,2}$/);
    const value = fc.oneof(
      fc.double(),
      fc.boolean(),
      fc.string(),
      word,
      fc.array(fc.double(), { maxLength: 3 }),
    );
    const step = fc.record({
      pass: word,
      options: fc.dictionary(word, value, { maxKeys: 3, noNullPrototype: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3 }), (steps) => {
        expect(plain(parsePipeline(printPipeline(steps)))).toEqual(steps);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  test.each([
    ["fold,", "found the end of the text, expected a pass"],
    ["fold{a}", "found '}', expected '='"],
    ["fold{a=}", "found '}', expected a name, '[', a quoted string, true or false, or a number"],
    ["fold{a=1, a=2}", "option 'a' of pass 'fold' is given twice"],
    ["fold calibrate", "found 'calibrate', expected the end of the text, ',', or '{'"],
  ])("%s is refused", (text, message) => {
    expect(() => parsePipeline(text)).toThrow(message);
  });
});
