/** Type rules: what is refused, and in which words. */
import { describe, expect, test } from "vitest";
import { DiagnosticError, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { graphOf, type Given } from "./run-operator.ts";

function problemsOf(line: string, given: Given): readonly Diagnostic[] {
  try {
    graphOf(line, given);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}

const i8 = "tensor<1x4x4x2xi8, 0.5:3>";
const w8 = "tensor<3x3x3x2xi8, {0.25, 0.5, 1}:0 @0>";
const conv = "%y = conv2d %x, %w, %b : tensor<1x2x2x3xi32, {0.125, 0.25, 0.5}:0 @3>";

test.each<[string, Given, string, string]>([
  [
    "%y = relu %x : tensor<4xi32, 1:0>",
    { "%x": "tensor<4xi32, 1:0>" },
    "operand-type",
    "'relu' has input of i32, expected i8 or u8 or i16",
  ],
  [
    "%y = sigmoid %x : tensor<4xf32>",
    { "%x": "tensor<4xi8, 1:0>" },
    "operand-type",
    "'sigmoid' has input tensor<4xi8, 1:0>, expected no quantization",
  ],
  [
    "%y = clip %x {min = 2, max = 1} : tensor<4xf32>",
    { "%x": "tensor<4xf32>" },
    "attribute",
    "'clip' has bounds 2 and 1, expected the lower first",
  ],
  [
    "%y = add %a, %b : tensor<2x3xf32>",
    { "%a": "tensor<2x3xf32>", "%b": "tensor<2xf32>" },
    "operand-shape",
    "'add' has operands of shapes [2, 3] and [2], which do not broadcast",
  ],
  [
    "%y = add %a, %a : tensor<2xi8, 1:0>",
    { "%a": "tensor<2xi8, 1:0>" },
    "operand-type",
    "'add' has lhs tensor<2xi8, 1:0>, expected no quantization",
  ],
  [
    "%y = maximum %a, %b : tensor<2xi8, 1:0>",
    { "%a": "tensor<2xi8, 1:0>", "%b": "tensor<2xi8, 2:0>" },
    "quantization",
    "'maximum' has operands tensor<2xi8, 1:0> and tensor<2xi8, 2:0>, expected one quantization",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xf32>",
    { "%x": "tensor<4x4x2xf32>", "%w": "tensor<3x3x3x2xf32>" },
    "operand-shape",
    "'conv2d' has input tensor<4x4x2xf32> of rank 3, expected 4 (N, H, W, C)",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xf32>",
    { "%x": "tensor<1x4x4x4xf32>", "%w": "tensor<3x3x3x2xf32>" },
    "operand-shape",
    "'conv2d' has a weight of 2 input channels, expected 4 (4 channels in 1 groups)",
  ],
  [
    "%y = conv2d %x, %w {groups = 2} : tensor<1x2x2x3xf32>",
    { "%x": "tensor<1x4x4x4xf32>", "%w": "tensor<3x3x3x2xf32>" },
    "operand-shape",
    "'conv2d' splits 4 input and 3 output channels into 2 groups, expected divisors",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xf32>",
    { "%x": "tensor<1x2x4x2xf32>", "%w": "tensor<3x3x3x2xf32>" },
    "operand-shape",
    "'conv2d' has a window of height 3, expected at most the padded input's 2",
  ],
  [
    "%y = conv2d %x, %w {strides = [0, 1]} : tensor<1x2x2x3xf32>",
    { "%x": "tensor<1x4x4x2xf32>", "%w": "tensor<3x3x3x2xf32>" },
    "attribute",
    "'conv2d' has strides [0, 1], expected at least 1",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xf32>",
    { "%x": "tensor<1x4x4x2xf32>", "%w": w8 },
    "operand-type",
    "'conv2d' has weight tensor<3x3x3x2xi8, {0.25, 0.5, 1}:0 @0>, expected f32",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xi32, 1:0>",
    { "%x": i8, "%w": "tensor<3x3x3x2xi8, 1:2>" },
    "quantization",
    "'conv2d' has weight with zero point 2 of slice 0, expected 0",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xi32, 1:0>",
    { "%x": i8, "%w": "tensor<3x3x3x2xi8, {1, 2}:0 @3>" },
    "quantization",
    "'conv2d' has weight quantized along axis 3, expected axis 0 or one scale",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xi32, 1:0>",
    { "%x": "tensor<1x4x4x2xi8, {1, 2}:0 @3>", "%w": w8 },
    "quantization",
    "'conv2d' has input quantized along axis 3, expected one scale",
  ],
  [
    conv,
    { "%x": i8, "%w": w8, "%b": "tensor<3xi32, {0.125, 0.25, 0.25}:0 @0>" },
    "accumulator-scale",
    "'conv2d' adds a bias of scale 0.25 to channel 2",
  ],
  [
    conv,
    { "%x": i8, "%w": w8, "%b": "tensor<3xi32, 0.125:0>" },
    "quantization",
    "'conv2d' has bias with one scale, expected scales along axis 0 as the weight",
  ],
  [
    conv,
    { "%x": i8, "%w": w8, "%b": "tensor<4xi32, 0.125:0>" },
    "operand-shape",
    "'conv2d' has bias tensor<4xi32, 0.125:0>, expected one entry for each of 3 output channels",
  ],
  [
    "%y = conv2d %x, %w : tensor<1x2x2x3xi32, 0.125:0>",
    { "%x": i8, "%w": w8 },
    "result-type",
    "'conv2d' is declared tensor<1x2x2x3xi32, 0.125:0> but its operands give tensor<1x2x2x3xi32, {0.125, 0.25, 0.5}:0 @3>",
  ],
  [
    "%y = linear %x, %w : tensor<2x3xf32>",
    { "%x": "tensor<2x5xf32>", "%w": "tensor<3x4xf32>" },
    "operand-shape",
    "'linear' has input tensor<2x5xf32>, expected 4 entries along its last axis, as its weight has",
  ],
  [
    "%y = matmul %a, %b : tensor<2x2xf32>",
    { "%a": "tensor<2x3xf32>", "%b": "tensor<2x2xf32>" },
    "operand-shape",
    "'matmul' has b tensor<2x2xf32> of 2 rows, expected 3, the columns of a tensor<2x3xf32>",
  ],
  [
    "%y = avg_pool %x {kernel = [23, 1], pads = [22, 0, 0, 0]} : tensor<1x23x1x1xi32, 0.125:0>",
    { "%x": "tensor<1x23x1x1xi8, 0.5:3>" },
    "integer-form",
    "'avg_pool' averages windows whose numbers of cells have the least common multiple 5354228880, too large for i32",
  ],
  [
    "%y = max_pool %x {kernel = [2, 2], pads = [2, 0, 0, 0]} : tensor<1x4x4x2xi8, 0.5:3>",
    { "%x": i8 },
    "attribute",
    "'max_pool' has pads [2, 0, 0, 0], expected less than the window's [2, 2]",
  ],
  [
    "%y = reduce_sum %x {axes = [2]} : tensor<2xf32>",
    { "%x": "tensor<2x3xf32>" },
    "attribute",
    "'reduce_sum' has axis 2, expected one of a tensor of rank 2",
  ],
  [
    "%y = reduce_mean %x {axes = [1, -1]} : tensor<2xf32>",
    { "%x": "tensor<2x3xf32>" },
    "attribute",
    "'reduce_mean' has axes [1, -1], expected each once",
  ],
  [
    "%y = reshape %x {shape = [4, 2]} : tensor<4x2xf32>",
    { "%x": "tensor<2x3xf32>" },
    "operand-shape",
    "'reshape' gives tensor<2x3xf32> the shape [4, 2] of 8 elements, expected 6",
  ],
  [
    "%y = reshape %x {shape = [6]} : tensor<6xi8, 1:0>",
    { "%x": "tensor<2x3xi8, {1, 2, 3}:0 @1>" },
    "quantization",
    "'reshape' takes apart axis 1, along which tensor<2x3xi8, {1, 2, 3}:0 @1> is quantized",
  ],
  [
    "%y = transpose %x {permutation = [0, 0]} : tensor<2x2xf32>",
    { "%x": "tensor<2x3xf32>" },
    "attribute",
    "'transpose' has permutation [0, 0], expected one of the 2 axes of tensor<2x3xf32>",
  ],
  [
    "%y = concat %a, %b {axis = 0} : tensor<4xi8, 1:0>",
    { "%a": "tensor<2xi8, 1:0>", "%b": "tensor<2xi8, 1:1>" },
    "quantization",
    "'concat' has input 1 tensor<2xi8, 1:1>, expected the element and quantization of tensor<2xi8, 1:0>",
  ],
  [
    "%y = slice %x {starts = [0], ends = [1], axes = [0], steps = [0]} : tensor<1xf32>",
    { "%x": "tensor<2xf32>" },
    "attribute",
    "'slice' has step 0 along axis 0, expected another",
  ],
  [
    "%y = pad %x {before = [1], after = [0], value = 70} : tensor<3xi8, 0.5:3>",
    { "%x": "tensor<2xi8, 0.5:3>" },
    "attribute",
    "'pad' pads tensor<2xi8, 0.5:3> with 70, stored as 143, expected within [-128, 127]",
  ],
  [
    "%y = quantize %x : tensor<2xi8>",
    { "%x": "tensor<2xf32>" },
    "result-type",
    "'quantize' is declared tensor<2xi8>, expected integers with a quantization",
  ],
  [
    "%y = dequantize %x : tensor<2xf32>",
    { "%x": "tensor<2xi8>" },
    "quantization",
    "'dequantize' has input tensor<2xi8> without a quantization",
  ],
  [
    "%y = lookup %x {table = dense<[1, 2]> : tensor<2xi8>} : tensor<2xi8, 1:0>",
    { "%x": "tensor<2xi8, 1:0>" },
    "attribute",
    "'lookup' has a table of shape [2], expected [256]",
  ],
  [
    "%y = requantize %acc {multiplier = [1073741824], shift = [31], clamp = [-129, 127]} : tensor<4xi8, 1:0>",
    { "%acc": "tensor<4xi32, 0.5:0>" },
    "attribute",
    "'requantize' has clamp [-129, 127], expected within i8's [-128, 127]",
  ],
  [
    "%y = requantize %acc {multiplier = [1, 2], shift = [31], clamp = [0, 1]} : tensor<4xi8, 1:0>",
    { "%acc": "tensor<4xi32, 0.5:0>" },
    "attribute",
    "'requantize' has 2 multipliers, expected 1 or 4",
  ],
  [
    "%y = requantize %acc {multiplier = [1], shift = [63], clamp = [0, 1]} : tensor<4xi8, 1:0>",
    { "%acc": "tensor<4xi32, 0.5:0>" },
    "attribute",
    "'requantize' has shift 63, expected 1 to 62",
  ],
  [
    "%y = rescaled_add %a, %a {multipliers = [1073741824, 1073741824], shift = 30, clamp = [-128, 127]} : tensor<4xi8, 0.5:0>",
    { "%a": "tensor<4xi8, 0.5:0>" },
    "overflow",
    "'rescaled_add' reaches 275414777856 in i32, expected at most 2147483647",
  ],
  [
    "%y = rescaled_add %a, %a {multipliers = [1024, 1023], shift = 10, clamp = [-128, 127]} : tensor<4xi8, 0.5:0>",
    { "%a": "tensor<4xi8, 0.5:0>" },
    "requantize-ratio",
    "'rescaled_add' rescales rhs by 0.999023",
  ],
  [
    "%y = requantize %acc {multiplier = [1073741823], shift = [31], clamp = [0, 1]} : tensor<4xi8, 1:0>",
    { "%acc": "tensor<4xi32, 0.5:0>" },
    "requantize-ratio",
    "'requantize' rescales channel 0 by 0.4999999995",
  ],
  [
    "%y = requantize %acc {multiplier = [1073741822], shift = [31], clamp = [0, 1], truncated = true} : tensor<4xi8, 1:0>",
    { "%acc": "tensor<4xi32, 0.5:0>" },
    "requantize-ratio",
    "'requantize' rescales channel 0 by 0.499999999",
  ],
  [
    `%y = requantize %acc {multiplier = [1073741824], shift = [31], clamp = [0, 1], rounding = "thrice"} : tensor<4xi8, 1:0>`,
    { "%acc": "tensor<4xi32, 0.5:0>" },
    "attribute",
    "'requantize' attribute 'rounding' 'thrice' is none of once, twice",
  ],
  [
    "%y = aligned_add %a, %a {multipliers = [1073741824, 1073741824, 1073741824], shifts = [31, 32, 49], clamp = [-128, 127]} : tensor<4xi8, 1:0>",
    { "%a": "tensor<4xi8, 0.5:0>" },
    "requantize-ratio",
    "'aligned_add' rescales rhs by 0.25",
  ],
  [
    "%y = aligned_sub %a, %a {multipliers = [1073741824, 1073741824, 1073741824], shifts = [31, 31, 49], clamp = [-128, 127]} : tensor<4xi8, 1:0>",
    { "%a": "tensor<4xi8, 0.5:0>" },
    "requantize-ratio",
    "'aligned_sub' rescales the sum by 0.00000190735",
  ],
  [
    "%y = aligned_add %a, %a {multipliers = [1073741824, 1073741824, 1073741824], shifts = [31, 31, 50], clamp = [-128, 127]} : tensor<4xi8, 1:0>",
    { "%a": "tensor<4xi16, 0.5:0>" },
    "operand-type",
    "'aligned_add' has lhs of i16, expected i8 or u8",
  ],
  [
    "%y = reduce_mean %x {axes = [0], rounded = true} : tensor<1xi8, 0.5:0>",
    { "%x": "tensor<9000000xi8, 0.5:0>" },
    "integer-form",
    "'reduce_mean' averages 9000000 elements of i8, too many to round at once",
  ],
  [
    `%y = softmax %x {stored_as = "fixed-point"} : tensor<4096xi8, 0.00390625:-128>`,
    { "%x": "tensor<4096xi8, 0.5:0>" },
    "integer-form",
    "'softmax' sums 4096 exponentials in fixed point, expected at most 4095",
  ],
  [
    `%y = softmax %x {stored_as = "fixed-point"} : tensor<5xi8, 0.00390625:-128>`,
    { "%x": "tensor<5xi8, 1e-8:0>" },
    "integer-form",
    "'softmax' has an input of scale 1e-8, expected above 2^-26",
  ],
  [
    "%y = softmax %x {axis = 3} : tensor<2x3xf32>",
    { "%x": "tensor<2x3xf32>" },
    "attribute",
    "'softmax' has axis 3, expected one of a tensor of rank 2",
  ],
])("%s", (line, given, code, message) => {
  expect(problemsOf(line, given).map((d) => [d.code, d.message])).toEqual([[code, message]]);
});

describe("the ratio of a requantize", () => {
  const line = (multiplier: number): string =>
    `%y = requantize %acc {multiplier = [${multiplier}], shift = [31], clamp = [-128, 127]} : tensor<4xi8, 0.04:0>`;
  const given = { "%acc": "tensor<4xi32, 0.0001:0>" };

  test("must be that of its types, to the last unit of the multiplier", () => {
    expect(problemsOf(line(5368709), given)).toEqual([]);
    const [problem] = problemsOf(line(5368670), given);
    expect(problem).toMatchObject({
      code: "requantize-ratio",
      message: "'requantize' rescales channel 0 by 0.00249998",
    });
    expect(problem!.notes.slice(0, 2).map(({ message }) => message)).toEqual([
      "its types require 0.0001 / 0.04 = 0.0025",
      "the multiplier is 5368670, expected 5368709 for the shift 31",
    ]);
    expect(problemsOf(line(5368710), given)).toHaveLength(1);
    expect(problemsOf(line(5368708), given)).toHaveLength(1);
  });

  test("may be 0 for a dead channel", () => {
    const dead =
      "%y = requantize %acc {multiplier = [1073741824, 0], shift = [31], clamp = [-128, 127]} : tensor<1x2xi8, 1:0>";
    expect(problemsOf(dead, { "%acc": "tensor<1x2xi32, {0.5, 1e-10}:0 @1>" })).toEqual([]);
    expect(problemsOf(dead, { "%acc": "tensor<1x2xi32, {0.5, 1e-9}:0 @1>" })).toHaveLength(1);
  });
});
