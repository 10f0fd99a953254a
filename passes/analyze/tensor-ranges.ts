/**
 * What the elements of each tensor lie in, one interval for each channel where the step that computes it has one along a single axis:
 * a channel of large sums and small multiplier says nothing of its neighbours.
 */
import type { IndexVariable, Step, TensorReference } from "../../src/expr/expression.ts";
import { elementRange, isBigInteger, isFloat } from "../../src/tensor/element-type.ts";
import { hull, type Interval } from "./interval.ts";

interface Known {
  readonly whole: Interval;
  readonly byChannel?: { readonly axis: number; readonly channels: readonly Interval[] };
}

interface StepRange {
  readonly channels: readonly Interval[];
  readonly along: readonly IndexVariable[];
}

export class TensorRanges {
  readonly #known = new Map<TensorReference, Known>();

  /** Where each axis is read at `indices`. */
  at(tensor: TensorReference, indices: readonly Interval[]): Interval {
    const known = this.#known.get(tensor);
    if (known?.byChannel === undefined) return known?.whole ?? elementInterval(tensor);
    const { axis, channels } = known.byChannel;
    const { low, high } = indices[axis]!;
    if (low <= 0 && high >= channels.length - 1) return known.whole;
    const read = channels.slice(Math.max(0, low), Math.max(0, high + 1));
    return read.length === 0 ? known.whole : read.reduce(hull);
  }

  /**
   * Takes in what a step writes, of unknown range where `range` is absent.
   *
   * @param continues whether an earlier step of the operation wrote another part of the same tensor
   */
  record(step: Step, range: StepRange | undefined, continues: boolean): void {
    const { target } = step;
    const limits = elementInterval(target);
    const own = range?.channels.reduce(hull) ?? limits;
    const whole = continues ? hull(own, this.#known.get(target)?.whole ?? limits) : own;
    // What leaves its element wraps, and may then be anything.
    if (whole.low < limits.low || whole.high > limits.high) {
      this.#known.delete(target);
      return;
    }
    const axis = continues || range === undefined ? undefined : channelAxis(step, range.along);
    this.#known.set(target, {
      whole,
      ...(axis === undefined ? {} : { byChannel: { axis, channels: range!.channels } }),
    });
  }
}

/** The axis of the target along which one variable runs, all of it. */
function channelAxis(
  { target, index }: Step,
  [variable, ...others]: readonly IndexVariable[],
): number | undefined {
  if (variable === undefined || others.length > 0) return undefined;
  const axes = index.flatMap(({ terms }, axis) =>
    terms.some((term) => term.variable === variable) ? [axis] : [],
  );
  const [axis] = axes;
  if (axis === undefined || axes.length > 1) return undefined;
  const { terms, constant } = index[axis]!;
  return terms.length === 1 &&
    terms[0]!.factor === 1 &&
    constant === 0 &&
    variable.extent === target.shape[axis]
    ? axis
    : undefined;
}

function elementInterval({ element }: TensorReference): Interval {
  if (isFloat(element) || isBigInteger(element)) return { low: -Infinity, high: Infinity };
  const { min, max } = elementRange(element);
  return { low: min, high: max };
}
