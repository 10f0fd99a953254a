/**
 * Networks written as QDQ ONNX and compiled from that file, without samples: the graph that is stored in the end is the same, and so
 * are the bytes of its outputs. Nothing that the integer network needs is lost in the file.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile, type Compiled, type CompileOptions } from "../../src/driver/compile.ts";
import { createEngine } from "../../src/driver/engines.ts";
import { qdqFile } from "../../src/driver/qdq.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { formatType, perTensor, type TensorType } from "../../src/ir/types.ts";
import { axisOf } from "../../src/ops/type-rules.ts";
import { createRandom } from "../../src/pass/random.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { elementCount, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { corpusFile, hasCorpus } from "../shared-corpus.ts";
import { calibrationCount, networks } from "./networks.ts";

const targets = ["onnx"] as const;
const fast =
  "optimize, calibrate{method=minmax}, insert-fake-quantization, widen-outputs{when=always}, requantize, " +
  "eliminate-common-subexpressions, eliminate-dead-code";

/** Those that come quantized. */
const quantized = [
  ...["ic", "ic_large", "kws", "vww", "ad", "sww"].map((name) => `${name}/${name}_int8.tflite`),
  "ad/ad_int8_qdq.onnx",
  "sww/sww_int8_qdq.onnx",
  "zoo/micro_speech_int8_qdq/model.onnx",
  "zoo/mcunet_vww80_int8_qdq/model.onnx",
];

describe.skipIf(!hasCorpus)("compiled from its own QDQ file", () => {
  test.each(networks)("%s.onnx", async (file, data) => {
    await roundTrip({
      model: modelOf(`${file}.onnx`),
      samples: data.files(),
      sampleOptions: { ...data.options, limit: calibrationCount },
      pipeline: fast,
    });
  });

  test.each(quantized)("%s", async (file) => {
    await roundTrip({ model: modelOf(file) });
  });
});

const modelOf = (file: string) => ({ file, bytes: readFileSync(corpusFile(`models/${file}`)) });

async function roundTrip(options: CompileOptions): Promise<void> {
  const direct = await compile({ ...options, targets, name: "net" });
  const bytes = direct.files.get(qdqFile("net"))!;
  const again = await compile({ model: { file: "net.qdq.onnx", bytes }, targets, name: "net" });
  expect(structureOf(again.graph)).toBe(structureOf(direct.graph));
  expect(await outputsOf(again)).toEqual(await outputsOf(direct));
}

/**
 * The graph as text, whatever order its operations are in, whatever its inner values are called, and whether an axis is counted from its
 * end or one scale belongs to a tensor or to the only entry of an axis.
 */
function structureOf(graph: Graph): string {
  const numbers = new Map<Value, number>(graph.inputs.map((input, i) => [input, i]));
  const lines = graph.inputs.map(({ name, type }) => `${name}: ${typeText(type)}`);
  const visit = (value: Value): number => {
    const known = numbers.get(value);
    if (known !== undefined) return known;
    const { definition, operands, attributes } = value.producer!;
    const inputs = operands.map(visit);
    const given = JSON.stringify(attributes, (key, part: unknown) => {
      if (key === "axis") return axisOf(part as number, operands[0]!.type.shape.length);
      return ArrayBuffer.isView(part) ? (part as Int8Array).join() : part;
    });
    lines.push(`${definition.name} ${inputs.join()} ${given} ${typeText(value.type)}`);
    numbers.set(value, lines.length - 1);
    return lines.length - 1;
  };
  const outputs = graph.outputs.map((output) => `${visit(output)}`);
  return [...lines, ...outputs].join("\n");
}

const typeText = ({ element, shape, quantization }: TensorType): string =>
  quantization?.scale.length === 1
    ? formatType({ element, shape, quantization: perTensor(quantization.scale[0]!, quantization.zero[0]!) })
    : formatType({ element, shape, ...(quantization === undefined ? {} : { quantization }) });

async function outputsOf({ graph }: Compiled): Promise<Tensor[][]> {
  const engine = await createEngine("wasm-simd", graph);
  const random = createRandom(3);
  const results = Array.from({ length: 4 }, () =>
    engine.run(graph.inputs.map((input) => noise(input, random))),
  );
  engine.dispose();
  return results.map((outputs) => [...outputs]);
}

function noise({ type: { element, shape } }: Value, random: ReturnType<typeof createRandom>): Tensor {
  const { min, max } = elementRange(element);
  const values = Array.from({ length: elementCount(shape) }, () =>
    Math.floor(min + random.uniform() * (max - min + 1)),
  );
  return tensor(element, shape, values);
}
