/**
 * Gives neighbouring layers channels of equal ranges, so that one scale serves all channels of a layer (cross-layer equalization;
 * Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", section 4.1; algorithms.md 5.1).
 *
 *     W2 f(W1 x + b1) = (W2 T) f(T⁻¹ W1 x + T⁻¹ b1)        for diagonal T > 0 and f(t y) = t f(y): nothing between, or a relu
 *
 * With r1 the largest weight of channel i of W1, and r2 that of column i of W2, t = √(r1 / r2) makes both √(r1 r2). Pairs share layers, so
 * they are gone through until nothing changes by more than a thousandth. The real network computes what it did, but for rounding.
 *
 * A channel of hardly any weights is its bias: made as wide as the others it would be the only one its activation has steps for. So r1 is
 * a sixty-fourth of the bias at least.
 *
 * Withdraws when weights of `bits` bits and one scale a layer, and activations of eight, do not come closer to the real network for it
 * (quantized-noise.ts); with `data=none` it looks at no samples and nothing judges it. With a scale for each channel it is not needed, and not
 * in the default pipeline. What batch normalizations said of the channels is rescaled with them.
 *
 * Declines where a value between the layers has another reader, is an output, or is bounded from above (relu6); where weights are no
 * constants; and leaves alone channels that have no weights on one side.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { keepsChange } from "../../src/measure/judge-outputs.ts";
import { fewestBits, mostBits } from "../../src/numerics/levels.ts";
import { definePass } from "../../src/pass/pass.ts";
import { changeStatistics } from "./change-statistics.ts";
import { dataOption, evidenceOf } from "./evidence.ts";
import { isHomogeneous, openPairs, reach, rescaleChannel } from "./layer-pairs.ts";
import { quantizedNoise } from "./quantized-noise.ts";

export const equalizeLayers = definePass({
  name: "equalize-layers",
  summary: "give the channels of neighbouring layers equal ranges, for one scale a layer",
  options: { bits: int(8), data: dataOption },
  async run(graph, { options, context, count, find }) {
    const evidence = evidenceOf("equalize-layers", options.data, context);
    if (options.bits < fewestBits || options.bits > mostBits.integers)
      fail("option", `bits is ${options.bits}, expected ${fewestBits} to ${mostBits.integers}`);
    const { pairs } = openPairs(graph, isHomogeneous);
    if (pairs.length === 0) return;
    if (evidence === undefined) find({ summary: "data-free: not judged" });
    else {
      const equalized = copyGraph(graph);
      equalize(equalized);
      const form = { bits: options.bits, axis: undefined };
      const judged = [graph, equalized];
      const { samples, createExecutor } = evidence;
      const noise = await quantizedNoise(graph, judged, samples, createExecutor, context, form);
      const better = keepsChange(noise, find);
      if (!better) {
        count("withdrawn", pairs.length);
        return;
      }
    }
    count("equalized", pairs.length);
    for (const [name, divisors] of equalize(graph))
      changeStatistics(context, name, (x, channel) => x / divisors[channel]!);
  },
});

const mostSweeps = 50;
const settled = 1e-3;
/** Times the largest weight of its channel. */
const mostBias = 64;

/** Returns what the channels of each first layer were divided by, by name of its result. */
function equalize(graph: Graph): ReadonlyMap<string, Float64Array> {
  const { pairs, close } = openPairs(graph, isHomogeneous);
  const divisors = new Map(
    pairs.map(({ first, rows }) => [
      first.layer.operation.result.name,
      new Float64Array(rows.length).fill(1),
    ]),
  );
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let largest = 0;
    for (const pair of pairs) {
      const { weights, bias, layer } = pair.first;
      const divided = divisors.get(layer.operation.result.name)!;
      pair.rows.forEach((row, channel) => {
        const r1 = Math.max(reach(weights, row), Math.abs(bias?.[channel] ?? 0) / mostBias);
        const r2 = reach(pair.second.weights, pair.columns[channel]!);
        if (r1 === 0 || r2 === 0) return;
        const t = Math.sqrt(r1 / r2);
        largest = Math.max(largest, Math.abs(t - 1));
        rescaleChannel(pair, channel, t);
        divided[channel]! *= t;
      });
    }
    if (largest < settled) break;
  }
  close();
  return divisors;
}
