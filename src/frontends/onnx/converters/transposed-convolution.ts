/**
 * ConvTranspose as an ordinary convolution whose outputs are interleaved, so that it has every integer kernel a convolution has.
 *
 * Along one axis, with input x of n entries, stride s, dilation d and kernel w of K entries, position J of the result before padding
 * is cut off sums x[i] w[k] over J = i s + k d. Write J = q s + r with a phase r < s, and M = ceil(((K - 1) d + 1) / s):
 *
 *     y[q s + r] = sum over m < M of x[q - (M - 1) + m] v[r, m]        v[r, m] = w[k] where k d = r + s (M - 1 - m), else 0
 *
 * which is a convolution of stride 1 with s times the output channels, one set a phase. Channels are ordered [group, phase y,
 * phase x, output of the group]; phases then move behind their axis (for one axis and one group a reshape does that), and
 * a slice takes the positions between the pads.
 */
import type { Value } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { conv2d } from "../../../ops/conv2d.ts";
import { pad } from "../../../ops/pad.ts";
import { slice } from "../../../ops/slice.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../../tensor/tensor.ts";
import { requireFinite } from "../constant-pool.ts";
import type { NodeView } from "../node-view.ts";
import { isKnown } from "../operand.ts";
import {
  asPlanes,
  asVolumes,
  fromChannelsLast,
  readWindows,
  spatialExtents,
  toChannelsLast,
} from "./windows.ts";

/** One spatial axis. */
interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** M */
  readonly taps: number;
  /** Of the convolution over phases. */
  readonly padBefore: number;
  readonly padAfter: number;
  /** The first position that is kept of those the convolution computes, and how many. */
  readonly start: number;
  readonly output: number;
  /** Entries cut off before the result. */
  readonly before: number;
}

export function convertConvTranspose(node: NodeView): Value {
  const extents = spatialExtents(node);
  const inChannels = node.shape(0)[1]!;
  const groups = node.attributes.int("group") ?? 1;
  const weightOperand = node.operand(1);
  if (!isKnown(weightOperand))
    return node.fail(
      "onnx-not-constant",
      `computes its weight ("${weightOperand.name}"), expected a constant`,
      {
        help: "a transposed convolution is packed at import: export it with constant weights",
      },
    );
  requireFinite(weightOperand);
  const { tensor: weight } = weightOperand;
  const [depth, , ...kernel] = weight.shape as [number, number, ...number[]];
  if (weight.shape.length !== extents.length + 2)
    node.fail(
      "operand-shape",
      `has a weight [${weight.shape.join(", ")}] of rank ${weight.shape.length}, expected ${extents.length + 2} as its input`,
    );
  if (depth !== inChannels || groups < 1 || inChannels % groups !== 0)
    node.fail(
      "operand-shape",
      `has a weight [${weight.shape.join(", ")}] and ${groups} groups for ${inChannels} input channels`,
    );
  const declared = node.attributes.ints("kernel_shape") ?? kernel;
  if (declared.join() !== kernel.join())
    node.fail(
      "operand-shape",
      `has a weight of kernel [${kernel.join(", ")}], expected its kernel_shape [${declared.join(", ")}]`,
    );

  const spatial = spatialAxes(node, extents, kernel);
  const input = toChannelsLast(node, node.value(0));
  const result =
    spatial.length === 3
      ? transposeVolumes(node, input, weight, groups, spatial as [Axis, Axis, Axis])
      : transposePlanes(
          node,
          input,
          weight,
          groups,
          spatial.length === 1 ? [flat, spatial[0]!] : (spatial as [Axis, Axis]),
          true,
        );
  return fromChannelsLast(node, result, extents.length + 2);
}

