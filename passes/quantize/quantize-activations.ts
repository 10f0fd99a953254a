/**
 * Quantize/dequantize pairs on the activations of a real graph, as `insert-fake-quantization` puts them there and `calibrate` tries
 * them: scale and zero point of each group's range.
 */
import { diagnostic, DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { perTensor, tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import {
  chooseAffine,
  dequantizeValue,
  quantizeValue,
  type AffineOptions,
} from "../../src/numerics/affine.ts";
import { pow2, splitExponent } from "../../src/numerics/float-bits.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { readsUnrounded, type Group, type Plan } from "./plan.ts";
import { replaceConstant } from "./replace-constant.ts";

/** The pairs alone: weights stay real. Returns how many. */
export function quantizeActivations(graph: Graph, plan: Plan, grid: AffineOptions = {}): number {
  const [first] = graph.operations;
  if (first === undefined) return 0;
  let pairs = 0;
  for (const group of plan.groups) {
    const type = quantizationOf(group, plan, grid);
    for (const value of group.values) {
      insertPair(graph, value, first, type);
      pairs++;
    }
    for (const { operation, value } of group.constants) storeConstant(graph, operation, value, type);
    for (const { operation, value } of group.converted)
      convertOperand(graph, operation, dequantizedOf(operation, value), value.name, type);
  }
  return pairs;
}

type StoredType = Pick<TensorType, "element"> & { readonly quantization: Quantization };

function quantizationOf(group: Group, plan: Plan, grid: AffineOptions): StoredType {
  if (group.fixed !== undefined) return group.fixed;
  const ranges = [
    ...group.sources.map((value) => value.range!),
    ...group.constants.map(({ value }) => extremes(value)),
    ...group.converted.map(({ value }) => representable(plan.groupOf(value)!.fixed!)),
  ];
  const [low, high] = [Math.min(...ranges.map((r) => r.min)), Math.max(...ranges.map((r) => r.max))];
  switch (group.width) {
    case "narrow":
      return affineType(low, high, grid);
    case "wide":
      return wideType(low, high);
    case "state":
      return stateType(Math.max(-low, high));
  }
}

/** The reals that stored integers can stand for. */
export function representable({ element, quantization }: StoredType): { min: number; max: number } {
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
  return { min: dequantizeValue(min, scale, zero), max: dequantizeValue(max, scale, zero) };
}

function affineType(min: number, max: number, grid: AffineOptions = {}): StoredType {
  const { scale, zero } = chooseAffine(min, max, "i8", grid);
  return { element: "i8", quantization: perTensor(scale, zero) };
}

/** A sum takes its precision from its operand of the largest scale: one of zeros must not be that. */
const typeOfZeros: StoredType = { element: "i16", quantization: perTensor(pow2(-15), 0) };

/** 16 bits about zero, so that products need no zero point: the finest scale that holds both ends (TensorFlow Lite's 16x8). */
export function wideType(min: number, max: number): StoredType {
  if (min === 0 && max === 0) return typeOfZeros;
  const { scale, zero } = chooseAffine(min, max, "i16", { symmetric: true });
  return { element: "i16", quantization: perTensor(scale, zero) };
}

/** 16 bits about zero: the smallest power of two by which they hold a half more than was seen. */
export function stateType(largest: number): StoredType {
  if (largest === 0) return typeOfZeros;
  const scale = chooseAffine(0, 1.5 * largest, "i16", { symmetric: true }).scale;
  return { element: "i16", quantization: perTensor(powerOfTwoFrom(scale), 0) };
}

function powerOfTwoFrom(x: number): number {
  const { mantissa, exponent } = splitExponent(x);
  return pow2(mantissa === 1 ? exponent : exponent + 1);
}

/** Of a constant by its own extremes. */
export const ownQuantization = (value: Value): StoredType => {
  const { min, max } = extremes(value);
  return affineType(min, max);
};

function extremes(value: Value): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity];
  for (const x of numbersOf(constantOf(value)!)) [min, max] = [Math.min(min, x), Math.max(max, x)];
  if (!(Number.isFinite(min) && Number.isFinite(max)))
    throw new DiagnosticError([
      diagnostic("error", "not-finite", `the constant %${value.name} holds NaN or infinities`, {
        subject: value.producer?.origin ?? `%${value.name}`,
      }),
    ]);
  return { min, max };
}

/** value → quantize → dequantize → all who read the value. What is stored takes the name. */
export function insertPair(
  graph: Graph,
  value: Value,
  first: Operation,
  { element, quantization }: StoredType,
): void {
  const users = [...value.users].filter((user) => !readsUnrounded(user, value));
  const { name, producer } = value;
  const origin = producer?.origin;
  if (producer !== undefined) graph.rename(value, `${name}_real`);
  const stored = graph.create(
    quantize,
    { input: value },
    {},
    {
      origin,
      type: tensorType(element, value.type.shape, quantization),
      name: producer === undefined ? `${name}_stored` : name,
      ...(producer === undefined ? { before: first } : { after: producer }),
    },
  );
  const real = graph.create(
    dequantize,
    { input: stored.result },
    {},
    { origin, after: stored, name: `${name}_fake` },
  );
  for (const user of users) graph.replaceOperand(user, value, real.result);
  graph.setOutputs(graph.outputs.map((output) => (output === value ? real.result : output)));
}

/** What the operation reads by now instead of the value. */
function dequantizedOf(operation: Operation, value: Value): Value {
  const read = operation.operands.find((operand) => {
    const stored = operand.producer?.definition === dequantize ? operand.producer.operands[0] : undefined;
    return stored?.producer?.operands[0] === value;
  });
  if (read === undefined) throw new Error(`%${operation.result.name} does not read %${value.name}`);
  return read;
}

/** The same for a dequantized value that one operation wants in another quantization. */
export function convertOperand(
  graph: Graph,
  operation: Operation,
  read: Value,
  name: string,
  type: StoredType,
): void {
  const stored = graph.create(
    quantize,
    { input: read },
    {},
    {
      before: operation,
      type: tensorType(type.element, read.type.shape, type.quantization),
      name: `${name}_converted`,
    },
  );
  const real = graph.create(dequantize, { input: stored.result }, {}, { before: operation });
  graph.replaceOperand(operation, read, real.result);
}

export function storeConstant(graph: Graph, operation: Operation, value: Value, type: StoredType): void {
  const { element, quantization } = type;
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
  const contents = constantOf(value)!;
  const stored = Array.from(numbersOf(contents), (x) => quantizeValue(x, scale, zero, min, max));
  replaceConstant(graph, operation, value, tensor(element, contents.shape, stored), quantization);
}
