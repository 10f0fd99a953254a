/** How many samples of a large file calibrate a network. */
import { expect, test } from "vitest";
import { pipelineSteps } from "../../src/driver/pipeline-steps.ts";
import { calibrationSpread } from "../../src/driver/calibration-spread.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

/** A convolution of `kernel` × `kernel` over a square image of `side` pixels, to `channels`. */
const net = (side: number, channels: number, kernel = 3, pad = (kernel - 1) / 2): Graph =>
  parseGraph(
    `graph @net(%x: tensor<1x${side}x${side}x1xf32>) {
      %w = constant {value = dense<splat 1>} : tensor<${channels}x${kernel}x${kernel}x1xf32>
      %y = conv2d %x, %w {pads = [${pad}, ${pad}, ${pad}, ${pad}]} : tensor<1x${side}x${side}x${channels}xf32>
      return %y
    }`,
    { file: "net.qir" },
  );
const samples = (graph: Graph, pipeline: string): number =>
  calibrationSpread(graph, pipelineSteps(pipeline)).samples;

test("the usual number where no weights are rounded", () => {
  const graph = net(32, 1);
  const usual = calibrationSpread(graph);
  expect(usual.samples).toBe(150);
  for (const pipeline of [
    "default",
    "calibrate, insert-fake-quantization{bits=4}",
    "calibrate, insert-fake-quantization{bits=7}, round-weights",
  ])
    expect(calibrationSpread(graph, pipelineSteps(pipeline))).toEqual(usual);
});

test("more where they are, by numbers, by work, by what waits and by count", () => {
  const four = "calibrate, insert-fake-quantization{bits=4}, round-weights";
  expect(samples(net(64, 1), four)).toBe(2 ** 21 / 64 ** 2);
  expect(samples(net(16, 200), four)).toBe(Math.floor(2 ** 24 / (16 ** 2 * 200)));
  expect(samples(net(64, 4, 41), four)).toBe(Math.floor(2 ** 33 / (41 ** 2 * 64 ** 2 * 4)));
  expect(samples(net(8, 1), four)).toBe(2048);
  expect(samples(net(256, 1), four)).toBe(150);
});

test("small samples are no more than that, as the driver takes them", () => {
  const grown = parseGraph(
    `graph @net(%x: tensor<1x1xf32>) {
      %w = constant {value = dense<splat 1>} : tensor<16384x1xf32>
      %y = linear %x, %w : tensor<1x16384xf32>
      return %y
    }`,
    { file: "net.qir" },
  );
  const spread = calibrationSpread(
    grown,
    parsePipeline("calibrate, insert-fake-quantization{bits=4}, round-weights"),
  );
  const file = npyFromTensor(tensor("f32", [20_000, 1], new Float32Array(20_000)));
  expect(openSamples([file], grown.inputs, { spread }).count).toBe(2 ** 24 / 16384);
  expect(openSamples([file], grown.inputs, { spread: calibrationSpread(grown) }).count).toBe(20_000);
});

test("a constant waits nowhere", () => {
  const graph = parseGraph(
    `graph @net(%x: tensor<1x4096xf32>) {
      %k = constant {value = dense<splat 1>} : tensor<1000000x4xf32>
      %y = relu %x : tensor<1x4096xf32>
      return %y
    }`,
    { file: "net.qir" },
  );
  expect(samples(graph, "calibrate, insert-fake-quantization{bits=4}, round-weights")).toBe(2 ** 21 / 4096);
});

test("at eight bits where all weights are rounded, or the ends have fewer", () => {
  const more = 2 ** 21 / 64 ** 2;
  expect(samples(net(64, 1), "accurate")).toBe(more);
  const none = "calibrate, insert-fake-quantization{bits=8, first-last-bits=0}, round-weights";
  expect(samples(net(64, 1), none)).toBe(150);
  const ends = "calibrate, insert-fake-quantization{bits=8, first-last-bits=4}, round-weights";
  expect(samples(net(64, 1), ends)).toBe(more);
});
