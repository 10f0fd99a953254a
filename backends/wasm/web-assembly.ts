/**
 * The part of the WebAssembly JavaScript interface that we use. Node's types leave it out and the DOM's bring a browser along, so it is
 * stated here; the object itself is a global in every engine.
 */
interface WebAssemblyInterface {
  instantiate(
    bytes: Uint8Array,
  ): Promise<{ readonly instance: { readonly exports: Readonly<Record<string, unknown>> } }>;
  validate(bytes: Uint8Array): boolean;
}

export interface WasmExports {
  readonly memory: Uint8Array;
  readonly run: () => void;
  /** `p0`, `p1`, …, if they were exported. */
  readonly procedures: readonly (() => void)[];
}

const engine = (): WebAssemblyInterface => {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyInterface };
  if (WebAssembly === undefined) throw new Error("internal: wasm: this JavaScript engine has no WebAssembly");
  return WebAssembly;
};

export const isValidWasm = (bytes: Uint8Array): boolean => engine().validate(bytes);

/** The memory has a fixed size, so that one view of it serves for ever. */
export async function instantiateWasm(bytes: Uint8Array): Promise<WasmExports> {
  const { exports } = (await engine().instantiate(bytes)).instance;
  const procedures: (() => void)[] = [];
  for (let at = 0; typeof exports[`p${at}`] === "function"; at++)
    procedures.push(exports[`p${at}`] as () => void);
  const { buffer } = exports["memory"] as { readonly buffer: ArrayBuffer };
  return { memory: new Uint8Array(buffer), run: exports["run"] as () => void, procedures };
}
