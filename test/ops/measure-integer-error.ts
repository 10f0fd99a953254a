/**
 * How far integers are from reals, in steps of the result's scale: a network of a few operators is calibrated, quantized and stored as
 * any other, run on stored integers, and held against what it means in doubles with the same weights and nothing rounded in between.
 */
import { passes } from "../../passes/index.ts";
import { pipelines } from "../../passes/pipelines.ts";
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import { createInterpreter, interpreterFactory } from "../../src/exec/interpreter.ts";
import { compileSteps } from "../../src/expr/evaluate.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { sliceQuantization, tensorType, type TensorType } from "../../src/ir/types.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { runPipeline } from "../../src/pass/manager.ts";
import { createContext } from "../../src/pass/pass.ts";
import type { InputQuantization } from "../../src/pass/samples.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { elementCount, numbersOf, stridesOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parsePipeline } from "../../src/text/pipeline.ts";
import { generator } from "./run-operator.ts";

/** A network's meaning in doubles, from reals to reals; outputs in the graph's order. */
type Meaning = (inputs: readonly Tensor[]) => readonly Tensor[];

export interface Stored {
  readonly graph: Graph;
  readonly meaning: Meaning;
}

/**
 * Through the default pipeline, ranges being the extremes of the samples; the inputs named are quantized as stated, the values of `wide`
 * (`widen-values`) are stored in 16 bits.
 */
export async function store(
  graph: Graph,
  samples: readonly (readonly Tensor[])[],
  inputQuantization: ReadonlyMap<string, InputQuantization>,
  wide = "",
): Promise<Stored> {
  const shapes = graph.callerInputs.map(({ type }) => type.shape);
  const context = createContext({
    executor: interpreterFactory,
    samples: { count: samples.length, shapes, batches: () => samples },
    inputQuantization,
  });
  const run = (pipeline: string): Promise<unknown> =>
    runPipeline(graph, parsePipeline(pipeline), passes, context);
  await run(
    `${pipelines.optimize}, ${wide === "" ? "" : `widen-values{values=${JSON.stringify(wide)}}, `}calibrate{method=minmax}, insert-fake-quantization, requantize`,
  );
  await run(`eliminate-dead-code, ${pipelines.prove}`);
  return { graph, meaning: meaningOf(context.snapshots.get("fake-quantized")!) };
}

/** Quantizations of what is computed are looked through; what was dequantized is a constant, then. */
function meaningOf(graph: Graph): Meaning {
  const referenceOf = tensorReferences();
  const constants = new Map<Value, Tensor>();
  const plan: ((tensors: Map<Value, Tensor>) => void)[] = [];
  for (const operation of graph.operations) {
    const { definition, operands, result } = operation;
    const [operand] = operands;
    const known = constantOf(result);
    if (known !== undefined) constants.set(result, known);
    else if (definition === dequantize && constantOf(operand) !== undefined)
      constants.set(result, dequantized(constantOf(operand)!, operand!.type));
    else if (definition === quantize || definition === dequantize)
      plan.push((tensors) => tensors.set(result, tensors.get(operand!)!));
    else {
      const { steps, result: target } = expressOperation(operation, referenceOf);
      const compiled = compileSteps(steps, { reals: true });
      plan.push((tensors) => {
        const bound = new Map(operands.map((value) => [referenceOf(value), tensors.get(value)!] as const));
        tensors.set(result, compiled(bound).get(target)!);
      });
    }
  }
  return (inputs) => {
    const tensors = new Map<Value, Tensor>([
      ...constants,
      ...graph.inputs.map((value, i) => [value, inputs[i]!] as const),
    ]);
    for (const step of plan) step(tensors);
    return graph.outputs.map((value) => tensors.get(value)!);
  };
}

/** As doubles; what has no quantization as it is. */
export function dequantized(stored: Tensor, type: TensorType): Tensor {
  if (type.quantization === undefined) return stored;
  return tensor(
    "f64",
    type.shape,
    Float64Array.from(numbersOf(stored), (q, i) => {
      const { scale, zero } = sliceAt(type, i);
      return scale * (q - zero);
    }),
  );
}

