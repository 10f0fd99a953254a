/**
 * What the ranges of its operands leave an operation's result, whatever the elements are: interval arithmetic, each operator by its integer
 * form. Sound, and for layers of many inputs far wider than what occurs.
 */
import type { Operation, Value } from "../../src/ir/graph.ts";
import { constantOf } from "../../src/ir/match.ts";
import { weightedLayerOf } from "../../src/measure/layer-inputs.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import { elementCount, numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { evaluateOperation } from "./evaluate-operation.ts";

/** Undefined where an operand has no range, or nothing follows from it. */
export function resultBounds(
  operation: Operation,
  known: ReadonlyMap<Value, AffineRange>,
): AffineRange | undefined {
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
      // Some bring a value along, as padding does.
      return hull(operands.length === 1 ? [...ranges, extremesOfFilled(operation, first)] : ranges);
    case "accumulator":
      if (form.weight !== undefined) return boundsOfLayer(operation, first);
      // Element by element: a product.
      if (form.wide === true) return extremesOfCorners(operation, ranges);
      if (form.growth !== undefined) {
        const largest = form.growth(attributes) * Math.max(Math.abs(first.min), Math.abs(first.max));
        return { min: -largest, max: largest };
      }
      return operands.length === 1 ? extremesOfFilled(operation, first) : undefined;
    case "table":
      return imageOf(operation, first);
    case "rescaled":
      return extremesOfCorners(operation, ranges);
    default:
      return undefined;
  }
}

const hull = (ranges: readonly (AffineRange | undefined)[]): AffineRange | undefined =>
  ranges.reduce(
    (all, range) => all && range && { min: Math.min(all.min, range.min), max: Math.max(all.max, range.max) },
  );

export function constantRange(value: Value): AffineRange | undefined {
  const contents = constantOf(value);
  return contents && extremesOf(numbersOf(contents));
}

/** Each input at the end that its weight makes the most of. Padding is 0. */
function boundsOfLayer(operation: Operation, { min, max }: AffineRange): AffineRange | undefined {
  const layer = weightedLayerOf(operation);
  const [weight, bias] = [constantOf(layer?.weight), constantOf(layer?.bias)];
  if (layer === undefined || weight === undefined || (layer.bias !== undefined && bias === undefined))
    return undefined;
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const [weights, biases] = [numbersOf(weight), bias && numbersOf(bias)];
  const length = weights.length / layer.outputs;
  const ends = Array.from({ length: layer.outputs }, (_, o) => {
    const end = { min: biases?.[o] ?? 0, max: biases?.[o] ?? 0 };
    for (let k = 0; k < length; k++) {
      const w = weights[o * length + k]!;
      end.min += Math.min(w * low, w * high);
      end.max += Math.max(w * low, w * high);
    }
    return end;
  });
  return extremesOf(ends.flatMap((end) => [end.min, end.max]));
}

const places = 1024;

/** What a function of one element makes of a range: evaluated at places all over it. */
function imageOf(operation: Operation, { min, max }: AffineRange): AffineRange | undefined {
  const xs = Float32Array.from({ length: places + 1 }, (_, i) => min + ((max - min) * i) / places);
  return extremesOf(numbersOf(evaluateOperation(operation, [tensor("f32", [xs.length], xs)])));
}

/** Of one operand, where larger elements give larger results. */
function extremesOfFilled(operation: Operation, { min, max }: AffineRange): AffineRange | undefined {
  const { shape } = operation.operands[0]!.type;
  const results = [min, max].map((x) => {
    const filled = tensor("f32", shape, new Float32Array(elementCount(shape)).fill(x));
    return extremesOf(numbersOf(evaluateOperation(operation, [filled])));
  });
  const [low, high] = results;
  return low === undefined || high === undefined ? undefined : { min: low.min, max: high.max };
}

/** Sums, differences and products are largest and smallest at corners. */
function extremesOfCorners(operation: Operation, ranges: readonly AffineRange[]): AffineRange | undefined {
  const corners = 2 ** ranges.length;
  const columns = ranges.map(({ min, max }, r) =>
    Float32Array.from({ length: corners }, (_, i) => (Math.floor(i / 2 ** r) % 2 === 0 ? min : max)),
  );
  const vectors = columns.map((column) => tensor("f32", [corners], column));
  return extremesOf(numbersOf(evaluateOperation(operation, vectors)));
}

function extremesOf(values: ArrayLike<number>): AffineRange | undefined {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    min = Math.min(min, values[i]!);
    max = Math.max(max, values[i]!);
  }
  return Number.isFinite(min) && Number.isFinite(max) ? { min, max } : undefined;
}
