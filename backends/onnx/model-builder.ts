/**
 * An ONNX model while it is written: nodes in order of execution, initializers, and names that are unique. Names of the model's own
 * inputs and outputs are kept free for them.
 */
import onnxProto from "onnx-proto";
import type { onnx as Proto } from "onnx-proto";
import { bytesOfTensor } from "../../src/tensor/bytes.ts";
import { isNarrow, type ElementType, type WholeElementType } from "../../src/tensor/element-type.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { attributeProto, type OnnxAttributes } from "./attributes.ts";

/** The first operator set in which 16-bit integers can be quantized, and the IR version that belongs to it: ONNX 1.16 of 2024. */
const opset = 21;
const irVersion = 10;

/** TensorProto.DataType. */
const dataTypes: Readonly<Record<WholeElementType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f64: 11,
  u32: 12,
  u64: 13,
};

/** Integers of less than a byte are written as the bytes they are held in. */
export const dataTypeOf = (element: ElementType): number => dataTypes[isNarrow(element) ? "i8" : element];

interface Node {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: OnnxAttributes;
  readonly remark: string;
}

export interface NodeOptions {
  /** Wished name of the result. */
  readonly name: string;
  readonly attributes?: OnnxAttributes;
  /** What a reader of the file should know of it: the node it came from. */
  readonly remark?: string | undefined;
  /** The number of the output that counts; those before it are named and read by nobody. */
  readonly output?: number;
}

export class ModelBuilder {
  readonly #names: Set<string>;
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #infos = new Map<string, { readonly element: ElementType; readonly shape: readonly number[] }>();
  readonly #inputs: string[] = [];
  readonly #outputs: string[] = [];
  /** What nodes and their results are called in the end, where that is something else. */
  readonly #renamed = new Map<string, string>();

  constructor(reserved: Iterable<string>) {
    this.#names = new Set(reserved);
  }

  /** A reserved name as an input of the model. */
  input(name: string, element: ElementType, shape: readonly number[]): void {
    this.#inputs.push(name);
    this.describe(name, element, shape);
  }

  initializer(wish: string, value: Tensor): string {
    const name = this.#unique(wish);
    this.#initializers.set(name, value);
    return name;
  }

  /** Adds a node and gives its result's name. Absent inputs are "". */
  node(opType: string, inputs: readonly string[], options: NodeOptions): string {
    const { attributes = {}, remark = "", output = 0 } = options;
    const name = this.#unique(options.name);
    const outputs = Array.from({ length: output }, (_, i) => this.#unique(`${name}_${i}`));
    this.#nodes.push({ name, opType, inputs, outputs: [...outputs, name], attributes, remark });
    return name;
  }

  /** States element and shape of a tensor: what viewers show. */
  describe(name: string, element: ElementType, shape: readonly number[]): void {
    this.#infos.set(name, { element, shape });
  }

  /** Makes a tensor an output of the model, under a reserved name: its own from now on, or a copy's where it has another already. */
  output(name: string, wanted: string): void {
    const isResult = this.#nodes.some(({ outputs }) => outputs.includes(name));
    if (isResult && !this.#renamed.has(name)) this.#renamed.set(name, wanted);
    else if (name !== wanted) {
      const copy = this.node("Identity", [name], { name: `${wanted}_copy` });
      this.#infos.set(copy, this.#infos.get(name)!);
      this.#renamed.set(copy, wanted);
    }
    this.#outputs.push(wanted);
  }

  /** What a tensor is called in the file. */
  finalName(name: string): string {
    return this.#renamed.get(name) ?? name;
  }

  encode(graphName: string, producerVersion: string): Uint8Array {
    const final = (name: string): string => this.finalName(name);
    const infos = [...this.#infos].map(([name, info]) => valueInfo(final(name), info));
    const infoOf = (name: string): Proto.IValueInfoProto => infos.find((info) => info.name === name)!;
    const ports = new Set([...this.#inputs, ...this.#outputs]);
    const graph: Proto.IGraphProto = {
      name: graphName,
      node: this.#nodes.map(({ name, opType, inputs, outputs, attributes, remark }) => ({
        name: final(name),
        opType,
        input: inputs.map(final),
        output: outputs.map(final),
        attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
        ...(remark === "" ? {} : { docString: remark }),
      })),
      initializer: [...this.#initializers].map(([name, { element, shape, data }]) => ({
        name,
        dims: [...shape],
        dataType: dataTypeOf(element),
        rawData: bytesOfTensor({ element, shape, data }),
      })),
      input: this.#inputs.map(infoOf),
      output: this.#outputs.map(infoOf),
      valueInfo: infos.filter(({ name }) => !ports.has(name!)),
    };
    const model = {
      irVersion,
      producerName: "quern",
      producerVersion,
      opsetImport: [{ domain: "", version: opset }],
      graph,
    };
    return onnxProto.onnx.ModelProto.encode(model).finish();
  }

  #unique(wish: string): string {
    let name = wish;
    for (let i = 1; this.#names.has(name); i++) name = `${wish}_${i}`;
    this.#names.add(name);
    return name;
  }
}

const valueInfo = (
  name: string,
  { element, shape }: { readonly element: ElementType; readonly shape: readonly number[] },
): Proto.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: dataTypeOf(element),
      shape: { dim: shape.map((extent) => ({ dimValue: extent })) },
    },
  },
});
