/**
 * Every function of one element in the operator list, real and quantized: in floats on edge values, bit for bit in every engine; in integers
 * through the whole quantization pipeline, every engine alike and within half a step of the function itself. A new unary operator is
 * tested here by being in the list.
 */
import { describe, expect, test } from "vitest";
import { pipelines } from "../../passes/pipelines.ts";
import { passes } from "../../passes/index.ts";
import { interpret, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { OpDefinition } from "../../src/ir/operation.ts";
import { operators } from "../../src/ops/index.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { compiledEngines, expectAgreement } from "./engines.ts";

const count = 64;
const special = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1e-30,
  -1e-30,
  88.8,
  -88.8,
  103.9,
  -104,
  3e38,
  -3e38,
  Infinity,
  -Infinity,
  NaN,
];
const edges = tensor(
  "f32",
  [count],
  Array.from({ length: count }, (_, i) => Math.fround(special[i] ?? (i - 40) * 0.37)),
);
/** Positive for functions of positive numbers, both signs for the others. */
const sample = (positive: boolean): Tensor =>
  tensor(
    "f32",
    [count],
    Array.from({ length: count }, (_, i) => Math.fround(positive ? 0.05 + i / 16 : (i - count / 2) / 8)),
  );

const unaries = operators.filter(
  ({ integer, operands }) => integer?.kind === "table" && operands.length === 1,
);

function graphOf(op: OpDefinition): Graph {
  const line = op.example.replaceAll(/tensor<[^>]*>/g, `tensor<${count}xf32>`);
  return parseGraph(`graph @net(%x: tensor<${count}xf32>) {\n  ${line}\n  return %y\n}`);
}

describe.each(unaries.map((op) => ({ name: op.name, op })))("$name", ({ op }) => {
  test("in floats, on edge values", async () => {
    const graph = graphOf(op);
    await expectAgreement(graph, [[edges], [sample(false)]], compiledEngines);
  });

  test("quantized", async () => {
    const positive = ["log", "sqrt", "reciprocal"].includes(op.name);
    const graph = graphOf(op);
    const real = [...numbersOf(interpret(graph, [sample(positive)])[0]!)];
    const samples = samplesFromArrays([tensor("f32", [1, count], sample(positive).data)], [[count]]);
    const context = createContext({ executor: interpreterFactory, samples });
    await runPipeline(graph, parsePipeline(pipelines.quantize), passes, context);
    const input = graph.inputs[0]!.type.quantization!;
    const [scale, zero] = [input.scale[0]!, input.zero[0]!];
    const quantized = [...numbersOf(sample(positive))].map((x) =>
      Math.max(-128, Math.min(127, Math.round(x / scale) + zero)),
    );
    const q = tensor("i8", [count], quantized);
    await expectAgreement(graph, [[q]], compiledEngines);

    // Against the function at the very points the integers stand for.
    const exact = numbersOf(
      interpret(graphOf(op), [
        tensor(
          "f32",
          [count],
          quantized.map((x) => Math.fround((x - zero) * scale)),
        ),
      ])[0]!,
    );
    const output = graph.outputs[0]!.type.quantization!;
    const got = numbersOf(interpret(graph, [q])[0]!);
    const [low, high] = [-128, 127].map((x) => (x - output.zero[0]!) * output.scale[0]!);
    expect(real.every(Number.isFinite)).toBe(true);
    got.forEach((y, i) => {
      const wanted = Math.max(low!, Math.min(high!, exact[i]!));
      expect(Math.abs((y - output.zero[0]!) * output.scale[0]! - wanted)).toBeLessThanOrEqual(
        output.scale[0]! * 0.501,
      );
    });
  });
});
