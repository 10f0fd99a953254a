/** Convolution, the work of most networks. One expression for the plain, grouped and depthwise forms, real and stored. */
import { add, affine, at, compute, i32, f32, load, mul, sub, sum, variable } from "../expr/build.ts";
import type { Affine, IndexVariable } from "../expr/expression.ts";
import { int, ints } from "../ir/attributes.ts";
import { defineOp, type InferFail } from "../ir/operation.ts";
import type { TensorType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { isReal, requireRank, weightedSumType, zeroOf } from "./type-rules.ts";
import { reachesOutside, windowExtents, windowIndex } from "./windows.ts";

export const conv2d = defineOp({
  name: "conv2d",
  doc: `Two-dimensional convolution of an NHWC input with weights [O, KH, KW, I / groups]:
y[n, y, x, o] = bias[o] + sum over ky, kx, k of input[n, y*sy + ky*dy - top, x*sx + kx*dx - left, g*I/groups + k] * weight[o, ky, kx, k],
with g the group of channel o; padding reads as real zero. pads are top, left, bottom, right.
Stored, input - zero is multiplied by weights of 2 to 8 bits into an i32 accumulator whose scale is the product of the scales.
Source: ONNX Conv; TensorFlow Lite quantization specification, CONV_2D.`,
  example: "%y = conv2d %x, %w, %b {pads = [1, 1, 1, 1]} : tensor<1x4x4x3xf32>",
  given: { "%x": "tensor<1x4x4x2xf32>", "%w": "tensor<3x3x3x2xf32>", "%b": "tensor<3xf32>" },
  operands: ["input", "weight", "bias?"],
  attrs: {
    strides: ints(2, [1, 1]),
    pads: ints(4, [0, 0, 0, 0]),
    dilations: ints(2, [1, 1]),
    groups: int(1),
  },
  integer: { kind: "accumulator", weight: "weight", weightAxis: 0, bias: "bias" },

  infer(operands, attrs, fail) {
    const { input, weight } = operands;
    requireRank("input", input, 4, "N, H, W, C", fail);
    requireRank("weight", weight, 4, "O, KH, KW, I / groups", fail);
    checkGroups(input, weight, attrs.groups, fail);
    const [height, width] = windowExtents(input.shape.slice(1, 3), weight.shape.slice(1, 3), attrs, fail);
    return weightedSumType(operands, [input.shape[0]!, height, width, weight.shape[0]!], 3, fail);
  },

  express({ input, weight, bias }, attrs, result) {
    const [batch, outHeight, outWidth, outChannels] = result.type.shape as [number, number, number, number];
    const [, kernelHeight, kernelWidth, depth] = weight.type.shape as [number, number, number, number];
    const { groups } = attrs;
    const [n, y, x] = [variable("n", batch), variable("y", outHeight), variable("x", outWidth)];
    const [ky, kx, k] = [variable("ky", kernelHeight), variable("kx", kernelWidth), variable("k", depth)];
    const { channels, o, group } = channelVariables(groups, outChannels);

    const grouped = groups > 1 && depth === 1;
    const within: [IndexVariable, number][] = grouped ? [] : [[k, 1]];
    const channel = group === undefined ? at(k) : affine(0, [group, depth], ...within);
    const row = windowIndex(y, ky, attrs, 0);
    const column = windowIndex(x, kx, attrs, 1);
    const padded = reachesOutside(row, input.type.shape[1]!) || reachesOutside(column, input.type.shape[2]!);
    const zero = zeroOf(input.type);
    const element = load(input.tensor, [at(n), row, column, channel], padded ? zero : undefined);
    const tap = load(weight.tensor, [o, at(ky), at(kx), grouped ? affine(0) : at(k)]);

    const real = isReal(input.type);
    const product = mul(real ? element : sub(element, i32(zero)), tap);
    // -0 + 0 is +0: a sum that starts from +0 never becomes -0, so a padded product may be added or left out.
    const start = real ? f32(0) : i32(0);
    const initial = bias === undefined ? start : add(load(bias.tensor, [o]), start);
    const value = sum(grouped ? [ky, kx] : [ky, kx, k], product, initial);
    return [compute(result.tensor, [n, y, x, ...channels], value, [at(n), at(y), at(x), o])];
  },

  macs({ weight }, _, { shape }) {
    const [, ...window] = weight.shape;
    return elementCount(shape) * elementCount(window);
  },

  narrow({ groups, ...attrs }, { input, weight }) {
    const depthwise = groups > 1 && weight[3]!.extent === 1;
    return { ...attrs, groups: depthwise ? input[3]!.indices.length : groups };
  },

  unfold({ input, weight }, { groups, strides, pads, dilations }, { shape }) {
    const [, height, width, inChannels] = input.shape as [number, number, number, number];
    const [, kernelHeight, kernelWidth, depth] = weight.shape as [number, number, number, number];
    const [batch, outHeight, outWidth] = shape as [number, number, number, number];
    return {
      groups,
      length: kernelHeight * kernelWidth * depth,
      rows: batch * outHeight * outWidth,
      positions(row, group) {
        const n = Math.floor(row / (outHeight * outWidth));
        const top = (Math.floor(row / outWidth) % outHeight) * strides[0]! - pads[0]!;
        const left = (row % outWidth) * strides[1]! - pads[1]!;
        const positions = new Int32Array(kernelHeight * kernelWidth * depth);
        let at = 0;
        for (let ky = 0; ky < kernelHeight; ky++)
          for (let kx = 0; kx < kernelWidth; kx++) {
            const [y, x] = [top + ky * dilations[0]!, left + kx * dilations[1]!];
            const inside = y >= 0 && y < height && x >= 0 && x < width;
            const first = ((n * height + y) * width + x) * inChannels + group * depth;
            for (let k = 0; k < depth; k++) positions[at++] = inside ? first + k : -1;
          }
        return positions;
      },
    };
  },

  evalStored({ input, weight, bias }, { strides, pads, dilations, groups }, { operands, result }) {
    const [batch, height, width, inChannels] = input.shape as [number, number, number, number];
    const [outChannels, kernelHeight, kernelWidth, depth] = weight.shape as [number, number, number, number];
    const [, outHeight, outWidth] = result.shape as [number, number, number, number];
    const [x, w] = [numbersOf(input), numbersOf(weight)];
    const b = bias && numbersOf(bias);
    const zero = operands.input.quantization!.zero[0]!;
    const y = new Int32Array(batch * outHeight * outWidth * outChannels);
    let at = 0;
    for (let n = 0; n < batch; n++)
      for (let oy = 0; oy < outHeight; oy++)
        for (let ox = 0; ox < outWidth; ox++)
          for (let o = 0; o < outChannels; o++) {
            const first = Math.floor((o * groups) / outChannels) * depth;
            let acc = b?.[o] ?? 0;
            for (let ky = 0; ky < kernelHeight; ky++)
              for (let kx = 0; kx < kernelWidth; kx++) {
                const iy = oy * strides[0]! + ky * dilations[0]! - pads[0]!;
                const ix = ox * strides[1]! + kx * dilations[1]! - pads[1]!;
                if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
                for (let k = 0; k < depth; k++) {
                  const q = x[((n * height + iy) * width + ix) * inChannels + first + k]!;
                  acc += (q - zero) * w[((o * kernelHeight + ky) * kernelWidth + kx) * depth + k]!;
                }
              }
            // Exact up to 2^53, then wrapped once, which is what wrapping at every step gives.
            y[at++] = Number(BigInt.asIntN(32, BigInt(acc)));
          }
    return tensor("i32", result.shape, y);
  },
});

function checkGroups(input: TensorType, weight: TensorType, groups: number, fail: InferFail): void {
  const inChannels = input.shape[3]!;
  const [outChannels, , , depth] = weight.shape as [number, number, number, number];
  if (groups < 1) fail("attribute", `has ${groups} groups, expected at least 1`);
  if (inChannels % groups !== 0 || outChannels % groups !== 0)
    fail(
      "operand-shape",
      `splits ${inChannels} input and ${outChannels} output channels into ${groups} groups, expected divisors`,
    );
  if (depth !== inChannels / groups)
    fail(
      "operand-shape",
      `has a weight of ${depth} input channels, expected ${inChannels / groups} (${inChannels} channels in ${groups} groups)`,
    );
}

/**
 * The loops over output channels. Several groups of several channels need two variables, for only then is the input
 * channel affine in them; a depthwise convolution reads the channel it writes.
 */
function channelVariables(
  groups: number,
  outChannels: number,
): { channels: IndexVariable[]; o: Affine; group: IndexVariable | undefined } {
  const perGroup = outChannels / groups;
  if (groups > 1 && perGroup > 1) {
    const [g, j] = [variable("g", groups), variable("j", perGroup)];
    return { channels: [g, j], o: affine(0, [g, perGroup], [j, 1]), group: g };
  }
  const o = variable("o", outChannels);
  return { channels: [o], o: at(o), group: groups > 1 ? o : undefined };
}
