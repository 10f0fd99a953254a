/**
 * A compiled folder, read back. Its stored graph is what was compiled, so every other file can be printed again: a folder is
 * sound when the shipped files are exactly these, and an evaluation of the graph then speaks for them.
 */
import { findFloats } from "../../backends/c/integer-only.ts";
import { findFloat } from "../../backends/wasm/integer-only.ts";
import { instantiate } from "../../backends/wasm/instance.ts";
import { diagnostic, fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { formatType } from "../ir/types.ts";
import { isFloat } from "../tensor/element-type.ts";
import { emitArtifacts, type Artifacts, type TargetName } from "./artifacts.ts";
import type { EngineFactories } from "./engines.ts";
import { loadModel, textOf } from "./model.ts";
import type { Report } from "./report.ts";
import { version } from "./version.ts";

export interface Bundle {
  readonly folder: string;
  readonly name: string;
  readonly report: Report;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** A new copy of the stored graph at each call. */
  loadGraph(): Graph;
}

export const reportFile = "report.json";

/** Whether the text of a `report.json` is one of ours. */
export function parseReport(text: string): Report | undefined {
  try {
    const found = JSON.parse(text) as Partial<Report> | null;
    const isOurs =
      typeof found === "object" && typeof found?.quern === "string" && typeof found.name === "string";
    return isOurs ? (found as Report) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws DiagnosticError `not-a-bundle` */
export function openBundle(folder: string, files: ReadonlyMap<string, Uint8Array>): Bundle {
  const help = "give a folder that 'quern compile' wrote";
  const bytes = files.get(reportFile) ?? fail("not-a-bundle", `'${folder}' holds no ${reportFile}`, { help });
  const report =
    parseReport(textOf(bytes, reportFile)) ??
    fail("not-a-bundle", `the ${reportFile} in '${folder}' is not quern's`, { help });
  const { name } = report;
  const text = files.get(`${name}.qir`) ?? fail("not-a-bundle", `'${folder}' holds no ${name}.qir`, { help });
  const externals = files.get(`${name}.safetensors`);
  return {
    folder,
    name,
    report,
    files,
    loadGraph: () =>
      loadModel({ file: `${name}.qir`, bytes: text, ...(externals === undefined ? {} : { externals }) })
        .graph,
  };
}

export interface BundleCheck {
  /** Empty for a sound folder. */
  readonly problems: readonly Diagnostic[];
  /** The files as they are printed now. */
  readonly printed: Artifacts;
}

/** Prints all files again and compares; looks for floats in those that were shipped. */
export async function checkBundle(bundle: Bundle): Promise<BundleCheck> {
  const { report, files, folder } = bundle;
  const graph = bundle.loadGraph();
  const problems: Diagnostic[] = graph.values
    .filter(({ type }) => isFloat(type.element))
    .map(({ name, type }) =>
      diagnostic("error", "float-left", `%${name}: ${formatType(type)} is stored in floats`),
    );
  const printed = await emitArtifacts(graph, bundle.name, Object.keys(report.targets) as TargetName[]);
  const help =
    report.quern === version
      ? "compile the model again; generated files are not for editing"
      : `the folder was compiled by quern ${report.quern}, this is ${version}: compile the model again`;
  for (const [path, bytes] of printed.files) {
    const shipped = files.get(path);
    const subject = `folder "${folder}"`;
    if (shipped === undefined)
      problems.push(diagnostic("error", "missing-file", `${path} is missing`, { subject, help }));
    else if (!sameBytes(shipped, bytes)) {
      const message = `${path} is not what the stored graph gives: they differ from byte ${firstDifference(shipped, bytes)}`;
      problems.push(diagnostic("error", "stale-file", message, { subject, help }));
    }
    if (shipped !== undefined) problems.push(...floatsIn(path, shipped));
  }
  return { problems, printed };
}

function floatsIn(path: string, bytes: Uint8Array): Diagnostic[] {
  if (/\.[ch]$/.test(path))
    return findFloats(new TextDecoder().decode(bytes)).map(({ line, text, what }) =>
      diagnostic("error", "float-left", `${path}:${line} has the float ${what} '${text}'`),
    );
  if (!path.endsWith(".wasm")) return [];
  try {
    const found = findFloat(bytes);
    if (found === undefined) return [];
    return [
      diagnostic(
        "error",
        "float-left",
        `${path} has ${found.what} in ${found.where}, byte ${found.offsetBytes}`,
      ),
    ];
  } catch (error) {
    return [diagnostic("error", "wasm-malformed", `${path} cannot be read: ${(error as Error).message}`)];
  }
}

/**
 * The engines, with the shipped module as `wasm-simd`: that is what users run. Observers need a module of their own, which
 * exports its steps; it is printed from the same program.
 */
export function bundleEngines(
  bundle: Bundle,
  { wasm }: Artifacts,
  engines: EngineFactories,
): EngineFactories {
  const shipped = bundle.files.get(`${bundle.name}.wasm`);
  if (wasm === undefined || shipped === undefined) return engines;
  return {
    ...engines,
    "wasm-simd": (graph, options) =>
      options.observable === true || options.keep !== undefined
        ? engines["wasm-simd"]!(graph, options)
        : instantiate(shipped, wasm, "wasm-simd"),
  };
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && firstDifference(a, b) === a.length;

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return length;
}
