/**
 * A folder of ONNX's own test cases: MANIFEST.json and, for each case, a model with its inputs and reference outputs. The layout is
 * described by the README beside the manifest; any folder of that layout will do.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { decodeTensorFile } from "../../src/frontends/onnx/tensor-file.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export interface ConformanceCase {
  readonly case: string;
  readonly suite: string;
  readonly tier: string;
  readonly ops: readonly string[];
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly unknown[];
  readonly dataSets: number;
  /** Positions of inputs that are given to the compiler. */
  readonly constInputs: readonly number[];
  readonly weightInputs: readonly number[];
  readonly rtol: number;
  readonly atol: number;
  /** Whole image networks, which take minutes. */
  readonly heavy?: boolean;
}

export interface DataSet {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export const readManifest = (folder: string): readonly ConformanceCase[] =>
  JSON.parse(readFileSync(path.join(folder, "MANIFEST.json"), "utf8")) as ConformanceCase[];

export const readModel = (folder: string, { case: name }: ConformanceCase): Uint8Array =>
  readFileSync(path.join(folder, name, "model.onnx"));

/** @throws DiagnosticError when a tensor has elements that we do not represent */
export function readDataSet(folder: string, given: ConformanceCase, set: number): DataSet {
  const read = (role: string, count: number): Tensor[] =>
    Array.from({ length: count }, (_, i) => {
      const file = `${role}_${i}.pb`;
      return decodeTensorFile(
        readFileSync(path.join(folder, given.case, `test_data_set_${set}`, file)),
        file,
      );
    });
  return { inputs: read("input", given.inputs.length), outputs: read("output", given.outputs.length) };
}
