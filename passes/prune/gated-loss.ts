/**
 * The loss of a network without one of its channels, for each of them: what reads a channel is multiplied by a further input of
 * the network, its gate, so that one compiled network serves all.
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { tensorType } from "../../src/ir/types.ts";
import { decidingNames, NoiseRatio, valuesOf } from "../../src/measure/judge-outputs.ts";
import { mul } from "../../src/ops/mul.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { entriesOf, type DependencyGroup } from "./dependency-groups.ts";

export async function lossWithoutChannels(
  graph: Graph,
  groups: readonly DependencyGroup[],
  createExecutor: ExecutorFactory,
  samples: readonly (readonly Tensor[])[],
  progress?: (done: number, total: number) => void,
): Promise<Float64Array[]> {
  const gated = copyGraph(graph);
  const gates = groups.flatMap((group) => gatesOf(gated, group));
  const names = decidingNames(gated);
  const executor = await createExecutor(gated, new Set(names));
  try {
    const open = gates.map(({ shape }) => allOnes(shape));
    const wanted = samples.map((sample) => valuesOf(executor, [...sample, ...open], names));
    const total = groups.reduce((sum, { channels }) => sum + channels.length, 0);
    let done = 0;
    return groups.map((group) =>
      Float64Array.from(group.channels, (channel) => {
        progress?.(done++, total);
        const closed = gates.map((gate, g) => {
          if (gate.group !== group) return open[g]!;
          const factors = allOnes(gate.shape);
          for (const entry of entriesOf(channel, gate.read, gate.axis)) factors.data[entry] = 0;
          return factors;
        });
        const noise = new NoiseRatio();
        samples.forEach((sample, s) => {
          noise.add(wanted[s]!, valuesOf(executor, [...sample, ...closed], names));
        });
        return noise.ratio;
      }),
    );
  } finally {
    executor.dispose();
  }
}

const allOnes = (shape: readonly number[]): Tensor =>
  tensor("f32", shape, new Float32Array(shape.reduce((product, extent) => product * extent, 1)).fill(1));

interface Gate {
  readonly group: DependencyGroup;
  /** Of the graph that was copied. */
  readonly read: Value;
  readonly axis: number;
  readonly shape: readonly number[];
}

/** Puts a gate before each consumer. */
function gatesOf(gated: Graph, group: DependencyGroup): Gate[] {
  return group.consumers.flatMap(({ operation }) =>
    group.activations
      .filter(({ value }) => operation.operands.includes(value))
      .map(({ value, axis }): Gate => {
        const shape = value.type.shape.map((extent, a) => (a === axis ? extent : 1));
        const copy = gated.operations.find(({ result }) => result.name === operation.result.name)!;
        const index = operation.operands.indexOf(value);
        const gate = gated.addInput("gate", tensorType("f32", shape));
        const product = gated.create(mul, { lhs: copy.operands[index]!, rhs: gate }, {}, { before: copy });
        gated.replaceOperand(copy, copy.operands[index]!, product.result);
        return { group, read: value, axis, shape };
      }),
  );
}
