/** Of terms of a clamped sum only what has an effect needs a range. */
import { describe, expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { EffectiveValues, effectiveValues } from "../../passes/quantize/effective-values.ts";
import { planQuantization } from "../../passes/quantize/plan.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const random = createRandom(3);
const integers = (count: number): number[] =>
  Array.from({ length: count }, () => Math.floor(41 * random.uniform()) - 20);
const clip = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

test.each([0, 2, 5])("both terms cut to ranges of what has an effect change no sum above %i", (low) => {
  for (let trial = 0; trial < 2000; trial++) {
    const [y, x] = [integers(4), integers(4)];
    const [first, second] = [effectiveValues(y, x, low), effectiveValues(x, y, low)].map((seen) => ({
      least: Math.min(0, ...seen),
      most: Math.max(0, ...seen),
    }));
    y.forEach((term, i) => {
      const cut = clip(term, first!.least, first!.most) + clip(x[i]!, second!.least, second!.most);
      expect(Math.max(cut, low)).toBe(Math.max(term + x[i]!, low));
      const alone = clip(term, first!.least, first!.most) + x[i]!;
      expect(Math.max(alone, low)).toBe(Math.max(term + x[i]!, low));
    });
  }
});

test("never farther from zero than the values, and all of them beside what is not finite", () => {
  const [y, x] = [integers(1000), integers(1000)];
  effectiveValues(y, x, 0).forEach((seen, i) => {
    expect(Math.abs(seen)).toBeLessThanOrEqual(Math.abs(y[i]!));
  });
  const odd = effectiveValues(
    [-9, -9, -9, Number.NaN, -Infinity],
    [Number.NaN, Infinity, -Infinity, 1, 1],
    0,
  );
  expect([...odd]).toEqual([-9, -9, -9, Number.NaN, -Infinity]);
});

test("below the bound the nearest to zero that is cut, whatever the bound", () => {
  expect([...effectiveValues([-9, -9, -9, 1.5, 4], [3, 1, -1, 0.5, 0], 2)]).toEqual([-1, 0, 0, 0, 4]);
});

test("the term shown first is kept, though its array is used again", () => {
  const graph = net("%s = add %y, %a : tensor<2xf32>\n%r = relu %s : tensor<2xf32>");
  const effective = new EffectiveValues(graph, planQuantization(graph, new Map()));
  const seen = new Map<string, readonly number[]>();
  const numbers = [-5, 3];
  const see = (name: string, shown: ArrayLike<number>): void => void seen.set(name, Array.from(shown));
  effective.show("y", numbers, see);
  expect(seen.size).toBe(0);
  numbers.fill(7);
  effective.show("a", [2, 4], see);
  expect(seen.get("y")).toEqual([-2, 3]);
});

const net = (body: string, last = "r"): Graph =>
  parseGraph(
    `graph @net(%x: tensor<2xf32>) {
      %one = constant {value = dense<splat -1>} : tensor<2xf32>
      %y = mul %x, %one : tensor<2xf32>
      %a = abs %x : tensor<2xf32>
      ${body}
      return %${last}
    }`,
    { file: "net.qir" },
  );
const run = async (graph: Graph, pipeline: string): Promise<PassRecord[]> => {
  const numbers = Float32Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 8 : -3) * (1 - i / 80));
  const samples = samplesFromArrays([tensor("f32", [20, 2], numbers)], [[2]]);
  return runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples }),
  );
};
const lowOf = (graph: Graph): number => graph.values.find(({ name }) => name === "y")!.range!.min;

