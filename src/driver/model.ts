/**
 * Model files as graphs, by their extension: `.onnx`, `.tflite`, or the compiler's own `.qir` with its tensors in a `.safetensors` file.
 *
 * The result is a new graph at every call: passes change graphs in place, so whoever compares two stages loads twice.
 */
import { DiagnosticError, fail, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { importOnnx } from "../frontends/onnx/import-onnx.ts";
import { importTflite } from "../frontends/tflite/import-tflite.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { formatType, sameType } from "../ir/types.ts";
import type { PortNames } from "../ir/ports.ts";
import { verify } from "../ir/verify.ts";
import { parseSafetensors } from "../tensor/safetensors.ts";
import { parseGraph } from "../text/parse.ts";

/** What input extents are fixed to: name → shape. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** State: the input that gets at each run what the output gave at the one before. */
export type States = ReadonlyMap<string, string>;

/** Inputs whose contents are known when the network is compiled: name → one number for all elements, or one each. */
export type FixedInputs = ReadonlyMap<string, readonly number[]>;

/** What the command line says of a model. */
export interface ModelOptions {
  readonly shape?: Shapes;
  readonly fix?: FixedInputs;
  readonly state?: States;
}

/** A model as bytes: what a file holds, without the file. */
export interface ModelSource {
  /** Its name, whose extension says what it is. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** The `.safetensors` file beside a `.qir` text. */
  readonly externals?: Uint8Array;
  /** Fixes symbolic extents of inputs. */
  readonly shapes?: Shapes;
  /** Inputs that become constants; ONNX only. */
  readonly fixed?: FixedInputs;
  /** What the network carries from run to run. */
  readonly states?: States;
}

export interface Model {
  readonly graph: Graph;
  readonly ports: PortNames;
  /** What the importer had to assume. */
  readonly notes: readonly Diagnostic[];
}

/** Texts beyond this are refused: weights belong into the `.safetensors` file. */
const largestTextBytes = 256 * 2 ** 20;

/** @throws DiagnosticError `model-type`, `state`, and whatever the front ends find wrong */
export function loadModel(source: ModelSource): Model {
  const model = readModel(source);
  for (const [input, output] of source.states ?? []) carryState(model.graph, input, output);
  return model;
}

function carryState(graph: Graph, inputName: string, outputName: string): void {
  const input = graph.inputs.find(({ name }) => name === inputName);
  const output = graph.outputs.find(({ name }) => name === outputName);
  const known = (values: readonly Value[]): string => values.map(({ name }) => name).join(", ");
  if (input === undefined)
    return fail("state", `there is no input '${inputName}' to carry state to`, {
      help: `inputs are ${known(graph.inputs)}`,
    });
  if (output === undefined)
    return fail("state", `there is no output '${outputName}' to carry state from`, {
      help: `outputs are ${known(graph.outputs)}`,
    });
  if (!sameType(input.type, output.type))
    fail(
      "state",
      `output '${outputName}' is ${formatType(output.type)}, expected ${formatType(input.type)} as input '${inputName}'`,
    );
  if (graph.carried.some((carried) => carried.input === input || carried.output === output))
    fail("state", `'${inputName}=${outputName}' names state that is carried already`);
  graph.carry(input, graph.outputs.indexOf(output));
}

function readModel(source: ModelSource): Model {
  const { file, bytes, shapes, fixed } = source;
  if (fixed !== undefined && extensionOf(file) !== "onnx")
    fail("model-type", `inputs are fixed to numbers, which '${file}' has no use for: expected .onnx`, {
      help: "leave --fix out, or give the .onnx model",
    });
  switch (extensionOf(file)) {
    case "onnx":
      return importOnnx(bytes, {
        file,
        ...(shapes === undefined ? {} : { shapes }),
        ...(fixed === undefined ? {} : { fixed }),
      });
    case "qir":
      return ofText(parseText(source));
    case "tflite":
      return importTflite(bytes, { file });
    default:
      return fail("model-type", `'${file}' is neither .onnx nor .tflite nor .qir`, {
        help: "give a model as .onnx, .tflite or .qir, or a folder that 'quern compile' wrote",
      });
  }
}

export const extensionOf = (file: string): string => /\.([A-Za-z0-9]+)$/.exec(file)?.[1]?.toLowerCase() ?? "";

/** The file's name without folders and extension. */
export const stemOf = (file: string): string => file.replace(/^.*[/\\]/, "").replace(/\.[A-Za-z0-9]+$/, "");

/** The file's name without folders. */
export const baseOf = (file: string): string => file.replace(/^.*[/\\]/, "");

const ofText = (graph: Graph): Model => ({
  graph,
  ports: { inputs: graph.inputs.map(({ name }) => name), outputs: graph.outputs.map(({ name }) => name) },
  notes: [],
});

function parseText({ file, bytes, externals }: ModelSource): Graph {
  const tensors =
    externals === undefined ? new Map<string, never>() : parseSafetensors(externals, safetensorsBeside(file));
  const graph = parseGraph(textOf(bytes, file), { file, externals: tensors });
  const problems = verify(graph);
  if (problems.length > 0) throw new DiagnosticError(problems);
  return graph;
}

export const safetensorsBeside = (file: string): string => file.replace(/\.qir$/i, ".safetensors");

/** @throws DiagnosticError `text-encoding` or `text-size` */
export function textOf(bytes: Uint8Array, file: string): string {
  if (bytes.length > largestTextBytes)
    fail("text-size", `'${file}' has ${bytes.length} bytes, expected at most ${largestTextBytes}`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return fail("text-encoding", `'${file}' is no UTF-8 text`);
  }
}
