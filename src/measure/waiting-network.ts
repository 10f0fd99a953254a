/**
 * Many inferences of one network that wait side by side, while the network changes before them.
 *
 * What corrects a layer by what all samples say of it needs the layer's inputs for every sample, and needs them computed by the
 * corrected layers before it. Keeping all samples at one place and moving them together computes every operation once a sample. What
 * waits is what is still to be read: one cut through the network a sample.
 *
 *     advance(value)   computes, for all samples, what the value needs and nothing more, with the graph as it is now
 *
 * Each step is a graph of its own, made of the operations on the way, whose inputs are what waits.
 */
import type { ExecutorFactory } from "../exec/executor.ts";
import { Graph, type Operation, type Value } from "../ir/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";

export class WaitingNetwork {
  readonly #graph: Graph;
  readonly #createExecutor: ExecutorFactory;
  readonly #prepare: (segment: Graph) => void;
  /** By name; what is computed stays what it is even when the graph changes. */
  readonly #waiting: Map<string, Tensor>[];
  readonly #done = new Set<string>();

  /** @param prepare what is done to the graph of each step before it is compiled */
  constructor(
    graph: Graph,
    samples: Iterable<readonly Tensor[]>,
    createExecutor: ExecutorFactory,
    prepare: (segment: Graph) => void = () => undefined,
  ) {
    this.#graph = graph;
    this.#createExecutor = createExecutor;
    this.#prepare = prepare;
    this.#waiting = Array.from(
      samples,
      (sample) => new Map(graph.inputs.map(({ name }, i): [string, Tensor] => [name, sample[i]!])),
    );
    for (const { name } of graph.inputs) this.#done.add(name);
  }

  /** The value of each sample, in their order. Values must be asked for in order of computation. */
  async advance(value: Value): Promise<readonly Tensor[]> {
    if (!this.#done.has(value.name)) await this.#compute(value);
    return this.#waiting.map((tensors) => {
      const found = tensors.get(value.name);
      if (found === undefined) throw new Error(`internal: %${value.name} is no longer waiting`);
      return found;
    });
  }

  async #compute(value: Value): Promise<void> {
    const operations = this.#wayTo(value);
    const segment = new Graph(this.#graph.name);
    const copies = new Map<Value, Value>();
    const fed = new Set(operations.flatMap(({ operands }) => operands.filter((v) => this.#done.has(v.name))));
    for (const input of fed) copies.set(input, segment.addInput(input.name, input.type));
    const varying = new Set<Value>(fed);
    for (const { definition, operands, attributes, result } of operations) {
      if (operands.some((operand) => varying.has(operand))) varying.add(result);
      const copied = operands.map((operand) => copies.get(operand)!);
      const options = { name: result.name, type: result.type };
      copies.set(result, segment.createGeneric(definition, copied, attributes, options).result);
    }
    // Constants are computed again where they are read: they may be others by then.
    const results = operations.flatMap(({ result }) => (varying.has(result) ? [result] : []));
    for (const { name } of results) this.#done.add(name);
    const kept = results.filter((result) => result === value || this.#isAwaited(result));
    segment.setOutputs(kept.map((result) => copies.get(result)!));
    this.#prepare(segment);
    const executor = await this.#createExecutor(segment);
    try {
      for (const tensors of this.#waiting) {
        const outputs = executor.run([...fed].map(({ name }) => tensors.get(name)!));
        kept.forEach(({ name }, i) => tensors.set(name, outputs[i]!));
      }
    } finally {
      executor.dispose();
    }
    for (const input of fed)
      if (!this.#isAwaited(input)) for (const tensors of this.#waiting) tensors.delete(input.name);
  }

  /** What is still to be computed for the value, in the graph's order. */
  #wayTo(value: Value): Operation[] {
    const wanted = new Set<Operation>();
    const visit = ({ name, producer }: Value): void => {
      if (producer === undefined || wanted.has(producer) || this.#done.has(name)) return;
      wanted.add(producer);
      producer.operands.forEach(visit);
    };
    visit(value);
    return this.#graph.operations.filter((operation) => wanted.has(operation));
  }

  /** Whether something not computed yet reads it. */
  #isAwaited(value: Value): boolean {
    if (this.#graph.outputs.includes(value)) return true;
    return [...value.users].some(({ result }) => !this.#done.has(result.name));
  }
}
