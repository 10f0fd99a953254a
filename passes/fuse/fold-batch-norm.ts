/**
 * Folds batch normalization into the weights of the layer before it.
 *
 * With g = scale / sqrt(variance + epsilon), all per channel c,
 *
 *     g (w x + b - mean) + bias = (g w) x + (g (b - mean) + bias)
 *
 * computed in doubles and rounded to f32 once.
 *
 * Declines when the layer's result has another reader, which needs it before the normalization, when weights or statistics are
 * not constant, and when the normalized axis is not the last, which are the layer's channels. A normalization before a layer is never folded into it: padding would then be normalized too.
 */
import { constantOf, matchOperation, supersede } from "../../src/ir/match.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { definePass } from "../../src/pass/pass.ts";
import { layerOf, rescaleLayer } from "./layer.ts";

export const foldBatchNorm = definePass({
  name: "fold-batch-norm",
  summary: "fold batch normalization into the weights of the layer before it",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      const norm = matchOperation(operation, batchNorm);
      if (norm === undefined) continue;
      const rank = operation.result.type.shape.length;
      if ((norm.attributes.axis + rank) % rank !== rank - 1) continue;
      const { input, scale, bias, mean, variance } = norm.operands;
      const layer = layerOf(graph, input);
      const statistics = [scale, bias, mean, variance].map((value) => constantOf(value)?.data);
      if (layer === undefined || statistics.includes(undefined)) continue;
      const [gamma, beta, mu, sigmaSquared] = statistics.map(
        (data) => (channel: number) => Number(data![channel]),
      ) as [ByChannel, ByChannel, ByChannel, ByChannel];
      const { epsilon } = norm.attributes;
      const gain: ByChannel = (c) => gamma(c) / Math.sqrt(sigmaSquared(c) + epsilon);
      const folded = rescaleLayer(graph, layer, operation, gain, (c) => beta(c) - gain(c) * mu(c));
      supersede(graph, operation, folded.result);
      count("folded");
    }
  },
});

type ByChannel = (channel: number) => number;
