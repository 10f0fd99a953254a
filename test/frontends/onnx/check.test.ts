import { describe, expect, test } from "vitest";
import { checkOnnxModel } from "../../../src/frontends/onnx/check.ts";
import { decodeOnnx } from "../../../src/frontends/onnx/decode.ts";
import { sortNodes } from "../../../src/frontends/onnx/sort-nodes.ts";
import { codesOf, diagnosticsOf } from "./diagnostics-of.ts";
import * as wire from "./wire-writer.ts";

type Shapes = Record<string, readonly number[]>;

const check = (bytes: Uint8Array, shapes: Shapes = {}) =>
  checkOnnxModel(decodeOnnx(bytes), { shapes: new Map(Object.entries(shapes)) });

const relu = (from: string, to: string, ...more: wire.Part[]) =>
  wire.graphNode(wire.node("Relu", [from], [to], ...more));
const x = wire.input(wire.valueInfo("x", [1, 2]));
const y = wire.output(wire.valueInfo("y", [1, 2]));

const only = (bytes: Uint8Array, shapes?: Shapes) => {
  const problems = diagnosticsOf(() => check(bytes, shapes));
  expect(problems).toHaveLength(1);
  return problems[0]!;
};

const order = (bytes: Uint8Array) => check(bytes).model.graph.nodes.map(({ outputs }) => outputs[0]);

describe("order", () => {
  test("a sorted graph stays as it is, an unsorted one is sorted", () => {
    expect(order(wire.model(relu("x", "b"), relu("x", "a"), relu("b", "y"), x, y))).toEqual(["b", "a", "y"]);
    expect(order(wire.model(relu("c", "y"), relu("x", "a"), relu("a", "c"), x, y))).toEqual(["a", "c", "y"]);
  });

  test("nodes keep their position in the file as index", () => {
    const { nodes } = check(wire.model(relu("a", "y"), relu("x", "a"), x, y)).model.graph;
    expect(nodes.map(({ index }) => index)).toEqual([1, 0]);
  });

  test("what a subgraph captures counts as used by its node", () => {
    const body = wire.message(relu("late", "z"), wire.output(wire.valueInfo("z", [])));
    const owner = wire.node("If", ["x"], ["y"], wire.attribute("then_branch", 5, wire.bytes(6, body)));
    expect(order(wire.model(wire.graphNode(owner), relu("x", "late"), x, y))).toEqual(["late", "y"]);
  });

  test("a subgraph is sorted too", () => {
    const body = wire.message(relu("q", "z"), relu("x", "q"), wire.output(wire.valueInfo("z", [])));
    const owner = wire.node("If", ["x"], ["y"], wire.attribute("then_branch", 5, wire.bytes(6, body)));
    const branch = check(wire.model(wire.graphNode(owner), x, y)).model.graph.nodes[0]!.attributes.get(
      "then_branch",
    );
    expect(branch).toMatchObject({
      kind: "graph",
      value: { nodes: [{ outputs: ["q"] }, { outputs: ["z"] }] },
    });
  });

  test("a cycle is named in the direction of the data", () => {
    const bytes = wire.model(
      relu("x", "a"),
      wire.graphNode(wire.node("Add", ["a", "d"], ["b"], wire.text(3, "first"))),
      relu("b", "c"),
      relu("c", "d"),
      relu("d", "y"),
      x,
      y,
    );
    const problem = only(bytes);
    expect(problem.code).toBe("onnx-cycle");
    expect(problem.message).toBe(
      'the graph is cyclic: node #2 (Relu) -> node #3 (Relu) -> node "first" (Add) -> node #2 (Relu)',
    );
  });

  test("a node that uses itself", () => {
    expect(only(wire.model(relu("y", "y"), x, y)).code).toBe("onnx-cycle");
  });

  test("a chain of 200,000 nodes in the wrong order needs no stack", () => {
    const producers = Array.from({ length: 200_000 }, (_, index) => (index < 199_999 ? [index + 1] : []));
    const sorted = sortNodes(producers);
    expect("order" in sorted && sorted.order[0]).toBe(199_999);
  });
});

describe("names", () => {
  test("an undefined input, with the name that was meant", () => {
    const problem = only(wire.model(relu("x", "hidden"), relu("hiden", "y", wire.text(3, "last")), x, y));
    expect(problem.code).toBe("onnx-undefined-input");
    expect(problem.message).toContain('node "last" (Relu)');
    expect(problem.help).toBe("did you mean 'hidden'?");
  });

  test("an absent optional input is no name", () => {
    expect(
      codesOf(() => check(wire.model(wire.graphNode(wire.node("Clip", ["x", "", ""], ["y", ""])), x, y))),
    ).toBe("");
  });

  test("an undefined name within a subgraph", () => {
    const body = wire.message(relu("nowhere", "z"), wire.output(wire.valueInfo("z", [])));
    const owner = wire.node("If", ["x"], ["y"], wire.attribute("then_branch", 5, wire.bytes(6, body)));
    expect(only(wire.model(wire.graphNode(owner), x, y)).message).toContain("'nowhere'");
  });

  test("two definitions of one value", () => {
    expect(only(wire.model(relu("x", "y"), relu("x", "y"), x, y)).code).toBe("onnx-duplicate-definition");
    expect(only(wire.model(relu("x", "x"), relu("x", "y"), x, y)).code).toBe("onnx-duplicate-definition");
    const w = wire.initializer(wire.tensorProto("y", 1, [1], wire.float(4, 1)));
    expect(only(wire.model(relu("x", "y"), w, x, y)).code).toBe("onnx-duplicate-definition");
  });

  test("outputs", () => {
    expect(only(wire.model(relu("x", "a"), x)).code).toBe("onnx-missing-output");
    const problem = only(wire.model(relu("x", "why1"), x, wire.output(wire.valueInfo("why2", [1]))));
    expect(problem).toMatchObject({ code: "onnx-undefined-output", help: "did you mean 'why1'?" });
  });

  test("operator sets", () => {
    const foreign = wire.graphNode(wire.node("Odd", ["x"], ["y"], wire.text(7, "org.example")));
    expect(only(wire.model(foreign, x, y))).toMatchObject({ code: "onnx-missing-opset" });
    const bare = wire.message(wire.int(1, 8), wire.bytes(7, wire.message(relu("x", "y"), x, y)));
    expect(only(bare).message).toContain("'ai.onnx'");
  });

  test("all problems at once, up to a bound", () => {
    expect(codesOf(() => check(wire.model(relu("p", "a"), relu("q", "b"), x)))).toBe(
      "onnx-missing-output onnx-undefined-input onnx-undefined-input",
    );
    const many = Array.from({ length: 50 }, (_, index) => relu(`p${index}`, `q${index}`));
    const problems = diagnosticsOf(() => check(wire.model(...many, x)));
    expect(problems).toHaveLength(21);
    expect(problems[20]!.message).toContain("31 more");
  });
});

