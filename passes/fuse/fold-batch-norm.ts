/**
 * Folds batch normalization into the weights of the layer before it.
 *
 * With g = scale / sqrt(variance + epsilon), all per channel c,
 *
 *     g (w x + b - mean) + bias = (g w) x + (g (b - mean) + bias)
 *
 * computed in doubles and rounded to f32 once. Moves between the two (the reshape of a one-dimensional convolution, the interleaving of
 * a transposed one) stay behind the layer, which is rescaled by the normalized channel that each of its own channels becomes.
 *
 * Declines when the layer's result has another reader, which needs it before the normalization, when weights or statistics are
 * not constant, and when elements of one of the layer's channels belong to several normalized ones. A normalization before a
 * layer is never folded into it: padding would then be normalized too.
 *
 * What it said of its channels, mean and deviation, stays in the context: `derive-ranges` reads it.
 */
import { interpret } from "../../src/exec/interpreter.ts";
import { Graph, type Operation, type Value } from "../../src/ir/graph.ts";
import { inPlaceOf, onlyUser, supersede } from "../../src/ir/match.ts";
import { definePass, type ChannelStatistics } from "../../src/pass/pass.ts";
import { elementCount, numbersOf, stridesOf, tensor } from "../../src/tensor/tensor.ts";
import { layerOf, rescaleLayer } from "./layer.ts";
import { normalizationOf, type ByChannel } from "./normalization.ts";

export const foldBatchNorm = definePass({
  name: "fold-batch-norm",
  summary: "fold batch normalization into the weights of the layer before it",
  options: {},
  run(graph, { count, context }) {
    for (const operation of graph.operations) {
      const effect = normalizationOf(operation);
      if (effect === undefined) continue;
      const moves = movesBefore(graph, effect.input);
      const layer = layerOf(graph, moves[0]?.operands[0] ?? effect.input);
      if (layer === undefined) continue;
      const becomes = channelsThrough(moves, layer.operation.result, effect.axis);
      if (becomes === undefined) continue;
      const per =
        (entry: ByChannel, absent: number): ByChannel =>
        (c) =>
          becomes[c] === undefined ? absent : entry(becomes[c]);
      const folded = rescaleLayer(graph, layer, operation, per(effect.gain, 1), per(effect.offset, 0));
      const moved = repeatMoves(graph, moves, folded.result, operation);
      context.normalized.set(operation.result.name, effect.statistics);
      supersede(graph, operation, moved);
      // The normalization's name belongs to the last move; the layer keeps its own.
      if (moves.length > 0) {
        graph.rename(folded.result, layer.operation.result.name);
        context.normalized.set(folded.result.name, channelsOf(folded.result, becomes, effect.statistics));
      }
      count("folded");
    }
  },
});

/** A channel that goes nowhere is never seen. */
const channelsOf = (
  { type: { shape } }: Value,
  becomes: readonly (number | undefined)[],
  { mean, deviation }: ChannelStatistics,
): ChannelStatistics => ({
  axis: shape.length - 1,
  mean: becomes.map((c) => (c === undefined ? 0 : mean[c]!)),
  deviation: becomes.map((c) => (c === undefined ? 0 : deviation[c]!)),
});

/** The moves down to `value`, each read by the next alone, first the outermost. */
function movesBefore(graph: Graph, value: Value): Operation[] {
  const moves: Operation[] = [];
  for (let at = value.producer; at !== undefined; at = at.operands[0]!.producer) {
    if (at.definition.movesOnly !== true || at.operands.length !== 1) break;
    if (onlyUser(graph, at.result) === undefined) break;
    moves.unshift(at);
  }
  return moves;
}

function repeatMoves(graph: Graph, moves: readonly Operation[], from: Value, successor: Operation): Value {
  let value = from;
  for (const { definition, attributes, origin, result } of moves)
    value = graph.createGeneric(definition, [value], attributes, {
      ...inPlaceOf(successor),
      name: result.name,
      origin,
    }).result;
  return value;
}

/** For each channel of the layer's result, its last axis, the entry along `axis` that it becomes behind the moves. */
function channelsThrough(
  moves: readonly Operation[],
  { type: { shape } }: Value,
  axis: number,
): readonly (number | undefined)[] | undefined {
  const channels = shape.at(-1)!;
  if (moves.length === 0)
    return axis === shape.length - 1 ? Array.from({ length: channels }, (_, c) => c) : undefined;
  const probe = new Graph("channels");
  let value = probe.addInput("channel", { element: "f32", shape });
  for (const { definition, attributes } of moves)
    value = probe.createGeneric(definition, [value], attributes).result;
  probe.setOutputs([value]);
  const own = Float32Array.from({ length: elementCount(shape) }, (_, i) => i % channels);
  const moved = numbersOf(interpret(probe, [tensor("f32", shape, own)])[0]!);

  const extents = value.type.shape;
  const stride = stridesOf(extents)[axis]!;
  const becomes = Array<number | undefined>(channels).fill(undefined);
  for (let i = 0; i < moved.length; i++) {
    const entry = Math.floor(i / stride) % extents[axis]!;
    const channel = moved[i]!;
    if ((becomes[channel] ?? entry) !== entry) return undefined;
    becomes[channel] = entry;
  }
  return becomes;
}
