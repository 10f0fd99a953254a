/** Networks with what is not arithmetic, from ONNX to integers: the same bytes in every engine, on ties and extremes too. */
import { describe, expect, test } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { tensorType } from "../../src/ir/types.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { f32, i64, importNetwork, numbers, type Network } from "../frontends/onnx/networks.ts";
import { asReals, asSingles, patternsOf, store } from "../ops/measure-integer-error.ts";
import { expectAgreement } from "./engines.ts";

const layer: Network["nodes"] = [{ op: "Gemm", in: ["x", "w", "b"], out: ["h"], attributes: { transB: 1 } }];
const weights = { w: numbers(6, 4), b: numbers(6) };

const networks: Readonly<Record<string, Network>> = {
  "the best class at the end": {
    nodes: [...layer, { op: "ArgMax", in: ["h"], out: ["y"], attributes: { axis: 1, keepdims: 0 } }],
  },
  "the three best, with their values": {
    nodes: [...layer, { op: "TopK", in: ["h", "k"], out: ["v", "y"], attributes: { axis: 1 } }],
    initializers: { k: i64(3) },
    outputs: ["v", "y"],
  },
  "a threshold chooses": {
    nodes: [
      ...layer,
      { op: "Greater", in: ["h", "t"], out: ["m"] },
      { op: "Where", in: ["m", "h", "t"], out: ["y"] },
    ],
    initializers: { t: f32([1], [0.5]) },
  },
  "a truth value as a factor": {
    nodes: [
      ...layer,
      { op: "LessOrEqual", in: ["h", "t"], out: ["m"] },
      { op: "Cast", in: ["m"], out: ["n"], attributes: { to: 1 } },
      { op: "Mul", in: ["h", "n"], out: ["y"] },
    ],
    initializers: { t: f32([], [0.5]) },
  },
  "truth values of truth values": {
    nodes: [
      ...layer,
      { op: "Greater", in: ["h", "t"], out: ["m"] },
      { op: "Less", in: ["h", "u"], out: ["n"] },
      { op: "And", in: ["m", "n"], out: ["o"] },
      { op: "Not", in: ["o"], out: ["y"] },
    ],
    initializers: { t: f32([], [-3]), u: f32([], [4]) },
  },
  "a mask that is constant": {
    nodes: [...layer, { op: "Where", in: ["m", "h", "t"], out: ["y"] }],
    initializers: { m: tensor("bool", [6], [1, 0, 1, 1, 0, 0]), t: f32([], [-1]) },
  },
  "values of two scales compared": {
    nodes: [
      ...layer,
      { op: "Sigmoid", in: ["h"], out: ["g"] },
      { op: "Less", in: ["h", "g"], out: ["m"] },
      { op: "Where", in: ["m", "g", "h"], out: ["y"] },
    ],
  },
  "an image enlarged along both axes": {
    nodes: [
      { op: "Reshape", in: ["x", "s"], out: ["i"] },
      { op: "Resize", in: ["i", "", "", "z"], out: ["y"], attributes: { mode: "linear" } },
    ],
    initializers: { s: i64(1, 1, 4, 3), z: i64(1, 1, 7, 5) },
  },
};

const shape = [3, 4];

describe("in integers, the same in every engine", () => {
  test.each(Object.entries(networks))("%s", { timeout: 120_000 }, async (_, network) => {
    const { graph } = importNetwork({
      opset: 17,
      ...network,
      inputs: { x: shape },
      initializers: { ...weights, ...network.initializers },
    });
    const type = tensorType("i8", shape, { scale: [0.0625], zero: [-3] });
    const samples = patternsOf([type], 20);
    const quantization = new Map([["x", { element: "i8" as const, scale: 0.0625, zero: -3 }]]);
    await store(graph, asSingles(asReals(samples, [type])), quantization);
    await expectAgreement(graph, samples);
  });
});

describe("what has no integer form says what to do", () => {
  const declined: Readonly<Record<string, { nodes: Network["nodes"]; message: string; help: string }>> = {
    "a cast of reals": {
      nodes: [...layer, { op: "Cast", in: ["h"], out: ["y"], attributes: { to: 6 }, name: "c" }],
      message: "'cast' has no integer form",
      help: "end the network before the conversion",
    },
    "a division by what is computed": {
      nodes: [...layer, { op: "Div", in: ["h", "h"], out: ["y"], name: "c" }],
      message: "'div' has no integer form",
      help: "multiply by a reciprocal",
    },
    "a power": {
      nodes: [...layer, { op: "Pow", in: ["h", "p"], out: ["y"], name: "c" }],
      message: "'pow' has no integer form",
      help: "write a constant exponent as products",
    },
  };
  test.each(Object.entries(declined))("%s", async (_, { nodes, message, help }) => {
    const { graph } = importNetwork({
      opset: 17,
      nodes,
      inputs: { x: shape },
      initializers: { ...weights, p: f32([], [2.5]) },
    });
    let found: unknown;
    try {
      await store(graph, [[numbers(...shape)]], new Map());
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(DiagnosticError);
    const [first] = (found as DiagnosticError).diagnostics;
    expect(first).toMatchObject({
      code: "no-integer-form",
      message,
      subject: expect.stringContaining('"c"') as string,
    });
    expect(first!.help).toContain(help);
  });
});
