/**
 * Quantizes what the exporter of a quantized model left in reals, where the quantization follows from what is there: no samples,
 * no choice. After it every real operation reads dequantized values and leads, over clamps and tables at most, to a
 * quantization, which is what `requantize` wants.
 *
 *     same      its operands' quantization, which its elements keep; where its result is quantized otherwise, operands
 *               are quantized so first: choosing elements and rounding them commute
 *     average   its operand's: a mean lies within its operand's range
 *     clamp     its operand's
 *     table     that of its 256 values' range, or the operator's own
 *     fixed     the operator's own; another one that the model states is a table behind it
 *     plain     one for its operands, as `same`
 *     wide      of a sum that grows by no more than is known, 16 bits that hold its operand grown so much; else as `same`
 *
 * A sum (convolution, matrix product, addition) has no range but that of samples: its result and the inputs of the network must be
 * quantized by the model, and each that is not is named. Real constants get the quantization of their own range.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant, isOutput, onlyUser } from "../../src/ir/match.ts";
import { nameOperands } from "../../src/ir/operation.ts";
import { perTensor, sameQuantization } from "../../src/ir/types.ts";
import { chooseAffine } from "../../src/numerics/affine.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { definePass } from "../../src/pass/pass.ts";
import type { FixedQuantization } from "./plan.ts";
import { fixedBy, integerProblem } from "./plan.ts";
import {
  convertOperand,
  insertPair,
  ownQuantization,
  representable,
  storeConstant,
  stateType,
} from "./quantize-activations.ts";
import { realsThrough } from "./table.ts";

export const completeQuantization = definePass({
  name: "complete-quantization",
  summary: "quantize what a quantized model leaves in reals, where that follows from the rest",
  options: {},
  run(graph, { count }) {
    const problems: Diagnostic[] = [];
    const reported = new Set<Value>();
    const report = (problem: Diagnostic, value: Value): void => {
      reported.add(value);
      problems.push(problem);
    };
    for (const operation of graph.operations) {
      const { definition, operands, result } = operation;
      if (definition === quantize || definition === dequantize || isConstant(result)) continue;
      const isPlain =
        definition.integer?.kind === "plain" && operands.some(({ type }) => type.element === "f32");
      if (result.type.element !== "f32" && !isPlain) continue;
      const problem = integerProblem(operation, definition.integer);
      if (problem !== undefined) {
        report(problem, result);
        continue;
      }
      if (operands.some((operand) => reported.has(operand))) {
        reported.add(result);
        continue;
      }
      const missing = operands.find(
        (operand) => operand.type.element === "f32" && !isConstant(operand) && !isAvailable(operand),
      );
      if (missing !== undefined) {
        report(notQuantized(missing), missing);
        continue;
      }
      const done = complete(graph, operation);
      if (done === "unknown") report(notQuantized(result), result);
      else if (done === "completed") count("completed");
    }
    for (const output of graph.outputs)
      if (output.type.element === "f32" && !isAvailable(output) && !reported.has(output))
        report(notQuantized(output), output);
    if (problems.length > 0) throw new DiagnosticError(problems);
  },
});

/** Dequantized, or on its way from dequantized values to a quantization. */
function isAvailable({ producer }: Value): boolean {
  if (producer === undefined) return false;
  return producer.definition === dequantize || isPending(producer);
}

/** Clamps after sums and tables after tables wait for the quantization at the end of their chain. */
function isPending({ definition, operands }: Operation): boolean {
  const kind = definition.integer?.kind;
  if (kind === "accumulator" || kind === "rescaled" || kind === "table") return true;
  return kind === "clamp" && operands[0]!.producer !== undefined && isPending(operands[0]!.producer);
}

/** Whether all who read the value quantize it, after clamps, or after tables of an element (`bytes`), at most. */
function isEnded(graph: Graph, value: Value, bytes: boolean): boolean {
  if (isOutput(graph, value) || value.users.size === 0) return false;
  return [...value.users].every((user) => {
    if (user.definition === quantize) return true;
    const kind = user.definition.integer?.kind;
    return (kind === "clamp" || (kind === "table" && bytes)) && isEnded(graph, user.result, bytes);
  });
}

