/**
 * The few layers of the example's network, each with its adjoint: just enough to learn digits, nothing more. One image at a time,
 * channels first, no batch axis; the gradients of several images add up in the parameters until `Adam` takes a step.
 *
 *     backward(g) gives ∂L/∂input for g = ∂L/∂output, and adds ∂L/∂parameter to each parameter's gradient
 */
import type { Random } from "../../src/pass/random.ts";
import { cos, exp, log } from "../../src/numerics/elementary.ts";

export interface Parameter {
  readonly shape: readonly number[];
  readonly value: Float32Array;
  readonly gradient: Float32Array;
}

/** What the ONNX writer says of a layer. */
export interface Description {
  readonly operator: string;
  readonly attributes: Readonly<Record<string, number | readonly number[]>>;
}

export interface Layer extends Description {
  /** Channels, height, width; or features. */
  readonly outputShape: readonly number[];
  readonly parameters: readonly Parameter[];
  /** The result is overwritten by the next call. */
  forward(input: Float32Array): Float32Array;
  backward(gradient: Float32Array): Float32Array;
}

type Shape = readonly [channels: number, height: number, width: number];

export interface ConvolutionOptions {
  readonly inputShape: Shape;
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  /** The number of input channels makes it depthwise. */
  readonly groups?: number;
}

export function convolution(random: Random, options: ConvolutionOptions): Layer {
  const { inputShape, channels, kernel, stride = 1, padding = 0, groups = 1 } = options;
  const [inputChannels, inputHeight, inputWidth] = inputShape;
  const extent = (size: number): number => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const [height, width] = [extent(inputHeight), extent(inputWidth)];
  const [inputsPerGroup, outputsPerGroup] = [inputChannels / groups, channels / groups];
  const weight = randomParameter(random, [channels, inputsPerGroup, kernel, kernel]);
  const bias = zeroParameter([channels]);
  const output = new Float32Array(channels * height * width);
  const inputGradient = new Float32Array(inputChannels * inputHeight * inputWidth);
  let input: Float32Array = inputGradient;

  const rows = rowsOf();

  /**
   * For each weight and each row of the output where its tap lies inside the image: the weight's place, the first output's, the
   * first input's, and how many outputs; rows that follow each other without a gap in one.
   */
  function rowsOf(): Int32Array {
    const found: number[] = [];
    const first = (tap: number): number => Math.max(0, Math.ceil((padding - tap) / stride));
    const end = (tap: number, size: number, count: number): number =>
      Math.min(count, Math.floor((size - 1 + padding - tap) / stride) + 1);
    for (let weightAt = 0; weightAt < weight.value.length; weightAt++) {
      const [kx, ky] = [weightAt % kernel, Math.floor(weightAt / kernel) % kernel];
      const pair = Math.floor(weightAt / kernel ** 2);
      const [i, o] = [pair % inputsPerGroup, Math.floor(pair / inputsPerGroup)];
      const channel = Math.floor(o / outputsPerGroup) * inputsPerGroup + i;
      const x = first(kx);
      const count = end(kx, inputWidth, width) - x;
      let joins = false;
      for (let y = first(ky); y < end(ky, inputHeight, height); y++) {
        const outputAt = (o * height + y) * width + x;
        const inputAt =
          (channel * inputHeight + y * stride + ky - padding) * inputWidth + x * stride + kx - padding;
        if (joins) found[found.length - 1]! += count;
        else found.push(weightAt, outputAt, inputAt, count);
        joins = stride === 1 && count === width && count === inputWidth;
      }
    }
    return Int32Array.from(found);
  }

  return {
    operator: "Conv",
    attributes: {
      group: groups,
      kernel_shape: [kernel, kernel],
      pads: [padding, padding, padding, padding],
      strides: [stride, stride],
    },
    outputShape: [channels, height, width],
    parameters: [weight, bias],
    forward(given) {
      input = given;
      for (let o = 0; o < channels; o++)
        output.fill(bias.value[o]!, o * height * width, (o + 1) * height * width);
      for (let r = 0; r < rows.length; r += 4) {
        const factor = weight.value[rows[r]!]!;
        const [outputAt, inputAt, count] = [rows[r + 1]!, rows[r + 2]!, rows[r + 3]!];
        for (let x = 0; x < count; x++) output[outputAt + x]! += factor * given[inputAt + x * stride]!;
      }
      return output;
    },
    backward(gradient) {
      inputGradient.fill(0);
      for (let o = 0; o < channels; o++)
        for (let at = o * height * width; at < (o + 1) * height * width; at++)
          bias.gradient[o]! += gradient[at]!;
      for (let r = 0; r < rows.length; r += 4) {
        const factor = weight.value[rows[r]!]!;
        const [outputAt, inputAt, count] = [rows[r + 1]!, rows[r + 2]!, rows[r + 3]!];
        let sum = 0;
        for (let x = 0; x < count; x++) {
          const g = gradient[outputAt + x]!;
          sum += g * input[inputAt + x * stride]!;
          inputGradient[inputAt + x * stride]! += factor * g;
        }
        weight.gradient[rows[r]!]! += sum;
      }
      return inputGradient;
    },
  };
}

