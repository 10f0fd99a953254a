/**
 * Normalizations and the softmax family, with what changed between versions of the operator set. All but batch normalization and softmax
 * are formulas over means, sums and roots.
 */
import type { Value } from "../../../ir/graph.ts";
import { argMax } from "../../../ops/arg-max.ts";
import { avgPool } from "../../../ops/avg-pool.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { layerNorm } from "../../../ops/layer-norm.ts";
import { softmax } from "../../../ops/softmax.ts";
import { elementCount, tensor } from "../../../tensor/tensor.ts";
import { axisAt, type NodeView } from "../node-view.ts";
import { since, type Converter, type ConverterTable } from "./converter.ts";
import { termsOf } from "./terms.ts";

export const normalization: ConverterTable = {
  BatchNormalization: since(
    1,
    convertBatchNormalization,
    "inference; statistics per element (spatial = 0) are declined",
  ),
  GroupNormalization: since(18, convertGroupNormalization, {
    recognizedAs: layerNorm,
    remark: "scale and bias per group until 20",
  }),
  Hardmax: since(1, alongAxis(convertHardmax), "until 12 over all axes from axis on"),
  InstanceNormalization: since(1, convertInstanceNormalization, { recognizedAs: layerNorm }),
  LayerNormalization: since(17, convertLayerNormalization, { recognizedAs: layerNorm }),
  LogSoftmax: since(1, alongAxis(convertLogSoftmax), "until 12 over all axes from axis on"),
  LpNormalization: since(1, convertLpNormalization),
  LRN: since(1, convertLrn),
  MeanVarianceNormalization: since(9, convertMeanVariance),
  RMSNormalization: since(23, convertRms, { recognizedAs: layerNorm }),
  Softmax: since(
    1,
    alongAxis((node, input, axis) => node.create(softmax, { input }, { axis })),
    "until 12 over all axes from axis on",
  ),
};

/** At inference. Until operator set 13 a node said that it trains by its further outputs, since then by an attribute. */
function convertBatchNormalization(node: NodeView): Value {
  const { attributes } = node;
  attributes.ignore("momentum", "is_test");
  if (attributes.flag("training_mode") === true)
    node.fail("onnx-training", "is in training mode, expected inference", {
      help: "export the model for inference (model.eval(), training=False)",
    });
  if (attributes.flag("spatial") === false)
    node.fail("onnx-attribute", "has spatial = 0, expected statistics per channel");
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => node.weight(index)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  return node.create(
    batchNorm,
    { input: node.value(0), scale, bias, mean, variance },
    { epsilon: attributes.float("epsilon") ?? 1e-5, axis: 1 },
  );
}

/**
 * Until operator set 12 such an operator flattened all axes from `axis` on into one, and worked along that. Where those behind `axis`
 * have one entry, both mean the same.
 */
function alongAxis(convert: (node: NodeView, input: Value, axis: number) => Value): Converter {
  return (node) => {
    const shape = node.shape(0);
    const flattens = node.opset < 13;
    const given = node.attributes.int("axis") ?? (flattens ? 1 : -1);
    const input = node.value(0);
    if (flattens && given === shape.length) {
      const ones = convert(node, node.reshape(input, [...shape, 1]), shape.length);
      return node.reshape(ones, shape);
    }
    const axis = axisAt(node, given, shape.length);
    if (!flattens || shape.slice(axis + 1).every((extent) => extent === 1)) return convert(node, input, axis);
    const matrix = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))];
    return node.reshape(convert(node, node.reshape(input, matrix), 1), shape);
  };
}

function convertLogSoftmax(node: NodeView, input: Value, axis: number): Value {
  const t = termsOf(node);
  const shifted = t.minus(input, t.greatest(input, [axis]));
  return t.minus(shifted, t.logarithm(t.sum(t.exponential(shifted), [axis])));
}

/** 1 at the first largest element, 0 elsewhere. */
function convertHardmax(node: NodeView, input: Value, axis: number): Value {
  const t = termsOf(node);
  const { shape, element } = input.type;
  const position = node.create(argMax, { input }, { axis, keepdims: true });
  const range = tensor(
    "i64",
    shape.map((n, i) => (i === axis ? n : 1)),
    Array.from({ length: shape[axis]! }, (_, i) => BigInt(i)),
  );
  return t.as(element, t.isEqual(node.constant(range, "range"), position));
}

const axesFrom = (first: number, rank: number): number[] =>
  Array.from({ length: rank - first }, (_, i) => first + i);

interface Standardized {
  readonly value: Value;
  readonly mean: Value;
  readonly inverse: Value;
}

/** (x - mean) / sqrt(variance + epsilon) over axes, the variance being that of all elements. */
function standardized(node: NodeView, x: Value, axes: readonly number[], epsilon: number): Standardized {
  const t = termsOf(node);
  const mean = t.mean(x, axes);
  const centred = t.minus(x, mean);
  const variance = t.mean(t.times(centred, centred), axes);
  const inverse = t.over(1, t.root(t.plus(variance, epsilon)));
  return { value: t.times(centred, inverse), mean, inverse };
}

/** A parameter [C] along axis 1 of a tensor of that rank. */
const perChannel = (node: NodeView, index: number, rank: number): Value =>
  node.reshape(node.weight(index), [...node.shape(index), ...Array<number>(Math.max(0, rank - 2)).fill(1)]);

