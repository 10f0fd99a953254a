/** The way from tensors in memory to a compiled graph that runs, without a file. */
import { describe, expect, test } from "vitest";
import {
  compile,
  createEngine,
  definePass,
  findCompiler,
  npyFromTensor,
  openSamples,
  run,
  tensor,
  type EngineName,
} from "../../src/driver/node/index.ts";
import * as core from "../../src/driver/index.ts";
import { tinyMapping, tinyModel } from "./fixtures.ts";

const numbers = Int8Array.from({ length: 160 }, (_, i) => ((i * 97) % 256) - 128);
const samples = [npyFromTensor(tensor("i8", [40, 4], numbers))];
const options = {
  model: tinyModel,
  samples,
  sampleOptions: { mapping: tinyMapping },
  targets: ["wasm"] as const,
};

describe("samples in memory", () => {
  test("are those of a file", async () => {
    const { graph, report } = await compile(options);
    expect(report.samples[0]).toMatchObject({ file: "samples.npy", count: 40, element: "i8" });
    const [output] = await run({
      graph,
      samples: openSamples(samples, graph.inputs, { mapping: tinyMapping }),
    });
    expect(output!.shape).toEqual([40, 3]);
  });
});

describe("createEngine", () => {
  const hasCompiler = (): boolean => {
    try {
      return findCompiler().length > 0;
    } catch {
      return false;
    }
  };
  if (!hasCompiler()) console.log("skipped: no C compiler here");

  test.skipIf(!hasCompiler())("runs a compiled graph on every engine of Node alike", async () => {
    const { graph } = await compile(options);
    const input = tensor("i8", [1, 4], [1, 2, 3, 4]);
    const names: EngineName[] = ["interpreter", "wasm-scalar", "wasm-simd", "c"];
    const outputs = await Promise.all(
      names.map(async (name) => {
        const executor = await createEngine(name, graph);
        const [output] = executor.run([input]);
        const data = Array.from(output!.data as Int8Array);
        executor.dispose();
        return data;
      }),
    );
    for (const output of outputs) expect(output).toEqual(outputs[0]);
  });

  test("the core has no C", async () => {
    const { graph } = await compile(options);
    await expect(core.createEngine("c", graph)).rejects.toThrow("there is no engine 'c' here");
  });
});

test("a pipeline names passes of one's own and pipelines", async () => {
  const seen: string[] = [];
  const look = definePass({
    name: "look",
    summary: "look at the graph",
    options: {},
    run(graph, { count }) {
      seen.push(graph.name);
      count("looked");
    },
  });
  const { report } = await compile({ ...options, passes: [look], pipeline: "look, default" });
  expect(seen).toEqual(["tiny"]);
  expect(report.passes[0]).toMatchObject({ pass: "look", statistics: { looked: 1 } });
  expect(report.pipeline).toMatch(/^look, fold-constants, .*bound-accumulators$/);
});
