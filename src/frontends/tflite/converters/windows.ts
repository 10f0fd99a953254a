/**
 * Convolutions and pools. TFLite is NHWC as we are; only padding and the weights of depthwise convolutions differ.
 *
 * SAME means ceil(n / s) windows along an axis of n entries, thus max((ceil(n / s) - 1) s + reach - n, 0) entries of padding, the odd
 * one after. Depthwise weights [1, KH, KW, C M] become [C M, KH, KW, 1], in groups of M. Source: TFLite kernels/padding.h.
 */
import type { Value } from "../../../ir/graph.ts";
import { avgPool } from "../../../ops/avg-pool.ts";
import { conv2d } from "../../../ops/conv2d.ts";
import { linear } from "../../../ops/linear.ts";
import { maxPool } from "../../../ops/max-pool.ts";
import { elementCount } from "../../../tensor/tensor.ts";
import type { OperatorView } from "../operator-view.ts";
import { activated, type ConverterTable } from "./converter.ts";

export const windows: ConverterTable = {
  CONV_2D: convertConvolution,
  DEPTHWISE_CONV_2D: convertDepthwise,
  FULLY_CONNECTED: convertFullyConnected,
  AVERAGE_POOL_2D: (view) => convertPool(view, "average"),
  MAX_POOL_2D: (view) => convertPool(view, "max"),
};

function padsOf(
  view: OperatorView,
  extents: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): number[] {
  if (view.padding(0) === "VALID") return [0, 0, 0, 0];
  const totals = extents.map((extent, i) => {
    const reach = (kernel[i]! - 1) * dilations[i]! + 1;
    return Math.max((Math.ceil(extent / strides[i]!) - 1) * strides[i]! + reach - extent, 0);
  });
  const before = totals.map((total) => Math.floor(total / 2));
  return [...before, ...totals.map((total, i) => total - before[i]!)];
}

function spatial(view: OperatorView, input: Value): readonly number[] {
  const { shape } = input.type;
  if (shape.length !== 4)
    view.fail("operand-shape", `works on [${shape.join(", ")}], expected batch, height, width, channels`);
  return shape.slice(1, 3);
}

function stridesOf(view: OperatorView): number[] {
  const strides = [view.int(2), view.int(1)];
  if (strides.some((stride) => stride < 1))
    view.fail("tflite-operator", `has strides [${strides.join(", ")}], expected at least 1`);
  return strides;
}

function convertConvolution(view: OperatorView): Value {
  const input = view.value(0);
  const weight = view.weight(1, [0, 1, 2, 3]);
  const [, ...kernel] = weight.type.shape;
  const strides = stridesOf(view);
  const dilations = [view.int(5, 1), view.int(4, 1)];
  const pads = padsOf(view, spatial(view, input), kernel, strides, dilations);
  const depth = weight.type.shape[3]!;
  const channels = input.type.shape[3]!;
  const groups = depth > 0 && channels % depth === 0 ? channels / depth : 1;
  const operands = { input, weight, ...biasOf(view) };
  const result = view.create(conv2d, operands, { strides, pads, dilations, groups });
  return activated(view, result, 3);
}

function convertDepthwise(view: OperatorView): Value {
  const input = view.value(0);
  const weight = view.weight(1, [3, 1, 2, 0]);
  const [, ...kernel] = weight.type.shape;
  const strides = stridesOf(view);
  const dilations = [view.int(6, 1), view.int(5, 1)];
  const pads = padsOf(view, spatial(view, input), kernel, strides, dilations);
  const groups = input.type.shape[3]!;
  const operands = { input, weight, ...biasOf(view) };
  const result = view.create(conv2d, operands, { strides, pads, dilations, groups });
  return activated(view, result, 4);
}

/** Axes before the last are rows, unless the operator keeps them. */
function convertFullyConnected(view: OperatorView): Value {
  if (view.byte(1) !== 0)
    view.fail("tflite-operator", "has shuffled weights, which are not supported", {
      help: "convert the model without weight shuffling",
    });
  const weight = view.weight(1, [0, 1]);
  const [outputs, depth] = weight.type.shape as [number, number];
  const given = view.value(0);
  const count = elementCount(given.type.shape);
  const rows = depth === 0 ? 0 : count / depth;
  if (!Number.isInteger(rows))
    view.fail("operand-shape", `multiplies [${given.type.shape.join(", ")}] with rows of ${depth}`);
  const input = view.reshape(given, [rows, depth]);
  const product = view.create(linear, { input, weight, ...biasOf(view) }, {});
  const keeps = view.byte(2) !== 0;
  const shaped = keeps ? view.reshape(product, [...given.type.shape.slice(0, -1), outputs]) : product;
  return activated(view, shaped, 0);
}

const biasOf = (view: OperatorView): { bias?: Value } => (view.has(2) ? { bias: view.weight(2, [0]) } : {});

function convertPool(view: OperatorView, kind: "average" | "max"): Value {
  const input = view.value(0);
  const kernel = [view.int(4), view.int(3)];
  const strides = stridesOf(view);
  if (kernel.some((extent) => extent < 1))
    view.fail("tflite-operator", `has the window [${kernel.join(", ")}], expected at least 1`);
  const pads = padsOf(view, spatial(view, input), kernel, strides, [1, 1]);
  const result =
    kind === "average"
      ? view.create(avgPool, { input }, { kernel, strides, pads })
      : view.create(maxPool, { input }, { kernel, strides, pads });
  return activated(view, result, 5);
}