function convertInstanceNormalization(node: NodeView): Value {
  const { length } = node.shape(0);
  const epsilon = node.attributes.float("epsilon") ?? 1e-5;
  const t = termsOf(node);
  const { value } = standardized(node, node.value(0), axesFrom(2, length), epsilon);
  return t.plus(t.times(value, perChannel(node, 1, length)), perChannel(node, 2, length));
}

/** Over the channels of a group and everything behind. Until operator set 20 scale and bias were per group, since then per channel. */
function convertGroupNormalization(node: NodeView): Value {
  const { attributes } = node;
  const shape = node.shape(0);
  const [batch, channels] = shape as [number, number];
  const groups = attributes.required("num_groups", attributes.int("num_groups"));
  const epsilon = attributes.float("epsilon") ?? 1e-5;
  attributes.ignore("stash_type");
  if (groups < 1 || channels % groups !== 0)
    node.fail("onnx-attribute", `has ${groups} groups of ${channels} channels, expected a divisor`);
  const t = termsOf(node);
  const grouped = node.reshape(node.value(0), [batch, groups, elementCount(shape.slice(1)) / groups]);
  const { value } = standardized(node, grouped, [2], epsilon);
  if (node.opset < 21) {
    const scaled = t.plus(t.times(value, perChannel(node, 1, 3)), perChannel(node, 2, 3));
    return node.reshape(scaled, shape);
  }
  const normalized = node.reshape(value, shape);
  return t.plus(t.times(normalized, perChannel(node, 1, shape.length)), perChannel(node, 2, shape.length));
}

/** Mean and inverse deviation are further outputs. */
function convertLayerNormalization(node: NodeView): Value[] {
  const { attributes } = node;
  const rank = node.shape(0).length;
  const axis = axisAt(node, attributes.int("axis") ?? -1, rank);
  attributes.ignore("stash_type");
  const t = termsOf(node);
  const epsilon = attributes.float("epsilon") ?? 1e-5;
  const { value, mean, inverse } = standardized(node, node.value(0), axesFrom(axis, rank), epsilon);
  const scaled = t.times(value, node.weight(1));
  return [node.has(2) ? t.plus(scaled, node.weight(2)) : scaled, mean, inverse];
}

/** x / sqrt(mean of x^2 + epsilon) * scale */
function convertRms(node: NodeView): Value {
  const { attributes } = node;
  const rank = node.shape(0).length;
  const axis = axisAt(node, attributes.int("axis") ?? -1, rank);
  attributes.ignore("stash_type");
  const t = termsOf(node);
  const x = node.value(0);
  const power = t.mean(t.times(x, x), axesFrom(axis, rank));
  const inverse = t.over(1, t.root(t.plus(power, attributes.float("epsilon") ?? 1e-5)));
  return t.times(t.times(x, inverse), node.weight(1));
}

/** x / (sum of |x|^p)^(1/p); 0 where the sum is 0. */
function convertLpNormalization(node: NodeView): Value {
  const { attributes } = node;
  const axis = axisAt(node, attributes.int("axis") ?? -1, node.shape(0).length);
  const p = attributes.int("p") ?? 2;
  if (p !== 1 && p !== 2) node.fail("onnx-attribute", `has p ${p}, expected 1 or 2`);
  const t = termsOf(node);
  const x = node.value(0);
  const norm = p === 1 ? t.sum(t.size(x), [axis]) : t.root(t.sum(t.times(x, x), [axis]));
  return t.over(x, t.when(t.isEqual(norm, 0), 1, norm));
}

/** x / (bias + alpha / size * sum of x^2 over size neighbouring channels)^beta: an average over a window of channels. */
function convertLrn(node: NodeView): Value {
  const { attributes } = node;
  const size = attributes.required("size", attributes.int("size"));
  const [alpha, beta, bias] = [
    attributes.float("alpha") ?? 1e-4,
    attributes.float("beta") ?? 0.75,
    attributes.float("bias") ?? 1,
  ];
  const t = termsOf(node);
  const x = node.value(0);
  const { shape } = x.type;
  if (shape.length < 2) node.fail("onnx-rank", `works on [${shape.join(", ")}], expected channels`);
  const plane = [shape[0]!, shape[1]!, elementCount(shape.slice(2)), 1];
  const before = Math.floor((size - 1) / 2);
  const squares = node.reshape(t.times(x, x), plane);
  const windows = { kernel: [size, 1], pads: [before, 0, size - 1 - before, 0], count_include_pad: true };
  const power = node.reshape(node.create(avgPool, { input: squares }, windows), shape);
  return t.over(x, t.power(t.plus(t.times(power, alpha), bias), beta));
}

/** (x - mean) / (deviation + 1e-9) */
function convertMeanVariance(node: NodeView): Value {
  const rank = node.shape(0).length;
  const axes = (node.attributes.ints("axes") ?? [0, 2, 3]).map((axis) => axisAt(node, axis, rank));
  const t = termsOf(node);
  const x = node.value(0);
  const centred = t.minus(x, t.mean(x, axes));
  const deviation = t.root(t.mean(t.times(centred, centred), axes));
  return t.over(centred, t.plus(deviation, 1e-9));
}
