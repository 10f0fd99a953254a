/**
 * Which entries of which tensors belong together, read off an operation's expression.
 *
 * A loop variable v of the expression
 *
 *     result[n, y, x, o] = Σ ky, kx, k  input[n, y + ky, x + kx, k] · weight[o, ky, kx, k] + bias[o]
 *
 * is the index of an axis wherever it stands: o of result, weight and bias, k of input and weight. Taking v = 3 out of the loop takes
 * entry 3 out of all of them. So an operator need say nothing of pruning: convolutions, sums, concatenations, flattening and whatever
 * is added later have their couplings by what they compute (Fang et al., "DepGraph", section 3, derive the same from layer types).
 *
 * An axis may be read at several variables: the columns of a flattened image are pixels × channels, the outputs of a grouped convolution
 * groups × outputs of a group. Taking one channel out leaves such a product of indices, and so does taking out one pixel, but not both
 * kinds in one. Which of the variables may lose values is for the whole graph to tell (dependency-groups.ts).
 *
 * Not every variable can lose a value. A coupling is *frozen* where the result would change otherwise:
 *
 *  - an axis read at a sum of variables that is no mixed radix (a window y + ky), beyond its ends (padding), or at a computed place;
 *  - a reduction over a variable, unless it adds products of which one factor is a constant that has the variable as an index, so that
 *    zeros in that constant are as good as taking the terms away. Means, maxima, softmax and products of two computed tensors keep all.
 */
import { expressOperation, type ReferenceOf } from "../../src/exec/express-operation.ts";
import {
  isAffine,
  type Affine,
  type Expression,
  type Index,
  type IndexVariable,
  type Load,
  type Reduce,
  type Step,
  type TensorReference,
} from "../../src/expr/expression.ts";
import { nodesOf } from "../../src/expr/walk.ts";
import type { Operation } from "../../src/ir/graph.ts";

/** An axis that one variable alone runs along, and which of its entries go with one value of the variable. */
export interface Place {
  readonly tensor: TensorReference;
  readonly axis: number;
  entries(value: number): readonly number[];
}

export interface Coupling {
  /** Values of the variable. */
  readonly extent: number;
  readonly places: readonly Place[];
  readonly frozen: boolean;
  /** The variable is summed over: its constants weigh what comes in. Otherwise they make what goes out. */
  readonly contracted: boolean;
}

/** An axis that several variables run along, as the digits of a number in mixed radix. */
export interface SharedAxis {
  readonly tensor: TensorReference;
  readonly axis: number;
  readonly digits: readonly Digit[];
}

export interface Digit {
  readonly coupling: Coupling;
  readonly place: Place;
}

/** Entries that must stay: all along an axis, or one that is read at a fixed place. */
export interface FrozenAxis {
  readonly tensor: TensorReference;
  readonly axis: number;
  readonly entry?: number;
}

export interface Couplings {
  readonly couplings: readonly Coupling[];
  readonly sharedAxes: readonly SharedAxis[];
  readonly frozenAxes: readonly FrozenAxis[];
}

export function couplingsOf(operation: Operation, referenceOf: ReferenceOf): Couplings {
  const found = expressOperation(operation, referenceOf).steps.map(couplingsOfStep);
  return {
    couplings: found.flatMap(({ couplings }) => couplings),
    sharedAxes: found.flatMap(({ sharedAxes }) => sharedAxes),
    frozenAxes: found.flatMap(({ frozenAxes }) => frozenAxes),
  };
}

