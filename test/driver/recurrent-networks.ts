/**
 * One step of an LSTM and of a GRU with a layer behind, their states inputs and outputs: networks of our own, made of seeded random weights
 * of the size that training leaves. Forget and update gates are open most of the time, so that states remember for many steps, which is
 * what small errors add up in. Inputs are waves of different periods and noise.
 */
import { elementCount, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { createRandom } from "../../src/pass/random.ts";
import { f32, type Network } from "../frontends/onnx/networks.ts";

export const inputs = 8;
export const hidden = 24;
const outputs = 4;

export type RecurrentKind = "LSTM" | "GRU";

export const stateNames = (kind: RecurrentKind): readonly string[] => (kind === "LSTM" ? ["h", "c"] : ["h"]);

/** Input to output, as `ModelSource.states` wants them. */
export const statesOf = (kind: RecurrentKind): ReadonlyMap<string, string> =>
  new Map(stateNames(kind).map((name) => [name, `${name}n`]));

export function recurrentNetwork(kind: RecurrentKind): Network {
  const gates = kind === "LSTM" ? 4 : 3;
  const random = createRandom(5);
  const weights = (shape: number[], deviation: number): Tensor =>
    f32(
      shape,
      Array.from({ length: elementCount(shape) }, () => {
        const sum = Array.from({ length: 12 }, () => random.uniform()).reduce((a, b) => a + b);
        return (sum - 6) * deviation;
      }),
    );
  const bias = weights([1, 2 * gates * hidden], 0.2);
  const open = kind === "LSTM" ? 2 * hidden : 0;
  for (let i = 0; i < hidden; i++) (bias.data as Float32Array)[open + i]! += 3;
  const states = stateNames(kind);
  return {
    nodes: [
      {
        op: kind,
        in: ["x", "w", "r", "b", "", ...states],
        out: ["Y", ...states.map((name) => `${name}n`)],
        attributes: { hidden_size: hidden, ...(kind === "GRU" ? { linear_before_reset: 1 } : {}) },
      },
      { op: "Reshape", in: ["Y", "shape"], out: ["flat"] },
      { op: "Gemm", in: ["flat", "dw", "db"], out: ["y"], attributes: { transB: 1 } },
    ],
    inputs: { x: [1, 1, inputs], ...Object.fromEntries(states.map((name) => [name, [1, 1, hidden]])) },
    initializers: {
      w: weights([1, gates * hidden, inputs], 0.5),
      r: weights([1, gates * hidden, hidden], 0.8 / Math.sqrt(hidden)),
      b: bias,
      dw: weights([outputs, hidden], 0.4),
      db: weights([outputs], 0.1),
      shape: tensor("i64", [2], [1n, BigInt(hidden)]),
    },
    outputs: ["y", ...states.map((name) => `${name}n`)],
  };
}

/** N steps, [N, 1, I]. */
export function sequence(seed: number, steps: number): Tensor {
  const random = createRandom(seed);
  const phases = Array.from({ length: inputs }, () => 6 * random.uniform());
  const values = Array.from({ length: steps * inputs }, (_, at) => {
    const [step, i] = [Math.floor(at / inputs), at % inputs];
    return Math.sin(0.05 * step * (i + 1) + phases[i]!) + 0.5 * (random.uniform() - 0.5);
  });
  return f32([steps, 1, inputs], values);
}
