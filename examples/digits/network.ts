/** The example's network, with random weights. */
import type { Random } from "../../src/pass/random.ts";
import { convolution, linear, maxPool, relu, type Layer } from "./layers.ts";
import { classes, side } from "./mnist.ts";

/** 6,634 parameters, 115,000 multiply-accumulates. */
export function createNetwork(random: Random): Layer[] {
  return [
    convolution(random, { inputShape: [1, side, side], channels: 8, kernel: 3, stride: 2, padding: 1 }),
    relu([8, 14, 14]),
    convolution(random, { inputShape: [8, 14, 14], channels: 8, kernel: 3, padding: 1, groups: 8 }),
    convolution(random, { inputShape: [8, 14, 14], channels: 16, kernel: 1 }),
    relu([16, 14, 14]),
    maxPool([16, 14, 14]),
    convolution(random, { inputShape: [16, 7, 7], channels: 16, kernel: 3 }),
    relu([16, 5, 5]),
    linear(random, 16 * 5 * 5, classes),
  ];
}

export const forward = (layers: readonly Layer[], image: Float32Array): Float32Array =>
  layers.reduce((value, layer) => layer.forward(value), image);
