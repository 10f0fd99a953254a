import { describe, expect, test } from "vitest";
import { Graph } from "../../src/ir/graph.ts";
import { int } from "../../src/ir/attributes.ts";
import { tensorType } from "../../src/ir/types.ts";
import { relu } from "../../src/ops/relu.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext, definePass } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { tensor } from "../../src/tensor/tensor.ts";

function example(): Graph {
  const graph = new Graph("f");
  const x = graph.addInput("x", tensorType("f32", [2]));
  graph.setOutputs([graph.create(relu, { input: x }, {}, { name: "y" }).result]);
  return graph;
}

const options = { depth: int(3) };
const note = definePass({
  name: "note-depth",
  summary: "counts its option",
  options,
  run(_, { options: { depth }, count, find }) {
    count("depth", depth);
    find({ depth });
  },
});
const crash = definePass({
  name: "crash-hard",
  summary: "throws",
  options: {},
  run() {
    throw new TypeError("nothing there");
  },
});
const corrupt = definePass({
  name: "corrupt-users",
  summary: "breaks the graph behind its back",
  options: {},
  run(graph) {
    (graph.inputs[0]!.users as Set<unknown>).clear();
  },
});
const all = [note, crash, corrupt];

describe("runPipeline", () => {
  test("completes options, keeps statistics and findings, and times apart", async () => {
    const times: string[] = [];
    let clock = 0;
    const steps = [
      { pass: "note-depth", options: {} },
      { pass: "note-depth", options: { depth: 5 } },
    ];
    const records = await runPipeline(example(), steps, all, createContext(), {
      now: () => clock++,
      onTiming: (pass, timeMs) => times.push(`${pass} ${timeMs}`),
    });
    expect(records).toEqual([
      { pass: "note-depth", options: { depth: 3 }, statistics: { depth: 3 }, findings: [{ depth: 3 }] },
      { pass: "note-depth", options: { depth: 5 }, statistics: { depth: 5 }, findings: [{ depth: 5 }] },
    ]);
    expect(times).toEqual(["note-depth 1", "note-depth 1"]);
  });

  test("names every unknown pass and every wrong option before anything runs", async () => {
    const steps = [
      { pass: "crash-hard", options: {} },
      { pass: "note-dept", options: {} },
      { pass: "note-depth", options: { deep: 1 } },
      { pass: "note-depth", options: { depth: "x" } },
    ];
    await expect(runPipeline(example(), steps, all, createContext())).rejects.toMatchObject({
      diagnostics: [
        { code: "unknown-pass", help: "did you mean 'note-depth'?" },
        { code: "unknown-option", message: "pass 'note-depth' has no option 'deep'" },
        { code: "option", message: "option 'depth' of pass 'note-depth' expected an integer" },
      ],
    });
  });

  test("names the pass that crashed, with the graph", async () => {
    const run = runPipeline(example(), [{ pass: "crash-hard", options: {} }], all, createContext(), {
      print: () => "graph @f printed",
    });
    await expect(run).rejects.toThrow("internal: pass 'crash-hard' nothing there\ngraph @f printed");
  });

  test("names the pass that broke the graph, not a later one", async () => {
    const steps = [
      { pass: "note-depth", options: {} },
      { pass: "corrupt-users", options: {} },
      { pass: "note-depth", options: {} },
    ];
    await expect(runPipeline(example(), steps, all, createContext())).rejects.toThrow(
      /^internal: pass 'corrupt-users' broke the graph: error\[users\]/,
    );
  });
});

describe("samplesFromArrays", () => {
  const integers = tensor("u8", [2, 3], [0, 128, 255, 1, 2, 3]);

  test("maps integers to reals, sample by sample, as often as asked", () => {
    const source = samplesFromArrays([integers], [[1, 3, 1]], [{ element: "u8", scale: 0.5, zero: 128 }]);
    const seen = (): number[][] =>
      [...source.batches()].map(([sample]) => Array.from(sample!.data as Float32Array));
    expect(seen()).toEqual([
      [-64, 0, 63.5],
      [-63.5, -63, -62.5],
    ]);
    expect(seen()).toEqual(seen());
    expect([...source.batches()][0]![0]!.shape).toEqual([1, 3, 1]);
  });

  test("refuses other shapes, unequal counts and integers without a scale", () => {
    expect(() => samplesFromArrays([integers, tensor("f32", [3, 2])], [[1, 4], [2]])).toThrow(
      /sample-shape.*\n.*sample-type.*\n.*sample-count/s,
    );
  });
});

describe("createRandom", () => {
  test("repeats itself for one seed and differs for others", () => {
    const draw = (seed: number): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 5 }, () => random.integer(1000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1)).not.toEqual(draw(2 ** 32 + 1));
  });

  test("is uniform to within four standard errors", () => {
    const random = createRandom(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.integer(10)]!++;
    for (const n of counts) expect(Math.abs(n - 10_000)).toBeLessThan(4 * Math.sqrt(9000));
  });
});
