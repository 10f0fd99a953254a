/** What a network is judged against: the outputs, and where possible the logits, of a float network. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Executor } from "../exec/executor.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { TensorType } from "../ir/types.ts";
import type { SampleSource } from "../pass/samples.ts";
import { elementCount, tensor, type Tensor } from "../tensor/tensor.ts";
import { toReal } from "./boundary.ts";
import { coreEngines, type EngineFactories, type EngineName, type EngineOptions } from "./engines.ts";
import type { Tally } from "./metrics.ts";
import { NoiseMeter } from "./statistics.ts";

/** A float graph, or its outputs: N samples along the first axis. */
export type Reference = { readonly graph: Graph } | { readonly outputs: Tensor };

/** Creates an engine that is disposed of at the end. */
export type OpenEngine = (
  name: EngineName,
  graph: Graph,
  factories: EngineFactories,
  options?: EngineOptions,
) => Promise<Executor>;

export interface OpenReference {
  readonly tally: Tally;
  run(batch: readonly (readonly Tensor[])[], first: number): readonly Tensor[];
  measureLogits(batch: readonly (readonly Tensor[])[], stored: readonly (readonly Tensor[])[]): void;
  logits(): { readonly value: string; readonly sqnrDb: number } | undefined;
}

export async function openReference(
  graph: Graph,
  reference: Reference | undefined,
  samples: SampleSource,
  open: OpenEngine,
  tally: Tally,
): Promise<OpenReference | undefined> {
  if (reference === undefined) return undefined;
  const count = elementCount(graph.outputs[0]!.type.shape);
  if ("outputs" in reference) {
    const { outputs } = reference;
    if (outputs.data.length < count * samples.count || outputs.data.length % count !== 0)
      fail(
        "reference-shape",
        `the reference is [${outputs.shape.join(", ")}], expected [${samples.count}, ${count}]`,
      );
    const at = (n: number): Tensor =>
      tensor(
        "f32",
        [count],
        Float32Array.from(outputs.data.slice(n * count, (n + 1) * count) as Float32Array, Number),
      );
    const run = (batch: readonly (readonly Tensor[])[], first: number): Tensor[] =>
      batch.map((_, i) => at(first + i));
    return { tally, run, measureLogits: () => undefined, logits: () => undefined };
  }
  const float = reference.graph;
  if (
    elementCount(float.outputs[0]!.type.shape) !== count ||
    float.callerInputs.length !== graph.callerInputs.length
  )
    fail("reference-shape", `the reference has another interface than '${graph.name}'`, {
      help: "give the model that was compiled",
    });
  const engine = await open("wasm-simd", float, coreEngines);
  const run = (batch: readonly (readonly Tensor[])[]): Tensor[] =>
    batch.map(
      (sample) => engine.run(sample.map((real, i) => asInput(real, float.callerInputs[i]!.type)))[0]!,
    );

  const logit = logitOf(graph);
  const same = logit && float.values.find(({ name }) => name === logit.name);
  if (
    logit === undefined ||
    same === undefined ||
    elementCount(same.type.shape) !== elementCount(logit.type.shape)
  )
    return { tally, run, measureLogits: () => undefined, logits: () => undefined };
  const keep = new Set([logit.name]);
  const watched = { keep, observable: true };
  const watchedFloat = await open("wasm-simd", float, coreEngines, watched);
  const watchedStored = await open("wasm-simd", graph, coreEngines, watched);
  const noise = new NoiseMeter();
  return {
    tally,
    run,
    measureLogits(batch, stored) {
      batch.forEach((sample, i) => {
        const inputs = sample.map((real, j) => asInput(real, float.callerInputs[j]!.type));
        const expected = valueOf(watchedFloat, inputs, logit.name);
        const found = valueOf(watchedStored, stored[i]!, logit.name);
        noise.add(expected, toReal(found, logit.type));
      });
    },
    logits: () => ({ value: logit.name, sqnrDb: noise.decibels }),
  };
}

const asInput = (real: Tensor, type: TensorType): Tensor => tensor("f32", type.shape, real.data);

/** What a final softmax reads. */
function logitOf(graph: Graph): Value | undefined {
  let value: Value | undefined = graph.outputs[0];
  while (value?.producer?.definition.name === "reshape") value = value.producer.operands[0];
  return value?.producer?.definition.name === "softmax" ? value.producer.operands[0] : undefined;
}

function valueOf(executor: Executor, inputs: readonly Tensor[], name: string): Tensor {
  let found: Tensor | undefined;
  executor.run(inputs, (observed, value) => {
    if (observed === name) found = { ...value, data: value.data.slice() };
  });
  if (found === undefined) throw new Error(`internal: ${executor.engine} did not show %${name}`);
  return found;
}
