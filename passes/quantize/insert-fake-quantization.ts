/**
 * Puts a quantize/dequantize pair on every value that will be stored in integers, and quantizes weights and biases: the graph
 * still computes in reals, but with the numbers the integer network will have.
 *
 *     activations  i8, per tensor:  scale and zero point of the group's range, widened to hold 0    (algorithms.md 1.1)
 *     weights      i8, symmetric:   scale[c] = max|w[c]| / (2^(bits-1) - 1)
 *     bias         i32:             scale[c] = the accumulator's, zero point 0
 *
 * A channel whose weights are almost nothing would have a scale so small that its bias overflows: its scale is raised
 * until |bias| / scale < 2^30. A channel of zeros takes the largest scale of the others, so that multipliers stay close.
 *
 * Fails, naming each, when an operation has no integer form or a value no range.
 */
import { diagnostic, DiagnosticError, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { choice, int } from "../../src/ir/attributes.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { constantOf, isConstant } from "../../src/ir/match.ts";
import { perTensor, tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import { chooseAffine, dequantizeValue, quantizeValue } from "../../src/numerics/affine.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { planQuantization, type Group, type Plan } from "./plan.ts";
import { quantizeWeights } from "./quantize-weights.ts";
import { replaceConstant } from "./replace-constant.ts";

export const insertFakeQuantization = definePass({
  name: "insert-fake-quantization",
  summary: "compute with the numbers of the integer network, still in reals",
  options: {
    weights: choice(["channel", "tensor"], "channel"),
    bits: int(8),
    "weight-ranges": choice(["auto", "minmax", "mse"], "auto"),
  },
  run(graph, { options, count, context }) {
    if (options.bits < 2 || options.bits > 8)
      throw new DiagnosticError([diagnostic("error", "option", `bits is ${options.bits}, expected 2 to 8`)]);
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const problems = [...plan.problems, ...missingRanges(plan)];
    if (problems.length > 0) throw new DiagnosticError(problems);

    const operations = graph.operations;
    context.snapshots.set("real", copyGraph(graph));
    count("activations", quantizeActivations(graph, plan));
    for (const operation of operations) {
      const form = operation.definition.integer;
      if (form?.kind === "accumulator") count("weights", quantizeWeights(graph, operation, form, options));
      if (form?.kind === "accumulator" || form?.kind === "rescaled" || form?.kind === "fixed")
        for (const value of new Set(operation.operands))
          if (isRealConstant(value)) storeConstant(graph, operation, value, ownQuantization(value));
    }
  },
});

/** The pairs alone: weights stay real. Returns how many. */
export function quantizeActivations(graph: Graph, plan: Plan): number {
  const [first] = graph.operations;
  if (first === undefined) return 0;
  let pairs = 0;
  for (const group of plan.groups) {
    const type = quantizationOf(group, plan);
    for (const value of group.values) {
      insertPair(graph, value, first, type);
      pairs++;
    }
    for (const { operation, value } of group.constants) storeConstant(graph, operation, value, type);
    for (const { operation, value } of group.converted) convertOperand(graph, operation, value, type);
  }
  return pairs;
}

type StoredType = Pick<TensorType, "element"> & { readonly quantization: Quantization };

const isRealConstant = (value: Value): boolean => isConstant(value) && value.type.element === "f32";

function missingRanges({ groups }: Plan): Diagnostic[] {
  const unknown = groups
    .filter((group) => group.fixed === undefined)
    .flatMap((group) => group.sources)
    .filter((value) => value.range === undefined);
  return unknown.map((value) =>
    diagnostic("error", "no-range", `%${value.name} has no range`, {
      subject: value.producer?.origin ?? `%${value.name}`,
      ...(value.producer?.span === undefined ? {} : { span: value.producer.span }),
      help: "run calibrate before insert-fake-quantization",
    }),
  );
}

function quantizationOf(group: Group, plan: Plan): StoredType {
  if (group.fixed !== undefined) return group.fixed;
  const ranges = [
    ...group.sources.map((value) => value.range!),
    ...group.constants.map(({ value }) => extremes(value)),
    ...group.converted.map(({ value }) => representable(plan.groupOf(value)!.fixed!)),
  ];
  return affineType(Math.min(...ranges.map((r) => r.min)), Math.max(...ranges.map((r) => r.max)));
}

/** The reals that stored integers can stand for. */
function representable({ element, quantization }: StoredType): { min: number; max: number } {
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
  return { min: dequantizeValue(min, scale, zero), max: dequantizeValue(max, scale, zero) };
}

function affineType(min: number, max: number): StoredType {
  const { scale, zero } = chooseAffine(min, max, "i8");
  return { element: "i8", quantization: perTensor(scale, zero) };
}

const ownQuantization = (value: Value): StoredType => {
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
function insertPair(
  graph: Graph,
  value: Value,
  first: Operation,
  { element, quantization }: StoredType,
): void {
  const users = [...value.users];
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

/** The same for a value that one operation wants in another quantization. */
function convertOperand(graph: Graph, operation: Operation, value: Value, type: StoredType): void {
  // By now the operation reads the dequantized value.
  const read = operation.operands.find((operand) => {
    const stored = operand.producer?.definition === dequantize ? operand.producer.operands[0] : undefined;
    return stored?.producer?.operands[0] === value;
  });
  if (read === undefined) throw new Error(`%${operation.result.name} does not read %${value.name}`);
  const stored = graph.create(
    quantize,
    { input: read },
    {},
    {
      before: operation,
      type: tensorType(type.element, read.type.shape, type.quantization),
      name: `${value.name}_converted`,
    },
  );
  const real = graph.create(dequantize, { input: stored.result }, {}, { before: operation });
  graph.replaceOperand(operation, read, real.result);
}

function storeConstant(graph: Graph, operation: Operation, value: Value, type: StoredType): void {
  const { element, quantization } = type;
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
  const contents = constantOf(value)!;
  const stored = Array.from(numbersOf(contents), (x) => quantizeValue(x, scale, zero, min, max));
  replaceConstant(graph, operation, value, tensor(element, contents.shape, stored), quantization);
}
