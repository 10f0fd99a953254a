/** A graph as rows: what `inspect` prints and `report.json` holds. Constants are not layers but belong to their readers. */
import type { Graph, Operation, Value } from "../ir/graph.ts";
import { codesOf, constantOf, isConstant } from "../ir/match.ts";
import { nameOperands } from "../ir/operation.ts";
import { prunedCount } from "../ops/constant.ts";
import { formatType, type TensorType } from "../ir/types.ts";
import { codedBits } from "../numerics/group-codes.ts";
import { elementBits, elementSizeBytes, type ElementType } from "../tensor/element-type.ts";
import { elementCount } from "../tensor/tensor.ts";

export interface Layer {
  readonly name: string;
  readonly operator: string;
  /** The node of the source model. */
  readonly origin?: string;
  /** What it reads: other layers and the network's inputs, each once, constants left out. */
  readonly inputs: readonly string[];
  readonly shape: readonly number[];
  readonly type: string;
  readonly element: string;
  /** With `zero`, of a result that is quantized as a whole. */
  readonly scale?: number;
  readonly zero?: number;
  readonly parameters: number;
  /** How many of them masks make zero; absent without any. */
  readonly prunedParameters?: number;
  /** Of its weights, where it has some: `i8`, `i4`, `odd2` … */
  readonly weightElement?: ElementType;
  /** Weights that share a scale, where it is one for each group of a channel's inputs. */
  readonly weightGroup?: number;
  /** Of the constants that no earlier layer reads. */
  readonly weightBytes: number;
  readonly macs: number;
  readonly outputBytes: number;
}

export interface GraphSize {
  readonly layers: readonly Layer[];
  readonly parameters: number;
  readonly weightBytes: number;
  readonly macs: number;
}

export function measureGraph(graph: Graph): GraphSize {
  const counted = new Set<Value>();
  const layers = graph.operations
    .filter((operation) => constantOf(operation.result) === undefined)
    .map((operation) => layerOf(operation, counted));
  const sum = (of: (layer: Layer) => number): number => layers.reduce((total, layer) => total + of(layer), 0);
  return {
    layers,
    parameters: sum((layer) => layer.parameters),
    weightBytes: sum((layer) => layer.weightBytes),
    macs: sum((layer) => layer.macs),
  };
}

function layerOf(operation: Operation, counted: Set<Value>): Layer {
  const { definition, result, origin } = operation;
  let [parameters, prunedParameters, weightBytes] = [0, 0, 0];
  for (const operand of operation.operands) {
    const data = constantOf(operand)?.data;
    if (data === undefined || counted.has(operand)) continue;
    counted.add(operand);
    parameters += data.length;
    const codes = codesOf(operand);
    const { shape, element } = operand.type;
    weightBytes += Math.ceil(
      (codes === undefined ? data.length * elementBits(element) : codedBits(shape, codes)) / 8,
    );
    prunedParameters += prunedCount(operand);
  }
  return {
    name: result.name,
    operator: definition.name,
    ...(origin === undefined ? {} : { origin }),
    inputs: [...new Set(operation.operands)].filter((value) => !isConstant(value)).map(({ name }) => name),
    shape: result.type.shape,
    type: typeText(result.type),
    element: result.type.element,
    ...wholeQuantization(result.type),
    parameters,
    ...(prunedParameters === 0 ? {} : { prunedParameters }),
    ...weightsOf(operation),
    weightBytes,
    macs: macsOf(operation),
    outputBytes: sizeBytes(result.type),
  };
}

function weightsOf({ definition, operands }: Operation): Pick<Layer, "weightElement" | "weightGroup"> {
  const form = definition.integer;
  if (form?.kind !== "accumulator" || form.weight === undefined) return {};
  const named = nameOperands(definition, operands) as Record<string, Value | undefined>;
  const weight = named[form.weight];
  if (weight === undefined) return {};
  const codes = codesOf(weight);
  return codes === undefined
    ? { weightElement: weight.type.element }
    : { weightElement: codes.element, weightGroup: codes.size };
}

export function macsOf({ definition, operands, attributes, result }: Operation): number {
  const types = operands.map(({ type }) => type);
  return definition.macs?.(nameOperands(definition, types), attributes, result.type) ?? 0;
}

const wholeQuantization = ({ quantization }: TensorType): { scale?: number; zero?: number } =>
  quantization === undefined || quantization.axis !== undefined
    ? {}
    : { scale: quantization.scale[0]!, zero: quantization.zero[0]! };

/** Per-channel scales would fill a page: their axis alone is shown. */
function typeText(type: TensorType): string {
  const axis = type.quantization?.axis;
  return formatType(type, axis === undefined ? undefined : `per channel @${axis}`);
}

const sizeBytes = ({ shape, element }: TensorType): number => elementCount(shape) * elementSizeBytes(element);
