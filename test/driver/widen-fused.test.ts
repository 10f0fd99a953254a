/** What `widen-fused` foretells is what fusion does: of random networks no value it widened is left in memory, for any target. */
import { expect, test } from "vitest";
import { plainC } from "../../backends/c/targets.ts";
import { wasmScalar, wasmSimd } from "../../backends/wasm/targets.ts";
import { passes } from "../../passes/index.ts";
import { pipelines } from "../../passes/pipelines.ts";
import { lowerToKernels } from "../../src/driver/lower.ts";
import { interpreterFactory } from "../../src/exec/interpreter.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { createRandom } from "../../src/pass/random.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { elementCount, tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const shape = [1, 2, 2, 4];
const type = `tensor<${shape.join("x")}xf32>`;
const random = createRandom(11);
const below = (n: number): number => random.integer(n);

/** Operators of each kind that fusion tells apart; what leaves no memory to share (concat) and what it reads through (transpose) too. */
const makers: readonly ((pick: () => string, name: string) => string)[] = [
  (pick, name) => `%${name} = linear ${pick()}, %w : ${type}`,
  (pick, name) => `%${name} = linear ${pick()}, %w : ${type}`,
  (pick, name) => `%${name} = add ${pick()}, ${pick()} : ${type}`,
  (pick, name) => `%${name} = sub ${pick()}, ${pick()} : ${type}`,
  (pick, name) => `%${name} = mul ${pick()}, ${pick()} : ${type}`,
  (pick, name) => `%${name} = relu ${pick()} : ${type}`,
  (pick, name) => `%${name} = tanh ${pick()} : ${type}`,
  (pick, name) => `%${name} = transpose ${pick()} {permutation = [0, 2, 1, 3]} : ${type}`,
  (pick, name) =>
    `%${name}_mean = reduce_mean ${pick()} {axes = [1, 2]} : tensor<1x1x1x4xf32>
     %${name} = add ${pick()}, %${name}_mean : ${type}`,
  (pick, name) =>
    `%${name}_soft = softmax ${pick()} {axis = 3} : ${type}
     %${name} = mul %${name}_soft, ${pick()} : ${type}`,
];

/** Each value is read with decreasing likelihood the older it is, so that many are read once. */
function randomGraph(): string {
  const names = ["x"];
  const pick = (): string => `%${names.at(-1 - Math.min(below(3), below(names.length)))!}`;
  const lines = Array.from({ length: 3 + below(9) }, (_, i) => {
    const line = makers[below(makers.length)]!(pick, `v${i}`);
    names.push(`v${i}`);
    return line;
  });
  return `graph @net(%x: ${type}) {
  %w = constant {value = dense<[[0.5, -0.25, 0.75, 0], [1, 0.5, -1, 0.25], [-0.5, 0, 0.5, 1], [0.25, 1, 0, -0.75]]>} : tensor<4x4xf32>
  ${lines.join("\n  ")}
  return %${names.at(-1)!}
}`;
}

const samples = samplesFromArrays(
  [
    tensor(
      "f32",
      [8, ...shape],
      Float32Array.from({ length: 8 * elementCount(shape) }, () => 4 * random.uniform() - 2),
    ),
  ],
  [shape],
);
const pipeline = parsePipeline(
  `${pipelines.optimize}, widen-fused, calibrate{method=minmax}, insert-fake-quantization, requantize,
   eliminate-common-subexpressions, eliminate-dead-code`,
);

test("no value that was widened is stored", async () => {
  let widened = 0;
  for (let trial = 0; trial < 80; trial++) {
    const text = randomGraph();
    const graph = parseGraph(text, { file: "net.qir" });
    const records = await runPipeline(
      graph,
      pipeline,
      passes,
      createContext({ executor: interpreterFactory, samples }),
    );
    const names = records
      .find(({ pass }) => pass === "widen-fused")!
      .findings.map(({ value }) => String(value));
    widened += names.length;
    for (const target of [plainC, wasmScalar, wasmSimd]) {
      const stored = lowerToKernels(graph, target).kernels.map(({ name }) => name);
      expect(
        names.filter((name) => stored.includes(name)),
        `${target.name}\n${text}`,
      ).toEqual([]);
    }
  }
  expect(widened).toBeGreaterThan(50);
});
