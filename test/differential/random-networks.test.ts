/**
 * Random networks of a few stored layers: what single layers cannot show, such as borders of tensors with several readers, residual
 * additions fused behind convolutions, views, pools, memory that is used again, values of 8 and of 16 bits side by side.
 */
import fc from "fast-check";
import { test } from "vitest";
import { Graph, type Value } from "../../src/ir/graph.ts";
import { perTensor, tensorType, type TensorType } from "../../src/ir/types.ts";
import { avgPool } from "../../src/ops/avg-pool.ts";
import { linear } from "../../src/ops/linear.ts";
import { maxPool } from "../../src/ops/max-pool.ts";
import { rescaledAdd } from "../../src/ops/rescaled-add.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { elementCount, tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "./engines.ts";
import {
  addConvolution,
  addRequantize,
  addWideRequantize,
  generator,
  stored,
  storedInputs,
  type ActivationElement,
  type Random,
} from "./stored-graphs.ts";

const layerKinds = [
  "conv",
  "pointwise",
  "depthwise",
  "strided",
  "residual",
  "maxpool",
  "avgpool",
  "branch",
] as const;
type LayerKind = (typeof layerKinds)[number];

interface Plan {
  readonly seed: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly layers: readonly LayerKind[];
  /** Layer by layer, those beyond the last in 8 bits. */
  readonly wide: readonly boolean[];
  readonly channelsFirst: boolean;
  readonly head: boolean;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(10_000),
  height: fc.integer({ min: 3, max: 8 }),
  width: fc.integer({ min: 3, max: 8 }),
  channels: fc.integer({ min: 1, max: 9 }),
  layers: fc.array(fc.constantFrom(...layerKinds), { minLength: 1, maxLength: 5 }),
  channelsFirst: fc.boolean(),
  head: fc.boolean(),
  wide: fc.array(fc.boolean(), { maxLength: 6 }),
});

function networkOf({ seed, height, width, channels, layers, channelsFirst, head, wide }: Plan): Graph {
  const graph = new Graph("net");
  const random = generator(seed);
  const quantization = perTensor(0.5, random(100) - 50);
  const shape = channelsFirst ? [1, channels, height, width] : [1, height, width, channels];
  let x = graph.addInput("x", tensorType("i8", shape, quantization));
  if (channelsFirst)
    x = graph.create(transpose, { input: x }, { permutation: [0, 2, 3, 1] }, { name: "nhwc" }).result;
  layers.forEach((kind, i) => {
    x = addLayer(graph, x, `y${i}`, kind, wide[i] === true ? "i16" : "i8", random);
  });
  graph.setOutputs([head ? addHead(graph, x, wide.at(-1) === true ? "i16" : "i8", random) : x]);
  return graph;
}

function addLayer(
  graph: Graph,
  x: Value,
  name: string,
  kind: LayerKind,
  resultElement: ActivationElement,
  random: Random,
): Value {
  const [, height, width, channels] = x.type.shape as [number, number, number, number];
  const shape = { height, width, inputs: channels };
  const conv = (from: Value, to: string, outputs: number, kernel: number, groups = 1, stride = 1): Value => {
    const pad = kernel === 3 ? 1 : 0;
    const pads = [pad, pad, pad, pad] as const;
    return addConvolution(
      graph,
      from,
      to,
      { ...shape, outputs, kernel: [kernel, kernel], pads, groups, strides: [stride, stride], resultElement },
      random,
    );
  };
  switch (kind) {
    case "conv":
      return conv(x, name, 1 + random(12), 3);
    case "pointwise":
      return conv(x, name, 1 + random(20), 1);
    case "depthwise":
      return conv(x, name, channels, 3, channels);
    case "strided":
      return conv(x, name, 1 + random(8), 3, 1, 2);
    case "residual":
      return addSum(graph, name, conv(x, `${name}_left`, channels, 3), x, resultElement);
    case "branch": {
      const left = conv(x, `${name}_left`, channels, 3);
      return addSum(graph, name, left, conv(x, `${name}_right`, channels, 1), resultElement);
    }
    case "maxpool":
      return graph.create(
        maxPool,
        { input: x },
        { kernel: [2, 2], pads: [1, 0, 0, 1] },
        { name, type: sameScale(x, [1, height, width, channels]) },
      ).result;
    case "avgpool": {
      const acc = graph.create(
        avgPool,
        { input: x },
        { kernel: [height, Math.min(2, width)] },
        { name: `${name}_acc` },
      ).result;
      return requantized(
        graph,
        acc,
        name,
        x.type.quantization!.scale[0]! * 0.9,
        random(40) - 20,
        resultElement,
      );
    }
  }
}

