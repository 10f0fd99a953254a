/**
 * Masks weights in pieces smaller than channels (weight-pieces.ts): the text keeps them, whoever computes sees zeros, and
 * restore-weights brings them back. What earlier masks took counts and stays away.
 *
 * `weights`, `blocks`, `vectors` and `kernels` take a share (`ratio`) of each layer or of all together (choose-pieces.ts); `n-of-m`
 * keeps n of m consecutive weights along the reduction axis, fewer than m in the last group of a row whose length m does not divide;
 * `patterns` keep n taps of each kernel (kernel-patterns.ts). With `criterion=obs` the weights that stay are fitted to the samples.
 *
 * Masks of this kind save neither time nor memory yet: kernels are dense. Only channels are removed (remove-channels).
 *
 * Leaves whole: the first and the last layer unless `keep` says otherwise, with `patterns` layers whose window has no more than n
 * taps, and layers whose weights are not constant.
 */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { choice, float, int } from "../../src/ir/attributes.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, supersede } from "../../src/ir/match.ts";
import { weightedLayerOf, type WeightedLayer } from "../../src/measure/layer-inputs.ts";
import { constant, contentsOf, maskOf } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { choosePieces, keepLargest } from "./choose-pieces.ts";
import { bestPattern, patternDictionary } from "./kernel-patterns.ts";
import { rememberUnpruned } from "./pruning.ts";
import { requireReal } from "./require-real.ts";
import { cutWeights, membersOf } from "./weight-pieces.ts";
import { magnitude, measureLayers, type FittedLayer, type Saliency } from "./weight-saliency.ts";

const keptOf = { "n-of-m": 2, patterns: 4 };

export const pruneWeights = definePass({
  name: "prune-weights",
  summary: "mask single weights, blocks, rows, kernels, N of M or patterns",
  options: {
    granularity: choice(["weights", "blocks", "vectors", "kernels", "n-of-m", "patterns"], "weights"),
    ratio: float(0),
    n: int(0),
    m: int(4),
    patterns: int(8),
    scope: choice(["global", "local"], "global"),
    criterion: choice(["l1", "l2", "obs"], "l2"),
    keep: choice(["ends", "first", "last", "none"], "ends"),
  },
  async run(graph, { options, context, count, find }) {
    checkOptions(options);
    requireReal(graph, "prune-weights");
    const layers = layersOf(graph, options.keep);
    const { criterion } = options;
    const fitted = criterion === "obs" ? await measureLayers(graph, layers, context) : undefined;
    const scored = layers.map((layer): ScoredLayer => {
      const own = fitted?.get(layer);
      const norm = criterion === "obs" ? "l2" : criterion;
      return { layer, fitted: own, saliency: own?.saliency ?? magnitude(weightsOf(layer), norm) };
    });
    rememberUnpruned(graph, context);
    for (const [{ layer, fitted: own }, kept] of chooseKept(scored, options)) {
      const lost = mask(graph, layer, kept, own);
      find({
        layer: layer.operation.origin ?? layer.operation.result.name,
        weights: kept.length,
        pruned: lost,
      });
      count("layers");
      count("weights", lost);
    }
  },
});

interface Options {
  readonly granularity: "weights" | "blocks" | "vectors" | "kernels" | "n-of-m" | "patterns";
  readonly ratio: number;
  readonly n: number;
  readonly m: number;
  readonly patterns: number;
  readonly scope: "global" | "local";
}

function checkOptions({ granularity, ratio, n, m, patterns }: Options): void {
  if (granularity === "n-of-m" || granularity === "patterns") {
    if (ratio !== 0)
      fail("option", `ratio is ${ratio}, but with ${granularity} n tells how many weights stay`, {
        help: "leave ratio out",
      });
    if (n < 0) fail("option", `n is ${n}, expected 1 or more`);
  } else {
    if (!(ratio > 0 && ratio < 1))
      fail("option", `ratio is ${ratio}, expected the share of weights to mask, between 0 and 1`);
    if (n !== 0)
      fail("option", `n is ${n}, but with ${granularity} ratio tells how many weights stay`, {
        help: "leave n out",
      });
  }
  if (m < 1) fail("option", `m is ${m}, expected 1 or more`);
  if (granularity === "n-of-m" && n > m) fail("option", `n is ${n}, expected at most m, ${m}`);
  if (patterns < 1) fail("option", `patterns is ${patterns}, expected 1 or more`);
}

