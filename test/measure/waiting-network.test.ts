/** Inferences side by side: the same values as one at a time, and changes ahead take effect. */
import { expect, test } from "vitest";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { WaitingNetwork } from "../../src/measure/waiting-network.ts";
import { constant } from "../../src/ops/constant.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";

/** A value read at once, much later, and as an output; another that is read twice. */
const text = `graph @net(%x: tensor<1x2xf32>) {
  %w = constant {value = dense<[[1, 2], [3, 4]]>} : tensor<2x2xf32>
  %a = linear %x, %w : tensor<1x2xf32>
  %v = constant {value = dense<[[-1, 0], [1, 1]]>} : tensor<2x2xf32>
  %b = linear %a, %v : tensor<1x2xf32>
  %c = add %a, %b : tensor<1x2xf32>
  %d = add %c, %x : tensor<1x2xf32>
  return %d, %a
}`;
const net = (): Graph => parseGraph(text, { file: "net.qir" });
const samples: (readonly Tensor[])[] = [
  [1, 2],
  [-3, 0.5],
].map((values) => [tensor("f32", [1, 2], values)]);
const valueOf = (graph: Graph, name: string) => graph.values.find((value) => value.name === name)!;

function expected(graph: Graph, name: string): Tensor[] {
  const executor = createInterpreter(graph);
  return samples.map((sample) => {
    let found: Tensor | undefined;
    executor.run(sample, (at, value) => {
      if (at === name) found = { ...value, data: value.data.slice() };
    });
    return found!;
  });
}

test("the values of every sample", async () => {
  const graph = net();
  const waiting = new WaitingNetwork(graph, samples, interpreterFactory);
  expect(await waiting.advance(valueOf(graph, "x"))).toEqual(samples.map(([x]) => x));
  for (const name of ["a", "b", "d"])
    expect(await waiting.advance(valueOf(graph, name)), name).toEqual(expected(net(), name));
  // An output goes on waiting, what is read no more does not.
  expect(await waiting.advance(valueOf(graph, "a"))).toEqual(expected(net(), "a"));
  await expect(waiting.advance(valueOf(graph, "b"))).rejects.toThrow("no longer waiting");
});

test("a constant changed ahead takes effect, one passed does not", async () => {
  const graph = net();
  const waiting = new WaitingNetwork(graph, samples, interpreterFactory);
  await waiting.advance(valueOf(graph, "a"));
  for (const name of ["w", "v"]) {
    const old = valueOf(graph, name);
    const value = tensor("f32", [2, 2], [0, 1, 1, 0]);
    graph.replace(old.producer!, graph.create(constant, {}, { value }, { before: old.producer! }).result);
  }
  const changed = parseGraph(text.replace("[[-1, 0], [1, 1]]", "[[0, 1], [1, 0]]"), { file: "net.qir" });
  expect(await waiting.advance(valueOf(graph, "d"))).toEqual(expected(changed, "d"));
});
