/** The example that ships: its layers' gradients, its ONNX file, what it makes of a drawing, and how well it reads digits. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  convolution,
  crossEntropy,
  linear,
  maxPool,
  relu,
  type Layer,
} from "../../examples/digits/layers.ts";
import { pixels, readDigits, side, takeDigits } from "../../examples/digits/mnist.ts";
import { createNetwork, forward } from "../../examples/digits/network.ts";
import { writeOnnx } from "../../examples/digits/write-onnx.ts";
import { compile } from "../../src/driver/compile.ts";
import { createEngine, coreEngines } from "../../src/driver/engines.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { loadModel } from "../../src/driver/model.ts";
import { npyFromBytes } from "../../src/driver/npy-file.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { createRandom, type Random } from "../../src/pass/random.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";

const randomNumbers = (random: Random, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);

describe("gradients are slopes", () => {
  const random = createRandom(3);
  const cases: [name: string, inputs: number, layer: Layer][] = [
    ["convolution", 2 * 25, convolution(random, { inputShape: [2, 5, 5], channels: 3, kernel: 3 })],
    [
      "strided and padded",
      2 * 36,
      convolution(random, { inputShape: [2, 6, 6], channels: 2, kernel: 3, stride: 2, padding: 1 }),
    ],
    [
      "depthwise",
      3 * 20,
      convolution(random, { inputShape: [3, 4, 5], channels: 3, kernel: 3, padding: 1, groups: 3 }),
    ],
    ["pointwise", 3 * 9, convolution(random, { inputShape: [3, 3, 3], channels: 2, kernel: 1 })],
    ["relu", 12, relu([12])],
    ["max pool", 2 * 25, maxPool([2, 5, 5])],
    ["linear", 7, linear(random, 7, 4)],
  ];
  test.each(cases)("%s", (_, inputs, layer) => {
    const input = randomNumbers(random, inputs);
    const weights = randomNumbers(random, layer.forward(input).length);
    const value = (): number => layer.forward(input).reduce((sum, y, i) => sum + y * weights[i]!, 0);
    const expectSlope = (of: Float32Array, at: number, gradient: number): void => {
      const [x, step] = [of[at]!, 2 ** -8];
      of[at] = x + step;
      const above = value();
      of[at] = x - step;
      const slope = (above - value()) / (2 * step);
      of[at] = x;
      expect(gradient).toBeCloseTo(slope, 2);
    };
    value();
    const gradient = layer.backward(weights).slice();
    expect(gradient.some((g) => g !== 0)).toBe(true);
    gradient.forEach((g, at) => {
      expectSlope(input, at, g);
    });
    for (const parameter of layer.parameters)
      parameter.gradient.forEach((g, at) => {
        expectSlope(parameter.value, at, g);
      });
  });
  test("cross entropy", () => {
    const logits = randomNumbers(random, 5);
    const { gradient } = crossEntropy(logits, 2);
    gradient.forEach((g, i) => {
      const moved = (by: number): number =>
        crossEntropy(
          logits.map((x, j) => (i === j ? x + by : x)),
          2,
        ).loss;
      expect(g).toBeCloseTo((moved(2 ** -8) - moved(-(2 ** -8))) / 2 ** -7, 4);
    });
  });
});

test("the ONNX file computes what was trained", async () => {
  const random = createRandom(5);
  const layers = createNetwork(random);
  const bytes = writeOnnx(layers, { name: "digits", documentation: "", inputShape: [1, side, side] });
  const { graph, notes } = loadModel({ file: "digits.onnx", bytes });
  expect(notes).toEqual([]);
  const executor = await createEngine("wasm-simd", graph, coreEngines);
  for (let i = 0; i < 3; i++) {
    const image = randomNumbers(random, pixels);
    const [scores] = executor.run([tensor("f32", [1, 1, side, side], image)]);
    const logits = forward(layers, image);
    for (let label = 0; label < 10; label++)
      expect(numbersOf(scores!)[label]).toBeCloseTo(Math.exp(-crossEntropy(logits, label).loss), 5);
  }
});

test("the committed network reads digits, in integers as in floats", async () => {
  const bytes = readFileSync(new URL("../../examples/digits/digits.onnx", import.meta.url));
  expect(bytes.length).toBeLessThan(200_000);
  const npy = ({ count, images }: ReturnType<typeof readDigits>) =>
    npyFromBytes(writeNpy(tensor("u8", [count, 1, side, side], images)), "digits.npy");
  const mapping = { scale: 1 / 255 };
  const model = { file: "digits.onnx", bytes };
  const { graph, report } = await compile({
    model,
    samples: [npy(takeDigits(readDigits("train"), 100))],
    sampleOptions: { mapping },
  });
  const digits = takeDigits(readDigits("test"), 2000);
  const result = await evaluate({
    graph,
    engines: ["wasm-simd"],
    samples: openSamples([npy(digits)], graph.inputs, { mapping }),
    labels: tensor("u8", [digits.count], digits.labels),
    reference: { graph: loadModel(model).graph },
  });
  const float = result.reference!.top1!.value;
  expect(float).toBeGreaterThan(0.98);
  expect(result.engines[0]!.top1!.value).toBeGreaterThan(float - 0.003);
  expect(result.engines[0]!.agreement!.value).toBeGreaterThan(0.995);
  expect(report.arenaBytes).toBeLessThan(8192);
});

interface Ink {
  readonly inkOf: (strokes: readonly (readonly { x: number; y: number }[])[]) => Uint8Array;
}

describe("a drawing becomes an image like MNIST's", async () => {
  const { inkOf } = (await import(
    /* @vite-ignore */ new URL("../../examples/digits/web/ink.js", import.meta.url).href
  )) as Ink;
  const line = (...points: (readonly [number, number])[]) => points.map(([x, y]) => ({ x, y }));
  const seven = [line([0, 0], [4, 0], [1, 7])];

  /** Bounds of the ink, and its centre of mass. */
  function measure(image: Uint8Array) {
    const found = { left: side, right: -1, top: side, bottom: -1, mass: 0, x: 0, y: 0 };
    image.forEach((ink, at) => {
      if (ink === 0) return;
      const [x, y] = [at % side, Math.floor(at / side)];
      found.left = Math.min(found.left, x);
      found.right = Math.max(found.right, x);
      found.top = Math.min(found.top, y);
      found.bottom = Math.max(found.bottom, y);
      found.mass += ink;
      found.x += ink * (x + 0.5);
      found.y += ink * (y + 0.5);
    });
    return { ...found, x: found.x / found.mass, y: found.y / found.mass };
  }

  test("20 pixels high, its mass in the centre", () => {
    const found = measure(inkOf(seven));
    // Half-inked pixels at both ends come on top.
    expect(found.bottom - found.top + 1).toBeGreaterThanOrEqual(20);
    expect(found.bottom - found.top + 1).toBeLessThanOrEqual(22);
    expect(found.x).toBeCloseTo(14, 0);
    expect(found.y).toBeCloseTo(14, 0);
  });
  test("size and place of the drawing do not matter", () => {
    const moved = seven.map((stroke) => stroke.map(({ x, y }) => ({ x: 1024 + 64 * x, y: 64 * y - 32 })));
    expect(inkOf(moved)).toEqual(inkOf(seven));
  });
  test("as much ink as MNIST's digits have", () => {
    const { images } = takeDigits(readDigits("test"), 500);
    const average = images.reduce((sum, ink) => sum + ink, 0) / 500;
    const ring = line(
      ...Array.from({ length: 33 }, (_, i) => {
        const angle = (i * Math.PI) / 16;
        return [Math.cos(angle), 1.4 * Math.sin(angle)] as const;
      }),
    );
    const strokes = [inkOf(seven), inkOf([ring]), inkOf([line([0, 0], [0, 1])])];
    const drawn = strokes.reduce((sum, image) => sum + measure(image).mass, 0) / strokes.length;
    expect(drawn / average).toBeGreaterThan(0.75);
    expect(drawn / average).toBeLessThan(1.25);
  });
  test("a dot is a dot, and nothing is nothing", () => {
    const dot = measure(inkOf([line([3, 3])]));
    expect(dot.right - dot.left).toBeLessThanOrEqual(4);
    expect(dot.mass).toBeGreaterThan(255 * 4);
    expect(inkOf([]).every((ink) => ink === 0)).toBe(true);
  });
});
