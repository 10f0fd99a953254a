/** Concatenation: parts of one tensor, written by what computes them or copied, in front of readers that want a border around the whole. */
import { describe, expect, test } from "vitest";
import { wasmSimd } from "../../backends/wasm/targets.ts";
import { lowerToKernels } from "../../src/driver/lower.ts";
import { Graph, type Value } from "../../src/ir/graph.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { concat } from "../../src/ops/concat.ts";
import { maxPool } from "../../src/ops/max-pool.ts";
import { expectAgreement } from "./engines.ts";
import { addConvolution, addRequantize, generator, storedInputs, type Random } from "./stored-graphs.ts";

const quantization = perTensor(0.25, 9);

/** A convolution whose result has the quantization all parts share. */
function branch(graph: Graph, x: Value, name: string, outputs: number, kernel: 1 | 3, random: Random): Value {
  const [, height, width, inputs] = x.type.shape as [number, number, number, number];
  const pad = (kernel - 1) / 2;
  const layer = addConvolution(
    graph,
    x,
    `${name}_own`,
    { height, width, inputs, outputs, kernel: [kernel, kernel], pads: [pad, pad, pad, pad] },
    random,
  );
  const acc = layer.producer!.operands[0]!;
  graph.erase(layer.producer!);
  return addRequantize(graph, acc, name, quantization.scale[0]!, quantization.zero[0]!);
}

interface Case {
  readonly channels: readonly number[];
  readonly axis: number;
}

/** Convolutions, the input itself and a pooled input side by side, then a convolution with padding over all of them. */
function network({ channels, axis }: Case, behind: "output" | "convolution"): Graph {
  const graph = new Graph("net");
  const random = generator(7);
  const x = graph.addInput("x", tensorType("i8", [1, 5, 6, channels[0]!], quantization));
  const parts = channels.map((outputs, i) => branch(graph, x, `b${i}`, outputs, i % 2 === 0 ? 1 : 3, random));
  const pooled = graph.create(
    maxPool,
    { input: x },
    { kernel: [3, 3], pads: [1, 1, 1, 1] },
    { name: "pooled", type: x.type },
  ).result;
  const joined = graph.create(
    concat,
    { inputs: [x, ...parts, pooled, parts[0]!] },
    { axis },
    { name: "joined" },
  ).result;
  graph.setOutputs([behind === "output" ? joined : branch(graph, joined, "y", 5, 3, random)]);
  return graph;
}

describe.each<[string, Case]>([
  ["whole vectors of channels", { channels: [8, 16, 4], axis: 3 }],
  ["channels that fill no vector", { channels: [3, 5, 2], axis: 3 }],
  ["rows", { channels: [4, 4], axis: 1 }],
  ["columns", { channels: [3, 3], axis: 2 }],
])("%s", (_, parts) => {
  test.each(["output", "convolution"] as const)("in front of %s", async (behind) => {
    const graph = network(parts, behind);
    await expectAgreement(graph, storedInputs(graph, 4, 3));
  });
});

test("what is read once writes its part itself", () => {
  const graph = network({ channels: [8, 16, 4], axis: 3 }, "convolution");
  const { kernels } = lowerToKernels(graph, wasmSimd);
  // b0 is joined twice and so needs memory of its own.
  expect(kernels.map(({ name, steps }) => [name, steps.length])).toEqual([
    ["x:staged", 1],
    ["b0", 1],
    ["joined", 6],
    ["y", 1],
  ]);
});