const sameScale = (x: Value, shape: readonly number[]) =>
  tensorType(x.type.element, shape, x.type.quantization);

function requantized(
  graph: Graph,
  acc: Value,
  name: string,
  scale: number,
  zero: number,
  element: ActivationElement,
): Value {
  return element === "i16"
    ? addWideRequantize(graph, acc, name, scale)
    : addRequantize(graph, acc, name, scale, zero);
}

/** Of what a type holds. */
const reachOf = ({ element, quantization }: TensorType): number =>
  quantization!.scale[0]! * (element === "i16" ? 2 ** 15 : 2 ** 8);

/** Both operands rescaled to a result that holds their sum, with as fine multipliers as 32 bits hold. */
function addSum(graph: Graph, name: string, lhs: Value, rhs: Value, element: ActivationElement): Value {
  const types = [lhs.type, rhs.type];
  const { min, max } = elementRange(element);
  const scale = Math.fround((reachOf(lhs.type) + reachOf(rhs.type)) / (max - min + 1));
  const ratios = types.map((type) => type.quantization!.scale[0]! / scale);
  const room = types.reduce((sum, type) => sum + reachOf(type) / scale, 0.5);
  const shift = Math.min(20, 30 - Math.ceil(Math.log2(room)));
  const multipliers = ratios.map((ratio) => Math.round(ratio * 2 ** shift));
  const type = tensorType(element, lhs.type.shape, perTensor(scale, element === "i16" ? 0 : -7));
  return graph.create(rescaledAdd, { lhs, rhs }, { multipliers, shift, clamp: [min, max] }, { name, type })
    .result;
}

function addHead(graph: Graph, x: Value, element: ActivationElement, random: Random): Value {
  const depth = elementCount(x.type.shape);
  const flat = graph.create(reshape, { input: x }, { shape: [1, depth] }, { name: "flat" }).result;
  const outputs = 2 + random(12);
  const weights = tensor(
    "i8",
    [outputs, depth],
    Array.from({ length: outputs * depth }, () => random(255) - 127),
  );
  const weight = stored(graph, "head_w", weights, perTensor(0.01, 0));
  const acc = graph.create(linear, { input: flat, weight }, {}, { name: "head_acc" }).result;
  const reach =
    acc.type.quantization!.scale[0]! * Math.sqrt(depth) * (x.type.element === "i16" ? 25_600 : 100);
  const scale = Math.fround(element === "i16" ? reach / 256 : reach);
  const logits = requantized(graph, acc, "logits", scale, 3, element);
  const type = tensorType("i8", logits.type.shape, perTensor(1 / 256, -128));
  return graph.create(softmax, { input: logits }, { axis: 1 }, { name: "y", type }).result;
}

test("random networks are the same everywhere", async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const graph = networkOf(plan);
      await expectAgreement(graph, storedInputs(graph, 4, plan.seed));
    }),
    {
      numRuns: Number(process.env["QUERN_FUZZ_RUNS"] ?? 25),
      seed: Number(process.env["QUERN_FUZZ_SEED"] ?? 1),
    },
  );
}, 3_600_000);
