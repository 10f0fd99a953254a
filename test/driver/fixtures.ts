/** A network small enough to compile in a test: three classes out of four numbers, and samples for it. */
import type { ModelSource } from "../../src/driver/model.ts";
import { npyFromBytes, type NpyFile } from "../../src/driver/npy-file.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { createRandom } from "../../src/pass/random.ts";

export const tinyText = `graph @tiny(%x: tensor<1x4xf32>) {
  %w = constant {value = dense<[[1, -1, 0.5, 0], [0, 1, -0.25, 1], [-1, 0.5, 1, -0.5]]>} : tensor<3x4xf32>
  %b = constant {value = dense<[0.1, -0.2, 0]>} : tensor<3xf32>
  %z = linear %x, %w, %b : tensor<1x3xf32>
  %y = softmax %z : tensor<1x3xf32>
  return %y
}
`;

export const tinyModel: ModelSource = { file: "tiny.qir", bytes: new TextEncoder().encode(tinyText) };

const count = 40;
const random = createRandom(7);
const stored = Int8Array.from({ length: count * 4 }, () => random.integer(256) - 128);

/** i8 integers that stand for (x - 3) * 0.05. */
export const tinyMapping = { scale: 0.05, zero: 3 };
export const tinyBytes = writeNpy(tensor("i8", [count, 4], stored));
export const tinySamples = (): NpyFile[] => [npyFromBytes(tinyBytes, "x.npy")];

/** The class of each sample by the formula itself. */
export const tinyLabels = tensor(
  "u8",
  [count],
  Array.from({ length: count }, (_, n) => {
    const [a, b, c, d] = Array.from(stored.slice(n * 4, n * 4 + 4), (q) => (q - 3) * 0.05) as [
      number,
      number,
      number,
      number,
    ];
    const scores = [a - b + 0.5 * c + 0.1, b - 0.25 * c + d - 0.2, -a + 0.5 * b + c - 0.5 * d];
    return scores.indexOf(Math.max(...scores));
  }),
);
