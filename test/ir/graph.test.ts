/** The graph's own methods: what keeps it sound whatever a pass holds in its hands. */
import { expect, test } from "vitest";
import { Graph } from "../../src/ir/graph.ts";
import { tensorType } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { add } from "../../src/ops/add.ts";
import { relu } from "../../src/ops/relu.ts";

function pair() {
  const graph = new Graph("net");
  const x = graph.addInput("x", tensorType("f32", [4]));
  const a = graph.create(relu, { input: x }, {}, { name: "a" }).result;
  const b = graph.create(add, { lhs: a, rhs: a }, {}, { name: "b" }).result;
  graph.setOutputs([b, a]);
  return { graph, x, a, b };
}

test("a value takes the place of another wherever it is read", () => {
  const { graph, x, a, b } = pair();
  graph.replaceAllUses(a, x);
  expect(b.producer!.operands).toEqual([x, x]);
  expect(graph.outputs).toEqual([b, x]);
  expect(a.users.size).toBe(0);
  expect(verify(graph)).toEqual([]);
});

test("a value that takes its own place changes nothing", () => {
  const { graph, a, b } = pair();
  graph.replaceAllUses(a, a);
  expect(b.producer!.operands).toEqual([a, a]);
  expect(verify(graph)).toEqual([]);
});

test("lists that were handed in stay the caller's", () => {
  const { graph, x, a, b } = pair();
  const outputs = [b];
  graph.setOutputs(outputs);
  outputs.push(a);
  const operands = [x];
  const { result } = graph.createGeneric(relu, operands, {});
  operands.pop();
  expect(graph.outputs).toEqual([b]);
  expect(result.producer!.operands).toEqual([x]);
});

test("names are made unique, and free again when their operation is erased", () => {
  const { graph, x, a } = pair();
  const wish = (): string => graph.create(relu, { input: x }, {}, { name: "a" }).result.name;
  expect([wish(), wish()]).toEqual(["a_1", "a_2"]);
  graph.setOutputs([a]);
  graph.erase(graph.operations.find((operation) => operation.result.name === "a_1")!);
  expect(wish()).toBe("a_1");
  expect(graph.create(relu, { input: x }, {}, { name: "conv/1:é" }).result.name).toBe("conv_1__");
});