/** The quantization that all readers want in the end, if between them and the value elements are only chosen and clamped. */
function endType(graph: Graph, value: Value): FixedQuantization | undefined {
  if (isOutput(graph, value)) return undefined;
  const types = [...value.users].map((user) => {
    if (user.definition === quantize) return typeOf(user.result);
    const kind = user.definition.integer?.kind;
    return kind === "clamp" || kind === "same" ? endType(graph, user.result) : undefined;
  });
  const [first] = types;
  return first !== undefined && types.every((type) => type !== undefined && sameStored(type, first))
    ? first
    : undefined;
}

type Completion = "done" | "completed" | "unknown";

/** Puts the pairs around one operation that are missing; `unknown` when its result's quantization does not follow. */
function complete(graph: Graph, operation: Operation): Completion {
  const { definition, operands, result } = operation;
  const form = definition.integer!;
  const sources = operands.filter((operand) => !isConstant(operand)).map(storedTypeOf);
  switch (form.kind) {
    case "same":
      return completeSame(graph, operation);
    case "plain": {
      const reals = operands.filter(({ type }) => type.element === "f32");
      return tieOperands(
        graph,
        operation,
        commonType(reals.flatMap((operand) => storedTypeOf(operand) ?? [])),
      );
    }
    case "wide": {
      const type = grownType(operands[0]!.producer);
      return type === undefined ? completeSame(graph, operation) : pairAfter(graph, operation, type);
    }
    case "fixed": {
      const fixed = fixedBy(form)!;
      if ([...result.users].every((user) => isQuantizationTo(user, fixed)) && !isOutput(graph, result))
        return "done";
      return pairAfter(graph, operation, fixed);
    }
    case "table":
    case "clamp": {
      const [source] = sources;
      // Further along a chain the operation at its start has seen to the end.
      if (source === undefined || isEnded(graph, result, true)) return "done";
      const own = form.kind === "clamp" ? source : (fixedBy(form) ?? rangeOfTable(operation, source));
      return pairAfter(graph, operation, endType(graph, result) ?? own);
    }
    case "accumulator":
    case "rescaled": {
      storeConstants(graph, operation);
      if (isEnded(graph, result, false) || isWidened(graph, operation)) return "done";
      const last = lastClamp(graph, operation);
      const isAverage = form.kind === "accumulator" && form.averages === true;
      const type = endType(graph, last.result) ?? (isAverage ? sources[0] : undefined);
      return type === undefined ? "unknown" : pairAfter(graph, last, type);
    }
  }
}

const isWidened = (graph: Graph, operation: Operation): boolean =>
  onlyUser(graph, operation.result)?.definition.integer?.kind === "wide" &&
  grownType(operation) !== undefined;

/** What holds a sum that grows by no more than is known, in 16 bits. */
function grownType(operation: Operation | undefined): FixedQuantization | undefined {
  const form = operation?.definition.integer;
  if (operation === undefined || form?.kind !== "accumulator" || form.growth === undefined) return undefined;
  const source = storedTypeOf(operation.operands[0]!);
  if (source === undefined) return undefined;
  const { min, max } = representable(source);
  return stateType(Math.max(-min, max) * form.growth(operation.attributes));
}

/** The last of the clamps that a sum leads to and nothing else sees: requantization does them on its way. */
function lastClamp(graph: Graph, operation: Operation): Operation {
  const next = onlyUser(graph, operation.result);
  return next?.definition.integer?.kind === "clamp" ? lastClamp(graph, next) : operation;
}

function completeSame(graph: Graph, operation: Operation): Completion {
  const { result } = operation;
  const operands = operation.operands.filter(({ type }) => type.element === "f32");
  const sources = operands.flatMap((operand) => storedTypeOf(operand) ?? []);
  const ends = [...result.users].filter((user) => user.definition === quantize);
  const type = ends.length > 0 ? typeOf(ends[0]!.result) : (endType(graph, result) ?? commonType(sources));
  const isDone = ends.length === result.users.size && !isOutput(graph, result);
  const completion = tieOperands(graph, operation, type);
  if (isDone && ends.every((end) => sameStored(typeOf(end.result), type))) return completion;
  return pairAfter(graph, operation, type);
}