/** Layers with real constant weights, each weight once, in order of computation. */
function layersOf(graph: Graph, keep: "ends" | "first" | "last" | "none"): WeightedLayer[] {
  const seen = new Set<Value>();
  const layers = graph.operations.flatMap((operation): WeightedLayer[] => {
    const layer = weightedLayerOf(operation);
    if (layer === undefined || constantOf(layer.weight)?.element !== "f32" || seen.has(layer.weight))
      return [];
    seen.add(layer.weight);
    return [layer];
  });
  const first = keep === "ends" || keep === "first" ? 1 : 0;
  return layers.slice(first, keep === "ends" || keep === "last" ? -1 : undefined);
}

interface ScoredLayer {
  readonly layer: WeightedLayer;
  readonly fitted: FittedLayer | undefined;
  readonly saliency: Saliency;
}

const weightsOf = ({ weight }: WeightedLayer) => numbersOf(constantOf(weight)!);

/** For each layer that is pruned, 1 where a weight is kept. */
function chooseKept(layers: readonly ScoredLayer[], options: Options): Map<ScoredLayer, Uint8Array> {
  const { granularity, m } = options;
  const cutOf = (scored: ScoredLayer) => {
    const { shape } = scored.layer.weight.type;
    if (granularity === "n-of-m") return cutWeights("groups", shape, m);
    return cutWeights(granularity === "patterns" ? "kernels" : granularity, shape, m);
  };
  const members = layers.map((scored) => membersOf(cutOf(scored)));
  if (granularity === "n-of-m") {
    const n = options.n || keptOf[granularity];
    return new Map(layers.map((scored, l) => [scored, keepLargest(members[l]!, singly(scored), n)]));
  }
  if (granularity === "patterns")
    return keepPatterns(layers, members, options.n || keptOf.patterns, options.patterns);
  const pieces = layers.map(({ saliency }, l) => ({
    scores: Float64Array.from(members[l]!, saliency),
    sizes: members[l]!.map(({ length }) => length),
  }));
  return new Map(
    choosePieces(pieces, options.ratio, options.scope).map((kept, l) => {
      const { pieceOf } = cutOf(layers[l]!);
      return [layers[l]!, Uint8Array.from(pieceOf, (piece) => kept[piece]!)];
    }),
  );
}

/** The score of each weight alone. */
const singly = ({ layer, saliency }: ScoredLayer): Float64Array =>
  Float64Array.from(weightsOf(layer), (_, i) => saliency([i]));

/** One dictionary for each number of taps. */
function keepPatterns(
  layers: readonly ScoredLayer[],
  members: readonly (readonly (readonly number[])[])[],
  n: number,
  size: number,
): Map<ScoredLayer, Uint8Array> {
  const kernels = layers.map((scored, l) => {
    const scores = singly(scored);
    return members[l]!.map((kernel) => kernel.map((at) => scores[at]!));
  });
  const tapsOf = (l: number): number => members[l]![0]!.length;
  const kept = new Map<ScoredLayer, Uint8Array>();
  for (const taps of new Set(layers.map((_, l) => tapsOf(l)))) {
    if (taps <= n) continue;
    const alike = [...layers.keys()].filter((l) => tapsOf(l) === taps);
    const dictionary = patternDictionary(
      alike.flatMap((l) => kernels[l]!),
      n,
      size,
    );
    for (const l of alike) {
      const own = new Uint8Array(weightsOf(layers[l]!.layer).length);
      members[l]!.forEach((kernel, k) => {
        for (const tap of bestPattern(kernels[l]![k]!, dictionary)) own[kernel[tap]!] = 1;
      });
      kept.set(layers[l]!, own);
    }
  }
  return kept;
}

/** How many weights the layer's mask hides then. */
function mask(
  graph: Graph,
  { weight }: WeightedLayer,
  chosen: Uint8Array,
  fitted: FittedLayer | undefined,
): number {
  const { producer, type } = weight;
  const before = maskOf(weight)?.data;
  const kept = chosen.map((keep, i) => (before?.[i] === 0 ? 0 : keep));
  const contents = contentsOf(weight);
  const values = fitted?.fit(kept);
  const value =
    values === undefined
      ? contents
      : tensor(
          "f32",
          contents.shape,
          values.map((w, i) => (kept[i] === 1 ? w : Number(contents.data[i]))),
        );
  const attributes = { value, mask: tensor("bool", contents.shape, kept) };
  supersede(
    graph,
    producer!,
    graph.create(constant, {}, attributes, { ...inPlaceOf(producer!), type }).result,
  );
  return kept.reduce((sum, keep) => sum + 1 - keep, 0);
}
