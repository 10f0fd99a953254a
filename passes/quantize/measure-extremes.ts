/** Ranges by what the samples that serve show, nothing cut off: for what is judged in eight bits before anything is calibrated. */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { fittedSamples } from "../../src/measure/split-samples.ts";
import type { SampleSource } from "../../src/pass/samples.ts";
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
  const executor = await createExecutor(graph, new Set(measured.keys()));
  const see = (name: string, data: ArrayLike<number | bigint>): void => {
    const range = measured.get(name);
    if (range === undefined) return;
    for (let i = 0; i < data.length; i++) {
      const x = Number(data[i]);
      // `calibrate` is who speaks of NaN and infinities.
      if (!Number.isFinite(x)) continue;
      range.min = Math.min(range.min, x);
      range.max = Math.max(range.max, x);
    }
  };
  try {
    for (const sample of fittedSamples(samples, Infinity)) {
      graph.inputs.forEach(({ name }, i) => {
        see(name, sample[i]!.data);
      });
      executor.run(sample, (name, { data }) => {
        see(name, data);
      });
    }
  } finally {
    executor.dispose();
  }
  for (const { value, min, max } of measured.values()) graph.setRange(value, { min, max });
}
