/**
 * `quern/core`: the compiler as a library that touches neither files nor clocks. It runs in browsers. `quern` adds files
 * (node/index.ts).
 */
export {
  emitArtifacts,
  outputNames,
  targetNames,
  type Artifacts,
  type OutputName,
  type TargetName,
  type TargetSize,
} from "./artifacts.ts";
export { bisect, type BisectOptions, type Bisection, type BisectStep } from "./bisect.ts";
export { toReal, toStored } from "./boundary.ts";
export { checkBundle, openBundle, type Bundle, type BundleCheck } from "./bundle.ts";
export { compile, type Compiled, type CompileOptions } from "./compile.ts";
export type { PipelineWishes, PruneBudget, WeightSettings } from "./compile-steps.ts";
export {
  coreEngines,
  createEngine,
  engineNames,
  type EngineFactories,
  type EngineName,
  type EngineOptions,
} from "./engines.ts";
export { evaluate, type EvaluateOptions, type Evaluation, type EngineResult } from "./evaluate.ts";
export {
  identifyRounding,
  type Identified,
  type IdentifyOptions,
  type ProfileMatch,
} from "./identify-rounding.ts";
export { inspect, type Inspection, type InspectOptions } from "./inspect.ts";
export { loadModel, type Model, type ModelSource } from "./model.ts";
export { npyFromBytes, npyFromTensor, type NpyFile } from "./npy-file.ts";
export { opt, type OptOptions, type OptResult } from "./opt.ts";
export type { Reference } from "./reference.ts";
export { metricNames, type MetricName } from "./metrics.ts";
export type { Report } from "./report.ts";
export { reportPage } from "./report-page/report-page.ts";
export { run, type RunOptions } from "./run.ts";
export { openSamples, type InputMapping, type SampleOptions, type Samples } from "./samples.ts";
export { verifyBundle, type Verification, type VerifyOptions } from "./verify.ts";
export type { SampleWindow } from "./windows.ts";
export { version } from "./version.ts";
export { diagnostic, DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
export { renderDiagnostic, renderDiagnostics } from "../diagnostics/render.ts";
export type { Executor } from "../exec/executor.ts";
export { Graph, type Operation, type Value } from "../ir/graph.ts";
export type { TensorType } from "../ir/types.ts";
export { roundingProfiles, type RoundingProfile } from "../numerics/rounding-profile.ts";
export { definePass, type Pass } from "../pass/pass.ts";
export { parseNpy, writeNpy } from "../tensor/npy.ts";
export { tensor, type Tensor } from "../tensor/tensor.ts";
export { parseGraph } from "../text/parse.ts";
export { printGraph } from "../text/print.ts";
export { passes } from "../../passes/index.ts";
export { pipelines } from "../../passes/pipelines.ts";
