/** Which ranges calibration gives, by closed forms and on samples held out. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import {
  closeSample,
  look,
  newRangeMeter,
  seenBy,
  noiseOf,
  rangeBy,
  rangeMethods,
  weighedMethods,
} from "../../passes/quantize/range-meter.ts";
import { fittedSamples, foldsOf, heldOutSamples } from "../../src/measure/split-samples.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { densityOf } from "../../src/numerics/quantization-error.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays, type SampleSource } from "../../src/pass/samples.ts";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const random = createRandom(5);
const options = { percentile: 99.99, average: 0.01, symmetric: false };
const rows = (count: number, width: number, value: (row: number, column: number) => number): SampleSource =>
  samplesFromArrays(
    [
      tensor(
        "f32",
        [count, width],
        Float32Array.from({ length: count * width }, (_, i) => value(Math.floor(i / width), i % width)),
      ),
    ],
    [[width]],
  );
const tripled = (width = 2): Graph =>
  parseGraph(
    `graph @f(%x: tensor<${width}xf32>) {
      %three = constant {value = dense<splat 3>} : tensor<${width}xf32>
      %h = mul %x, %three : tensor<${width}xf32>
      %i = mul %h, %three : tensor<${width}xf32>
      %y = mul %i, %three : tensor<${width}xf32> loc "last"
      return %y
    }`,
    { file: "f.qir" },
  );
const run = async (
  graph: Graph,
  pipeline: string,
  samples: SampleSource,
  warnings: Diagnostic[] = [],
): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples, warn: (warning) => warnings.push(warning) }),
  );
const rangeOf = (graph: Graph, name: string) => graph.values.find((value) => value.name === name)!.range!;

describe("moving-average", () => {
  const constant = (value: number, before: number, count: number): { min: number; max: number } => {
    const meter = newRangeMeter();
    look(meter, [-before, before], 0);
    closeSample(meter, 0, options);
    for (let n = 0; n < count; n++) {
      look(meter, [-value, value], 0);
      closeSample(meter, 0, options);
    }
    return meter.average!;
  };
  test("constant samples keep their range", () => {
    expect(constant(3, 3, 40)).toEqual({ min: -3, max: 3 });
  });
  test("a first sample fades by 0.99 a sample", () => {
    expect(constant(1, 5, 40).max).toBeCloseTo(1 + 4 * 0.99 ** 40, 12);
  });
  test("depends on the order of the samples, as it says", async () => {
    const [up, down] = [tripled(), tripled()];
    await run(
      up,
      "calibrate{method=moving-average}",
      rows(10, 2, (n) => n + 1),
    );
    await run(
      down,
      "calibrate{method=moving-average}",
      rows(10, 2, (n) => 10 - n),
    );
    expect(rangeOf(up, "x").max).toBeLessThan(rangeOf(down, "x").max);
  });
});

describe("methods", () => {
  const outlier = (n: number, c: number): number => (n === 7 && c === 3 ? 200 : random.uniform());
  test("mse and percentile leave a lone outlier out, minmax does not", async () => {
    const samples = rows(400, 500, outlier);
    for (const [method, low, high] of [
      ["minmax", 600, 600],
      ["percentile", 2.9, 3.2],
    ] as const) {
      const graph = tripled(500);
      await run(graph, `calibrate{method=${method}, percentile=99.99}`, samples);
      expect(rangeOf(graph, "h").max).toBeGreaterThanOrEqual(low);
      expect(rangeOf(graph, "h").max).toBeLessThanOrEqual(high);
    }
  });

  test("symmetric ranges", async () => {
    for (const method of rangeMethods) {
      const graph = tripled();
      await run(
        graph,
        `calibrate{method=${method}, symmetric=true}`,
        rows(20, 2, (n) => n - 3),
      );
      const { min, max } = rangeOf(graph, "h");
      expect(min).toBe(-max);
    }
  });

  test("heavy tails are said", async () => {
    const warnings: Diagnostic[] = [];
    const spike = (n: number, c: number): number => (n + c === 0 ? 300 : 2 * random.uniform() - 1);
    await run(tripled(500), "calibrate{method=minmax}", rows(400, 500, spike), warnings);
    expect(warnings.map(({ code }) => code)).toContain("low-sqnr");
    expect(warnings.map(({ help }) => help)).toContainEqual(expect.stringContaining("rare, large outliers"));
  });

  test("where it is the rule that clips, the rule is named", async () => {
    const warnings: Diagnostic[] = [];
    const rare = (n: number): number => (n === 7 ? 10 : 1);
    const noisy = (n: number): number => rare(n) * (2 * random.uniform() - 1);
    await run(tripled(500), "calibrate{method=moving-average}", rows(40, 500, noisy), warnings);
    expect(warnings.map(({ help }) => help)).toContainEqual(
      expect.stringContaining("the rule 'moving-average' clips more of it than it gains"),
    );
  });
});

describe("auto", () => {
  test("tensor by tensor it is never worse than minmax on the samples held out", async () => {
    const shapes: ((n: number, c: number) => number)[] = [
      () => random.uniform(),
      (n) => (random.uniform() - 0.5) * (n % 9 === 0 ? 30 : 1),
      () => Math.max(0, random.uniform() - random.uniform()) ** 4,
    ];
    for (const value of shapes) {
      const samples = rows(100, 50, value);
      const graph = tripled(50);
      const [record] = await run(graph, "calibrate{network=false}", samples);
      const finding = record!.findings.find(({ value: name }) => name === "h")!;
      const meter = newRangeMeter();
      let n = 0;
      for (const [x] of samples.batches()) {
        const part = n++ % 5;
        look(
          meter,
          Array.from(numbersOf(x!), (r) => Math.fround(3 * r)),
          part,
        );
        closeSample(meter, part, options);
      }
      const judges = densityOf(meter.parts[4]!);
      const noises = weighedMethods.map((method) =>
        noiseOf(rangeBy(method, seenBy(meter, 4), options), judges),
      );
      const chosen = noises[weighedMethods.findIndex((method) => method === finding["method"])]!;
      expect(chosen).toBeLessThanOrEqual(noises[0]!);
      expect(chosen).toBe(Math.min(...noises));
    }
  });

  test("inputs and outputs keep what was seen, and an eighth more", async () => {
    const graph = tripled();
    await run(
      graph,
      "calibrate",
      rows(20, 2, (n) => n - 4),
    );
    expect(rangeOf(graph, "x")).toEqual({ min: -4.5, max: 15 * 1.125 });
    expect(rangeOf(graph, "y")).toEqual({ min: -27 * 4.5, max: 27 * 15 * 1.125 });
  });

  test("says what it chose for the network", async () => {
    const [record] = await run(
      tripled(40),
      "calibrate",
      rows(50, 40, () => random.uniform() ** 8),
    );
    expect(record!.findings[0]).toMatchObject({
      summary: expect.stringContaining("samples held out") as string,
    });
    expect(Object.keys(record!.findings[0]!).filter((key) => key.endsWith(" dB")).length).toBeGreaterThan(1);
  });
});

describe("the split", () => {
  const numbers = (samples: Iterable<readonly { data: ArrayLike<number | bigint> }[]>): number[] =>
    [...samples].map(([x]) => Number(x!.data[0]));
  test("every fifth sample is held out, the others are spread evenly", () => {
    const samples = rows(20, 1, (n) => n);
    expect(numbers(heldOutSamples(samples))).toEqual([4, 9, 14, 19]);
    expect(numbers(fittedSamples(samples, 4))).toEqual([3, 8, 13, 18]);
    expect(numbers(fittedSamples(samples, 100))).toHaveLength(16);
  });
  test("each fifth judges in turn", () => {
    const folds = foldsOf(rows(7, 1, (n) => n));
    expect(folds.map(({ part }) => part)).toEqual([0, 1, 2, 3, 4]);
    expect(folds.map(({ heldOut }) => numbers(heldOut))).toEqual([[0, 5], [1, 6], [2], [3], [4]]);
    const [all, ...none] = foldsOf(rows(3, 1, (n) => n));
    expect(none).toEqual([]);
    expect(all!.part).toBeUndefined();
    expect(numbers(all!.heldOut)).toEqual([0, 1, 2]);
  });
  test("what a part alone has seen is missing without it", () => {
    const meter = newRangeMeter();
    for (let n = 0; n < 10; n++) {
      look(meter, [n === 4 ? 100 : n], n % 5);
      closeSample(meter, n % 5, options);
    }
    expect(rangeBy("minmax", seenBy(meter), options)).toEqual({ min: 0, max: 100 });
    expect(rangeBy("minmax", seenBy(meter, 3), options)).toEqual({ min: 0, max: 100 });
    expect(rangeBy("minmax", seenBy(meter, 4), options)).toEqual({ min: 0, max: 8 });
    expect(seenBy(meter, 4).average.max).toBeLessThan(seenBy(meter).average.max);
  });
  test("fewer than five serve as both", () => {
    const samples = rows(3, 1, (n) => n);
    expect(numbers(heldOutSamples(samples))).toEqual([0, 1, 2]);
    expect(numbers(fittedSamples(samples, 2))).toEqual([1, 2]);
  });
});
