/** What is shown of each layer: what it reads, what it gave, and what that made with a shortcut. */
import { expect, test } from "vitest";
import { passes } from "../../passes/index.ts";
import { pairLayers } from "../../passes/quantize/paired-layers.ts";
import { foldDequantized } from "../../passes/quantize/fold-dequantized.ts";
import { walkLayers, type LayerSample } from "../../passes/quantize/walk-layers.ts";
import { interpreterFactory, createInterpreter } from "../../src/exec/interpreter.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { neg } from "../../src/ops/neg.ts";
import { runPipeline, type PassRecord } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { samplesFromArrays } from "../../src/pass/samples.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

const data = tensor(
  "f32",
  [10, 1, 2],
  Float32Array.from({ length: 20 }, (_, i) => Math.sin(3 * i)),
);
const samples = samplesFromArrays([data], [[1, 2]]);

/** A layer, and one at the end of a branch beside it, its shortcut being `shortcut`. */
const net = (shortcut: string): Graph =>
  parseGraph(
    `graph @net(%x: tensor<1x2xf32>) {
      %w = constant {value = dense<[[0.7, -0.3], [0.2, 0.9]]>} : tensor<2x2xf32>
      %b = constant {value = dense<[0.1, -0.2]>} : tensor<2xf32>
      %k = constant {value = dense<[[0.5, -0.4]]>} : tensor<1x2xf32>
      %first = linear %x, %w, %b : tensor<1x2xf32>
      ${shortcut}
      %l = linear %first, %w, %b : tensor<1x2xf32>
      %s = add %short, %l : tensor<1x2xf32>
      %y = relu %s : tensor<1x2xf32>
      return %y
    }`,
    { file: "net.qir" },
  );

interface Run {
  readonly fake: Graph;
  readonly real: Graph;
  readonly records: readonly PassRecord[];
}
async function run(graph: Graph, further = ""): Promise<Run> {
  const context = createContext({ executor: interpreterFactory, samples });
  const records = await runPipeline(
    graph,
    parsePipeline(`calibrate{method=minmax}, insert-fake-quantization{bits=4}${further}`),
    passes,
    context,
  );
  return { fake: graph, real: context.snapshots.get("real")!, records };
}

/** Every value of each sample, by name. */
const valuesOf = (graph: Graph): ReadonlyMap<string, readonly number[]>[] =>
  [...samples.batches()].map((sample) => {
    const seen = new Map(graph.inputs.map(({ name }, i) => [name, [...numbersOf(sample[i]!)]]));
    createInterpreter(graph).run(sample, (name: string, value: Tensor) =>
      seen.set(name, [...numbersOf(value)]),
    );
    return seen;
  });

async function walked(
  { fake, real }: Run,
  sums: boolean,
): Promise<ReadonlyMap<string, readonly LayerSample[]>> {
  const shown = new Map<string, readonly LayerSample[]>();
  await walkLayers(
    fake,
    real,
    [...samples.batches()],
    interpreterFactory,
    { wants: () => true, sums },
    (layer, seen) => void shown.set(layer.real.operation.result.name, seen),
  );
  return shown;
}

test("inputs as they are now, results and sums as they were, shortcuts as they are now", async () => {
  const made = await run(net("%short = tanh %x : tensor<1x2xf32>"));
  const [reals, folded] = [valuesOf(made.real), copyGraph(made.fake)];
  foldDequantized(folded);
  const fakes = valuesOf(folded);
  const shown = await walked(made, true);
  expect([...shown.keys()]).toEqual(["first", "l"]);
  shown.get("first")!.forEach(({ result, sum }, n) => {
    expect([...numbersOf(result)]).toEqual(reals[n]!.get("first"));
    expect(sum).toBeUndefined();
  });
  shown.get("l")!.forEach(({ input, result, sum }, n) => {
    expect([...numbersOf(result)]).toEqual(reals[n]!.get("l"));
    expect([...numbersOf(input)]).toEqual(fakes[n]!.get("first_fake"));
    expect([...numbersOf(sum!.target)]).toEqual(reals[n]!.get("s"));
    expect([...numbersOf(sum!.shortcut)]).toEqual(fakes[n]!.get("short_fake"));
    expect([...numbersOf(sum!.shortcut)]).not.toEqual(reals[n]!.get("short"));
  });
  for (const seen of (await walked(made, false)).values())
    for (const { sum } of seen) expect(sum).toBeUndefined();
});

test("what constants make is no shortcut, folded or not: the passes that ask go on", async () => {
  const constants = "%short = relu %k : tensor<1x2xf32>";
  const made = await run(net(constants));
  for (const { sum } of (await walked(made, true)).get("l")!) expect(sum).toBeUndefined();
  const { records } = await run(net(constants), ", round-weights, correct-bias, requantize");
  expect(records.map(({ pass }) => pass)).toContain("correct-bias");
});

test("where the quantized network has more between a layer and its sum, the result is the aim", async () => {
  const { fake, real } = await run(net("%short = tanh %x : tensor<1x2xf32>"));
  const aimOf = (graph: Graph): string =>
    pairLayers(graph, real).find((layer) => layer.real.operation.result.name === "l")!.aim.target.name;
  expect(aimOf(fake)).toBe("s");
  const other = net("%short = tanh %x : tensor<1x2xf32>");
  const result = other.values.find(({ name }) => name === "l")!;
  const [user] = result.users;
  other.replaceOperand(user!, result, other.create(neg, { input: result }, {}, { before: user! }).result);
  expect(aimOf((await run(other)).fake)).toBe("l");
});
