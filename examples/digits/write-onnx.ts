/** Layers in a row as an ONNX model, in operator set 13: what PyTorch would export of such a network. */
import onnxProto from "onnx-proto";
import type { Layer, Parameter } from "./layers.ts";

const { ModelProto, TensorProto, AttributeProto } = onnxProto.onnx;

export interface OnnxOptions {
  readonly name: string;
  /** How it came about; kept in the file. */
  readonly documentation: string;
  /** Without the batch axis, which is 1. */
  readonly inputShape: readonly number[];
}

/** The layers, flattening before the first Gemm, and a softmax at the end. */
export function writeOnnx(
  layers: readonly Layer[],
  { name, documentation, inputShape }: OnnxOptions,
): Uint8Array {
  const initializer: onnxProto.onnx.ITensorProto[] = [];
  const node: onnxProto.onnx.INodeProto[] = [];
  let value = "image";
  const append = (
    operator: string,
    attributes: Layer["attributes"],
    constants: string[] = [],
    result = `${operator.toLowerCase()}_${node.length}`,
  ): void => {
    node.push({
      name: result,
      opType: operator,
      input: [value, ...constants],
      output: [result],
      attribute: Object.entries(attributes).map(([key, given]) => attribute(key, given)),
    });
    value = result;
  };
  for (const { operator, attributes, parameters } of layers) {
    if (operator === "Gemm") append("Flatten", { axis: 1 });
    const prefix = `${operator.toLowerCase()}_${node.length}`;
    const constants = parameters.map((parameter, i) => {
      const constant = `${prefix}.${i === 0 ? "weight" : "bias"}`;
      initializer.push(tensorOf(constant, parameter));
      return constant;
    });
    append(operator, attributes, constants);
  }
  append("Softmax", { axis: 1 }, [], "scores");
  const model = ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 13 }],
    producerName: "quern-example-digits",
    docString: documentation,
    graph: {
      name,
      node,
      initializer,
      input: [port("image", [1, ...inputShape])],
      output: [port("scores", [1, ...layers.at(-1)!.outputShape])],
    },
  });
  return ModelProto.encode(model).finish();
}

function attribute(name: string, value: number | readonly number[]): onnxProto.onnx.IAttributeProto {
  const { INT, INTS } = AttributeProto.AttributeType;
  return typeof value === "number" ? { name, type: INT, i: value } : { name, type: INTS, ints: [...value] };
}

const tensorOf = (name: string, { shape, value }: Parameter): onnxProto.onnx.ITensorProto => ({
  name,
  dims: [...shape],
  dataType: TensorProto.DataType.FLOAT,
  // ONNX wants little endian, which every machine that Node runs on is.
  rawData: new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
});

const port = (name: string, shape: readonly number[]): onnxProto.onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: TensorProto.DataType.FLOAT,
      shape: { dim: shape.map((extent) => ({ dimValue: extent })) },
    },
  },
});