/** Gives all real operands one quantization. */
function tieOperands(graph: Graph, operation: Operation, type: FixedQuantization): Completion {
  let completion: Completion = "done";
  // Indices and conditions mean themselves.
  for (const operand of new Set(operation.operands.filter((value) => value.type.element === "f32"))) {
    const source = storedTypeOf(operand);
    if (source !== undefined && sameStored(source, type)) continue;
    requireOneScale(operation, type);
    if (source === undefined) storeConstant(graph, operation, operand, type);
    else convertOperand(graph, operation, operand, operand.name, type);
    completion = "completed";
  }
  return completion;
}

function commonType(sources: readonly FixedQuantization[]): FixedQuantization {
  const [first] = sources as [FixedQuantization];
  if (sources.every((source) => sameStored(source, first))) return first;
  const ranges = sources.map(representable);
  return affineTypeOf(Math.min(...ranges.map((r) => r.min)), Math.max(...ranges.map((r) => r.max)));
}

function rangeOfTable(operation: Operation, source: FixedQuantization): FixedQuantization {
  const reals = realsThrough(source, [operation]).filter((x) => Number.isFinite(x));
  return affineTypeOf(Math.min(...reals), Math.max(...reals));
}

function affineTypeOf(low: number, high: number): FixedQuantization {
  const { scale, zero } = chooseAffine(low, high, "i8");
  return { element: "i8", quantization: perTensor(scale, zero) };
}

/** Constants that weights and biases are not: those `normalize-weights` sees to. */
function storeConstants(graph: Graph, operation: Operation): void {
  const form = operation.definition.integer!;
  const named = nameOperands(operation.definition, operation.operands);
  const roles = form.kind === "accumulator" ? [form.weight, form.bias] : [];
  for (const [name, value] of Object.entries(named))
    if (!roles.includes(name) && isValue(value) && isConstant(value) && value.type.element === "f32")
      storeConstant(graph, operation, value, ownQuantization(value));
}

const isValue = (value: Value | readonly Value[] | undefined): value is Value =>
  value !== undefined && !Array.isArray(value);

function pairAfter(graph: Graph, operation: Operation, type: FixedQuantization): Completion {
  requireOneScale(operation, type);
  insertPair(graph, operation.result, operation, type);
  return "completed";
}

/** Scales along an axis do not follow elements that move: only weights, which layers read as they are, may have them. */
function requireOneScale({ definition, result, origin, span }: Operation, type: FixedQuantization): void {
  const { axis } = type.quantization;
  if (axis === undefined) return;
  fail(
    "quantization",
    `'${definition.name}' would have a result quantized along axis ${axis}, expected one scale`,
    {
      subject: origin ?? `%${result.name}`,
      ...(span === undefined ? {} : { span }),
      help: "only weights may have a scale for each channel: quantize values that are computed with one scale",
    },
  );
}

const typeOf = ({ type }: Value): FixedQuantization => ({
  element: type.element,
  quantization: type.quantization!,
});

/** What a value was dequantized from. */
const storedTypeOf = ({ producer }: Value): FixedQuantization | undefined =>
  producer?.definition === dequantize ? typeOf(producer.operands[0]!) : undefined;

const sameStored = (a: FixedQuantization, b: FixedQuantization): boolean =>
  a.element === b.element && sameQuantization(a.quantization, b.quantization);

const isQuantizationTo = (user: Operation, type: FixedQuantization): boolean =>
  user.definition === quantize && sameStored(typeOf(user.result), type);

const notQuantized = (value: Value): Diagnostic =>
  diagnostic(
    "error",
    "no-quantization",
    value.producer === undefined
      ? `input %${value.name} is read without being quantized`
      : `%${value.name}, computed by '${value.producer.definition.name}', is not quantized`,
    {
      subject: value.producer?.origin ?? `%${value.name}`,
      ...(value.producer?.span === undefined ? {} : { span: value.producer.span }),
      help: "quantize it in the exporting tool, or compile the float network with --calibrate",
    },
  );
