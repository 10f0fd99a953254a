/**
 * Layers: operations with constant weights per output channel and perhaps a bias, whose channels are the result's last axis.
 * What multiplies or shifts a channel of the result can be done to its weights instead.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, onlyUser } from "../../src/ir/match.ts";
import { nameOperands } from "../../src/ir/operation.ts";
import {
  constant,
  contentsOf,
  maskOf,
  rewriteElements,
  type ConstantAttributes,
} from "../../src/ops/constant.ts";
import { tensor, type NumberArray, type Tensor } from "../../src/tensor/tensor.ts";

export interface Layer {
  readonly operation: Operation;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly channels: number;
}

/** The layer that computes a value for one reader only; its weights are real and constant, its weight's axis 0 is the channel. */
export function layerOf(graph: Graph, value: Value): Layer | undefined {
  const operation = value.producer;
  const form = operation?.definition.integer;
  if (operation === undefined || form?.kind !== "accumulator") return undefined;
  if (form.weight === undefined || form.weightAxis !== 0 || form.bias === undefined) return undefined;
  if (onlyUser(graph, value) === undefined) return undefined;
  const named = nameOperands(operation.definition, operation.operands) as Record<string, Value | undefined>;
  const weight = constantOf(named[form.weight]);
  const bias = constantOf(named[form.bias]);
  if (weight?.element !== "f32" || (named[form.bias] !== undefined && bias?.element !== "f32"))
    return undefined;
  return { operation, weight, bias, channels: weight.shape[0]! };
}

/**
 * The layer with weight'[c] = factor[c] weight[c] and bias'[c] = factor[c] bias[c] + offset[c], computed in doubles and rounded
 * to f32 once, in place of `successor`. Masked weights stay masked, and masked biases where nothing is added to them.
 */
export function rescaleLayer(
  graph: Graph,
  { operation, weight, channels }: Layer,
  successor: Operation,
  factor: (channel: number) => number,
  offset: (channel: number) => number,
): Operation {
  const size = weight.data.length / channels;
  const [input, oldWeight, oldBias] = operation.operands as [Value, Value, Value | undefined];
  const weights = rewriteElements(oldWeight, ({ element, shape, data }) =>
    tensor(
      element,
      shape,
      Float32Array.from(data as NumberArray, (w, i) => w * factor(Math.floor(i / size))),
    ),
  );
  const before = { before: successor, origin: operation.origin };
  const values = [
    input,
    graph.create(constant, {}, weights, { ...before, name: oldWeight.name }).result,
    graph.create(constant, {}, biases(oldBias, channels, factor, offset), {
      ...before,
      name: oldBias?.name ?? `${operation.result.name}_bias`,
    }).result,
  ];
  return graph.createGeneric(operation.definition, values, operation.attributes, {
    ...inPlaceOf(successor),
    origin: operation.origin,
  });
}

function biases(
  old: Value | undefined,
  channels: number,
  factor: (channel: number) => number,
  offset: (channel: number) => number,
): ConstantAttributes {
  const contents = old && contentsOf(old);
  const mask = old && maskOf(old);
  const kept = Uint8Array.from({ length: channels }, (_, c) =>
    offset(c) === 0 ? Number(mask?.data[c] ?? 1) : 1,
  );
  const values = Float32Array.from({ length: channels }, (_, c) => {
    const shows = mask === undefined || mask.data[c] === kept[c];
    return (shows ? Number(contents?.data[c] ?? 0) : 0) * factor(c) + offset(c);
  });
  const value = tensor("f32", [channels], values);
  return kept.includes(0) ? { value, mask: tensor("bool", [channels], kept) } : { value };
}

/**
 * A constant operand as one number for each channel of the last axis: one entry for each channel, or one for all. Undefined when
 * it varies along other axes, or would broadcast the layer's result to a larger rank.
 */
export function perChannel(
  value: Value,
  channels: number,
  rank: number,
): ((channel: number) => number) | undefined {
  const contents = constantOf(value);
  if (contents?.element !== "f32" || contents.shape.length > rank) return undefined;
  const { data, shape } = contents;
  if (data.length === 1) return () => Number(data[0]);
  return data.length === channels && shape.at(-1) === channels ? (c) => Number(data[c]) : undefined;
}
