/**
 * `report.json`: what was compiled from what, how, and what came out. All but `run` is a function of model, samples and options;
 * times and paths, which differ from machine to machine, are kept apart in `run`.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { formatType } from "../ir/types.ts";
import type { PassRecord } from "../pass/manager.ts";
import type { Finding } from "../pass/pass.ts";
import type { InputQuantization } from "../pass/samples.ts";
import type { TargetName, TargetSize } from "./artifacts.ts";
import { measureGraph, type Layer } from "./layers.ts";
import type { Measured, RangeRecord } from "./measure-layers.ts";
import type { InputMapping } from "./samples.ts";
import type { SampleWindow } from "./windows.ts";

export interface FileRecord {
  readonly file: string;
  readonly sha256: string;
}

export interface SampleRecord extends FileRecord {
  readonly count: number;
  /** Of the numbers in the file. */
  readonly element: string;
}

export interface PortRecord {
  readonly name: string;
  readonly type: string;
}

export interface LayerRecord extends Layer {
  /** Of its dequantized result against the real network's; null without any noise, absent where it was not measured. */
  readonly sqnrDb?: number | null;
  /** Its range leaves out what a clamp behind its sum takes from it: `sqnrDb` counts as noise what has no effect. */
  readonly isCut?: true;
  /** Fusion keeps it in a register: no target stores it. */
  readonly inRegister?: true;
}

export interface Report {
  /** The version that compiled. */
  readonly quern: string;
  readonly name: string;
  readonly model: FileRecord;
  readonly samples: readonly SampleRecord[];
  /** How the samples' numbers became the network's inputs. */
  readonly inputMapping: InputMapping;
  /** The samples were windows of the rows of their files. */
  readonly inputWindow?: SampleWindow;
  /** By input: the integers the samples came as. */
  readonly inputQuantization: Readonly<Record<string, InputQuantization>>;
  readonly pipeline: string;
  readonly inputs: readonly PortRecord[];
  readonly outputs: readonly PortRecord[];
  readonly macs: number;
  readonly parameters: number;
  /** Constants of the stored graph; `targets` has what each target makes of them. */
  readonly weightBytes: number;
  /** Of the C target, or else of WebAssembly: input, output and scratch together. */
  readonly arenaBytes: number;
  readonly arenaLowerBoundBytes: number;
  /** Size of NAME.wasm; 0 when it was not asked for. */
  readonly wasmBytes: number;
  readonly targets: Readonly<Partial<Record<TargetName, TargetSize>>>;
  readonly layers: readonly LayerRecord[];
  readonly ranges: readonly RangeRecord[];
  /** How many calibration samples `layers[].sqnrDb` and `ranges` come from. */
  readonly measuredSamples: number;
  readonly passes: readonly PassRecord[];
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly (FileRecord & { readonly sizeBytes: number })[];
  readonly run: RunRecord;
}

/** What differs from run to run. */
export interface RunRecord {
  readonly modelPath?: string;
  readonly samplePaths?: readonly string[];
  readonly passTimesMs?: Readonly<Record<string, number>>;
  readonly totalTimeMs?: number;
}

export type ReportFacts = Omit<
  Report,
  | "inputs"
  | "outputs"
  | "macs"
  | "parameters"
  | "weightBytes"
  | "arenaBytes"
  | "arenaLowerBoundBytes"
  | "wasmBytes"
  | "layers"
  | "ranges"
  | "measuredSamples"
>;

export function makeReport(graph: Graph, facts: ReportFacts, measured?: Measured): Report {
  const { layers, parameters, weightBytes, macs } = measureGraph(graph);
  const { samples: measuredSamples, values } = measured ?? { samples: 0, values: [] };
  const decibels = new Map(values.map(({ range, sqnrDb }) => [range.value, sqnrDb]));
  const {
    quern,
    name,
    model,
    samples,
    inputMapping,
    inputWindow,
    inputQuantization,
    pipeline,
    targets,
    ...rest
  } = facts;
  const size = targets.c ?? targets.wasm;
  const cut = valuesOf(facts.passes, "calibrate", ({ looked }) => looked !== undefined);
  const fused = valuesOf(facts.passes, "widen-fused", () => true);
  return {
    quern,
    name,
    model,
    samples,
    inputMapping,
    ...(inputWindow === undefined ? {} : { inputWindow }),
    inputQuantization,
    pipeline,
    inputs: graph.inputs.map(portOf),
    outputs: graph.outputs.map(portOf),
    macs,
    parameters,
    weightBytes,
    arenaBytes: size?.arenaBytes ?? 0,
    arenaLowerBoundBytes: size?.arenaLowerBoundBytes ?? 0,
    wasmBytes: targets.wasm?.fileBytes ?? 0,
    targets,
    layers: layers.map((layer): LayerRecord => {
      const sqnrDb = decibels.get(layer.name);
      return {
        ...layer,
        ...(sqnrDb === undefined ? {} : { sqnrDb }),
        ...(cut.has(layer.name) ? { isCut: true } : {}),
        ...(fused.has(layer.name) && layer.element === "i16" ? { inRegister: true } : {}),
      };
    }),
    ranges: values.map(({ range }) => range),
    measuredSamples,
    ...rest,
  };
}

/** Values that findings of a pass are about. */
const valuesOf = (
  passes: readonly PassRecord[],
  name: string,
  counts: (finding: Finding) => boolean,
): ReadonlySet<unknown> =>
  new Set(
    passes.flatMap(({ pass, findings }) =>
      pass === name ? findings.filter(counts).map(({ value }) => value) : [],
    ),
  );

const portOf = ({ name, type }: Value): PortRecord => ({ name, type: formatType(type) });

export const reportText = (report: Report): string => `${JSON.stringify(report, undefined, 2)}\n`;
