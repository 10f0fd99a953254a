/**
 * Random real networks with random channels masked, against the same with those channels removed: equal bits from the interpreter and
 * from compiled WebAssembly, which also agree with each other.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { dependencyGroups } from "../../passes/prune/dependency-groups.ts";
import { applyPruning, PruningPlanner } from "../../passes/prune/pruning.ts";
import { coreEngines, createEngine } from "../../src/driver/engines.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import { Graph, type Value } from "../../src/ir/graph.ts";
import { add } from "../../src/ops/add.ts";
import { avgPool } from "../../src/ops/avg-pool.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { concat } from "../../src/ops/concat.ts";
import { constant } from "../../src/ops/constant.ts";
import { conv2d } from "../../src/ops/conv2d.ts";
import { linear } from "../../src/ops/linear.ts";
import { maxPool } from "../../src/ops/max-pool.ts";
import { relu } from "../../src/ops/relu.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { slice } from "../../src/ops/slice.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom, type Random } from "../../src/pass/random.ts";
import { elementCount, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const layerKinds = [
  "conv",
  "pointwise",
  "depthwise",
  "multiplied",
  "grouped",
  "residual",
  "branches",
  "halves",
  "shuffle",
  "norm",
  "relu",
  "maxpool",
  "avgpool",
] as const;
type LayerKind = (typeof layerKinds)[number];

interface Plan {
  readonly seed: number;
  readonly size: number;
  readonly channels: number;
  readonly layers: readonly LayerKind[];
  readonly head: "flat" | "flat-first" | "conv";
}

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(10_000),
  size: fc.integer({ min: 1, max: 4 }),
  channels: fc.integer({ min: 1, max: 4 }).map((half) => 2 * half),
  layers: fc.array(fc.constantFrom(...layerKinds), { minLength: 1, maxLength: 6 }),
  head: fc.constantFrom("flat", "flat-first", "conv"),
});

class Builder {
  readonly graph = new Graph("net");
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  noise(shape: readonly number[]): Tensor {
    const values = Float32Array.from({ length: elementCount(shape) }, () => 2 * this.#random.uniform() - 1);
    return tensor("f32", shape, values);
  }

  weights(shape: readonly number[], positive = false): Value {
    const value = this.noise(shape);
    const data = (value.data as Float32Array).map((x) => (positive ? x + 2 : x));
    return this.graph.create(constant, {}, { value: { ...value, data } }).result;
  }

  conv(input: Value, outputs: number, kernel: number, groups = 1): Value {
    const depth = input.type.shape[3]! / groups;
    const pad = (kernel - 1) / 2;
    const operands = {
      input,
      weight: this.weights([outputs, kernel, kernel, depth]),
      bias: this.weights([outputs]),
    };
    return this.graph.create(conv2d, operands, { pads: [pad, pad, pad, pad], groups }).result;
  }

  layer(x: Value, kind: LayerKind): Value {
    const { graph } = this;
    const [batch, height, width, channels] = x.type.shape as [number, number, number, number];
    switch (kind) {
      case "conv":
        return this.conv(x, 2 + 2 * this.#random.integer(3), 3);
      case "pointwise":
        return this.conv(x, 2 + 2 * this.#random.integer(4), 1);
      case "depthwise":
        return this.conv(x, channels, 3, channels);
      case "multiplied":
        return this.conv(x, 2 * channels, 1, channels);
      case "grouped":
        return channels % 2 === 0 ? this.conv(x, 4, 3, 2) : x;
      case "residual":
        return graph.create(add, { lhs: this.conv(x, channels, 3), rhs: x }, {}).result;
      case "branches":
        return graph.create(concat, { inputs: [this.conv(x, 2, 1), this.conv(x, 4, 3)] }, { axis: 3 }).result;
      case "halves": {
        const middle = Math.floor(channels / 2);
        const part = (start: number, end: number): Value =>
          graph.create(slice, { input: x }, { starts: [start], ends: [end], axes: [3], steps: [1] }).result;
        const inputs = [this.conv(part(0, middle), 4, 1), part(middle, channels)];
        return graph.create(concat, { inputs }, { axis: 3 }).result;
      }
      case "shuffle": {
        if (channels % 2 !== 0) return x;
        const apart = graph.create(
          reshape,
          { input: x },
          { shape: [batch, height, width, 2, channels / 2] },
        ).result;
        const turned = graph.create(transpose, { input: apart }, { permutation: [0, 1, 2, 4, 3] }).result;
        return graph.create(reshape, { input: turned }, { shape: x.type.shape }).result;
      }
      case "norm": {
        const [scale, bias, mean] = [1, 2, 3].map(() => this.weights([channels])) as [Value, Value, Value];
        const variance = this.weights([channels], true);
        return graph.create(batchNorm, { input: x, scale, bias, mean, variance }, { axis: 3 }).result;
      }
      case "relu":
        return graph.create(relu, { input: x }, {}).result;
      case "maxpool":
        return graph.create(maxPool, { input: x }, { kernel: [2, 2], pads: [0, 0, 1, 1] }).result;
      case "avgpool":
        return graph.create(avgPool, { input: x }, { kernel: [height, width] }).result;
    }
  }

  head(x: Value, kind: Plan["head"]): Value {
    if (kind === "conv") return this.conv(x, 3, 1);
    const { graph } = this;
    const turned =
      kind === "flat" ? x : graph.create(transpose, { input: x }, { permutation: [0, 3, 1, 2] }).result;
    const depth = elementCount(x.type.shape);
    const input = graph.create(reshape, { input: turned }, { shape: [1, depth] }).result;
    return graph.create(linear, { input, weight: this.weights([3, depth]) }, {}).result;
  }
}

function networkOf({ seed, size, channels, layers, head }: Plan): { graph: Graph; input: Tensor } {
  const builder = new Builder(seed);
  const { graph } = builder;
  const shape = [1, size, size, channels];
  let x = graph.addInput("x", { element: "f32", shape });
  for (const kind of layers) x = builder.layer(x, kind);
  graph.setOutputs([builder.head(x, head)]);
  return { graph, input: builder.noise(shape) };
}

async function bitsOf(graph: Graph, input: Tensor): Promise<number[]> {
  const found = await Promise.all(
    (["interpreter", "wasm-simd"] as const).map(async (name) => {
      const engine = await createEngine(name, graph, coreEngines);
      const [output] = engine.run([input]);
      return [...new Uint32Array((output!.data as Float32Array).slice().buffer)];
    }),
  );
  expect(found[1]).toEqual(found[0]);
  return found[0]!;
}

test("masked with zeros or removed", async () => {
  let removedInAll = 0;
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { graph, input } = networkOf(plan);
      const random = createRandom(plan.seed + 1);
      const chosen = dependencyGroups(graph).map((group) => ({
        group,
        channels: [...group.channels.keys()].filter((channel) => channel > 0 && random.uniform() < 0.5),
      }));
      const count = chosen.reduce((sum, { channels }) => sum + channels.length, 0);
      applyPruning(graph, new PruningPlanner(new Map(), "none").plan(chosen));
      const removed = copyGraph(graph);
      const [record] = await runPipeline(removed, parsePipeline("remove-channels"), passes, createContext());
      expect(record!.statistics["removed"] ?? 0).toBeGreaterThanOrEqual(count);
      removedInAll += count;
      expect(await bitsOf(removed, input)).toEqual(await bitsOf(graph, input));
    }),
    {
      numRuns: Number(process.env["QUERN_FUZZ_RUNS"] ?? 60),
      seed: Number(process.env["QUERN_FUZZ_SEED"] ?? 1),
    },
  );
  // A choice of nothing would show nothing.
  expect(removedInAll).toBeGreaterThan(60);
}, 3_600_000);