describe("calibrate", () => {
  const sum = "%s = add %y, %a : tensor<2xf32>";
  test.each(["minmax", "percentile", "mse", "moving-average", "auto"])(
    "%s looks at what a relu lets through",
    async (method) => {
      const graph = net(
        `%h = mul %a, %one : tensor<2xf32>\n%s = add %y, %h : tensor<2xf32>\n%r = relu %s : tensor<2xf32>`,
      );
      const [{ findings }] = (await run(graph, `calibrate{method=${method}}`)) as [PassRecord];
      // y - |x| is at most zero everywhere.
      expect(lowOf(graph)).toBe(0);
      expect(findings.find(({ value }) => value === "y")).toHaveProperty("looked");
    },
  );

  test("of a sum that is partly cut, what lies above and what is nearest zero below", async () => {
    const graph = net(
      `%half = constant {value = dense<splat 0.5>} : tensor<2xf32>
      %h = mul %a, %half : tensor<2xf32>
      %s = add %y, %h : tensor<2xf32>
      %r = relu %s : tensor<2xf32>`,
    );
    await run(graph, "calibrate{method=minmax}");
    // Beside 4 and less, -4 cuts the sum as well as -8 does.
    const { min, max } = graph.values.find(({ name }) => name === "y")!.range!;
    expect(min).toBe(-4);
    expect(max).toBeCloseTo(3 * (1 - 1 / 80), 5);
  });

  test("an infinity is said, though a clamp would cut it", async () => {
    const graph = net(
      "%h = clip %x {min = -1.0, max = 1.0} : tensor<2xf32>\n%s = add %y, %h : tensor<2xf32>\n%r = relu %s : tensor<2xf32>",
    );
    const warnings: Diagnostic[] = [];
    const data = tensor("f32", [5, 2], [Infinity, 1, 2, -3, 4, 5, 6, 7, 8, 9]);
    const samples = samplesFromArrays([data], [[2]]);
    const warn = (warning: Diagnostic): void => void warnings.push(warning);
    const context = createContext({ executor: interpreterFactory, samples, warn });
    await runPipeline(graph, parsePipeline("calibrate{method=minmax}"), passes, context);
    expect(warnings.map(({ code, message }) => `${code}: ${message}`)).toContainEqual(
      expect.stringContaining("not-finite: %y "),
    );
  });

  test.each([
    ["without a clamp", sum, "s"],
    [
      "where something else reads it",
      `${sum}\n%r1 = relu %s : tensor<2xf32>\n%r = add %r1, %y : tensor<2xf32>`,
      "r",
    ],
    [
      "where something else reads the sum",
      `${sum}\n%r1 = relu %s : tensor<2xf32>\n%r = add %r1, %s : tensor<2xf32>`,
      "r",
    ],
    ["where it is added to itself", "%s = add %y, %y : tensor<2xf32>\n%r = relu %s : tensor<2xf32>", "r"],
    [
      "where it is repeated to another shape",
      `%e = constant {value = dense<[[1.0], [-1.0]]>} : tensor<2x1xf32>
      %t = mul %a, %e : tensor<2x2xf32>
      %s = add %y, %t : tensor<2x2xf32>
      %r = relu %s : tensor<2x2xf32>`,
      "r",
    ],
    ["behind a clamp from below zero", `${sum}\n%r = clip %s {min = -1.0, max = 6.0} : tensor<2xf32>`, "r"],
  ])("all of it %s", async (_, body, last) => {
    const graph = net(body, last);
    const [{ findings }] = (await run(graph, "calibrate{method=minmax}")) as [PassRecord];
    expect(lowOf(graph)).toBe(-8);
    expect(findings.find(({ value }) => value === "y")).not.toHaveProperty("looked");
  });

  test("sixteen bits hold no more, but for an eighth; inputs all", async () => {
    const text =
      "%h = mul %a, %one : tensor<2xf32>\n%s = add %y, %h : tensor<2xf32>\n%r = relu %s : tensor<2xf32>";
    const wide = net(text);
    await run(wide, 'widen-values{values="y"}, calibrate{method=minmax}');
    // y + |x| is at most zero where y is below: nothing of -8 has an effect.
    expect(lowOf(wide)).toBe(0);
    const input = net(
      "%s = add %x, %a : tensor<2xf32>\n%r = relu %s : tensor<2xf32>\n%q = mul %r, %one : tensor<2xf32>",
      "q",
    );
    await run(input, "calibrate{method=minmax}");
    expect(input.inputs[0]!.range!.min).toBeCloseTo(-3, 1);
    const alone = parseGraph(
      `graph @net(%x: tensor<2xf32>) {
        %c = constant {value = dense<[[-1.0, -1.0]]>} : tensor<1x2xf32>
        %k = reshape %c {shape = [2]} : tensor<2xf32>
        %h = tanh %k : tensor<2xf32>
        %s = add %x, %h : tensor<2xf32>
        %r = relu %s : tensor<2xf32>
        return %r
      }`,
      { file: "net.qir" },
    );
    await run(alone, "calibrate{method=minmax}");
    expect(alone.inputs[0]!.range!.min).toBeCloseTo(-3, 1);
  });
});
