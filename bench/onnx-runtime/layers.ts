/**
 * Layer by layer, each fed with our stored integers, so that what one does otherwise than we does not spread: in the fake-quantized graph
 * every quantization becomes an output, and who reads it reads an input of that type instead. Written as ONNX, one run of the model
 * evaluates all layers at once.
 */
import { exportOnnx } from "../../backends/onnx/export-onnx.ts";
import { toStored } from "../../src/driver/boundary.ts";
import { coreEngines, createEngine } from "../../src/driver/engines.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { sameType } from "../../src/ir/types.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { numbersOf, type Tensor } from "../../src/tensor/tensor.ts";
import { openSession } from "./session.ts";

export interface LayerAgreement {
  /** Of the stored value. */
  readonly name: string;
  /** What is computed between the integers it reads and those it gives. */
  readonly operators: string;
  elements: number;
  /** Of the integers how many are the same. */
  equal: number;
  /** In steps. */
  largest: number;
}

interface Layered {
  readonly graph: Graph;
  /** Names of the values behind the inputs that follow the network's own, and behind the outputs, in order. */
  readonly given: readonly string[];
  readonly found: readonly string[];
}

/**
 * @param fake what `requantize` found
 * @param stored what became of it
 * @param samples real inputs
 */
export async function compareLayers(
  fake: Graph,
  stored: Graph,
  samples: Iterable<readonly Tensor[]>,
): Promise<LayerAgreement[]> {
  const { graph, given, found } = layered(fake, namesOf(stored));
  const session = await openSession(exportOnnx(graph, { version: "study" }).bytes);
  const kept = new Set([...given, ...found].map((name) => storedName(fake, stored, name)));
  const engine = await createEngine("wasm-simd", stored, coreEngines, { observable: true, keep: kept });
  const layers = found.map((name): LayerAgreement => {
    const end = fake.operations.find(({ result }) => result.name === name)!;
    return { name, operators: operatorsBefore(end).join(" + "), elements: 0, equal: 0, largest: 0 };
  });
  for (const sample of samples) {
    const seen = new Map<string, Tensor>();
    const integers = sample.map((real, i) => toStored(real, stored.inputs[i]!.type));
    engine.run(integers, (name, tensor) => seen.set(name, { ...tensor, data: tensor.data.slice() }));
    stored.inputs.forEach(({ name }, i) => seen.set(name, integers[i]!));
    const ours = (name: string): Tensor => {
      const inner = storedName(fake, stored, name);
      const tensor = seen.get(inner);
      if (tensor === undefined) throw new Error(`%${inner} was not seen`);
      return tensor;
    };
    const results = await session.run([...sample, ...given.map(ours)]);
    layers.forEach((layer, i) => {
      add(layer, ours(layer.name), results[i]!);
    });
  }
  engine.dispose();
  await session.dispose();
  return layers;
}

function add(layer: LayerAgreement, ours: Tensor, theirs: Tensor): void {
  const [a, b] = [numbersOf(ours), numbersOf(theirs)];
  if (a.length !== b.length || ours.element !== theirs.element)
    throw new Error(`%${layer.name} is of another type there`);
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (difference === 0) layer.equal++;
    layer.largest = Math.max(layer.largest, difference);
  }
  layer.elements += a.length;
}

const namesOf = ({ values }: Graph): ReadonlySet<string> => new Set(values.map(({ name }) => name));

function layered(fake: Graph, stored: ReadonlySet<string>): Layered {
  const graph = copyGraph(fake);
  const ends = graph.operations.filter((operation) => operation.definition === quantize);
  const given: string[] = [];
  for (const { result } of ends) {
    if (result.users.size === 0) continue;
    const input = graph.addInput(`${result.name}_given`, result.type);
    given.push(result.name);
    for (const user of result.users) graph.replaceOperand(user, result, input);
  }
  // What only moves integers has nothing to round, and what was merged with an equal value is counted there.
  const computed = ends.filter(
    (end) => operatorsBefore(end).length > 0 && (stored.has(end.result.name) || isInput(end.operands[0]!)),
  );
  graph.setOutputs(computed.map(({ result }) => result));
  return { graph, given, found: computed.map(({ result }) => result.name) };
}

const isInput = ({ producer }: Value): boolean => producer === undefined;

/** Operators between dequantizations and a quantization, but for those that only move elements; the quantization itself of an input. */
function operatorsBefore(end: Operation): string[] {
  const names: string[] = [];
  const visit = (value: Value): void => {
    const { producer } = value;
    if (producer === undefined) names.push("quantize");
    else if (producer.definition !== dequantize && !isConstant(value)) {
      producer.operands.forEach(visit);
      if (producer.definition.movesOnly !== true) names.push(producer.definition.name);
    }
  };
  visit(end.operands[0]!);
  return names;
}

/** What a quantized value of the fake-quantized graph is called in the stored one, where pairs that do nothing are gone. */
function storedName(fake: Graph, stored: Graph, name: string): string {
  if (stored.values.some((value) => value.name === name)) return name;
  const end = fake.operations.find(({ result }) => result.name === name)!;
  const at = fake.inputs.indexOf(end.operands[0]!);
  if (at >= 0) return stored.inputs[at]!.name;
  const source = end.operands[0]!.producer?.definition === dequantize ? end.operands[0]!.producer : undefined;
  const integers = source?.operands[0];
  if (integers !== undefined && sameType(integers.type, end.result.type))
    return storedName(fake, stored, integers.name);
  throw new Error(`%${name} is not in the stored graph`);
}