/** [N, H, W, I] by a weight [I, O / groups, KH, KW] or [I, O / groups, K]. */
function transposePlanes(
  node: NodeView,
  input: Value,
  weight: Tensor,
  groups: number,
  [y, x]: readonly [Axis, Axis],
  biased: boolean,
): Value {
  const outputs = weight.shape[1]!;
  const bias = biased && node.has(2) ? node.operand(2) : undefined;
  const packed = packWeight(weight, groups, y, x);
  node.reserve(packed.shape);
  const phases = node.create(
    conv2d,
    {
      input,
      weight: node.constant(packed, "weight"),
      ...(bias !== undefined && isKnown(bias)
        ? { bias: node.constant(packBias(bias.tensor, groups, outputs, y.stride * x.stride), "bias") }
        : {}),
    },
    { pads: [y.padBefore, x.padBefore, y.padAfter, x.padAfter], groups },
  );
  const result = keep(node, interleave(node, phases, groups, outputs, y, x), y, x);
  if (bias === undefined || isKnown(bias)) return result;
  return node.create(add, { lhs: result, rhs: node.value(2) }, {});
}

/**
 * Volumes with their depths drawn apart by the stride, empty planes between them, and then a sum over the kernel's depths of plane
 * convolutions, as for convolutions of volumes: result depth d meets depth d + before - k * dilation.
 */
function transposeVolumes(
  node: NodeView,
  input: Value,
  weight: Tensor,
  groups: number,
  [z, y, x]: readonly [Axis, Axis, Axis],
): Value {
  const [batch, depth, ...plane] = input.type.shape as [number, number, number, number, number];
  const surround = (value: Value, before: number, after: number): Value => {
    const others = value.type.shape.slice(2).map(() => 0);
    const attributes = { before: [0, before, ...others], after: [0, after, ...others], value: 0 };
    return node.create(pad, { input: value }, attributes);
  };
  const rows = node.reshape(input, [batch * depth, 1, ...plane]);
  const apart = node.reshape(surround(rows, 0, z.stride - 1), [batch, depth * z.stride, ...plane]);
  const reach = (z.kernel - 1) * z.dilation;
  const whole = surround(apart, reach, reach + z.output + z.before);
  const [inputs, outputs, , ...kernel] = weight.shape as [number, number, number, number, number];
  const parts = Array.from({ length: z.kernel }, (_, k) => {
    const first = reach + z.before - k * z.dilation;
    const run = { starts: [first], ends: [first + z.output], axes: [1], steps: [1] };
    const met = asPlanes(node, node.create(slice, { input: whole }, run));
    const size = elementCount(kernel);
    const values = numbersOf(weight);
    const own = Float32Array.from({ length: inputs * outputs * size }, (_, i) => {
      const pair = Math.floor(i / size);
      return values[(pair * z.kernel + k) * size + (i % size)]!;
    });
    const slab = tensor("f32", [inputs, outputs, ...kernel], own);
    return transposePlanes(node, met, slab, groups, [y, x], k === 0);
  });
  const sum = parts.reduce((lhs, rhs) => node.create(add, { lhs, rhs }, {}));
  return asVolumes(node, sum, z.output);
}

/** A height that does nothing. */
const flat: Axis = {
  kernel: 1,
  stride: 1,
  dilation: 1,
  taps: 1,
  padBefore: 0,
  padAfter: 0,
  start: 0,
  output: 1,
  before: 0,
};

function spatialAxes(node: NodeView, extents: readonly number[], kernel: readonly number[]): Axis[] {
  const { attributes } = node;
  const { strides, dilations, begins, ends } = readWindows(node, extents, kernel);
  const rank = extents.length;
  const list = (name: string): readonly number[] | undefined => {
    const values = attributes.ints(name);
    if (values !== undefined && (values.length !== rank || values.some((value) => value < 0)))
      node.fail(
        "onnx-attribute",
        `has ${name} [${values.join(", ")}], expected ${rank} entries of at least 0`,
      );
    return values;
  };
  const growth = list("output_padding") ?? extents.map(() => 0);
  const mode = attributes.string("auto_pad") ?? "NOTSET";
  const same = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  const wanted = list("output_shape") ?? (same ? extents.map((n, i) => n * strides[i]!) : undefined);

  return extents.map((n, i): Axis => {
    const [stride, dilation] = [strides[i]!, dilations[i]!];
    const reach = (kernel[i]! - 1) * dilation + 1;
    const full = stride * (n - 1) + reach + growth[i]!;
    // The odd entry is cut before, except for SAME_UPPER.
    const surplus = Math.max(0, full - (wanted?.[i] ?? full));
    const half = Math.floor(surplus / 2);
    const before = wanted === undefined ? begins[i]! : mode === "SAME_UPPER" ? half : surplus - half;
    const output = wanted?.[i] ?? full - begins[i]! - ends[i]!;
    if (output < 1)
      node.fail("operand-shape", `has pads that leave ${output} of ${full} entries along spatial axis ${i}`);
    const taps = Math.ceil(reach / stride);
    const first = Math.min(Math.floor(before / stride), taps - 1);
    const last = Math.max(Math.floor((before + output - 1) / stride), n - 1);
    return {
      kernel: kernel[i]!,
      stride,
      dilation,
      taps,
      padBefore: taps - 1 - first,
      padAfter: last - (n - 1),
      start: before - first * stride,
      output,
      before,
    };
  });
}

