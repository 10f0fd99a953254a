/** Scales of groups: never worse than a channel's, the same as a channel's where groups are alike, and the same integers in every engine. */
import { describe, expect, test } from "vitest";
import { chooseGroupScales } from "../../passes/quantize/group-scales.ts";
import { passes } from "../../passes/index.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { codesOf, constantOf } from "../../src/ir/match.ts";
import { mostFactor } from "../../src/numerics/group-codes.ts";
import { levelsOf, nearestLevel, type Levels } from "../../src/numerics/levels.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { printGraph } from "../../src/text/print.ts";
import { expectAgreement } from "../differential/engines.ts";
import { storedInputs } from "../differential/stored-graphs.ts";

const random = createRandom(5);
const normal = (): number => random.uniform() + random.uniform() + random.uniform() - 1.5;

const errorOf = (
  row: Float64Array,
  size: number,
  levels: Levels,
  scale: number,
  factors: readonly number[],
): number =>
  row.reduce((sum, w, i) => {
    const s = scale * factors[Math.floor(i / size)]!;
    return sum + (w - s * nearestLevel(levels, w / s)) ** 2;
  }, 0);

describe("scales of groups", () => {
  const size = 4;
  const channelScale = 0.5;
  const levelKinds = [levelsOf(2), levelsOf(3), levelsOf(4), levelsOf(2, "odd"), levelsOf(6)];

  test.each(levelKinds)("$element: not above the channel's error, below it where ranges differ", (levels) => {
    const most = mostFactor(levels.element as "i2");
    const options = { size, levels, factors: Array.from({ length: most }, (_, i) => i + 1), clips: true };
    for (let round = 0; round < 20; round++) {
      const row = Float64Array.from({ length: 19 }, (_, i) => normal() * (i % 8 < size ? 1 : 0.25));
      const { scale, factors } = chooseGroupScales(row, channelScale, options);
      const channel = errorOf(row, size, levels, channelScale, [1, 1, 1, 1, 1]);
      expect(errorOf(row, size, levels, scale, factors)).toBeLessThan(channel);
      expect(Math.max(...factors)).toBeGreaterThan(Math.min(...factors));
    }
  });

  test("no other factors suit its scale better", () => {
    const levels = levelsOf(3);
    const row = Float64Array.from({ length: 12 }, (_, i) => normal() * [1, 0.2, 3][Math.floor(i / 4)]!);
    const all = [1, 2, 3, 4, 5, 6, 7];
    const { scale, factors } = chooseGroupScales(row, channelScale, {
      size,
      levels,
      factors: all,
      clips: true,
    });
    const tried = all.flatMap((a) => all.flatMap((b) => all.map((c) => [a, b, c])));
    const least = Math.min(...tried.map((each) => errorOf(row, size, levels, scale, each)));
    expect(errorOf(row, size, levels, scale, factors)).toBeCloseTo(least, 12);
  });

  test("nothing is cut off where nothing may be", () => {
    const levels = levelsOf(4);
    const row = Float64Array.from({ length: 16 }, (_, i) => normal() * (i < 8 ? 1 : 0.1));
    const widest = row.reduce((max, w) => Math.max(max, Math.abs(w)), 0) / levels.largest;
    const options = { size, levels, factors: [1, 2, 4, 8], clips: false };
    const { scale, factors } = chooseGroupScales(row, widest, options);
    expect(factors).toContain(1);
    row.forEach((w, i) => {
      const reach = scale * factors[Math.floor(i / size)]! * levels.largest;
      expect(Math.abs(w)).toBeLessThanOrEqual(reach * (1 + 1e-6));
    });
  });

  test("a row of zeros keeps its scale", () => {
    const options = { size, levels: levelsOf(3), factors: [1, 2], clips: true };
    expect(chooseGroupScales(new Float64Array(8), 0.25, options)).toEqual({ scale: 0.25, factors: [1, 1] });
  });
});

const outputs = 5;
const inputs = 64;
const group = Array.from({ length: 8 }, normal);
/** Rows of groups of eight alike, but that the g-th is `reach(g)` times as large. */
const network = (reach: (group: number) => number): Graph => {
  const row = Array.from({ length: inputs }, (_, i) => (group[i % 8]! * reach(Math.floor(i / 8))).toFixed(4));
  const rows = Array.from({ length: outputs }, () => `[${row.join(", ")}]`);
  return parseGraph(
    `graph @net(%x: tensor<1x${inputs}xf32>) {
  %w = constant {value = dense<[${rows.join(", ")}]>} : tensor<${outputs}x${inputs}xf32>
  %b = constant {value = dense<[0.5, -0.25, 0, 1, 2]>} : tensor<${outputs}xf32>
  %y = linear %x, %w, %b : tensor<1x${outputs}xf32>
  return %y
}`,
    { file: "net.qir" },
  );
};
const unlike = (): Graph => network((g) => [1, 0.25, 3, 0.5][g % 4]!);
const data = tensor("f32", [40, 1, inputs], Float32Array.from({ length: 40 * inputs }, normal));
const samples = samplesFromArrays([data], [[1, inputs]]);

async function stored(graph: Graph, options: string, rounding = ""): Promise<Graph> {
  const pipeline = `calibrate{method=minmax}, insert-fake-quantization{${options}}${rounding}, requantize, eliminate-dead-code`;
  const context = createContext({ executor: interpreterFactory, samples });
  await runPipeline(graph, parsePipeline(pipeline), passes, context);
  return graph;
}

describe("a layer with groups", () => {
  test.each([
    [2, ""],
    [3, ""],
    [4, ""],
    [3, ", group-scales=powers"],
    [3, ", weight-ranges=minmax"],
  ])(
    "%d bits%s: groups of equal ranges are quantized as their channel is, bit by bit",
    async (bits, more) => {
      const equal = (): Graph => network(() => 1);
      const grouped = await stored(equal(), `bits=${bits}, weights=group, group-size=8${more}`);
      const channel = await stored(equal(), `bits=${bits}${more.replace(/, group-scales=powers/, "")}`);
      expect(printGraph(grouped)).toBe(printGraph(channel));
    },
  );

  test("other ranges: factors in the stored graph, the same bytes in every engine", async () => {
    const graph = await stored(unlike(), "bits=3, weights=group, group-size=8");
    const codes = graph.values.map(codesOf).find((found) => found !== undefined)!;
    expect([codes.element, codes.size]).toEqual(["i3", 8]);
    await expectAgreement(graph, storedInputs(graph, 6, 3));
  });

  test("eight bits leave no room for factors", async () => {
    const graph = await stored(unlike(), "bits=8, weights=group, group-size=8");
    expect(graph.values.every((value) => codesOf(value) === undefined)).toBe(true);
  });

  test("rounded to second order, codes are still codes", async () => {
    const graph = await stored(unlike(), "bits=3, weights=group, group-size=8", ", round-weights");
    const weight = graph.values.find((value) => codesOf(value) !== undefined)!;
    expect(constantOf(weight)!.element).toBe("i8");
    await expectAgreement(graph, storedInputs(graph, 6, 4));
  });
});
