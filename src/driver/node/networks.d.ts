/**
 * What TypeScript has to know of networks that are imported through `quern/plugin`: list `quern/networks` among the `types`
 * of tsconfig.json. The generated NAME.d.mts says the same with the element types of one network.
 */

declare module "*.onnx" {
  export * from "virtual:quern/any";
}

declare module "virtual:quern/*" {
  export interface TensorInfo {
    readonly name: string;
    readonly type: string;
    readonly shape: readonly number[];
    /** real = scale * (stored - zero); absent where the tensor is not quantized. */
    readonly scale?: number;
    readonly zero?: number;
    readonly low?: number;
    readonly high?: number;
  }
  export interface Port extends TensorInfo {
    /** Stored integers, row-major: a view of the network's memory. */
    readonly data: Int8Array;
  }
  export interface Network {
    readonly inputs: readonly [Port, ...Port[]];
    readonly outputs: readonly [Port, ...Port[]];
    /** One inference on what the inputs hold. It may overwrite them: write inputs anew before each run. */
    run(): void;
  }
  export const inputs: readonly TensorInfo[];
  export const outputs: readonly TensorInfo[];
  export function load(source?: string | object): Promise<Network>;
  export function quantize(reals: ArrayLike<number>, port: Port): void;
  export function dequantize(port: Port): Float32Array;
}
