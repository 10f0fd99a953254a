/** The JavaScript module beside NAME.wasm, which knows where inputs and outputs lie in its memory, and its types. */
import { wasmLayout } from "../../backends/wasm/layout.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { LoopProgram } from "../loops/loop.ts";
import { elementCount } from "../tensor/tensor.ts";
import { version } from "./version.ts";

const arrays: Readonly<Record<string, string>> = {
  i8: "Int8Array",
  u8: "Uint8Array",
  i16: "Int16Array",
  u16: "Uint16Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  i64: "BigInt64Array",
};

/**
 * The module's loader: views of its inputs and outputs, and `run`. It computes nothing. The scales come along for callers
 * that have reals.
 *
 * @throws internal, when an input or an output is not stored densely
 */
export function loaderText(name: string, program: LoopProgram, graph: Graph): string {
  const addresses = wasmLayout(program);
  const port = (storage: LoopProgram["inputs"][number], value: Value): string => {
    const { buffer, shape, start } = storage;
    const array = arrays[buffer.element];
    if (array === undefined || start !== 0 || storage.bias !== 0 || elementCount(shape) !== buffer.count)
      throw new Error(`internal: the port '${storage.tensor}' of '${name}' is not stored densely`);
    const { quantization } = value.type;
    const scale = quantization?.axis === undefined ? (quantization?.scale[0] ?? 1) : 1;
    const zero = quantization?.axis === undefined ? (quantization?.zero[0] ?? 0) : 0;
    const parts = [
      `name: ${JSON.stringify(storage.tensor)}`,
      `shape: [${shape.join(", ")}]`,
      `scale: ${scale}`,
      `zero: ${zero}`,
      `data: new ${array}(memory.buffer, ${addresses.get(buffer)!}, ${buffer.count})`,
    ];
    return `    { ${parts.join(", ")} },`;
  };
  return `/**
 * ${name}: integer-only inference in WebAssembly, made by quern ${version}.
 *
 * Write stored integers into \`inputs[i].data\`, call \`run()\`, read \`outputs[i].data\`; real = scale * (stored - zero).
 * A run may overwrite its inputs.
 */
export const url = new URL("./${name}.wasm", import.meta.url);

/** @param source the module's bytes, or a compiled module; by default it is fetched from beside this file */
export async function load(source) {
  const bytes = source ?? (await (await fetch(url)).arrayBuffer());
  const made = await WebAssembly.instantiate(bytes);
  const { memory, run } = (made.instance ?? made).exports;
  const inputs = [
${program.inputs.map((storage, i) => port(storage, graph.inputs[i]!)).join("\n")}
  ];
  const outputs = [
${program.outputs.map((storage, i) => port(storage, graph.outputs[i]!)).join("\n")}
  ];
  return { inputs, outputs, run };
}
`;
}

export function loaderTypes(name: string, program: LoopProgram): string {
  const kinds = (ports: LoopProgram["inputs"]): string =>
    `readonly [${ports.map(({ buffer }) => `Port<${arrays[buffer.element] ?? "never"}>`).join(", ")}]`;
  return `/** ${name}: integer-only inference in WebAssembly, made by quern ${version}. */
export interface Port<Data> {
  readonly name: string;
  readonly shape: readonly number[];
  /** real = scale * (stored - zero) */
  readonly scale: number;
  readonly zero: number;
  /** Stored integers, row-major, in the module's memory. */
  readonly data: Data;
}

export interface Network {
  readonly inputs: ${kinds(program.inputs)};
  readonly outputs: ${kinds(program.outputs)};
  /** One inference. It may overwrite the inputs. */
  run(): void;
}

export declare const url: URL;
export declare function load(source?: BufferSource | WebAssembly.Module): Promise<Network>;
`;
}
