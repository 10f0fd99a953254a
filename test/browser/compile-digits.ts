/** The example's network, as tests compile it: in Node, and with the same options elsewhere. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile, type Compiled } from "../../src/driver/compile.ts";
import { sha256 } from "../../src/driver/hash.ts";
import { npyFromBytes } from "../../src/driver/npy-file.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { readDigits, side, takeDigits } from "../../examples/digits/mnist.ts";

export const exampleFolder = fileURLToPath(new URL("../../examples/digits/", import.meta.url));

const calibrationDigits = 40;

export const digitsModel = (): Uint8Array => readFileSync(`${exampleFolder}digits.onnx`);

export const digitsSamples = (): Uint8Array => {
  const { count, images } = takeDigits(readDigits("train"), calibrationDigits);
  return writeNpy(tensor("u8", [count, 1, side, side], images));
};

export const digitsMapping = { scale: 1 / 255 };

export const compileDigits = (): Promise<Compiled> =>
  compile({
    model: { file: "digits.onnx", bytes: digitsModel() },
    samples: [npyFromBytes(digitsSamples(), "digits.npy")],
    sampleOptions: { mapping: digitsMapping },
  });

/** Name and SHA-256 of each file. */
export async function hashesOf({ files }: Compiled): Promise<[string, string][]> {
  const hashes: [string, string][] = [];
  for (const [name, bytes] of files) hashes.push([name, await sha256(bytes)]);
  return hashes;
}