/** The farthest of a stored result from the reals it should be, in steps; what an element cannot hold counts as its nearest end. */
export function farthest(stored: Tensor, type: TensorType, reals: Tensor): number {
  const wanted = numbersOf(reals);
  let most = 0;
  numbersOf(stored).forEach((q: number, i: number) => {
    if (type.quantization === undefined) {
      if (q !== wanted[i]) most = Infinity;
      return;
    }
    const { scale, zero } = sliceAt(type, i);
    const { min, max } = elementRange(type.element);
    most = Math.max(most, Math.abs(q - Math.max(min, Math.min(max, wanted[i]! / scale + zero))));
  });
  return most;
}

function sliceAt({ shape, quantization }: TensorType, position: number): { scale: number; zero: number } {
  const axis = quantization!.axis ?? 0;
  const slice = Math.floor(position / (stridesOf(shape)[axis] ?? 1)) % (shape[axis] ?? 1);
  return sliceQuantization(quantization!, slice);
}

/** All lowest, all highest, all zero, one after the other, alternating ends, then random ones. */
export function patternsOf(types: readonly TensorType[], randoms: number): Tensor[][] {
  const random = generator(2024);
  const zeroOf = ({ quantization }: TensorType): number => quantization?.zero[0] ?? 0;
  const limits = ({ element, quantization }: TensorType): { min: number; max: number } =>
    quantization === undefined ? { min: 0, max: 1 } : elementRange(element);
  const patterns: ((type: TensorType, i: number) => number)[] = [
    (type) => limits(type).min,
    (type) => limits(type).max,
    zeroOf,
    (type, i) => limits(type).min + (i % (limits(type).max - limits(type).min + 1)),
    (type, i) => (i % 2 === 0 ? limits(type).min : limits(type).max),
    ...Array.from({ length: randoms }, () => (type: TensorType) => {
      const { min, max } = limits(type);
      return min + Math.floor(random() * (max - min + 1));
    }),
  ];
  return patterns.map((pattern) =>
    types.map((type) =>
      tensor(
        type.element,
        type.shape,
        Array.from({ length: elementCount(type.shape) }, (_, i) => pattern(type, i)),
      ),
    ),
  );
}

/** Every value of an 8-bit input along its one long axis. */
export const everyValue = (types: readonly TensorType[]): Tensor[][] => [
  types.map((type) =>
    tensor(
      type.element,
      type.shape,
      Array.from({ length: elementCount(type.shape) }, (_, i) => (i % 256) - 128),
    ),
  ),
];

export const asReals = (samples: readonly (readonly Tensor[])[], types: readonly TensorType[]): Tensor[][] =>
  samples.map((sample) => sample.map((t, i) => dequantized(t, types[i]!)));

/** Of calibration, which is done in f32. */
export const asSingles = (samples: readonly (readonly Tensor[])[]): Tensor[][] =>
  samples.map((sample) =>
    sample.map((t) => (t.element === "f64" ? tensor("f32", t.shape, Float32Array.from(numbersOf(t))) : t)),
  );

/** The farthest output of all samples. */
export async function worstError(
  real: Graph,
  types: readonly TensorType[],
  samples: readonly (readonly Tensor[])[],
): Promise<{ readonly worst: number; readonly stored: Graph }> {
  const reals = asReals(samples, types);
  const quantizations = new Map(
    real.inputs.flatMap(({ name }, i): [string, InputQuantization][] => {
      const { element, quantization } = types[i]!;
      if (quantization === undefined) return [];
      return [[name, { element, scale: quantization.scale[0]!, zero: quantization.zero[0]! }]];
    }),
  );
  const { graph, meaning } = await store(real, asSingles(reals), quantizations);
  const interpreter = createInterpreter(graph);
  let worst = 0;
  samples.forEach((sample, s) => {
    const wanted = meaning(reals[s]!);
    interpreter.run(sample).forEach((result, o) => {
      worst = Math.max(worst, farthest(result, graph.outputs[o]!.type, wanted[o]!));
    });
  });
  return { worst, stored: graph };
}

/** The type with reals in the place of stored integers. */
export const realType = ({ element, shape, quantization }: TensorType): TensorType =>
  tensorType(quantization === undefined ? element : "f32", shape);
