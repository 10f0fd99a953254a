/**
 * Ranges of activations without samples: what the user states, by name or in the graph's text, and what batch normalizations tell.
 *
 * A normalized channel has mean β and standard deviation |γ|, whatever came before: all but one in 10⁹ of a Gaussian's values lie in
 *
 *     min over c of β - n |γ|   …   max over c of β + n |γ|        n = `deviations`, 6 unless given
 *
 * (Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", section 4.1.2). From these and the ranges of
 * inputs others follow: clamps cut, sums add, tables map, averages stay within, what moves or chooses elements hands on. Batch normalizations are
 * gone by then: `fold-batch-norm` leaves their statistics in the context, in the same run.
 *
 * Fails, naming each, where nothing tells a value's range.
 */
import { diagnostic, DiagnosticError, fail } from "../../src/diagnostics/diagnostic.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import { float } from "../../src/ir/attributes.ts";
import { Graph, type Operation, type Value } from "../../src/ir/graph.ts";
import { constantOf, isConstant } from "../../src/ir/match.ts";
import { tensorType } from "../../src/ir/types.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import { definePass, type ChannelStatistics, type PassContext } from "../../src/pass/pass.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { givenRanges } from "./given-ranges.ts";
import { planQuantization } from "./plan.ts";

export const deriveRanges = definePass({
  name: "derive-ranges",
  summary: "give activations ranges without samples: from batch normalizations and what the user states",
  options: { deviations: float(6) },
  run(graph, { options: { deviations }, context, count, find }) {
    if (!(deviations > 0 && deviations < Infinity))
      fail("option", `deviations is ${deviations}, expected a positive number`);
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const given = givenRanges(graph, plan, context);
    const known = new Map<Value, AffineRange>();
    for (const value of graph.values) {
      const stated = given.get(value) ?? value.range;
      if (stated !== undefined) known.set(value, stated);
    }
    const stated = new Set(known.keys());
    for (const operation of graph.operations) {
      const { result } = operation;
      if (known.has(result) || result.type.element !== "f32" || isConstant(result)) continue;
      const range = rangeOfResult(operation, known, context, deviations);
      if (range !== undefined) known.set(result, range);
    }
    const sources = plan.groups.flatMap((group) => (group.fixed === undefined ? group.sources : []));
    const unknown = sources.filter((value) => !known.has(value));
    if (unknown.length > 0)
      throw new DiagnosticError(
        unknown.map((value) =>
          diagnostic("error", "no-range", `nothing tells the range of %${value.name}`, {
            subject: value.producer?.origin ?? `%${value.name}`,
            help: "state it with --ranges, or calibrate with samples",
          }),
        ),
      );
    for (const value of sources) {
      const range = known.get(value)!;
      graph.setRange(value, range);
      const how = stated.has(value) ? "given" : "derived";
      find({ value: value.name, method: how, low: range.min, high: range.max });
      count(how);
    }
  },
});

function rangeOfResult(
  operation: Operation,
  known: ReadonlyMap<Value, AffineRange>,
  { normalized }: PassContext,
  deviations: number,
): AffineRange | undefined {
  const statistics = normalized.get(operation.result.name);
  if (statistics !== undefined) return withinDeviations(statistics, deviations);
  const { definition, operands, attributes } = operation;
  const reals = operands.filter(({ type }) => type.element === "f32");
  const ranges = reals.map((value) => known.get(value) ?? constantRange(value));
  const [first] = ranges;
  if (first === undefined || !ranges.every((range) => range !== undefined)) return undefined;
  const form = definition.integer;
  switch (form?.kind) {
    case "clamp": {
      const { low, high } = form.bounds(attributes);
      const cut = (x: number): number => Math.min(Math.max(x, low), high);
      return { min: cut(first.min), max: cut(first.max) };
    }
    case "same":
      return ranges.reduce((all, range) => ({
        min: Math.min(all.min, range.min),
        max: Math.max(all.max, range.max),
      }));
    case "accumulator":
      // A layer without a normalization may do anything; of one operand alone there are averages and sums.
      return operands.length === 1 ? extremesOfFilled(operation, first) : undefined;
    case "table":
      return imageOf(operation, first);
    case "rescaled":
      return extremesOfCorners(operation, ranges);
    default:
      return undefined;
  }
}

function withinDeviations({ mean, deviation }: ChannelStatistics, deviations: number): AffineRange {
  let [min, max] = [Infinity, -Infinity];
  mean.forEach((beta, c) => {
    min = Math.min(min, beta - deviations * deviation[c]!);
    max = Math.max(max, beta + deviations * deviation[c]!);
  });
  return { min, max };
}

function constantRange(value: Value): AffineRange | undefined {
  const contents = constantOf(value);
  if (contents === undefined) return undefined;
  let [min, max] = [Infinity, -Infinity];
  for (const x of numbersOf(contents)) [min, max] = [Math.min(min, x), Math.max(max, x)];
  return min <= max ? { min, max } : undefined;
}

const places = 1024;

/** What a function of one element makes of a range: evaluated at places all over it. */
function imageOf(operation: Operation, { min, max }: AffineRange): AffineRange | undefined {
  const xs = Float32Array.from({ length: places + 1 }, (_, i) => min + ((max - min) * i) / places);
  return extremesOf(evaluate(operation, [tensor("f32", [xs.length], xs)]));
}

/** Of one operand, where larger elements give larger results. */
function extremesOfFilled(operation: Operation, { min, max }: AffineRange): AffineRange | undefined {
  const { shape } = operation.operands[0]!.type;
  const results = [min, max].map((x) => {
    const filled = tensor("f32", shape, new Float32Array(elementCount(shape)).fill(x));
    return extremesOf(evaluate(operation, [filled]));
  });
  const [low, high] = results;
  return low === undefined || high === undefined ? undefined : { min: low.min, max: high.max };
}

/** Sums and differences are largest and smallest at corners. */
function extremesOfCorners(operation: Operation, ranges: readonly AffineRange[]): AffineRange | undefined {
  const corners = 2 ** ranges.length;
  const columns = ranges.map(({ min, max }, r) =>
    Float32Array.from({ length: corners }, (_, i) => (Math.floor(i / 2 ** r) % 2 === 0 ? min : max)),
  );
  const vectors = columns.map((column) => tensor("f32", [corners], column));
  return extremesOf(evaluate(operation, vectors));
}

/** The operation on other operands. */
function evaluate({ definition, attributes }: Operation, operands: readonly Tensor[]): ArrayLike<number> {
  const probe = new Graph("probe");
  const inputs = operands.map(({ shape }, i) => probe.addInput(`x${i}`, tensorType("f32", shape)));
  probe.setOutputs([probe.createGeneric(definition, inputs, attributes).result]);
  return numbersOf(interpret(probe, operands)[0]!);
}

function extremesOf(values: ArrayLike<number>): AffineRange | undefined {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    min = Math.min(min, values[i]!);
    max = Math.max(max, values[i]!);
  }
  return Number.isFinite(min) && Number.isFinite(max) ? { min, max } : undefined;
}