/** [I, O / groups, KH, KW] to [groups * sy * sx * O / groups, MY, MX, I / groups]. */
function packWeight(weight: Tensor, groups: number, y: Axis, x: Axis): Tensor {
  const [inputs, outputs] = weight.shape as [number, number];
  const depth = inputs / groups;
  const values = numbersOf(weight);
  const shape = [groups * y.stride * x.stride * outputs, y.taps, x.taps, depth];
  const packed = new Float32Array(shape.reduce((count, extent) => count * extent));
  let at = 0;
  for (let group = 0; group < groups; group++)
    for (let phaseY = 0; phaseY < y.stride; phaseY++)
      for (let phaseX = 0; phaseX < x.stride; phaseX++)
        for (let o = 0; o < outputs; o++)
          for (let my = 0; my < y.taps; my++)
            for (let mx = 0; mx < x.taps; mx++) {
              const [ky, kx] = [tapOf(y, phaseY, my), tapOf(x, phaseX, mx)];
              for (let k = 0; k < depth; k++, at++)
                if (ky !== undefined && kx !== undefined)
                  packed[at] = values[(((group * depth + k) * outputs + o) * y.kernel + ky) * x.kernel + kx]!;
            }
  return tensor("f32", shape, packed);
}

/** The k with k d = r + s (M - 1 - m). */
function tapOf({ kernel, stride, dilation, taps }: Axis, phase: number, m: number): number | undefined {
  const offset = phase + stride * (taps - 1 - m);
  const k = offset / dilation;
  return Number.isInteger(k) && k < kernel ? k : undefined;
}

/** Each group's biases once a phase. */
function packBias(bias: Tensor, groups: number, outputs: number, phases: number): Tensor {
  const values = numbersOf(bias);
  const packed = Float32Array.from({ length: groups * phases * outputs }, (_, channel) => {
    const group = Math.floor(channel / (phases * outputs));
    return values[group * outputs + (channel % outputs)]!;
  });
  return tensor("f32", [packed.length], packed);
}

/** [N, QY, QX, groups * sy * sx * O] to [N, QY * sy, QX * sx, groups * O]. */
function interleave(node: NodeView, phases: Value, groups: number, outputs: number, y: Axis, x: Axis): Value {
  const [batch, rows, columns] = phases.type.shape as [number, number, number];
  const shape = [batch, rows * y.stride, columns * x.stride, groups * outputs];
  if (y.stride === 1 && (groups === 1 || x.stride === 1)) return node.reshape(phases, shape);
  const apart = node.reshape(phases, [batch, rows, columns, groups, y.stride, x.stride, outputs]);
  return node.reshape(node.transpose(apart, [0, 1, 4, 2, 5, 3, 6]), shape);
}

/** The positions between the pads. */
function keep(node: NodeView, input: Value, y: Axis, x: Axis): Value {
  const extents = input.type.shape.slice(1, 3);
  if ([y, x].every(({ start, output }, i) => start === 0 && output === extents[i])) return input;
  const starts = [y.start, x.start];
  const ends = [y.start + y.output, x.start + x.output];
  return node.create(slice, { input }, { starts, ends, axes: [1, 2], steps: [1, 1] });
}
