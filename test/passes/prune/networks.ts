/** Small networks with planted structure, and samples for them. */
import { passes } from "../../../passes/index.ts";
import { interpreterFactory } from "../../../src/exec/interpreter.ts";
import type { Graph } from "../../../src/ir/graph.ts";
import { runPipeline, type PassRecord } from "../../../src/pass/manager.ts";
import { createContext, type PassContext } from "../../../src/pass/pass.ts";
import { createRandom, type Random } from "../../../src/pass/random.ts";
import { samplesFromArrays, type SampleSource } from "../../../src/pass/samples.ts";
import { tensor } from "../../../src/tensor/tensor.ts";
import { parseGraph } from "../../../src/text/parse.ts";
import { parsePipeline } from "../../../src/text/pipeline.ts";

export type Matrix = readonly (readonly number[])[];

export const randomMatrix = (random: Random, rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => 2 * random.uniform() - 1));

const text = (matrix: Matrix): string =>
  `[${matrix.map((row) => `[${row.map(String).join(", ")}]`).join(", ")}]`;

/** Two linear layers with a rectifier between: x → first, bias → relu → second → y. */
export function twoLayers(first: Matrix, bias: readonly number[], second: Matrix): Graph {
  const [hidden, inputs, outputs] = [first.length, first[0]!.length, second.length];
  return parseGraph(
    `graph @net(%x: tensor<1x${inputs}xf32>) {
  %w = constant {value = dense<${text(first)}>} : tensor<${hidden}x${inputs}xf32>
  %b = constant {value = dense<[${bias.join(", ")}]>} : tensor<${hidden}xf32>
  %h = linear %x, %w, %b : tensor<1x${hidden}xf32>
  %r = relu %h : tensor<1x${hidden}xf32>
  %v = constant {value = dense<${text(second)}>} : tensor<${outputs}x${hidden}xf32>
  %c = constant {value = dense<[${Array.from({ length: outputs }, () => 0).join(", ")}]>} : tensor<${outputs}xf32>
  %y = linear %r, %v, %c : tensor<1x${outputs}xf32>
  return %y
}`,
    { file: "net.qir" },
  );
}

/** A residual block: x → down → up is its shortcut, x → branch what is added to it, and `last` reads the sum. */
export function shortcutAndBranch(down: Matrix, up: Matrix, branch: Matrix, last: Matrix): Graph {
  const weights = Object.entries({ down, up, branch, last }).map(
    ([name, matrix]) =>
      `  %${name} = constant {value = dense<${text(matrix)}>} : tensor<${matrix.length}x${matrix[0]!.length}xf32>`,
  );
  return parseGraph(
    `graph @net(%x: tensor<1x${down[0]!.length}xf32>) {
${weights.join("\n")}
  %d = linear %x, %down : tensor<1x${down.length}xf32>
  %s = linear %d, %up : tensor<1x${up.length}xf32>
  %b = linear %x, %branch : tensor<1x${branch.length}xf32>
  %sum = add %s, %b : tensor<1x${up.length}xf32>
  %y = linear %sum, %last : tensor<1x${last.length}xf32>
  return %y
}`,
    { file: "net.qir" },
  );
}

export function normalSamples(count: number, inputs: number, seed = 5): SampleSource {
  const random = createRandom(seed);
  const values = Float32Array.from({ length: count * inputs }, () => 2 * random.uniform() - 1);
  return samplesFromArrays([tensor("f32", [count, inputs], values)], [[1, inputs]]);
}

export const run = (
  graph: Graph,
  pipeline: string,
  samples: SampleSource,
  parts: Partial<PassContext> = {},
): Promise<PassRecord[]> =>
  runPipeline(
    graph,
    parsePipeline(pipeline),
    passes,
    createContext({ executor: interpreterFactory, samples, ...parts }),
  );
