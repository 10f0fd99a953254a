/** The forms that schedules recognize: what an expression looks like, beyond what it computes. */
import { describe, expect, test } from "vitest";
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { isAffine, type Expression, type Step } from "../../src/expr/expression.ts";
import { nodesOf } from "../../src/expr/walk.ts";
import { graphOf, type Given } from "./run-operator.ts";

const stepsOf = (line: string, given: Given): readonly Step[] =>
  expressOperation(graphOf(line, given).operations[0]!, tensorReferences()).steps;

/** `sum[ky kx k](mul(sub(load|5, 5), load))`: kinds, reduction axes, fills and constants. */
function form(e: Expression): string {
  switch (e.kind) {
    case "constant":
      return String(e.value);
    case "load":
      return e.fill === undefined ? "load" : `load|${e.fill}`;
    case "binary":
      return `${e.operator}(${form(e.left)}, ${form(e.right)})`;
    case "reduce":
      return `${e.operator}[${e.over.map((v) => v.name).join(" ")}](${form(e.body)}) from ${form(e.initial)}`;
    default:
      return e.kind;
  }
}

describe("conv2d", () => {
  const x = "tensor<1x4x4x4xi8, 0.5:5>";
  test.each<[string, string, string, string]>([
    ["{}", x, "tensor<1x2x2x4xi8, 0.25:0>", "add[ky kx k](mul(sub(load, 5), load)) from 0"],
    [
      "{pads = [0, 0, 1, 0]}",
      x,
      "tensor<1x2x2x4xi8, 0.25:0>",
      "add[ky kx k](mul(sub(load|5, 5), load)) from 0",
    ],
    [
      "{strides = [2, 2], pads = [0, 0, 1, 1]}",
      x,
      "tensor<1x2x2x4xi8, 0.25:0>",
      "add[ky kx k](mul(sub(load, 5), load)) from 0",
    ],
    ["{groups = 4}", x, "tensor<4x2x2x1xi8, 0.25:0>", "add[ky kx](mul(sub(load, 5), load)) from 0"],
    ["{groups = 2}", x, "tensor<4x2x2x2xi8, 0.25:0>", "add[ky kx k](mul(sub(load, 5), load)) from 0"],
    [
      "{pads = [1, 1, 1, 1]}",
      "tensor<1x4x4x4xf32>",
      "tensor<1x2x2x4xf32>",
      "add[ky kx k](mul(load|0, load)) from 0",
    ],
    ["{}", "tensor<1x4x4x4xi8, 0.5:0>", "tensor<1x2x2x4xi8, 0.25:0>", "add[ky kx k](mul(load, load)) from 0"],
  ])("%s of %s by %s", (attributes, input, weight, expected) => {
    const real = weight.includes("f32");
    const [outputs, size] = [Number(/<(\d+)/.exec(weight)![1]), attributes.includes("strides") ? 2 : 3];
    const extra = [/pads = \[0, 0, 1, 0/, /pads = \[1, 1, 1, 1/].map((pattern) =>
      pattern.test(attributes) ? 1 : 0,
    );
    const [rows, columns] = [size + extra[0]! + 2 * extra[1]!, size + 2 * extra[1]!];
    const result = `tensor<1x${rows}x${columns}x${outputs}x${real ? "f32" : "i32, 0.125:0"}>`;
    const [step] = stepsOf(`%y = conv2d %x, %w ${attributes} : ${result}`, { "%x": input, "%w": weight });
    expect(form(step!.value)).toBe(expected);
    expect(step!.index.every(isAffine)).toBe(true);
  });
});

describe("reshape", () => {
  const isAffineCopy = (from: string, to: string): boolean => {
    const [step] = stepsOf(`%y = reshape %x {shape = [${to.split("x").join(", ")}]} : tensor<${to}xf32>`, {
      "%x": `tensor<${from}xf32>`,
    });
    return nodesOf(step!.value).every((e) => e.kind === "load" && e.index.every(isAffine));
  };
  test.each([
    ["6x4", "2x12"],
    ["2x12", "6x4"],
    ["1x5x5x8", "1x200"],
    ["24", "2x3x1x4"],
    ["2x3x4", "6x2x2"],
    ["1x1", "1"],
  ])("%s to %s is affine", (from, to) => {
    expect(isAffineCopy(from, to)).toBe(true);
  });
  test("3x2 to 2x3 computes its index", () => {
    expect(isAffineCopy("3x2", "2x3")).toBe(false);
  });
});
