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
import { constantOf, isConstant, isOutput } from "../../src/ir/match.ts";
import { perTensor, tensorType, type Quantization, type TensorType } from "../../src/ir/types.ts";
import { chooseAffine, quantizeValue } from "../../src/numerics/affine.ts";
import { constant } from "../../src/ops/constant.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { planQuantization, type Group, type Plan } from "./plan.ts";
import { quantizeWeights } from "./quantize-weights.ts";

export const insertFakeQuantization = definePass({
  name: "insert-fake-quantization",
  summary: "compute with the numbers of the integer network, still in reals",
  options: { weights: choice(["channel", "tensor"], "channel"), bits: int(8) },
  run(graph, { options, count, context }) {
    if (options.bits < 2 || options.bits > 8)
      throw new DiagnosticError([diagnostic("error", "option", `bits is ${options.bits}, expected 2 to 8`)]);
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const problems = [...plan.problems, ...missingRanges(plan)];
    if (problems.length > 0) throw new DiagnosticError(problems);

    const operations = graph.operations;
    for (const group of plan.groups) {
      const type = quantizationOf(group);
      for (const value of group.values) {
        insertPair(graph, value, type);
        count("activations");
      }
      for (const { operation, value } of group.constants) replaceConstant(graph, operation, value, type);
      for (const { operation, value } of group.converted) convertOperand(graph, operation, value, type);
    }
    for (const operation of operations) {
      const form = operation.definition.integer;
      if (form?.kind === "accumulator") count("weights", quantizeWeights(graph, operation, form, options));
      if (form?.kind === "accumulator" || form?.kind === "rescaled" || form?.kind === "fixed")
        for (const value of new Set(operation.operands))
          if (isRealConstant(value)) replaceConstant(graph, operation, value, ownQuantization(value));
    }
  },
});

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
      help: "run calibrate before insert-fake-quantization",
    }),
  );
}

function quantizationOf(group: Group): StoredType {
  if (group.fixed !== undefined) return group.fixed;
  const ranges = [
    ...group.sources.map((value) => value.range!),
    ...group.constants.map(({ value }) => extremes(value)),
    ...group.converted.map(({ value }) => value.range ?? { min: 0, max: 0 }),
  ];
  return affineType(Math.min(...ranges.map((r) => r.min)), Math.max(...ranges.map((r) => r.max)));
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

/** value → quantize → dequantize → all who read the value. The quantized value takes the name, outputs excepted. */
function insertPair(graph: Graph, value: Value, { element, quantization }: StoredType): void {
  const users = [...value.users];
  const { name, producer } = value;
  const wasOutput = isOutput(graph, value);
  if (producer !== undefined) graph.rename(value, `${name}_real`);
  const first = graph.operations[0];
  const place = {
    origin: producer?.origin,
    ...(producer !== undefined ? { after: producer } : first !== undefined ? { before: first } : {}),
  };
  const type = tensorType(element, value.type.shape, quantization);
  const kept = wasOutput ? `${name}_stored` : name;
  const stored = graph.create(quantize, { input: value }, {}, { ...place, type, name: kept });
  const real = graph.create(
    dequantize,
    { input: stored.result },
    {},
    { origin: producer?.origin, after: stored, name: wasOutput ? name : `${name}_fake` },
  );
  for (const user of users) graph.replaceOperand(user, value, real.result);
  if (wasOutput) graph.setOutputs(graph.outputs.map((output) => (output === value ? real.result : output)));
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

function replaceConstant(graph: Graph, operation: Operation, value: Value, type: StoredType): void {
  const { element, quantization } = type;
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization.scale[0]!, quantization.zero[0]!];
  const contents = constantOf(value)!;
  const stored = Array.from(numbersOf(contents), (x) => quantizeValue(x, scale, zero, min, max));
  const literal = graph.create(
    constant,
    {},
    { value: tensor(element, contents.shape, stored) },
    {
      before: operation,
      name: value.name,
      type: tensorType(element, contents.shape, quantization),
      origin: value.producer?.origin,
    },
  );
  const real = graph.create(dequantize, { input: literal.result }, {}, { before: operation });
  graph.replaceOperand(operation, value, real.result);
}
