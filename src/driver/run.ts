/** Runs a network on samples and gathers its outputs, one array with N samples along the first axis for each. */
import { fail } from "../diagnostics/diagnostic.ts";
import { carrying } from "../exec/carrying-executor.ts";
import type { Graph } from "../ir/graph.ts";
import type { SampleSource } from "../pass/samples.ts";
import { allocate, elementCount, tensor, type Tensor, type TensorData } from "../tensor/tensor.ts";
import { toReal, toStored } from "./boundary.ts";
import { coreEngines, createEngine, runAll, type EngineFactories, type EngineName } from "./engines.ts";
import { batchesOf } from "./evaluate.ts";

export interface RunOptions {
  readonly graph: Graph;
  readonly engine?: EngineName;
  readonly factories?: EngineFactories;
  readonly samples: SampleSource;
  /** Outputs as stored integers instead of the reals they stand for. */
  readonly raw?: boolean;
  readonly progress?: (stage: string, done: number, total: number) => void;
}

/** Outputs in the graph's order; a batch axis of 1 becomes the axis of samples. */
export async function run(options: RunOptions): Promise<readonly Tensor[]> {
  const { graph, engine = "wasm-simd", factories = coreEngines, samples, raw = false } = options;
  const created = await createEngine(engine, graph, factories);
  const executor = graph.carried.length > 0 ? carrying(created, graph) : created;
  try {
    const results = graph.outputs.map(({ type }) => {
      const element = raw ? type.element : type.quantization === undefined ? type.element : "f32";
      return {
        type,
        element,
        data: allocate(element, samples.count * elementCount(type.shape)),
      };
    });
    let done = 0;
    for (const batch of batchesOf(samples)) {
      const stored = batch.map((sample) =>
        sample.map((real, i) => toStored(real, graph.callerInputs[i]!.type)),
      );
      runAll(executor, stored).forEach((outputs, n) => {
        outputs.forEach((output, i) => {
          const { type, data } = results[i]!;
          const shown = raw || type.quantization === undefined ? output : toReal(output, type);
          place(data, shown.data, (done + n) * output.data.length);
        });
      });
      done += batch.length;
      options.progress?.("run", done, samples.count);
    }
    if (done === 0) fail("sample-count", "there are no samples");
    return results.map(({ type, element, data }) => {
      const rest = type.shape[0] === 1 ? type.shape.slice(1) : type.shape;
      return tensor(element, [samples.count, ...rest], data);
    });
  } finally {
    executor.dispose();
  }
}

/** Both arrays are of one kind. */
function place(target: TensorData, source: TensorData, offset: number): void {
  (target as Float32Array).set(source as Float32Array, offset);
}
