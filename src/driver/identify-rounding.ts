/**
 * Whose rounding made these outputs? A quantized model is compiled under each rounding profile, run on the samples, and its stored outputs
 * are held against the given ones, element by element. The profile that gives all of them is the answer; several that do cannot be
 * told apart by these samples; where none does, the model was run by something else, and the nearest says how far away it is.
 */
import { fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import type { TensorType } from "../ir/types.ts";
import { roundingProfiles, type RoundingProfile } from "../numerics/rounding-profile.ts";
import { isFloat } from "../tensor/element-type.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { toStored } from "./boundary.ts";
import { compile } from "./compile.ts";
import { formOf } from "./compile-steps.ts";
import { coreEngines, createEngine, runAll } from "./engines.ts";
import { batchesOf } from "./evaluate.ts";
import { baseOf, loadModel, type ModelSource } from "./model.ts";
import type { NpyFile } from "./npy-file.ts";
import { unmappedSamples } from "./sample-warnings.ts";
import { openSamples, type SampleOptions } from "./samples.ts";

export interface IdentifyOptions {
  /** Quantized by its exporter: QDQ or QLinear ONNX, int8 TFLite. */
  readonly model: ModelSource;
  /** One file for each input. */
  readonly samples: readonly NpyFile[];
  readonly sampleOptions?: SampleOptions;
  /** Of the first output, N samples along the first axis: stored integers, or the reals that they stand for. */
  readonly outputs: Tensor;
  readonly onWarning?: (warning: Diagnostic) => void;
  readonly progress?: (stage: string, done: number, total: number) => void;
}

export interface ProfileMatch {
  readonly profile: RoundingProfile;
  /** Share of elements. */
  readonly equal: number;
  /** The largest difference, in steps of the output. */
  readonly worstSteps: number;
  /** Share of samples whose largest output is at the same place. */
  readonly agreement: number;
}

export interface Identified {
  readonly samples: number;
  /** The best first; those that match alike in the order of the profiles. */
  readonly matches: readonly ProfileMatch[];
  /** Profiles that give every element. */
  readonly exact: readonly RoundingProfile[];
}

/** @throws DiagnosticError `rounding-model`, `reference-shape`, and what compiling and reading samples may say */
export async function identifyRounding(options: IdentifyOptions): Promise<Identified> {
  const { callerInputs } = requireQuantized(options.model);
  unmappedSamples(options.samples, callerInputs, options.sampleOptions?.mapping ?? {}).forEach((warning) =>
    options.onWarning?.(warning),
  );
  const matches: ProfileMatch[] = [];
  let count = 0;
  for (const profile of roundingProfiles) {
    const { graph } = await compile({ model: options.model, targets: [], rounding: profile });
    const meter = await compare(graph, profile, options);
    count = meter.samples;
    matches.push(meter.match);
  }
  const better = (a: ProfileMatch, b: ProfileMatch): number =>
    b.equal - a.equal || a.worstSteps - b.worstSteps;
  return {
    samples: count,
    matches: matches.toSorted(better),
    exact: matches.filter(({ equal }) => equal === 1).map(({ profile }) => profile),
  };
}

function requireQuantized(model: ModelSource): Graph {
  const { graph } = loadModel(model);
  const form = formOf(graph);
  if (form === "quantized") return graph;
  const name = baseOf(model.file);
  if (form === "stored")
    fail("rounding-model", `'${name}' is integers already, whose rounding stands in its graph`, {
      help: "give the model that it was compiled from",
    });
  fail("rounding-model", `'${name}' is a float model, which rounds nothing`, {
    help: "give the quantized model that the outputs were computed with",
  });
}

async function compare(
  graph: Graph,
  profile: RoundingProfile,
  { samples: files, sampleOptions, outputs, progress }: IdentifyOptions,
): Promise<{ readonly samples: number; readonly match: ProfileMatch }> {
  const { type } = graph.outputs[0]!;
  const size = elementCount(type.shape);
  const samples = openSamples(files, graph.inputs, sampleOptions);
  requireOutputs(outputs, type, samples.count, sampleOptions?.limit !== undefined);
  const given = numbersOf(outputs);
  const wantedAt = (n: number): ArrayLike<number> => {
    const part = given.slice(n * size, (n + 1) * size);
    return isFloat(outputs.element) ? numbersOf(toStored(tensor("f64", type.shape, part), type)) : part;
  };
  const engine = await createEngine("wasm-simd", graph, coreEngines);
  let [done, equal, worstSteps, agreeing] = [0, 0, 0, 0];
  try {
    for (const batch of batchesOf(samples)) {
      const stored = batch.map((sample) => sample.map((real, i) => toStored(real, graph.inputs[i]!.type)));
      runAll(engine, stored).forEach(([output], i) => {
        const [found, wanted] = [numbersOf(output!), wantedAt(done + i)];
        for (let at = 0; at < size; at++) {
          const steps = Math.abs(found[at]! - wanted[at]!);
          if (steps === 0) equal++;
          worstSteps = Math.max(worstSteps, steps);
        }
        if (largestOf(found) === largestOf(wanted)) agreeing++;
      });
      done += batch.length;
      progress?.(profile, done, samples.count);
    }
  } finally {
    engine.dispose();
  }
  const match = { profile, equal: equal / (done * size), worstSteps, agreement: agreeing / done };
  return { samples: done, match };
}

function requireOutputs(outputs: Tensor, type: TensorType, count: number, more: boolean): void {
  const size = elementCount(type.shape);
  const { length } = outputs.data;
  if (more ? length < count * size || length % size !== 0 : length !== count * size)
    fail("reference-shape", `the outputs are [${outputs.shape.join(", ")}], expected [${count}, ${size}]`);
  if (outputs.element !== type.element && !isFloat(outputs.element))
    fail("reference-shape", `the outputs are ${outputs.element}, the network's are ${type.element}`, {
      help: "give the integers that the network stores, or the reals they stand for",
    });
}

/** The first of the largest. */
function largestOf(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
