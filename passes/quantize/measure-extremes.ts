/**
 * Ranges by what the samples that serve show, cut off only where it has no effect: for what is judged in eight bits before anything
 * is calibrated.
 */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { EffectiveValues, type SeeValues } from "./effective-values.ts";
import type { Plan } from "./plan.ts";

/** Sets the ranges of all values that need one. */
export async function measureExtremes(
  graph: Graph,
  plan: Plan,
  samples: SampleSource,
  createExecutor: ExecutorFactory,
): Promise<void> {
  const measured = new Map(
    plan.groups
      .flatMap((group) => (group.fixed === undefined ? group.sources : []))
      .map((value) => [value.name, { value, min: 0, max: 0 }]),
  );
  const effective = new EffectiveValues(graph, plan);
  const executor = await createExecutor(graph, new Set([...measured.keys(), ...effective.names]));
  const see: SeeValues = (name, numbers) => {
    const range = measured.get(name);
    if (range === undefined) return;
    for (let i = 0; i < numbers.length; i++) {
      const x = numbers[i]!;
      // `calibrate` is who speaks of NaN and infinities.
      if (!Number.isFinite(x)) continue;
      range.min = Math.min(range.min, x);
      range.max = Math.max(range.max, x);
    }
  };
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  try {
    for (const sample of fittedSamples(samples, Infinity)) {
      graph.inputs.forEach(({ name }, i) => {
        effective.show(name, numbersOf(sample[i]!), see);
      });
      executor.run(sample, (name, tensor) => {
        if (!inputs.has(name)) effective.show(name, numbersOf(tensor), see);
      });
    }
  } finally {
    executor.dispose();
  }
  for (const { value, min, max } of measured.values()) graph.setRange(value, { min, max });
}
