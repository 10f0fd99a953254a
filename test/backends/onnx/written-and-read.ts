/** Holds a graph against what becomes of it when it is written as ONNX and read again. */
import { expect } from "vitest";
import { exportOnnx } from "../../../backends/onnx/export-onnx.ts";
import { importOnnx } from "../../../src/frontends/onnx/import-onnx.ts";
import { interpret } from "../../../src/exec/interpreter.ts";
import type { Graph } from "../../../src/ir/graph.ts";
import type { TensorType } from "../../../src/ir/types.ts";
import { elementCount, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { generator, numbers } from "../../ops/run-operator.ts";

/** The same inputs and outputs, and the same numbers on random ones. */
export function expectSame(graph: Graph): void {
  const { bytes } = exportOnnx(graph, { version: "test" });
  const { graph: again, notes } = importOnnx(bytes);
  expect(notes).toEqual([]);
  const shapes = ({ inputs, outputs }: Graph) =>
    [inputs, outputs].map((ports) => ports.map(({ name, type }) => [name, type]));
  expect(shapes(again)).toEqual(shapes(graph));
  const random = generator(5);
  const inputs = graph.inputs.map(({ type }) => filled(type, random));
  const [wanted, found] = [graph, again].map((g) => numbers(interpret(g, inputs)[0]!));
  found!.forEach((y, i) => {
    const want = wanted![i]!;
    // Sums may be taken in another order, and a function be made of two.
    expect(
      Object.is(y, want) || Math.abs(y - want) <= 1e-6 * Math.max(1, Math.abs(want)),
      `${y} ${want}`,
    ).toBe(true);
  });
}

/** Reals of both signs, integers that are an index of any axis. */
const filled = ({ element, shape, quantization }: TensorType, random: () => number): Tensor =>
  tensor(
    element,
    shape,
    Array.from({ length: elementCount(shape) }, () => {
      if (element === "f32" || element === "f64") return Math.fround(4 * random() - 1.5);
      return quantization === undefined ? Math.floor(2 * random()) : Math.floor(200 * random()) - 100;
    }),
  );
