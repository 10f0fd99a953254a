/**
 * Runs the samples through the real network and keeps the range of every value whose quantization depends on it.
 *
 * `minmax`: the smallest and the largest number seen (algorithms.md 2.1). Samples stream: memory does not grow with their
 * number. Values that get their quantization otherwise (softmax, reshapes, inputs that came as integers) are not measured.
 *
 * Warns about NaN and infinities, which are left out of the range; fails when nothing else was seen.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Value } from "../../src/ir/graph.ts";
import { choice } from "../../src/ir/attributes.ts";
import { definePass } from "../../src/pass/pass.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { planQuantization } from "./plan.ts";

export const calibrate = definePass({
  name: "calibrate",
  summary: "measure the ranges of activations on samples",
  options: { method: choice(["minmax"], "minmax") },
  async run(graph, { context, count }) {
    const { samples, executor: createExecutor } = context;
    if (samples === undefined)
      fail("no-samples", "'calibrate' has no samples to measure", {
        help: "give some with --calibrate X.npy",
      });
    if (createExecutor === undefined) throw new Error("no executor in the context");
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const measured = plan.groups
      .filter((group) => group.fixed === undefined)
      .flatMap((group) => group.sources);
    const seen = new Map(measured.map((value) => [value.name, newExtent()]));

    const executor = await createExecutor(graph, new Set(seen.keys()));
    let done = 0;
    try {
      for (const sample of samples.batches()) {
        // Engines need not show their inputs, which the sample is.
        graph.inputs.forEach((input, i) => {
          widen(seen.get(input.name), sample[i]!);
        });
        executor.run(sample, (name, tensor) => {
          if (!graph.inputs.some((input) => input.name === name)) widen(seen.get(name), tensor);
        });
        done++;
        context.progress?.(done, samples.count);
      }
    } finally {
      executor.dispose();
    }
    if (done === 0) fail("no-samples", "'calibrate' was given 0 samples, expected at least one");

    const faults: Diagnostic[] = [];
    for (const value of measured) {
      const extent = seen.get(value.name)!;
      if (extent.elements === 0) throw new Error(`${executor.engine} did not show %${value.name}`);
      const fault = finiteness(value, extent);
      if (fault?.severity === "error") faults.push(fault);
      else if (fault !== undefined) context.warn(fault);
      graph.setRange(value, { min: extent.min, max: extent.max });
      count("measured");
    }
    if (faults.length > 0) throw new DiagnosticError(faults);
  },
});

interface Extent {
  min: number;
  max: number;
  elements: number;
  notFinite: number;
}

const newExtent = (): Extent => ({ min: Infinity, max: -Infinity, elements: 0, notFinite: 0 });

function widen(extent: Extent | undefined, { data }: Tensor): void {
  if (extent === undefined) return;
  let { min, max } = extent;
  let notFinite = 0;
  for (let i = 0; i < data.length; i++) {
    const x = Number(data[i]);
    // False for NaN and infinities alike.
    if (x - x === 0) {
      if (x < min) min = x;
      if (x > max) max = x;
    } else notFinite++;
  }
  extent.min = min;
  extent.max = max;
  extent.notFinite += notFinite;
  extent.elements += data.length;
}

function finiteness(value: Value, { elements, notFinite }: Extent): Diagnostic | undefined {
  if (notFinite === 0) return undefined;
  const all = notFinite === elements;
  return diagnostic(
    all ? "error" : "warning",
    "not-finite",
    `%${value.name} was NaN or infinite ${notFinite} times in ${elements}`,
    {
      subject: value.producer?.origin ?? `%${value.name}`,
      help: "check the samples: scale, order of channels, and range the network was trained with",
    },
  );
}
