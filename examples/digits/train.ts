/**
 * Trains the example's network on MNIST and writes digits.onnx beside this file. Everything is seeded and computed in a fixed order, so
 * that the same command gives the same file:
 *
 *     npm run demo:train -- [--epochs 6] [--seed 1] [--digits 60000] [--out FILE]
 *
 * Each digit is turned, sized and moved a little at random whenever it is shown, so that what visitors draw with a mouse is
 * recognized too.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { cos, sin } from "../../src/numerics/elementary.ts";
import { createRandom, type Random } from "../../src/pass/random.ts";
import { adam, crossEntropy, type Layer } from "./layers.ts";
import { pixels, readDigits, side, takeDigits, type Digits } from "./mnist.ts";
import { createNetwork, forward } from "./network.ts";
import { writeOnnx } from "./write-onnx.ts";

const batch = 32;
const peakRate = 0.004;

function train(layers: readonly Layer[], digits: Digits, epochs: number, random: Random): void {
  const step = adam(layers.flatMap(({ parameters }) => parameters));
  const order = Uint32Array.from({ length: digits.count }, (_, i) => i);
  const image = new Float32Array(pixels);
  const total = epochs * digits.count;
  let loss = 0;
  for (let shown = 0; shown < total; shown++) {
    const at = shown % digits.count;
    if (at === 0) shuffle(order, random);
    const digit = order[at]!;
    distort(digits.images.subarray(digit * pixels, (digit + 1) * pixels), image, random);
    const result = crossEntropy(forward(layers, image), digits.labels[digit]!);
    loss += result.loss;
    layers.reduceRight((gradient, layer) => layer.backward(gradient), result.gradient);
    if ((shown + 1) % batch === 0) step(rateAt(shown / total), batch);
    if ((shown + 1) % 10_000 === 0) {
      console.log(`${shown + 1} of ${total} digits shown, mean loss ${(loss / 10_000).toFixed(4)}`);
      loss = 0;
    }
  }
}

/** Up in the first tenth, then down along a half cosine. */
const rateAt = (progress: number): number =>
  peakRate * Math.min(progress / 0.1, 0.5 * (1 + cos(Math.PI * progress)));

/** Fisher and Yates. */
function shuffle(order: Uint32Array, random: Random): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}

/** Turned by up to 12 degrees, sized by up to 15 %, moved by up to 1.5 pixels; bilinear. */
function distort(source: Uint8Array, image: Float32Array, random: Random): void {
  const spread = (size: number): number => size * (2 * random.uniform() - 1);
  const angle = spread((12 * Math.PI) / 180);
  const [scaleX, scaleY] = [1 + spread(0.15), 1 + spread(0.15)];
  const centre = (side - 1) / 2;
  const [moveX, moveY] = [centre + spread(1.5), centre + spread(1.5)];
  const [c, s] = [cos(angle), sin(angle)];
  const ink = (x: number, y: number): number =>
    x >= 0 && x < side && y >= 0 && y < side ? source[y * side + x]! : 0;
  for (let i = 0; i < pixels; i++) {
    const [dx, dy] = [(i % side) - centre, Math.floor(i / side) - centre];
    const [x, y] = [scaleX * (c * dx - s * dy) + moveX, scaleY * (s * dx + c * dy) + moveY];
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - x0, y - y0];
    const upper = (1 - fx) * ink(x0, y0) + fx * ink(x0 + 1, y0);
    const lower = (1 - fx) * ink(x0, y0 + 1) + fx * ink(x0 + 1, y0 + 1);
    image[i] = ((1 - fy) * upper + fy * lower) / 255;
  }
}

/** How many digits are recognized. */
function judge(layers: readonly Layer[], { count, images, labels }: Digits): number {
  let hits = 0;
  for (let n = 0; n < count; n++) {
    const image = Float32Array.from(images.subarray(n * pixels, (n + 1) * pixels), (ink) => ink / 255);
    const logits = forward(layers, image);
    if (logits.indexOf(Math.max(...logits)) === labels[n]) hits++;
  }
  return hits;
}

const { values } = parseArgs({
  options: {
    epochs: { type: "string", default: "6" },
    seed: { type: "string", default: "1" },
    digits: { type: "string", default: "60000" },
    out: { type: "string", default: "examples/digits/digits.onnx" },
  },
});
const [epochs, seed, count] = [Number(values.epochs), Number(values.seed), Number(values.digits)];
const random = createRandom(seed);
const layers = createNetwork(random);
train(layers, takeDigits(readDigits("train"), count), epochs, random);
const test = readDigits("test");
const hits = judge(layers, test);
const note =
  `Trained by examples/digits/train.ts on ${count} digits of MNIST, ${epochs} epochs, seed ${seed}: ` +
  `recognizes ${hits} of the ${test.count} test digits.`;
writeFileSync(
  values.out,
  writeOnnx(layers, { name: "digits", documentation: note, inputShape: [1, side, side] }),
);
console.log(`${note}\nwrote ${values.out}`);
