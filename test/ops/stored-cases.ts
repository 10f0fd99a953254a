/** Stored operations for the laws: at least one for every operator that works on stored integers. */
import type { Given } from "./run-operator.ts";

export interface StoredCase {
  readonly line: string;
  readonly given: Given;
  /** The operator whose real meaning it has, when that is another; none where a table says what it means. */
  readonly meaning?: string;
  /** Of the result's quantization: half for one rounding, next to nothing for exact integers. */
  readonly boundInSteps: number;
}

const exact = 1e-6;
const once = 0.5001;

const identity = Array.from({ length: 256 }, (_, i) => i - 128).join(", ");

/** Every 64th integer, of scale 2^-shift. */
const knotsOfIdentity = (shift: number): string =>
  Array.from({ length: 1025 }, (_, k) => Math.min(32767, (64 * k - 32768) / 2 ** shift)).join(", ");

export const storedCases: readonly StoredCase[] = [
  {
    line: "%y = conv2d %x, %w, %b {strides = [2, 1], pads = [1, 0, 2, 1], dilations = [1, 2]} : tensor<2x3x3x2xi32, {0.125, 0.0625}:0 @3>",
    given: {
      "%x": "tensor<2x5x4x3xi8, 0.5:-7>",
      "%w": "tensor<2x3x2x3xi8, {0.25, 0.125}:0 @0>",
      "%b": "tensor<2xi32, {0.125, 0.0625}:0 @0>",
    },
    boundInSteps: exact,
  },
  {
    line: "%y = conv2d %x, %w {groups = 2, pads = [1, 1, 1, 1]} : tensor<1x4x4x6xi32, 0.125:0>",
    given: { "%x": "tensor<1x4x4x4xu8, 0.5:128>", "%w": "tensor<6x3x3x2xi8, 0.25:0>" },
    boundInSteps: exact,
  },
  {
    line: "%y = conv2d %x, %w {groups = 3, pads = [1, 1, 1, 1]} : tensor<1x4x4x3xi32, 0.125:0>",
    given: { "%x": "tensor<1x4x4x3xi16, 0.5:5>", "%w": "tensor<3x3x3x1xi8, 0.25:0>" },
    boundInSteps: exact,
  },
  {
    line: "%y = conv2d %x, %w {groups = 2} : tensor<1x3x3x4xi32, 0.125:0>",
    given: { "%x": "tensor<1x4x4x2xi8, 0.5:5>", "%w": "tensor<4x2x2x1xi8, 0.25:0>" },
    boundInSteps: exact,
  },
  {
    line: "%y = conv2d %x, %w {pads = [0, 0, 1, 1]} : tensor<1x4x4x1xi32, 0.125:0>",
    given: { "%x": "tensor<1x4x4x1xi8, 0.5:5>", "%w": "tensor<1x2x2x1xi8, 0.25:0>" },
    boundInSteps: exact,
  },
  {
    line: "%y = linear %x, %w, %b : tensor<2x2x3xi32, {0.125, 0.0625, 0.5}:0 @2>",
    given: {
      "%x": "tensor<2x2x5xi8, 0.5:-128>",
      "%w": "tensor<3x5xi8, {0.25, 0.125, 1}:0 @0>",
      "%b": "tensor<3xi32, {0.125, 0.0625, 0.5}:0 @0>",
    },
    boundInSteps: exact,
  },
  {
    line: "%y = matmul %a, %b : tensor<2x2x3xi32, 0.125:0>",
    given: { "%a": "tensor<2x2x4xi8, 0.5:-9>", "%b": "tensor<4x3xi8, 0.25:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = matmul %a, %b : tensor<2x2x3xi32, 0.125:0>",
    given: { "%a": "tensor<2x2x4xi8, 0.5:-9>", "%b": "tensor<4x3xi16, 0.25:0>" },
    boundInSteps: exact,
  },
  {
    line: "%y = linear %x, %w, %b : tensor<2x2x3xi32, {0.125, 0.0625, 0.5}:0 @2>",
    given: {
      "%x": "tensor<2x2x5xi16, 0.5:0>",
      "%w": "tensor<3x5xi8, {0.25, 0.125, 1}:0 @0>",
      "%b": "tensor<3xi32, {0.125, 0.0625, 0.5}:0 @0>",
    },
    boundInSteps: exact,
  },
  {
    line: "%y = avg_pool %x {kernel = [2, 3], strides = [2, 1]} : tensor<1x2x2x2xi32, 0.125:0>",
    given: { "%x": "tensor<1x5x4x2xi8, 0.75:3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = avg_pool %x {kernel = [2, 2], strides = [1, 2], pads = [1, 1, 0, 1], count_include_pad = true} : tensor<1x4x3x2xi32, 0.125:0>",
    given: { "%x": "tensor<1x4x4x2xi8, 0.5:3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = avg_pool %x {kernel = [3, 3], pads = [1, 1, 1, 1]} : tensor<1x4x3x2xi32, 0.25:0>",
    given: { "%x": "tensor<1x4x3x2xi8, 9:3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = avg_pool %x {kernel = [2, 3], strides = [2, 2], pads = [0, 0, 1, 1]} : tensor<1x2x2x1xi32, 0.25:0>",
    given: { "%x": "tensor<1x3x4x1xi16, 3:-3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = avg_pool %x {kernel = [2, 3], strides = [2, 1], rounded = true} : tensor<1x2x2x2xi8, 0.75:3>",
    given: { "%x": "tensor<1x5x4x2xi8, 0.75:3>" },
    boundInSteps: once,
  },
  {
    line: "%y = avg_pool %x {kernel = [3, 3], pads = [1, 1, 1, 1], rounded = true} : tensor<1x4x3x2xi8, 9:-3>",
    given: { "%x": "tensor<1x4x3x2xi8, 9:-3>" },
    boundInSteps: once,
  },
  {
    line: "%y = avg_pool %x {kernel = [2, 2], pads = [1, 1, 0, 1], count_include_pad = true, rounded = true} : tensor<1x4x5x2xu8, 0.5:128>",
    given: { "%x": "tensor<1x4x4x2xu8, 0.5:128>" },
    boundInSteps: once,
  },
  {
    line: "%y = reduce_mean %x {axes = [1, 2], rounded = true} : tensor<2x1x1x2xi8, 0.5:-128>",
    given: { "%x": "tensor<2x3x4x2xi8, 0.5:-128>" },
    boundInSteps: once,
  },
  {
    line: "%y = reduce_mean %x {axes = [1], keepdims = false, rounded = true} : tensor<2x2xi16, 0.5:99>",
    given: { "%x": "tensor<2x5x2xi16, 0.5:99>" },
    boundInSteps: once,
  },
  {
    line: "%y = max_pool %x {kernel = [2, 2], pads = [1, 1, 1, 1], dilations = [2, 1], strides = [2, 2]} : tensor<1x2x3x2xi8, 0.5:3>",
    given: { "%x": "tensor<1x4x4x2xi8, 0.5:3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = reduce_mean %x {axes = [1, -2]} : tensor<2x1x1x2xi32, 0.0625:0>",
    given: { "%x": "tensor<2x2x4x2xi8, 0.5:-128>" },
    boundInSteps: exact,
  },
  {
    line: "%y = reduce_sum %x {axes = [0], keepdims = false} : tensor<3xi32, 0.5:0>",
    given: { "%x": "tensor<4x3xu8, 0.5:100>" },
    boundInSteps: exact,
  },
  {
    line: "%y = reduce_max %x {axes = [1], keepdims = false} : tensor<4xi8, 0.5:7>",
    given: { "%x": "tensor<4x3xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = reduce_min %x {axes = [1], keepdims = false} : tensor<4xi8, 0.5:7>",
    given: { "%x": "tensor<4x3xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = select %c, %a, %b : tensor<4x3xi8, 0.5:-128>",
    given: {
      "%c": "tensor<4x1xbool>",
      "%a": "tensor<4x3xi8, 0.5:-128>",
      "%b": "tensor<3xi8, 0.5:-128>",
    },
    boundInSteps: exact,
  },
  {
    line: "%y = expand %x {shape = [2, 3, 4]} : tensor<2x3x4xi8, 0.5:7>",
    given: { "%x": "tensor<3x1xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = gather %x, %i {axis = 1} : tensor<2x3x2xi8, 0.5:7>",
    given: { "%x": "tensor<2x4x2xi8, 0.5:7>", "%i": "tensor<3xi64>" },
    boundInSteps: exact,
  },
  {
    line: "%y = gather_elements %x, %i {axis = 1} : tensor<2x3xi8, 0.5:7>",
    given: { "%x": "tensor<2x4xi8, 0.5:7>", "%i": "tensor<2x3xi32>" },
    boundInSteps: exact,
  },
  {
    line: "%y = gather_nd %x, %i : tensor<3x2xi8, 0.5:7>",
    given: { "%x": "tensor<3x4x2xi8, 0.5:7>", "%i": "tensor<3x2xi32>" },
    boundInSteps: exact,
  },
  {
    line: "%y = scatter_elements %x, %i, %u {axis = 1} : tensor<2x4xi8, 0.5:7>",
    given: { "%x": "tensor<2x4xi8, 0.5:7>", "%i": "tensor<2x3xi32>", "%u": "tensor<2x3xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = scatter_nd %x, %i, %u : tensor<4x3xi8, 0.5:7>",
    given: { "%x": "tensor<4x3xi8, 0.5:7>", "%i": "tensor<2x1xi32>", "%u": "tensor<2x3xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    // Each weight is off by at most 2^-11, at most 255 steps of the operand, 2^10 of the result's each.
    line: "%y = resample %x {axis = 1, indices = dense<[[0, 1], [1, 2], [2, 2]]> : tensor<3x2xi32>, weights = dense<[[0.3, 0.7], [0.6, 0.4], [1, 0]]> : tensor<3x2xf32>} : tensor<4x3xi32, 0.00048828125:0>",
    given: { "%x": "tensor<4x3xi8, 0.5:7>" },
    boundInSteps: 256,
  },
  {
    line: "%y = resample %x {axis = 0, indices = dense<[[0, 1], [3, 2]]> : tensor<2x2xi32>, weights = dense<[[0.25, 0.75], [1.5, -0.5]]> : tensor<2x2xf32>} : tensor<2x3xi32, 0.00048828125:0>",
    given: { "%x": "tensor<4x3xi16, 0.5:0>" },
    boundInSteps: exact,
  },
  ...["arg_max", "arg_min"].map((name) => ({
    line: `%y = ${name} %x {axis = 1, keepdims = false, last = true} : tensor<4xi64>`,
    given: { "%x": "tensor<4x3xi8, 0.5:7>" },
    boundInSteps: exact,
  })),
  {
    line: "%y = top_k_indices %x {axis = 0, k = 3} : tensor<3x2xi64>",
    given: { "%x": "tensor<5x2xu8, 0.5:7>" },
    boundInSteps: exact,
  },
  ...["equal", "less", "less_equal"].map((name) => ({
    line: `%y = ${name} %a, %b : tensor<4x3xbool>`,
    given: { "%a": "tensor<4x3xi8, 0.5:-128>", "%b": "tensor<4x1xi8, 0.5:-128>" },
    boundInSteps: exact,
  })),
  {
    line: "%y = softmax %x : tensor<6x10xi8, 0.00390625:-128>",
    given: { "%x": "tensor<6x10xi8, 0.125:11>" },
    boundInSteps: 0.501,
  },
  {
    line: "%y = softmax %x {axis = 1} : tensor<6x50x3xi8, 0.00390625:-128>",
    given: { "%x": "tensor<6x50x3xi16, 0.0005:0>" },
    boundInSteps: 0.502,
  },
  {
    line: "%y = softmax %x {axis = 1} : tensor<1x7x5xi8, 0.00390625:-128>",
    given: { "%x": "tensor<1x7x5xu8, 0.05:11>" },
    boundInSteps: 0.501,
  },
  // Half a unit of n, the normalized element, is 127 halves of the accumulator's.
  {
    line: "%y = layer_norm %x, %w, %b {axes = [-1]} : tensor<3x5xi32, {2.98023223876953125e-8, 5.9604644775390625e-8, 1.1920928955078125e-7, 2.98023223876953125e-8, 2.98023223876953125e-8}:0 @1>",
    given: {
      "%x": "tensor<3x5xi8, 0.05:-7>",
      "%w": "tensor<5xi8, {0.0625, 0.125, 0.25, 0.0625, 0.0625}:0 @0>",
      "%b": "tensor<5xi32, {2.98023223876953125e-8, 5.9604644775390625e-8, 1.1920928955078125e-7, 2.98023223876953125e-8, 2.98023223876953125e-8}:0 @0>",
    },
    boundInSteps: 66,
  },
  {
    line: "%y = layer_norm %x, %w, %b {axes = [-1]} : tensor<3x5xi32, {2.98023223876953125e-8, 5.9604644775390625e-8, 1.1920928955078125e-7, 2.98023223876953125e-8, 2.98023223876953125e-8}:0 @1>",
    given: {
      "%x": "tensor<3x5xi16, 0.0005:-7>",
      "%w": "tensor<5xi8, {0.0625, 0.125, 0.25, 0.0625, 0.0625}:0 @0>",
      "%b": "tensor<5xi32, {2.98023223876953125e-8, 5.9604644775390625e-8, 1.1920928955078125e-7, 2.98023223876953125e-8, 2.98023223876953125e-8}:0 @0>",
    },
    boundInSteps: 66,
  },
  {
    line: `%y = softmax %x {stored_as = "fixed-point"} : tensor<6x10xi8, 0.00390625:-128>`,
    given: { "%x": "tensor<6x10xi8, 0.125:11>" },
    boundInSteps: 0.501,
  },
  {
    line: `%y = softmax %x {axis = 1, stored_as = "fixed-point"} : tensor<1x7x5xi8, 0.00390625:-128>`,
    given: { "%x": "tensor<1x7x5xu8, 0.05:11>" },
    boundInSteps: 0.501,
  },
  {
    line: "%y = mul %a, %b : tensor<4x3xi32, 0.125:0>",
    given: { "%a": "tensor<4x3xi8, 0.5:-128>", "%b": "tensor<3xi8, 0.25:127>" },
    boundInSteps: exact,
  },
  {
    line: "%y = mul %a, %b : tensor<4x3xi32, 0.125:0>",
    given: { "%a": "tensor<4x3xi16, 0.5:0>", "%b": "tensor<3xi16, 0.25:0>" },
    boundInSteps: exact,
  },
  ...["minimum", "maximum"].map((name) => ({
    line: `%y = ${name} %a, %b : tensor<4x3xi8, 0.5:-128>`,
    given: { "%a": "tensor<4x3xi8, 0.5:-128>", "%b": "tensor<4x1xi8, 0.5:-128>" },
    boundInSteps: exact,
  })),
  ...["add", "sub"].map((meaning) => ({
    line: `%y = rescaled_${meaning} %a, %b {multipliers = [1398101, 466034], shift = 22, clamp = [-128, 127]} : tensor<9x7xi8, 0.3:-3>`,
    given: { "%a": "tensor<9x7xi8, 0.1:-128>", "%b": "tensor<7xi8, 0.03333333:127>" },
    meaning,
    boundInSteps: 0.501,
  })),
  // Multipliers of 15 bits: each moves 2^15 steps by half a step.
  ...["add", "sub"].map((meaning) => ({
    line: `%y = rescaled_${meaning} %a, %b {multipliers = [16384, 19661], shift = 15, clamp = [-32768, 32767]} : tensor<9x7xi16, 0.5:0>`,
    given: { "%a": "tensor<9x7xi16, 0.25:0>", "%b": "tensor<7xi16, 0.3:0>" },
    meaning,
    boundInSteps: 1.5,
  })),
  ...["add", "sub"].map((meaning) => ({
    line: `%y = rescaled_${meaning} %a, %b {multipliers = [8192, 2097152], shift = 13, clamp = [-32768, 32767]} : tensor<9x7xi16, 0.25:0>`,
    given: { "%a": "tensor<9x7xi16, 0.25:0>", "%b": "tensor<7xi8, 64:-128>" },
    meaning,
    boundInSteps: once,
  })),
  ...["add", "sub"].flatMap((meaning) =>
    ["once", "twice"].map((rounding) => ({
      line: `%y = aligned_${meaning} %a, %b {multipliers = [1073741824, 1431655622, 1431655765], shifts = [31, 33, 51], clamp = [-128, 127], rounding = "${rounding}"} : tensor<9x7xi8, 0.3:-3>`,
      given: { "%a": "tensor<9x7xi8, 0.1:-128>", "%b": "tensor<7xu8, 0.03333333:127>" },
      meaning,
      boundInSteps: 0.501,
    })),
  ),
  {
    line: "%y = relu %x : tensor<256xi8, 0.5:7>",
    given: { "%x": "tensor<256xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = clip %x {min = -1.1, max = 6} : tensor<256xi8, 0.5:7>",
    given: { "%x": "tensor<256xi8, 0.5:7>" },
    boundInSteps: once,
  },
  {
    line: "%y = reshape %x {shape = [2, 12]} : tensor<2x12xi8, 0.5:7>",
    given: { "%x": "tensor<6x4xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = reshape %x {shape = [5, 2, 3]} : tensor<5x2x3xi8, 0.5:7>",
    given: { "%x": "tensor<3x10xi8, 0.5:7>" },
    boundInSteps: exact,
  },
  {
    line: "%y = transpose %x {permutation = [2, 0, 1]} : tensor<4x2x3xi8, {1, 2, 3, 4}:0 @0>",
    given: { "%x": "tensor<2x3x4xi8, {1, 2, 3, 4}:0 @2>" },
    boundInSteps: exact,
  },
  {
    line: "%y = concat %a, %b, %c {axis = 1} : tensor<2x6x2xi8, 0.5:3>",
    given: {
      "%a": "tensor<2x1x2xi8, 0.5:3>",
      "%b": "tensor<2x3x2xi8, 0.5:3>",
      "%c": "tensor<2x2x2xi8, 0.5:3>",
    },
    boundInSteps: exact,
  },
  {
    line: "%y = slice %x {starts = [-1, 1], ends = [-9, 9], axes = [0, 1], steps = [-2, 2]} : tensor<3x2xi8, 0.5:3>",
    given: { "%x": "tensor<5x5xi8, 0.5:3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = pad %x {before = [1, 0], after = [2, 1], value = -1.5} : tensor<5x4xi8, 0.5:3>",
    given: { "%x": "tensor<2x3xi8, 0.5:3>" },
    boundInSteps: exact,
  },
  {
    line: "%y = requantize %acc {multiplier = [1717986918], shift = [33], clamp = [-128, 127]} : tensor<300xi8, 0.5:-3>",
    given: { "%acc": "tensor<300xi32, 0.1:0>" },
    meaning: "identity",
    boundInSteps: once,
  },
  {
    line: "%y = requantize %acc {multiplier = [1717986918, 3435974], shift = [33, 31], clamp = [0, 255]} : tensor<150x2xu8, 0.5:100>",
    given: { "%acc": "tensor<150x2xi32, {0.1, 0.0008}:0 @1>" },
    meaning: "identity",
    boundInSteps: once,
  },
  {
    line: `%y = requantize %acc {multiplier = [1717986918], shift = [33], clamp = [-128, 127], rounding = "twice"} : tensor<300xi8, 0.5:-3>`,
    given: { "%acc": "tensor<300xi32, 0.1:0>" },
    meaning: "identity",
    boundInSteps: 0.76,
  },
  {
    line: `%y = requantize %acc {multiplier = [1717986918, 1759218604, 1288490189], shift = [33, 43, 30], clamp = [-9000, 9000], rounding = "twice"} : tensor<100x3xi16, 0.5:-3>`,
    given: { "%acc": "tensor<100x3xi32, {0.1, 0.0001, 0.6}:0 @1>" },
    meaning: "identity",
    boundInSteps: 0.76,
  },
  {
    line: `%y = requantize %acc {multiplier = [1717986917], shift = [33], clamp = [-128, 127], truncated = true} : tensor<300xi8, 0.5:-3>`,
    given: { "%acc": "tensor<300xi32, 0.1:0>" },
    meaning: "identity",
    boundInSteps: once,
  },
  {
    line: `%y = interpolate %x {table = dense<[${knotsOfIdentity(0)}]> : tensor<1025xi16>} : tensor<300xi16, 0.5:0>`,
    given: { "%x": "tensor<300xi16, 0.5:0>" },
    meaning: "identity",
    // Its last entry is one short, for 2^15 is no i16.
    boundInSteps: 1,
  },
  {
    line: `%y = interpolate %x {table = dense<[${knotsOfIdentity(1)}]> : tensor<1025xi16>, fraction = 7} : tensor<300xi8, 256:0>`,
    given: { "%x": "tensor<300xi16, 1:0>" },
    meaning: "identity",
    boundInSteps: 0.501,
  },
  {
    line: `%y = lookup %x {table = dense<[${identity}]> : tensor<256xi8>} : tensor<256xi8, 0.5:7>`,
    given: { "%x": "tensor<256xi8, 0.5:7>" },
    meaning: "identity",
    boundInSteps: exact,
  },
];
