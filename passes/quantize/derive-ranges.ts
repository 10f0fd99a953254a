/**
 * Ranges of activations without samples: what the user states, by name or in the graph's text, and what follows from that and from batch
 * normalizations.
 *
 * A normalized channel has mean β and standard deviation |γ|, whatever came before: all but one in 10⁹ of a Gaussian's values lie in
 *
 *     min over c of β - n |γ|   …   max over c of β + n |γ|        n = `deviations`, 6 unless given
 *
 * (Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", section 4.1.2). Layers, averages and sums behind
 * them have statistics too (derive-statistics.ts), and ranges likewise. What their operands' ranges leave results (result-bounds.ts) cuts
 * where statistics go beyond, and is all there is for other operators, and for a layer that reads inputs: its range is `bounded`, which is
 * sound, and wide. A layer behind that has none, unless it is normalized.
 *
 * Batch normalizations are gone by then: what folds them leaves their statistics in the context, in the same run.
 *
 * Fails where nothing tells a value's range, naming each but those that only want for an input's.
 */
import { diagnostic, DiagnosticError, fail } from "../../src/diagnostics/diagnostic.ts";
import { float } from "../../src/ir/attributes.ts";
import type { Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import { definePass, type PassContext } from "../../src/pass/pass.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import { numbersOf } from "../../src/tensor/tensor.ts";
import { deriveStatistics, type Statistics } from "./derive-statistics.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { givenRanges } from "./given-ranges.ts";
import { planQuantization, type FixedQuantization } from "./plan.ts";
import { resultBounds } from "./result-bounds.ts";

type How = "given" | "derived" | "bounded";

export const deriveRanges = definePass({
  name: "derive-ranges",
  summary: "give activations ranges without samples: from batch normalizations and what the user states",
  options: { deviations: float(6) },
  run(graph, { options: { deviations }, context, count, find }) {
    if (!(deviations > 0 && deviations < Infinity))
      fail("option", `deviations is ${deviations}, expected a positive number`);
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const given = givenRanges(graph, plan, context);
    const statistics = deriveStatistics(graph, context);
    const known = new Map<Value, AffineRange>();
    const how = new Map<Value, How>();
    const learn = (value: Value, range: AffineRange, from: How): void => {
      known.set(value, range);
      how.set(value, from);
    };
    for (const { values, fixed } of plan.groups)
      for (const value of values)
        if (fixed !== undefined && value.producer === undefined) learn(value, rangeOfFixed(fixed), "given");
    for (const value of graph.values) {
      const stated = given.get(value) ?? value.range;
      if (stated !== undefined) learn(value, stated, "given");
    }
    for (const operation of graph.operations) {
      const { result } = operation;
      if (known.has(result) || result.type.element !== "f32" || isConstant(result)) continue;
      const isWide = operation.operands.some((value) => how.get(value) === "bounded");
      // Bounds of bounds grow with every layer, and say nothing in the end.
      const bounds = isLayer(operation) && isWide ? undefined : resultBounds(operation, known);
      const likely = isNormal(operation, context)
        ? withinDeviations(statistics.get(result), deviations)
        : undefined;
      const range = meet(likely, bounds);
      if (range === undefined) continue;
      learn(result, range, likely === undefined && (isLayer(operation) || isWide) ? "bounded" : "derived");
    }
    const sources = plan.groups.flatMap((group) => (group.fixed === undefined ? group.sources : []));
    const unknown = firstUnknown(sources, known);
    if (unknown.length > 0) {
      const helps = unknown.map((value) => helpFor(value, context));
      throw new DiagnosticError(
        unknown.map((value, i) =>
          diagnostic("error", "no-range", `nothing tells the range of %${value.name}`, {
            subject: value.producer?.origin ?? `%${value.name}`,
            ...(value.producer?.span === undefined ? {} : { span: value.producer.span }),
            // What is the same for several is said behind the last of them.
            ...(helps[i] === helps[i + 1] ? {} : { help: helps[i]! }),
          }),
        ),
      );
    }
    find({ summary: "data-free: nothing was measured" });
    for (const value of sources) {
      const range = known.get(value)!;
      graph.setRange(value, range);
      find({ value: value.name, method: how.get(value)!, low: range.min, high: range.max });
      count(how.get(value)!);
    }
  },
});

/** All that the integers of an input's samples can stand for. */
function rangeOfFixed({ element, quantization: { scale, zero } }: FixedQuantization): AffineRange {
  const { min, max } = elementRange(element);
  return { min: scale[0]! * (min - zero[0]!), max: scale[0]! * (max - zero[0]!) };
}

/** Sources without a range, but for those that may have one once inputs do. */
function firstUnknown(sources: readonly Value[], known: ReadonlyMap<Value, AffineRange>): Value[] {
  const waits = new Map<Value, boolean>();
  const waitsForInput = (value: Value): boolean => {
    const found = waits.get(value);
    if (found !== undefined) return found;
    const waiting = (value.producer?.operands ?? []).some(
      (operand) =>
        operand.type.element === "f32" &&
        !known.has(operand) &&
        (operand.producer === undefined || waitsForInput(operand)),
    );
    waits.set(value, waiting);
    return waiting;
  };
  return sources.filter((value) => !known.has(value) && !waitsForInput(value));
}

const helpFor = ({ name, producer }: Value, { normalized }: PassContext): string =>
  (producer !== undefined && normalized.size === 0
    ? "there is no batch normalization to tell it: take the model as it was before they were folded, "
    : `state it with --ranges FILE.json, {"${name}": [lowest, highest]}, `) + "or calibrate with samples";

const isLayer = ({ definition: { integer } }: Operation): boolean =>
  integer?.kind === "accumulator" && integer.weight !== undefined;

/** Sums of many elements are about normal; of what is clamped or looked up in a table the bounds say more. */
function isNormal({ definition: { integer }, result }: Operation, { normalized }: PassContext): boolean {
  if (normalized.has(result.name) || integer?.kind === "rescaled") return true;
  return integer?.kind === "accumulator" && (integer.weight !== undefined || integer.averages === true);
}

function withinDeviations(statistics: Statistics | undefined, deviations: number): AffineRange | undefined {
  if (statistics === undefined) return undefined;
  const [mean, deviation] = [numbersOf(statistics.mean), numbersOf(statistics.deviation)];
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < mean.length; i++) {
    min = Math.min(min, mean[i]! - deviations * deviation[i]!);
    max = Math.max(max, mean[i]! + deviations * deviation[i]!);
  }
  return min <= max ? { min, max } : undefined;
}

/** Where the two exclude each other, what is stated contradicts the statistics, and bounds follow from it. */
function meet(likely: AffineRange | undefined, bounds: AffineRange | undefined): AffineRange | undefined {
  if (likely === undefined || bounds === undefined) return likely ?? bounds;
  const [min, max] = [Math.max(likely.min, bounds.min), Math.min(likely.max, bounds.max)];
  return min <= max ? { min, max } : bounds;
}
