/** Branches whose condition is known stand where their node stood; others say what to do. */
import { describe, expect, test } from "vitest";
import { interpret } from "../../../src/exec/interpreter.ts";
import { importOnnx, type OnnxImportOptions } from "../../../src/frontends/onnx/import-onnx.ts";
import { numbersOf, tensor } from "../../../src/tensor/tensor.ts";
import { diagnosticsOf } from "./diagnostics-of.ts";
import { f32, i64, onnxBytes, type Network, type NodeText } from "./networks.ts";

const node = (op: string, inputs: string[], out: string, attributes?: NodeText["attributes"]): NodeText => ({
  op,
  in: inputs,
  out: [out],
  ...(attributes === undefined ? {} : { attributes }),
});

/** `then` doubles what is around it, `else` negates it. */
const branches = {
  then_branch: { graph: { nodes: [node("Add", ["h", "h"], "t")], outputs: ["t"] } },
  else_branch: { graph: { nodes: [node("Neg", ["h"], "e")], outputs: ["e"] } },
} as const;

const choice = (condition: NodeText[], initializers: Network["initializers"] = {}): Network => ({
  nodes: [
    node("Relu", ["x"], "h"),
    ...condition,
    node("If", ["c"], "r", branches),
    node("Add", ["r", "unit"], "y"),
  ],
  inputs: { x: [2] },
  initializers: { unit: f32([], [1]), ...initializers },
});

function run(network: Network, x: readonly number[], options: OnnxImportOptions = {}): number[] {
  const { graph } = importOnnx(onnxBytes(network), options);
  return Array.from(numbersOf(interpret(graph, [f32([x.length], x)])[0]!));
}

test("known integers compared in operator set 6 take its broadcasting", () => {
  const network: Network = {
    opset: 6,
    nodes: [
      node("Equal", ["a", "b"], "q", { broadcast: 1, axis: 0 }),
      node("Cast", ["q"], "f", { to: 1 }),
      node("Add", ["x", "f"], "y"),
    ],
    inputs: { x: [2, 2] },
    initializers: { a: tensor("i32", [2, 2], [1, 1, 2, 2]), b: tensor("i32", [2], [1, 2]) },
  };
  const { graph } = importOnnx(onnxBytes(network));
  expect(Array.from(numbersOf(interpret(graph, [f32([2, 2], [0, 1, 2, 3])])[0]!))).toEqual([1, 2, 3, 4]);
});

describe("a condition that is known", () => {
  test.each([
    [1, [7, 1]],
    [0, [-2, 1]],
  ])("as an initializer, %d", (value, wanted) => {
    expect(run(choice([], { c: tensor("bool", [], [value]) }), [3, -1])).toEqual(wanted);
  });

  test("by the shape of an input", () => {
    const condition = [
      node("Shape", ["x"], "s"),
      node("Equal", ["s", "two"], "q"),
      node("Squeeze", ["q", "zero"], "c"),
    ];
    expect(run(choice(condition, { two: i64(2), zero: i64(0) }), [3, -1])).toEqual([7, 1]);
  });

  test.each([
    ["And", 0, [-2, 1]],
    ["Or", 1, [7, 1]],
    ["Xor", 1, [7, 1]],
  ])("by %s of two known ones", (op, _, wanted) => {
    const known = { a: tensor("bool", [], [1]), b: tensor("bool", [], [0]) };
    expect(run(choice([node(op, ["a", "b"], "c")], known), [3, -1])).toEqual(wanted);
  });

  test("by an input that is fixed", () => {
    const condition = [node("Cast", ["rate"], "whole", { to: 7 }), node("Equal", ["whole", "wanted"], "c")];
    const network = { ...choice(condition, { wanted: i64(16000) }), inputs: { x: [2], rate: [1] } };
    const at = (rate: number) => run(network, [3, -1], { fixed: new Map([["rate", [rate]]]) });
    expect(at(16000)).toEqual([7, 1]);
    expect(at(8000)).toEqual([-2, 1]);
  });

  test("one inside the other; an inner name hides an outer one", () => {
    const inner: Network = {
      nodes: [node("Neg", ["h"], "k"), node("Add", ["k", "one"], "o")],
      initializers: { one: f32([], [100]) },
      outputs: ["o"],
    };
    const outer: Network = {
      nodes: [node("If", ["c"], "o", { then_branch: { graph: inner }, else_branch: { graph: inner } })],
      outputs: ["o"],
    };
    const network: Network = {
      nodes: [
        node("Add", ["x", "one"], "h"),
        node("If", ["c"], "y", { then_branch: { graph: outer }, else_branch: { graph: outer } }),
      ],
      inputs: { x: [1] },
      initializers: { c: tensor("bool", [], [1]), one: f32([], [1]) },
    };
    expect(run(network, [5])).toEqual([94]);
  });

  test("a branch may give a constant, or what is around it", () => {
    const network: Network = {
      nodes: [
        node("Relu", ["x"], "h"),
        {
          op: "If",
          in: ["c"],
          out: ["a", "b"],
          attributes: {
            then_branch: { graph: { nodes: [], initializers: { k: f32([2], [7, 8]) }, outputs: ["k", "h"] } },
            else_branch: branches.else_branch,
          },
        },
        node("Add", ["a", "b"], "y"),
      ],
      inputs: { x: [2] },
      initializers: { c: tensor("bool", [1], [1]) },
    };
    expect(run(network, [1, -1])).toEqual([8, 8]);
  });

  test("the other branch may hold anything", () => {
    const network = choice([], { c: tensor("bool", [], [1]) });
    const strange = { graph: { nodes: [node("Loop", ["h"], "e")], outputs: ["e"] } };
    const nodes = network.nodes.map((each) =>
      each.op === "If" ? { ...each, attributes: { ...branches, else_branch: strange } } : each,
    );
    expect(run({ ...network, nodes }, [3, -1])).toEqual([7, 1]);
  });
});