function couplingsOfStep({ target, index, value, domain }: Step): Couplings {
  const nodes = nodesOf(value);
  const reductions = nodes.filter((node) => node.kind === "reduce");
  const reduced = new Map(reductions.flatMap((node) => node.over.map((v) => [v, node] as const)));
  const computed = nodes.flatMap((node) => (node.kind === "index" ? node.index.terms : []));
  const frozen = new Set(computed.map(({ variable }) => variable));
  for (const [variable, node] of reduced) if (!isWeighted(node, variable)) frozen.add(variable);
  const places = new Map<IndexVariable, Place[]>([...domain, ...reduced.keys()].map((v) => [v, []]));
  const shared: {
    readonly tensor: TensorReference;
    readonly axis: number;
    readonly terms: readonly Term[];
  }[] = [];
  const frozenAxes: FrozenAxis[] = [];

  const visit = (tensor: TensorReference, axis: number, at: Index): void => {
    const terms = isAffine(at) ? mixedRadix(at, tensor.shape[axis]!) : undefined;
    if (terms === undefined) {
      frozenAxes.push({ tensor, axis });
      if (isAffine(at)) at.terms.forEach(({ variable }) => frozen.add(variable));
    } else if (terms.length > 1) shared.push({ tensor, axis, terms });
    else if (isAffine(at) && at.terms.length === 0) frozenAxes.push({ tensor, axis, entry: at.constant });
    else for (const { variable, entries } of terms) places.get(variable)?.push({ tensor, axis, entries });
  };
  index.forEach((at, axis) => {
    visit(target, axis, at);
  });
  for (const node of nodes)
    if (node.kind === "load")
      node.index.forEach((at, axis) => {
        visit(node.tensor, axis, at);
      });

  // An axis of one entry may be broadcast from a fixed place: it cannot be lost here without being lost there.
  for (const [variable, own] of places)
    if (variable.extent === 1 && own.every(({ tensor }) => tensor === target)) frozen.add(variable);

  const couplings = new Map(
    [...places].map(([variable, own]): [IndexVariable, Coupling] => [
      variable,
      {
        extent: variable.extent,
        places: own,
        frozen: frozen.has(variable),
        contracted: reduced.has(variable),
      },
    ]),
  );
  return {
    couplings: [...couplings.values()],
    sharedAxes: shared.map(({ tensor, axis, terms }) => ({
      tensor,
      axis,
      digits: terms.map(({ variable, entries }) => ({
        coupling: couplings.get(variable)!,
        place: { tensor, axis, entries },
      })),
    })),
    frozenAxes,
  };
}

interface Term {
  readonly variable: IndexVariable;
  readonly entries: (value: number) => readonly number[];
}

/** The terms of an index that meets each entry of its range once, all inside the axis; undefined of another. */
function mixedRadix({ constant, terms }: Affine, extent: number): readonly Term[] | undefined {
  // Beside others a variable of one value moves nothing.
  const moving = terms.filter(({ variable }) => variable.extent !== 1);
  if (moving.length === 0)
    return terms.slice(0, 1).map(({ variable }) => ({ variable, entries: () => [constant] }));
  const sorted = moving.toSorted((a, b) => a.factor - b.factor);
  let stride = 1;
  for (const { variable, factor } of sorted) {
    if (factor !== stride) return undefined;
    stride *= variable.extent;
  }
  if (constant < 0 || constant + stride > extent) return undefined;
  return sorted.map(({ variable, factor }) => ({
    variable,
    entries(value) {
      const period = factor * variable.extent;
      const found: number[] = [];
      for (let start = constant + value * factor; start < constant + stride; start += period)
        for (let i = 0; i < factor; i++) found.push(start + i);
      return found;
    },
  }));
}

function isWeighted({ operator, body }: Reduce, variable: IndexVariable): boolean {
  return operator === "add" && factorsOf(body).some((factor) => isConstantAlong(factor, variable));
}

const factorsOf = (e: Expression): readonly Expression[] =>
  e.kind === "binary" && e.operator === "mul" ? [...factorsOf(e.left), ...factorsOf(e.right)] : [e];

const isConstantAlong = (e: Expression, variable: IndexVariable): e is Load =>
  e.kind === "load" &&
  e.tensor.data !== undefined &&
  e.index.some((at) => isAffine(at) && at.terms.some((term) => term.variable === variable));
