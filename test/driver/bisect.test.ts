import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bisect, type Bisection, type BisectOptions } from "../../src/driver/bisect.ts";
import { loadModel } from "../../src/driver/model.ts";
import { main } from "../../src/driver/node/cli.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { openSamples } from "../../src/driver/samples.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { constant } from "../../src/ops/constant.ts";
import { relu } from "../../src/ops/relu.ts";
import { definePass, type Pass } from "../../src/pass/pass.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { tinyModel } from "./fixtures.ts";

const samples = tensor(
  "f32",
  [32, 4],
  Float32Array.from({ length: 128 }, (_, i) => ((i * 37) % 64) / 16 - 2),
);
const run = (options: Partial<BisectOptions>): Promise<Bisection> => {
  const { graph } = loadModel(tinyModel);
  const files = [npyFromTensor(samples)];
  return bisect({
    graph,
    inputs: openSamples(files, graph.inputs, { limit: 4 }),
    calibration: openSamples(files, graph.inputs),
    ...options,
  });
};

/** Changes one number of a constant; `by` in its own units. */
const nudge = (name: string, constantName: string, by: number): Pass =>
  definePass({
    name,
    summary: "a deliberate mistake",
    options: {},
    run(graph: Graph, { count }) {
      for (const { result } of graph.operations) {
        const value = constantOf(result);
        if (value === undefined || result.name !== constantName) continue;
        const data = value.data.slice() as Float32Array;
        data[0]! += by;
        const changed = tensor(value.element, value.shape, data);
        const made = graph.create(
          constant,
          {},
          { value: changed },
          { before: result.producer!, type: result.type },
        );
        graph.replace(result.producer!, made.result);
        count("nudged");
      }
    },
  });

/** Puts relu before the output: nothing the statistics tell. */
const insertRelu = definePass({
  name: "insert-relu",
  summary: "a deliberate mistake",
  options: {},
  run(graph) {
    const [softmax] = graph.operations.filter(({ definition }) => definition.name === "softmax");
    const [input] = softmax!.operands;
    graph.replaceOperand(
      softmax!,
      input!,
      graph.create(relu, { input: input! }, {}, { before: softmax! }).result,
    );
  },
});

describe("real graphs", () => {
  test("a sound pipeline has no culprit, and what changed nothing is said so", async () => {
    const { steps, culprit } = await run({ pipeline: "optimize" });
    expect(culprit).toBe(undefined);
    expect(steps.length).toBeGreaterThan(8);
    expect(steps.at(-1)!.limit).toBe(undefined);
  });

  test("the broken pass is named, with the tensors before and after it", async () => {
    const { steps, culprit } = await run({
      pipeline: "canonicalize, insert-relu, optimize",
      passes: [insertRelu],
    });
    expect(steps.map(({ text }) => text)).toEqual(["canonicalize", "insert-relu"]);
    expect(culprit!.step.limit).toEqual({ kind: "relative", most: 1e-4 });
    expect(culprit!.first!.tensor).toBe("y");
    expect(culprit!.after.operations.length).toBe(culprit!.before.operations.length + 1);
  });

  test("the first tensor is where it happened, the worst where it shows most", async () => {
    const { culprit } = await run({ pipeline: "nudge-bias", passes: [nudge("nudge-bias", "b", 0.125)] });
    expect(culprit!.step.record.statistics).toEqual({ nudged: 1 });
    expect(culprit!.first!.tensor).toBe("b");
    expect(culprit!.first!.difference).toBeCloseTo(0.125, 5);
  });

  test("rounding is allowed, down to the tolerance", async () => {
    const passes = [nudge("nudge-bias", "b", 1e-5)];
    expect((await run({ pipeline: "nudge-bias", passes })).culprit).toBe(undefined);
    expect((await run({ pipeline: "nudge-bias", passes, tolerance: 0 })).culprit).toBeDefined();
  });
});

describe("quantization", () => {
  test("the default pipeline stays within its noise", async () => {
    const { steps, culprit } = await run({});
    expect(culprit).toBe(undefined);
    const kinds = new Set(steps.map(({ limit }) => limit?.kind));
    expect(kinds).toContain("relative");
    expect(kinds).toContain("decibels");
  });

  test("one step of one stored weight is too much, among integers", async () => {
    const passes = [nudge("nudge-weight", "w", -1)];
    const { culprit } = await run({ pipeline: "default, nudge-weight", passes });
    expect(culprit!.step.text).toBe("nudge-weight");
    expect(culprit!.step.limit).toEqual({ kind: "equal" });
    expect(culprit!.step.change!.decibels).toBeGreaterThan(20);
  });

  test("noise beyond the limit is found where it comes from, on every engine alike", async () => {
    const found = [];
    for (const engine of ["interpreter", "wasm-simd"] as const) {
      const { culprit } = await run({ decibels: 60, engine });
      expect(culprit!.step.record.pass).toBe("insert-fake-quantization");
      found.push([culprit!.first, culprit!.worst, culprit!.step.change]);
    }
    expect(found[0]).toEqual(found[1]);
  });

  test("an output that becomes NaN is beyond every limit", async () => {
    const passes = [nudge("nudge-bias", "b", NaN)];
    const { culprit } = await run({ pipeline: "nudge-bias", passes, tolerance: 1e9 });
    expect(culprit).toBeDefined();
  });
});

test("a misspelt pass is found before anything runs", async () => {
  await expect(run({ pipeline: "canonicalize, canonicalise" })).rejects.toThrow(
    "there is no pass or pipeline 'canonicalise'",
  );
});

describe("quern bisect", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-bisect-"));
  const at = (name: string): string => join(folder, name);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  writeFileSync(at("tiny.qir"), tinyModel.bytes);
  writeFileSync(at("x.npy"), writeNpy(samples));
  const quern = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    let [out, err] = ["", ""];
    const code = await main(["bisect", at("tiny.qir"), "--inputs", at("x.npy"), ...args], {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
    });
    return { code, out, err };
  };

  test("finds nothing wrong with the default pipeline", async () => {
    const { code, out, err } = await quern();
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("no pass changed the result by more than it may");
  });

  test("names the pass and writes the graphs", async () => {
    const { code, out, err } = await quern("--decibels", "60", "--out", at("graphs"));
    expect(code).toBe(1);
    expect(err).toContain("error[pass-changed-result]: 'insert-fake-quantization' changed the result");
    expect(out).toMatch(/statistics {4}\w+ \d/);
    const [before, after] = ["before", "after"].map((name) =>
      parseGraph(readFileSync(at(`graphs/${name}.qir`), "utf8")),
    );
    expect(before!.operations.map(({ definition }) => definition.name)).not.toContain("quantize");
    expect(after!.operations.map(({ definition }) => definition.name)).toContain("quantize");
  });

  test("as JSON", async () => {
    const { out } = await quern("--decibels", "60", "--json");
    const found = JSON.parse(out) as { steps: unknown[]; culprit: { pass: string } };
    expect(found.culprit.pass).toBe("insert-fake-quantization");
  });
});