export function relu(shape: readonly number[]): Layer {
  const output = new Float32Array(sizeOf(shape));
  const inputGradient = new Float32Array(output.length);
  return {
    operator: "Relu",
    attributes: {},
    outputShape: shape,
    parameters: [],
    forward(input) {
      for (let i = 0; i < output.length; i++) output[i] = Math.max(0, input[i]!);
      return output;
    },
    backward(gradient) {
      for (let i = 0; i < output.length; i++) inputGradient[i] = output[i]! > 0 ? gradient[i]! : 0;
      return inputGradient;
    },
  };
}

/** The largest of each square of 2 x 2; a last odd row or column is left out. */
export function maxPool([channels, inputHeight, inputWidth]: Shape): Layer {
  const [height, width] = [Math.floor(inputHeight / 2), Math.floor(inputWidth / 2)];
  const output = new Float32Array(channels * height * width);
  const winners = new Int32Array(output.length);
  const inputGradient = new Float32Array(channels * inputHeight * inputWidth);
  return {
    operator: "MaxPool",
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    outputShape: [channels, height, width],
    parameters: [],
    forward(input) {
      for (let at = 0; at < output.length; at++) {
        const [row, x] = [Math.floor(at / width), at % width];
        const [channel, y] = [Math.floor(row / height), row % height];
        const corner = (channel * inputHeight + 2 * y) * inputWidth + 2 * x;
        let winner = corner;
        for (const other of [corner + 1, corner + inputWidth, corner + inputWidth + 1])
          if (input[other]! > input[winner]!) winner = other;
        winners[at] = winner;
        output[at] = input[winner]!;
      }
      return output;
    },
    backward(gradient) {
      inputGradient.fill(0);
      for (let at = 0; at < output.length; at++) inputGradient[winners[at]!]! += gradient[at]!;
      return inputGradient;
    },
  };
}

/** `W x + b` of all features, in whatever shape they come. */
export function linear(random: Random, inputs: number, outputs: number): Layer {
  const weight = randomParameter(random, [outputs, inputs]);
  const bias = zeroParameter([outputs]);
  const output = new Float32Array(outputs);
  const inputGradient = new Float32Array(inputs);
  let input: Float32Array = inputGradient;
  return {
    operator: "Gemm",
    attributes: { transB: 1 },
    outputShape: [outputs],
    parameters: [weight, bias],
    forward(given) {
      input = given;
      for (let o = 0; o < outputs; o++) {
        let sum = bias.value[o]!;
        for (let i = 0; i < inputs; i++) sum += weight.value[o * inputs + i]! * given[i]!;
        output[o] = sum;
      }
      return output;
    },
    backward(gradient) {
      inputGradient.fill(0);
      for (let o = 0; o < outputs; o++) {
        const g = gradient[o]!;
        bias.gradient[o]! += g;
        for (let i = 0; i < inputs; i++) {
          weight.gradient[o * inputs + i]! += g * input[i]!;
          inputGradient[i]! += g * weight.value[o * inputs + i]!;
        }
      }
      return inputGradient;
    },
  };
}

/** The cross entropy of softmax(logits) with the class `label`, and its gradient: softmax(logits) - 1[label]. */
export function crossEntropy(logits: Float32Array, label: number): { loss: number; gradient: Float32Array } {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  const gradient = Float32Array.from(powers, (power, i) => power / sum - (i === label ? 1 : 0));
  return { loss: log(sum) - (logits[label]! - largest), gradient };
}

/** Adam (Kingma and Ba 2015, algorithm 1) on the mean gradient of a batch, which it sets to zero again. */
export function adam(parameters: readonly Parameter[]): (rate: number, batch: number) => void {
  const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
  const moments = parameters.map(({ value }) => [
    new Float32Array(value.length),
    new Float32Array(value.length),
  ]);
  let [power1, power2] = [1, 1];
  return (rate, batch) => {
    power1 *= beta1;
    power2 *= beta2;
    parameters.forEach(({ value, gradient }, p) => {
      const [mean, square] = moments[p] as [Float32Array, Float32Array];
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]! / batch;
        mean[i] = beta1 * mean[i]! + (1 - beta1) * g;
        square[i] = beta2 * square[i]! + (1 - beta2) * g * g;
        value[i]! -= (rate * (mean[i]! / (1 - power1))) / (Math.sqrt(square[i]! / (1 - power2)) + epsilon);
      }
      gradient.fill(0);
    });
  };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

const zeroParameter = (shape: readonly number[]): Parameter => ({
  shape,
  value: new Float32Array(sizeOf(shape)),
  gradient: new Float32Array(sizeOf(shape)),
});

/** Normal numbers of variance 2 / (inputs of an output), so that signals keep their size through ReLUs (He et al. 2015). */
function randomParameter(random: Random, shape: readonly number[]): Parameter {
  const parameter = zeroParameter(shape);
  const deviation = Math.sqrt(2 / sizeOf(shape.slice(1)));
  parameter.value.forEach((_, i, value) => (value[i] = deviation * normal(random)));
  return parameter;
}

/** Box and Muller's transform. */
const normal = (random: Random): number =>
  Math.sqrt(-2 * log(1 - random.uniform())) * cos(2 * Math.PI * random.uniform());