describe("input shapes", () => {
  const of = (...inputs: Uint8Array[]) =>
    wire.model(relu("x", "y"), y, ...inputs.map((payload) => wire.input(payload)));

  test("a symbolic first axis is 1, its symbol wherever it stands, and it is reported", () => {
    const { inputs, fixed, symbols } = check(
      of(wire.valueInfo("x", ["N", 3]), wire.valueInfo("z", [2, "N"], 3)),
    );
    expect(inputs).toEqual([
      { name: "x", element: "f32", shape: [1, 3] },
      { name: "z", element: "i8", shape: [2, 1] },
    ]);
    expect(fixed).toEqual([
      { input: "x", axis: 0, symbol: "N", extent: 1, reason: "batch" },
      { input: "z", axis: 1, symbol: "N", extent: 1, reason: "symbol" },
    ]);
    expect(symbols).toEqual(new Map([["N", 1]]));
  });

  test("-1 means unknown", () => {
    expect(check(of(wire.valueInfo("x", [-1, 3]))).inputs[0]!.shape).toEqual([1, 3]);
  });

  test("a given shape wins and binds the symbols of other inputs", () => {
    const bytes = of(wire.valueInfo("x", ["N", 3, "H"]), wire.valueInfo("z", ["N", "H"]));
    const { inputs, fixed } = check(bytes, { x: [4, 3, 8] });
    expect(inputs.map(({ shape }) => shape)).toEqual([
      [4, 3, 8],
      [4, 8],
    ]);
    expect(fixed.map(({ reason }) => reason)).toEqual(["option", "option", "symbol", "symbol"]);
  });

  test("another dynamic dimension asks for --shape", () => {
    const problem = only(of(wire.valueInfo("x", ["N", 3, "H", -1])));
    expect(problem.code).toBe("onnx-dynamic-shape");
    expect(problem.message).toBe("input 'x' of shape [N, 3, H, ?] is dynamic in axes 2, 3");
    expect(problem.help).toBe("give it with --shape x=1,3,<H>,<axis 3>");
    expect(check(of(wire.valueInfo("x", ["N", 3, "H", -1])), { x: [1, 3, 5, 6] }).inputs[0]!.shape).toEqual([
      1, 3, 5, 6,
    ]);
  });

  test("no shape at all", () => {
    const bare = wire.message(wire.text(1, "x"), wire.bytes(2, wire.bytes(1, wire.int(1, 1))));
    expect(only(of(bare))).toMatchObject({
      code: "onnx-missing-shape",
      help: "give it with --shape x=1,3,32,32",
    });
    expect(check(of(bare), { x: [1, 2] }).inputs[0]!.shape).toEqual([1, 2]);
  });

  test("shapes that do not fit", () => {
    const bytes = of(wire.valueInfo("x", ["N", 3]));
    expect(only(bytes, { x: [1, 4] }).message).toContain("has 4 at axis 1, expected 3");
    expect(only(bytes, { x: [1] }).message).toContain("has 1 dimensions, expected 2");
    expect(only(bytes, { x: [1.5, 3] }).code).toBe("onnx-shape-option");
    const twice = of(wire.valueInfo("x", ["N", 3]), wire.valueInfo("z", ["N"]));
    expect(only(twice, { x: [2, 3], z: [4] }).message).toBe("the symbol 'N' stands for 4 and for 2");
    expect(only(of(wire.valueInfo("x", [1])), { xx: [1] }).code).toBe("onnx-unknown-input");
  });

  test("inputs that are no tensors of numbers", () => {
    expect(only(of(wire.valueInfo("x", [1], 8))).message).toBe(
      "input 'x' is a string, expected a tensor of numbers",
    );
    expect(codesOf(() => check(of(wire.text(1, "x"))))).toBe("onnx-input-type onnx-missing-shape");
  });

  test("an initializer among the inputs is no input", () => {
    const w = wire.initializer(wire.tensorProto("w", 1, [1], wire.float(4, 1)));
    const bytes = wire.model(relu("w", "y"), w, x, wire.input(wire.valueInfo("w", ["?", "?"])), y);
    expect(check(bytes).inputs.map(({ name }) => name)).toEqual(["x"]);
  });
});
