/**
 * Proves that no i32 accumulator overflows: exact bounds [low, high] of each from its constant weights and the range of its
 * operand's stored integers, and bounds of all partial sums (algorithms.md 10.1). Nor does a rescaled one, which a ratio above 1
 * may enlarge. Fails where one leaves 32 bits.
 *
 * Ranges of stored integers follow the graph: a requantization's clamp, a lookup's table, max pooling and reshapes all tell through
 * their expressions what they let pass, layers and requantizations channel by channel (tensor-ranges.ts). Where an expression has no
 * known interval, its element type does.
 *
 * Finds a row for each accumulator: value, operator, low, high, partialLow, partialHigh, bits (signed, for partial sums), and
 * low and high of every channel.
 */
import { diagnostic, DiagnosticError, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { expressOperation, tensorReferences } from "../../src/exec/express-operation.ts";
import type { IndexVariable, Step, TensorReference } from "../../src/expr/expression.ts";
import type { Operation } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { definePass } from "../../src/pass/pass.ts";
import { isBigInteger, isFloat } from "../../src/tensor/element-type.ts";
import { TensorRanges } from "./tensor-ranges.ts";
import {
  constantVariables,
  hull,
  intervalOf,
  forEachPosition,
  point,
  UnknownInterval,
  type Interval,
} from "./interval.ts";

export const boundAccumulators = definePass({
  name: "bound-accumulators",
  summary: "prove that no accumulator overflows, and give its bounds",
  options: {},
  run(graph, { find, count, context }) {
    const referenceOf = tensorReferences();
    const ranges = new TensorRanges();
    const problems: Diagnostic[] = [];
    for (const operation of graph.operations) {
      if (isConstant(operation.result)) continue;
      const bounds = boundsOf(expressOperation(operation, referenceOf).steps, ranges);
      if (bounds !== undefined && signedBits(bounds.rescaled) > 32)
        problems.push(overflow("rescaled accumulator", operation, bounds.rescaled));
      const { element } = operation.result.type;
      if (operation.definition.integer?.kind !== "accumulator" || element !== "i32") continue;
      if (bounds === undefined) {
        context.warn(unproved(operation));
        continue;
      }
      const { channels, partial } = bounds;
      const total = channels.reduce(hull);
      find({
        value: operation.result.name,
        operator: operation.definition.name,
        low: total.low,
        high: total.high,
        partialLow: partial.low,
        partialHigh: partial.high,
        bits: signedBits(partial),
        channelLow: channels.map((c) => c.low),
        channelHigh: channels.map((c) => c.high),
      });
      count("accumulators");
      if (signedBits(hull(total, partial)) > 32)
        problems.push(overflow("accumulator", operation, hull(total, partial)));
    }
    if (problems.length > 0) throw new DiagnosticError(problems);
  },
});

interface Bounds {
  /** One for each channel: each position along the axes that constants are read at. */
  readonly channels: readonly Interval[];
  /** Those axes' variables, the last one running fastest. */
  readonly along: readonly IndexVariable[];
  readonly partial: Interval;
  readonly rescaled: Interval;
}

/** Bounds of the last step's target; the ranges of all targets are kept. Undefined where not known. */
function boundsOf(steps: readonly Step[], ranges: TensorRanges): Bounds | undefined {
  let bounds: Bounds | undefined;
  const written = new Set<TensorReference>();
  for (const step of steps) {
    bounds = stepBounds(step, ranges);
    ranges.record(step, bounds, written.has(step.target));
    written.add(step.target);
  }
  return bounds;
}

function stepBounds(step: Step, ranges: TensorRanges): Bounds | undefined {
  if (isFloat(step.target.element) || isBigInteger(step.target.element)) return undefined;
  let partial = point(0);
  let rescaled = point(0);
  const options = {
    rangeOf: (tensor: TensorReference, indices: readonly Interval[]) => ranges.at(tensor, indices),
    onPartialSums(sums: Interval) {
      partial = hull(partial, sums);
    },
    onRescaled(values: Interval) {
      rescaled = hull(rescaled, values);
    },
  };
  const along = constantVariables(step.value).filter((v) => step.domain.includes(v));
  const position = new Map<IndexVariable, number>();
  const channels: Interval[] = [];
  try {
    forEachPosition(along, position, () => {
      channels.push(intervalOf(step.value, position, options));
    });
  } catch (error) {
    if (error instanceof UnknownInterval) return undefined;
    throw error;
  }
  return channels.length === 0 ? undefined : { channels, along, partial, rescaled };
}

/** Bits of a two's complement number that holds both ends. */
function signedBits({ low, high }: Interval): number {
  let bits = 1;
  while (low < -(2 ** (bits - 1)) || high > 2 ** (bits - 1) - 1) bits++;
  return bits;
}

const overflow = (what: string, operation: Operation, { low, high }: Interval): Diagnostic =>
  diagnostic(
    "error",
    "overflow",
    `the ${what} of '${operation.definition.name}' %${operation.result.name} reaches ${low} to ${high}, expected 32 bits`,
    {
      subject: operation.origin ?? `%${operation.result.name}`,
      ...(operation.span === undefined ? {} : { span: operation.span }),
      help: cureOf(operation),
    },
  );

/** An operand of 16 bits makes a sum 256 times as large as one of eight. */
function cureOf({ operands }: Operation): string {
  const wide = operands.find((value) => value.type.element === "i16" && !isConstant(value));
  return wide === undefined
    ? "use fewer bits for its weights, or split the sum"
    : `leave %${wide.name} in eight bits (with --wide all: all,-${wide.name}), or use fewer bits for its weights`;
}

const unproved = (operation: Operation): Diagnostic =>
  diagnostic(
    "warning",
    "unproved-accumulator",
    `no bounds are known for %${operation.result.name}, an i32 accumulator`,
    {
      ...(operation.origin === undefined ? {} : { subject: operation.origin }),
      help: "its sums wrap in WebAssembly and are undefined in C where they leave 32 bits: keep the reduction short",
    },
  );