describe("what cannot be", () => {
  const problems = (network: Network, options?: OnnxImportOptions) =>
    diagnosticsOf(() => importOnnx(onnxBytes(network), options));

  test("a condition that is computed says how to fix it", () => {
    const network = choice([node("Greater", ["s", "zero"], "c")], { zero: f32([], [0]) });
    expect(problems({ ...network, inputs: { x: [2], s: [1] } })).toMatchObject([
      {
        code: "onnx-not-constant",
        message: `'If' computes its condition ("c"), expected a constant`,
        help: "fix the input that decides with --fix NAME=VALUE, or export the model for one case",
      },
    ]);
  });

  test("problems inside a branch are named with the inner node, once", () => {
    const network = choice([], { c: tensor("bool", [], [1]) });
    const bad = {
      graph: {
        nodes: [node("Reshape", ["h", "shape"], "t")],
        initializers: { shape: i64(3) },
        outputs: ["t"],
      },
    };
    const nodes = network.nodes.map((each) =>
      each.op === "If" ? { ...each, attributes: { ...branches, then_branch: bad } } : each,
    );
    const found = problems({ ...network, nodes });
    expect(found).toHaveLength(1);
    expect(found[0]!.subject).toContain("(Reshape)");
  });

  test("an operator that is not there, a branch that is not there", () => {
    const network = choice([], { c: tensor("bool", [], [1]) });
    const withBranches = (attributes: NodeText["attributes"]): Network => ({
      ...network,
      nodes: network.nodes.map((each) => (each.op === "If" ? { ...each, attributes: attributes! } : each)),
    });
    const odd = { graph: { nodes: [node("Frobnicate", ["h"], "t")], outputs: ["t"] } };
    expect(problems(withBranches({ ...branches, then_branch: odd }))[0]!.code).toBe(
      "onnx-unsupported-operator",
    );
    expect(problems(withBranches({ else_branch: branches.else_branch }))[0]!.code).toBe("onnx-attribute");
  });

  test("an input is fixed to numbers that do not fit", () => {
    const network = choice([], { c: tensor("bool", [], [1]) });
    const fix = (name: string, numbers: number[]) => problems(network, { fixed: new Map([[name, numbers]]) });
    expect(fix("x", [1, 2, 3])[0]).toMatchObject({
      code: "onnx-shape-option",
      help: "give one number, or 2",
    });
    const open = { ...network, inputs: { x: [2], s: ["n"] } };
    const both = (numbers: number[], shape: number[]) =>
      problems(open, { fixed: new Map([["s", numbers]]), shapes: new Map([["s", shape]]) });
    expect(both([4, 5], [2])).toEqual([]);
    expect(both([4, 5], [2, 1])[0]!.message).toBe("input 's' is [n], which [2, 1] does not fit");
    expect(problems(open, { fixed: new Map([["s", [4, 5]]]) })[0]!.help).toContain("--shape s=");
    expect(fix("x", [1e39])[0]).toMatchObject({ help: "give a finite number of that type" });
    const large = { ...network, inputs: { x: [2], s: [100000, 100000] } };
    expect(problems(large, { fixed: new Map([["s", [1]]]) })[0]!.message).toContain("too many to fix");
    expect(fix("z", [1])[0]).toMatchObject({ code: "onnx-unknown-input", help: "the inputs are x" });
  });

  test("nesting without end is refused before it is read", () => {
    let graph: Network = { nodes: [node("Neg", ["h"], "t")], outputs: ["t"] };
    const wrap = (inner: Network): Network => ({
      nodes: [node("If", ["c"], "t", { then_branch: { graph: inner }, else_branch: { graph: inner } })],
      outputs: ["t"],
    });
    for (let i = 0; i < 5; i++) graph = wrap(graph);
    const around = (inner: Network): Network => ({
      nodes: [node("Relu", ["x"], "h"), ...wrap(inner).nodes],
      outputs: ["t"],
      inputs: { x: [1] },
      initializers: { c: tensor("bool", [], [1]) },
    });
    expect(run(around(graph), [2])).toEqual([-2]);
    let deep: Network = { nodes: [node("Neg", ["h"], "t")], outputs: ["t"] };
    for (let i = 0; i < 40; i++)
      deep = { nodes: [node("If", ["c"], "t", { then_branch: { graph: deep } })], outputs: ["t"] };
    expect(problems(around(deep))[0]!.code).toBe("onnx-too-deep");
  });
});
