/** ONNX Runtime as WebAssembly on one thread, with graph optimizations off: each node is computed as it stands. */
import * as ort from "onnxruntime-web";
import type { ElementType } from "../../src/tensor/element-type.ts";
import { tensor, type Tensor } from "../../src/tensor/tensor.ts";

ort.env.wasm.numThreads = 1;

const typeNames = {
  f32: "float32",
  i8: "int8",
  u8: "uint8",
  i16: "int16",
  i32: "int32",
} as const satisfies Partial<Record<ElementType, ort.Tensor.Type>>;

const elementOf = (type: ort.Tensor.Type): ElementType => {
  const found = Object.entries(typeNames).find(([, name]) => name === type);
  if (found === undefined) throw new Error(`no element of ours is ONNX Runtime's ${type}`);
  return found[0] as keyof typeof typeNames;
};

export interface Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Outputs in the model's order, for inputs in the model's order. */
  run(inputs: readonly Tensor[]): Promise<Tensor[]>;
  dispose(): Promise<void>;
}

export async function openSession(bytes: Uint8Array): Promise<Session> {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "disabled" });
  const { inputNames: inputs, outputNames: outputs } = session;
  return {
    inputs,
    outputs,
    async run(given) {
      const feeds = given.map(({ element, shape, data }, i) => {
        const type = typeNames[element as keyof typeof typeNames];
        return [inputs[i]!, new ort.Tensor(type, data as Float32Array, shape)] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      return outputs.map((name) => {
        const { type, dims, data } = results[name]!;
        return tensor(elementOf(type), dims, data as Float32Array);
      });
    },
    dispose: () => session.release(),
  };
}
