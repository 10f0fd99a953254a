/** Mean, deviation and reach of each channel (the last axis) of named values of the real network, over samples that stream. */
import type { ExecutorFactory } from "../../src/exec/executor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export interface MeasuredChannels {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  /** The largest magnitude. */
  readonly reach: Float64Array;
}

interface Sums {
  readonly sum: Float64Array;
  readonly squares: Float64Array;
  readonly reach: Float64Array;
  /** Of each channel. */
  count: number;
}

export async function measureChannels(
  graph: Graph,
  names: ReadonlySet<string>,
  samples: Iterable<readonly Tensor[]>,
  createExecutor: ExecutorFactory,
): Promise<ReadonlyMap<string, MeasuredChannels>> {
  const sums = new Map<string, Sums>();
  const executor = await createExecutor(graph, names);
  try {
    for (const sample of samples)
      executor.run(sample, (name, { data, shape }) => {
        if (!names.has(name)) return;
        const channels = shape.at(-1)!;
        const of = (): Float64Array => new Float64Array(channels);
        const seen = sums.get(name) ?? { sum: of(), squares: of(), reach: of(), count: 0 };
        sums.set(name, seen);
        for (let i = 0; i < data.length; i++) {
          const [x, c] = [Number(data[i]), i % channels];
          seen.sum[c]! += x;
          seen.squares[c]! += x * x;
          seen.reach[c] = Math.max(seen.reach[c]!, Math.abs(x));
        }
        seen.count += data.length / channels;
      });
  } finally {
    executor.dispose();
  }
  return new Map([...sums].map(([name, seen]) => [name, statisticsOf(seen)]));
}

function statisticsOf({ sum, squares, reach, count }: Sums): MeasuredChannels {
  const mean = sum.map((s) => s / count);
  const deviation = squares.map((s, c) => Math.sqrt(Math.max(0, s / count - mean[c]! * mean[c]!)));
  return { mean, deviation, reach };
}
