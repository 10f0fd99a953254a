/**
 * How far the simulation is from what ships: the fake-quantized network, in reals, against the stored one it becomes, in integers.
 *
 * A layer's simulated sum is rounded to f32 in every step, and rescaled by its scales; the stored one is exact, and rescaled by a dyadic
 * multiplier. They differ where a sum lies near the middle between two integers, by one step, and what differs goes on into
 * later layers. Both networks run on their own: the difference of a layer is that of all layers up to it.
 */
import { passes } from "../../passes/index.ts";
import { measuringExecutor } from "../../src/driver/engines.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";

export interface LayerDistance {
  readonly value: string;
  readonly elements: number;
  /** How many of the elements are other integers. */
  readonly differing: number;
  /** In steps. */
  readonly largest: number;
}

/** The stored graph that a fake-quantized one becomes. */
export async function shippedFrom(fake: Graph): Promise<Graph> {
  const stored = copyGraph(fake);
  await runPipeline(stored, parsePipeline("requantize, eliminate-dead-code"), passes, createContext());
  return stored;
}

/** Of every value that both hold as integers, in order of computation. */
export async function distanceFromShipped(
  fake: Graph,
  stored: Graph,
  samples: Iterable<readonly Tensor[]>,
): Promise<LayerDistance[]> {
  const shipped = new Set(stored.operations.map(({ result }) => result.name));
  const names = fake.operations.flatMap(({ definition, result }) =>
    definition === quantize && shipped.has(result.name) ? [result.name] : [],
  );
  const keep = new Set(names);
  const executors = [await measuringExecutor(fake, keep), await measuringExecutor(stored, keep)] as const;
  const found = new Map(names.map((value) => [value, { value, elements: 0, differing: 0, largest: 0 }]));
  try {
    for (const sample of samples) {
      const simulated = new Map<string, Float64Array>();
      executors[0].run(sample, (name, values) => {
        if (keep.has(name)) simulated.set(name, Float64Array.from(numbersOf(values)));
      });
      executors[1].run(storedInputs(stored, sample), (name, values) => {
        const row = found.get(name);
        const expected = simulated.get(name);
        if (row === undefined || expected === undefined) return;
        numbersOf(values).forEach((x: number, i: number) => {
          const steps = Math.abs(x - expected[i]!);
          row.elements++;
          if (steps > 0) row.differing++;
          row.largest = Math.max(row.largest, steps);
        });
      });
    }
  } finally {
    for (const executor of executors) executor.dispose();
  }
  return [...found.values()];
}

/** What the stored network is given. */
export const storedInputs = ({ inputs }: Graph, sample: readonly Tensor[]): Tensor[] =>
  inputs.map(({ type: { element, shape, quantization } }, i) => {
    const { min, max } = elementRange(element);
    const [scale, zero] = [quantization!.scale[0]!, quantization!.zero[0]!];
    const integers = Array.from(numbersOf(sample[i]!), (x) => quantizeValue(x, scale, zero, min, max));
    return tensor(element, shape, integers);
  });
