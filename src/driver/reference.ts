/** What a network is judged against: the outputs, and where possible the logits, of another, usually a float one. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Executor } from "../exec/executor.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { TensorType } from "../ir/types.ts";
import { dequantize } from "../ops/dequantize.ts";
import type { SampleSource } from "../pass/samples.ts";
import { isFloat } from "../tensor/element-type.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { toReal } from "./boundary.ts";
import { coreEngines, type EngineFactories, type EngineName, type EngineOptions } from "./engines.ts";
import type { Tally } from "./metrics.ts";
import { NoiseMeter } from "./statistics.ts";

/** A float graph; or outputs, N samples along the first axis. */
export type Reference = { readonly graph: Graph } | { readonly outputs: Tensor };

/** Creates an engine that is disposed of at the end. */
export type OpenEngine = (
  name: EngineName,
  graph: Graph,
  factories: EngineFactories,
  options?: EngineOptions,
) => Promise<Executor>;

export interface OpenReference {
  /** What it is called among engines: a float network, or outputs of whatever made them. */
  readonly name: "float" | "reference";
  readonly tally: Tally;
  /** Its outputs for the samples of a batch, the first of which is `first`. */
  run(batch: readonly (readonly Tensor[])[], first: number): readonly Tensor[];
  /** Compares the logits of the batch that was run last. */
  measureLogits(stored: readonly (readonly Tensor[])[]): void;
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
  if ("outputs" in reference)
    return openOutputs(storedTypeOf(graph.outputs[0]!), reference.outputs, samples.count, tally);
  return openNetwork(graph, reference.graph, open, tally);
}

/** Of a quantized model that is not compiled yet, what it has before it turns its outputs into reals. */
const storedTypeOf = ({ producer, type }: Value): TensorType =>
  producer?.definition === dequantize ? producer.operands[0]!.type : type;

/** Outputs that another program gave, as reals or as the integers that the network stores. */
function openOutputs(type: TensorType, outputs: Tensor, samples: number, tally: Tally): OpenReference {
  const count = elementCount(type.shape);
  if (outputs.data.length < count * samples || outputs.data.length % count !== 0)
    fail(
      "reference-shape",
      `the reference is [${outputs.shape.join(", ")}], expected [${samples}, ${count}]`,
    );
  if (outputs.element !== type.element && !isFloat(outputs.element))
    fail(
      "reference-shape",
      `the reference is ${outputs.element}, the network's outputs are ${type.element}`,
      {
        help: "give the integers that the network stores, or the reals they stand for; a float network stores none: compile it",
      },
    );
  const at = (n: number): Tensor => {
    const numbers = numbersOf(outputs).slice(n * count, (n + 1) * count);
    return isFloat(outputs.element)
      ? tensor("f32", type.shape, Float32Array.from(numbers))
      : toReal(tensor(outputs.element, type.shape, numbers), type);
  };
  return {
    name: "reference",
    tally,
    run: (batch, first) => batch.map((_, i) => at(first + i)),
    measureLogits: () => undefined,
    logits: () => undefined,
  };
}

async function openNetwork(
  graph: Graph,
  float: Graph,
  open: OpenEngine,
  tally: Tally,
): Promise<OpenReference> {
  if (
    elementCount(float.outputs[0]!.type.shape) !== elementCount(graph.outputs[0]!.type.shape) ||
    float.callerInputs.length !== graph.callerInputs.length
  )
    fail("reference-shape", `the reference has another interface than '${graph.name}'`, {
      help: "give the model that was compiled",
    });
  const inputsOf = (sample: readonly Tensor[]): Tensor[] =>
    sample.map((real, i) => asInput(real, float.callerInputs[i]!.type));
  const logit = sharedLogit(graph, float);
  if (logit === undefined) {
    const engine = await open("wasm-simd", float, coreEngines);
    return {
      name: "float",
      tally,
      run: (batch) => batch.map((sample) => engine.run(inputsOf(sample))[0]!),
      measureLogits: () => undefined,
      logits: () => undefined,
    };
  }
  const watched = { keep: new Set([logit.name]), observable: true };
  const engine = await open("wasm-simd", float, coreEngines, watched);
  const stored = await open("wasm-simd", graph, coreEngines, watched);
  const noise = new NoiseMeter();
  let expected: readonly Tensor[] = [];
  return {
    name: "float",
    tally,
    run(batch) {
      const found = batch.map((sample) => observe(engine, inputsOf(sample), logit.name));
      expected = found.map(({ value }) => value);
      return found.map(({ output }) => output);
    },
    measureLogits(inputs) {
      inputs.forEach((sample, i) => {
        noise.add(expected[i]!, toReal(observe(stored, sample, logit.name).value, logit.type));
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

/** The logits, where the reference has them too. */
function sharedLogit(graph: Graph, float: Graph): Value | undefined {
  const logit = logitOf(graph);
  const same = logit && float.values.find(({ name }) => name === logit.name);
  return same !== undefined && elementCount(same.type.shape) === elementCount(logit!.type.shape)
    ? logit
    : undefined;
}

/** One run: the first output, and what a value of that name held. */
function observe(
  executor: Executor,
  inputs: readonly Tensor[],
  name: string,
): { readonly output: Tensor; readonly value: Tensor } {
  let value: Tensor | undefined;
  const [output] = executor.run(inputs, (observed, found) => {
    if (observed === name) value = { ...found, data: found.data.slice() };
  });
  if (value === undefined) throw new Error(`internal: ${executor.engine} did not show %${name}`);
  return { output: output!, value };
}
