/** Ranges that the user states: taken as they are, by calibration and without samples, or named when they fit nothing. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { parseRanges } from "../../src/driver/ranges.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const net = (): Graph =>
  parseGraph(
    `graph @net(%x: tensor<1x2xf32>) {
  %w = constant {value = dense<[[1, 2], [3, -4]]>} : tensor<2x2xf32>
  %a = linear %x, %w : tensor<1x2xf32>
  %r = relu %a : tensor<1x2xf32>
  %y = linear %r, %w : tensor<1x2xf32>
  return %y
}`,
    { file: "net.qir" },
  );
const data = tensor(
  "f32",
  [10, 1, 2],
  Float32Array.from({ length: 20 }, (_, i) => Math.sin(i)),
);
const samples = samplesFromArrays([data], [[1, 2]]);

const run = async (graph: Graph, pipeline: string, ranges: string, measures = true): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({
      executor: interpreterFactory,
      ranges: parseRanges(ranges, "r.json"),
      ...(measures ? { samples } : {}),
    }),
  );
const rangeOf = (graph: Graph, name: string): unknown =>
  graph.values.find((value) => value.name === name)!.range;

describe("ranges by name", () => {
  test("calibration takes them and measures the others", async () => {
    const [graph, measured] = [net(), net()];
    const [record] = await run(graph, "calibrate{method=minmax}", '{"r": [0, 12.5]}');
    await run(measured, "calibrate{method=minmax}", "{}");
    expect(rangeOf(graph, "r")).toEqual({ min: 0, max: 12.5 });
    expect(rangeOf(graph, "x")).toEqual(rangeOf(measured, "x"));
    expect(rangeOf(measured, "r")).not.toEqual({ min: 0, max: 12.5 });
    expect(record!.statistics).toMatchObject({ given: 1, measured: 2 });
  });

  test("all of them leave nothing to measure, and no samples to need", async () => {
    const graph = net();
    const all = '{"x": [-1, 1], "r": [0, 7], "y": [-20, 20]}';
    const records = await run(
      graph,
      "derive-ranges, insert-fake-quantization, requantize, check-integer-only, bound-accumulators",
      all,
      false,
    );
    expect(records[0]!.statistics).toEqual({ given: 3 });
    expect(graph.outputs[0]!.type.quantization!.scale[0]).toBeCloseTo(40 / 255, 6);
  });

  test("names that are none, and values whose range does not count", async () => {
    await expect(run(net(), "calibrate", '{"q": [0, 1], "a": [0, 1], "w": [0, 1]}')).rejects.toMatchObject({
      diagnostics: [
        { code: "given-range", message: "a range is given for %q, which is no value of the network" },
        { code: "given-range", message: "a range is given for %a, which has no range of its own" },
        { code: "given-range", message: "a range is given for %w, which has no range of its own" },
      ],
    });
  });
});

describe("a file of ranges", () => {
  test.each([
    ["{", "this is no JSON"],
    ["[1, 2]", "expected an object of ranges"],
    ['{"a": 3}', "'a' is 3, expected [lowest, highest]"],
    ['{"a": [1]}', "'a' is [1], expected"],
    ['{"a": [2, 1]}', "'a' is [2,1], expected"],
    ['{"a": [0, 1e999]}', "'a' is [0,null], expected"],
    ['{"a": [0, "1"]}', "expected [lowest, highest]"],
  ])("%s", (text, message) => {
    expect(() => parseRanges(text, "r.json")).toThrow(
      expect.objectContaining({
        diagnostics: [
          expect.objectContaining({
            code: "ranges-file",
            message: expect.stringContaining(message) as string,
          }),
        ],
      }) as Error,
    );
  });
});
