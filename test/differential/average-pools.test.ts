/** Average pools whose windows are cut off at the border: every position has a divisor of its own. */
import { test } from "vitest";
import { Graph } from "../../src/ir/graph.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { avgPool } from "../../src/ops/avg-pool.ts";
import { expectAgreement } from "./engines.ts";
import { addConvolution, addRequantize, generator, storedInputs } from "./stored-graphs.ts";

const cases = {
  "3x3, pads of 1, whole vectors": { channels: 8, kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  "ragged channels, a stride": { channels: 5, kernel: [3, 2], strides: [2, 2], pads: [0, 1, 2, 0] },
  "padding that counts": { channels: 4, kernel: [2, 2], strides: [1, 1], pads: [1, 0, 0, 1], counts: true },
  "one channel": { channels: 1, kernel: [2, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
} as const;

test.each(Object.entries(cases))("%s", async (_, { channels, kernel, strides, pads, ...rest }) => {
  const graph = new Graph("net");
  const random = generator(5);
  const x = graph.addInput("x", tensorType("i8", [1, 7, 6, channels], perTensor(0.5, -11)));
  const layer = { height: 7, width: 6, inputs: channels, outputs: channels, kernel: [1, 1] } as const;
  const inner = addConvolution(graph, x, "inner", layer, random);
  const attributes = { kernel, strides, pads, count_include_pad: "counts" in rest };
  const own = graph.create(avgPool, { input: inner }, attributes, { name: "pool_acc" }).result;
  const pooled = addRequantize(graph, own, "pooled", inner.type.quantization!.scale[0]! * 0.8, 4);
  const given = graph.create(avgPool, { input: x }, attributes, { name: "given_acc" }).result;
  graph.setOutputs([pooled, addRequantize(graph, given, "given", 0.4, 0)]);
  await expectAgreement(graph, storedInputs(graph, 5, 2));
});
