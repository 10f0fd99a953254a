import { describe, expect, test } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { createInterpreter, interpret, interpreterFactory } from "../../src/exec/interpreter.ts";
import * as b from "../../src/expr/build.ts";
import { tensorAttribute, int } from "../../src/ir/attributes.ts";
import { Graph } from "../../src/ir/graph.ts";
import { defineOp } from "../../src/ir/operation.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { tensor } from "../../src/tensor/tensor.ts";

const described = { doc: "", example: "", given: {} };

const known = defineOp({
  ...described,
  name: "known",
  operands: [],
  attrs: { value: tensorAttribute() },
  infer: (_, { value }) => tensorType(value.element, value.shape),
  express: () => [],
  value: ({ value }) => value,
});

/** x · factor + total(x), through a temporary and a constant. The oracle is wrong by one on purpose: it shows which of them ran. */
const scaleAndTotal = defineOp({
  ...described,
  name: "scale_and_total",
  operands: ["x"],
  attrs: { factor: int(2) },
  infer: ({ x }) => x,
  express({ x }, { factor }, result) {
    const v = b.variable("i", x.type.shape[0]!);
    const k = b.variable("k", x.type.shape[0]!);
    const { element } = x.type;
    const total = result.temporary("total", element, []);
    const scale = result.constant("scale", tensor(element, [1], [factor]));
    const zero = b.constant(element === "f32" ? "f32" : "i32", 0);
    return [
      b.compute(total, [], b.sum([k], b.load(x.tensor, [b.at(k)]), zero)),
      b.compute(
        result.tensor,
        [v],
        b.add(b.mul(b.load(x.tensor, [b.at(v)]), b.load(scale, [b.affine(0)])), b.load(total, [])),
      ),
    ];
  },
  evalStored({ x }, { factor }) {
    const values = [...(x.data as Int32Array)];
    const total = values.reduce((sum, value) => sum + value, 0);
    return tensor(
      "i32",
      x.shape,
      values.map((value) => value * factor + total + 1),
    );
  },
});

const add = defineOp({
  ...described,
  name: "add",
  operands: ["a", "b"],
  attrs: {},
  infer: ({ a }) => a,
  express({ a, b: other }, _, result) {
    const v = b.variable("i", a.type.shape[0]!);
    return [
      b.compute(result.tensor, [v], b.add(b.load(a.tensor, [b.at(v)]), b.load(other.tensor, [b.at(v)]))),
    ];
  },
});

function network(element: "i32" | "f32"): Graph {
  const graph = new Graph("net");
  // What is stored has a quantization; plain integers are computed by their expressions.
  const quantization = element === "i32" ? perTensor(1, 0) : undefined;
  const x = graph.addInput("x", tensorType(element, [3], quantization));
  const bias = graph.create(
    known,
    {},
    { value: tensor(element, [3], [10, 20, 30]) },
    { name: "bias" },
  ).result;
  const scaled = graph.create(scaleAndTotal, { x }, { factor: 3 }, { name: "scaled" }).result;
  graph.setOutputs([graph.create(add, { a: scaled, b: bias }, {}, { name: "y" }).result, x]);
  return graph;
}

const x = (element: "i32" | "f32") => tensor(element, [3], [1, 2, 3]);

describe("interpret", () => {
  test("floats by their expressions", () => {
    const [y, same] = interpret(network("f32"), [x("f32")]);
    expect([...y!.data]).toEqual([19, 32, 45]);
    expect([...same!.data]).toEqual([1, 2, 3]);
  });
  test("integers by evalStored, or by the expression when told", () => {
    expect([...interpret(network("i32"), [x("i32")])[0]!.data]).toEqual([20, 33, 46]);
    const forced = interpret(network("i32"), [x("i32")], undefined, { expressionsOnly: true });
    expect([...forced[0]!.data]).toEqual([19, 32, 45]);
  });
  test("the observer sees inputs and results in order, and no constants", () => {
    const seen: [string, number[]][] = [];
    interpret(network("f32"), [x("f32")], (name, { data }) => seen.push([name, [...(data as Float32Array)]]));
    expect(seen).toEqual([
      ["x", [1, 2, 3]],
      ["scaled", [9, 12, 15]],
      ["y", [19, 32, 45]],
    ]);
  });
  test("one executor runs many times", async () => {
    const executor = await interpreterFactory(network("f32"));
    expect(executor.engine).toBe("interpreter");
    const on = (...values: number[]) => [...executor.run([tensor("f32", [3], values)])[0]!.data];
    expect(on(1, 2, 3)).toEqual([19, 32, 45]);
    expect(on(0, 0, 0)).toEqual([10, 20, 30]);
    expect(on(1, 2, 3)).toEqual([19, 32, 45]);
    executor.dispose();
  });
});

describe("inputs that do not fit", () => {
  const diagnosticsOf = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      if (error instanceof DiagnosticError) return error.diagnostics;
      throw error;
    }
    throw new Error("nothing was refused");
  };
  test("a wrong count names what is expected", () => {
    const [found] = diagnosticsOf(() => interpret(network("f32"), []));
    expect(found).toMatchObject({
      code: "input-count",
      message: "0 inputs given, expected 1",
      subject: 'graph "net"',
    });
    expect(found!.notes).toEqual([{ message: "%x: tensor<3xf32>" }]);
  });
  test("wrong elements and shapes are all reported", () => {
    const graph = network("f32");
    graph.addInput("other", tensorType("i8", []));
    const given = [tensor("f32", [2]), tensor("u8", [])];
    const found = diagnosticsOf(() => createInterpreter(graph).run(given));
    expect(found.map((d) => [d.code, d.message])).toEqual([
      ["input-type", "input %x is given tensor<2xf32>, expected tensor<3xf32>"],
      ["input-type", "input %other is given tensor<u8>, expected tensor<i8>"],
    ]);
  });
});

describe("expressOperation", () => {
  test("names temporaries and constants after the result", () => {
    const operation = network("i32").operations.find((op) => op.definition.name === "scale_and_total")!;
    const { steps, result, temporaries, constants } = expressOperation(operation, tensorReferences());
    expect(result.name).toBe("scaled");
    expect(temporaries.map((t) => t.name)).toEqual(["scaled:total"]);
    expect(constants.map((t) => [t.name, t.data?.data])).toEqual([["scaled:scale", Int32Array.of(3)]]);
    expect(steps.map((step) => step.target)).toEqual([temporaries[0], result]);
  });
  test("references are one a value, and constants carry their data", () => {
    const referenceOf = tensorReferences();
    const [bias] = network("i32").operations;
    expect(referenceOf(bias!.result)).toBe(referenceOf(bias!.result));
    expect([...referenceOf(bias!.result).data!.data]).toEqual([10, 20, 30]);
  });
  test("refuses steps that miss their result", () => {
    const flawed = (express: typeof add.express) => () => {
      const graph = new Graph("g");
      const input = graph.addInput("x", tensorType("i32", [3]));
      const { operations } = (graph.createGeneric({ ...add, express }, [input, input], {}), graph);
      return expressOperation(operations[0]!, tensorReferences());
    };
    expect(flawed(() => [])).toThrow("internal: the expression of 'add' %add does not end with its result");
    expect(
      flawed((operands, attrs, result) => {
        result.temporary("t", "i32", [3]);
        return add.express(operands, attrs, result);
      }),
    ).toThrow("never computes add:t");
  });
});
