/** Sensitivity of weights and values: against the error computed by hand, and nothing changed. */
import { expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { chooseAffine, dequantizeValue, quantizeValue } from "../../src/numerics/affine.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { printGraph } from "../../src/text/print.ts";

/** At 2 bits the first layer's weights are ±1 and 0 times its largest: 0.25 becomes 0. The second layer's are exact. */
const text = `graph @net(%x: tensor<1x2xf32>) {
  %w0 = constant {value = dense<[[1, 0.25], [0, 0]]>} : tensor<2x2xf32>
  %a = linear %x, %w0 : tensor<1x2xf32>
  %w1 = constant {value = dense<[[2, -2]]>} : tensor<1x2xf32>
  %y = linear %a, %w1 : tensor<1x1xf32>
  return %y
}`;

test("decibels of each layer at each width", async () => {
  const graph = parseGraph(text, { file: "net.qir" });
  // Fewer than five samples are all judged by.
  const samples = samplesFromArrays([tensor("f32", [2, 2], [1, 1, 2, -4])], [[1, 2]]);
  const context = createContext({ executor: interpreterFactory, samples });
  const before = printGraph(graph);
  const [record] = await runPipeline(
    graph,
    parsePipeline("measure-sensitivity{bits=[8, 2]}"),
    passes,
    context,
  );
  expect(printGraph(graph)).toBe(before);
  const [first, second, ...values] = record!.findings;
  expect(record!.statistics).toEqual({ layers: 2, values: 3 });
  expect(first).toMatchObject({ value: "a", weights: 4 });
  expect(second).toMatchObject({ value: "y", "8 bits dB": Infinity, "2 bits dB": Infinity });
  // Clips of least squared error: s = (1 + 0) / 1 keeps 1 and loses 0.25. Signals 2.5 and 2, errors 0.5 and -2.
  const coarse = 10 * Math.log10((2.5 ** 2 + 2 ** 2) / (0.5 ** 2 + 2 ** 2));
  expect(first!["2 bits dB"]).toBeCloseTo(coarse, 1);
  expect(first!["8 bits dB"]).toBeGreaterThan(40);
  // Of x in [-4, 2] alone in eight bits, y = 2 x0 + 0.5 x1.
  const { scale, zero } = chooseAffine(-4, 2, "i8");
  const inEight = (x: number): number =>
    dequantizeValue(quantizeValue(x, scale, zero, -128, 127), scale, zero);
  const errors = [
    [1, 1],
    [2, -4],
  ].map(([a, b]) => 2 * (inEight(a!) - a!) + 0.5 * (inEight(b!) - b!));
  const noise = errors.reduce((sum, e) => sum + e * e, 0);
  expect(values.map(({ value }) => value)).toEqual(["x", "a", "y"]);
  expect(values[0]!["value in 8 bits dB"]).toBeCloseTo(10 * Math.log10((2.5 ** 2 + 2 ** 2) / noise), 1);
  const [without] = await runPipeline(
    graph,
    parsePipeline("measure-sensitivity{values=false}"),
    passes,
    context,
  );
  expect(without!.statistics).toEqual({ layers: 2 });
  await expect(
    runPipeline(graph, parsePipeline("measure-sensitivity{bits=[9]}"), passes, context),
  ).rejects.toThrow("bits holds 9");
});
