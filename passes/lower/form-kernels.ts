/**
 * Forms kernels: turns a graph into tensor expressions and fuses what one loop nest can do.
 *
 * Fusion is substitution. Where a consumer reads `t[i, j]` at its own point (i, j) and nothing else reads t, the producer's
 * expression takes the load's place, and t never exists in memory. Requantization, clamps and residual additions so become the
 * epilogue of the convolution before them; rounding stays where it was, in a register instead of in memory.
 *
 * Three cases:
 *  - a *view* holds another tensor's elements in the same order (reshape): no code, shared memory;
 *  - a *move* (transpose, slice) is composed into the index of the load that reads it;
 *  - an element-wise consumer takes in its producer, reductions included; one that writes its result in parts (concat) takes in
 *    the producer of each part, which so writes its place in the whole at once. Of a producer of several steps (softmax) the last is
 *    taken in, the others go first.
 *
 * Declines when the producer has another reader, is an output or is to be kept for an observer; when the consumer reads it
 * inside a reduction (it would be computed again and again); when both hold reductions; and, for vector targets, when the
 * consumer cannot run in lanes (it would drag the convolution before it out of them).
 */
import { constantValue, expressOperation, type SharedConstants } from "../../src/exec/express-operation.ts";
import { affine } from "../../src/expr/build.ts";
import {
  isAffine,
  type Affine,
  type Expression,
  type IndexVariable,
  type Load,
  type Step,
  type TensorReference,
} from "../../src/expr/expression.ts";
import type { Kernel, KernelProgram } from "../../src/expr/kernel.ts";
import { flatten } from "../../src/expr/flatten.ts";
import { loadsOf, rewrite, substituteAffine } from "../../src/expr/rewrite.ts";
import { children, nodesOf } from "../../src/expr/walk.ts";
import { runsInLanes } from "../../src/expr/lanes.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { codesOf } from "../../src/ir/match.ts";

export interface FormKernelsOptions {
  /** Values that must exist in memory under their own name. */
  readonly keep?: ReadonlySet<string>;
  /** Whether a transposition may be read through by a reduction: no copy, but a strided walk. */
  readonly moveIntoReductions: boolean;
  /** Whether only what runs in vector lanes may follow a reduction in one kernel. */
  readonly lanesOnly: boolean;
}

interface Draft {
  readonly name: string;
  readonly doc: readonly string[];
  readonly steps: readonly Step[];
}

export function formKernels(graph: Graph, options: FormKernelsOptions): KernelProgram {
  const references = new Map<Value, TensorReference>();
  const drafts = new Map<TensorReference, Draft>();
  const views = new Map<TensorReference, TensorReference>();
  const values = new Map<TensorReference, Value>();
  const constants: SharedConstants = new Map();
  const outputs = new Set(graph.outputs);
  const referenceOf = (value: Value): TensorReference => {
    let reference = references.get(value);
    if (reference === undefined) {
      reference = referenceTo(value);
      references.set(value, reference);
      values.set(reference, value);
    }
    return reference;
  };
  const rootOf = (reference: TensorReference): TensorReference => {
    const base = views.get(reference);
    return base === undefined ? reference : rootOf(base);
  };
  const fusible = (tensor: TensorReference): Draft | undefined => {
    const value = values.get(tensor);
    const draft = drafts.get(tensor);
    // What several steps write in parts is no expression that could take a load's place.
    if (value === undefined || draft?.steps.filter((step) => step.target === tensor).length !== 1)
      return undefined;
    const wanted = outputs.has(value) || (options.keep?.has(value.name) ?? false);
    return wanted || value.users.size > 1 || hasView(tensor, views) ? undefined : draft;
  };

  for (const input of graph.inputs) referenceOf(input);
  const outputRoots = new Set<TensorReference>();
  for (const operation of graph.operations) {
    if (operation.definition.value !== undefined) continue;
    const result = referenceOf(operation.result);
    let steps = expressOperation(operation, referenceOf, constants).steps;
    const base = viewedBy(steps, result);
    if (base !== undefined && mayShare(rootOf(base), outputs.has(operation.result), drafts, outputRoots)) {
      views.set(result, base);
      if (outputs.has(operation.result)) outputRoots.add(rootOf(base));
      continue;
    }
    const doc = [operation.definition.name];
    // One producer after the other, the latest computed first: an epilogue can follow only one reduction.
    for (;;) {
      const found = findFusion(steps, [...drafts.keys()].reverse(), fusible, options);
      if (found === undefined) break;
      doc.unshift(...drafts.get(found.tensor)!.doc);
      drafts.delete(found.tensor);
      steps = found.steps;
    }
    drafts.set(result, { name: operation.result.name, doc, steps });
    if (outputs.has(operation.result)) outputRoots.add(result);
  }
  return {
    name: graph.name,
    kernels: [...drafts.values()].map(({ name, doc, steps }): Kernel => ({
      name,
      doc: doc.join(" + "),
      steps,
    })),
    inputs: graph.inputs.map(referenceOf),
    outputs: graph.outputs.map(referenceOf),
    views,
  };
}

function referenceTo(value: Value): TensorReference {
  const { type, name } = value;
  const data = constantValue(value);
  const { quantization } = type;
  const codes = codesOf(value);
  return {
    name,
    shape: type.shape,
    element: type.element,
    ...(data === undefined ? {} : { data }),
    ...(codes === undefined ? {} : { codes }),
    ...(quantization?.axis === undefined && quantization !== undefined
      ? { zero: quantization.zero[0]! }
      : {}),
  };
}

const hasView = (tensor: TensorReference, views: ReadonlyMap<TensorReference, TensorReference>): boolean =>
  [...views.values()].includes(tensor);

/** An output needs memory of its own: it may share only a computed tensor's, and only one output may. */
function mayShare(
  root: TensorReference,
  isOutput: boolean,
  drafts: ReadonlyMap<TensorReference, Draft>,
  outputRoots: ReadonlySet<TensorReference>,
): boolean {
  return !isOutput || (drafts.has(root) && !outputRoots.has(root));
}

const allAffine = (load: Load): readonly Affine[] | undefined =>
  load.index.every(isAffine) ? load.index : undefined;

/** Variables of extent 1 are always 0 and say nothing about order. */
const sameIndex = (a: Affine, b: Affine): boolean => {
  const own = (x: Affine): Map<IndexVariable, number> =>
    new Map(
      x.terms.filter(({ variable }) => variable.extent > 1).map(({ variable, factor }) => [variable, factor]),
    );
  const [left, right] = [own(a), own(b)];
  return (
    a.constant === b.constant && left.size === right.size && [...left].every(([v, f]) => right.get(v) === f)
  );
};

/** The tensor whose elements, in the same row-major order, are the result; undefined when there is none. */
function viewedBy(steps: readonly Step[], result: TensorReference): TensorReference | undefined {
  const [step] = steps;
  if (steps.length !== 1 || step?.value.kind !== "load" || step.value.fill !== undefined) return undefined;
  const { tensor } = step.value;
  const index = allAffine(step.value);
  if (index === undefined || tensor.data !== undefined || tensor.element !== result.element) return undefined;
  if (count(tensor) !== count(result)) return undefined;
  return sameIndex(flatten(index, tensor.shape), flatten(step.index, result.shape)) ? tensor : undefined;
}

const count = (tensor: TensorReference): number => tensor.shape.reduce((n, extent) => n * extent, 1);

const hasReduction = (e: Expression): boolean => nodesOf(e).some((node) => node.kind === "reduce");

/** Loads reached without entering a reduction. */
function outerLoads(root: Expression): Set<Load> {
  const found = new Set<Load>();
  const seen = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (seen.has(e) || e.kind === "reduce") return;
    seen.add(e);
    if (e.kind === "load") found.add(e);
    for (const child of children(e)) visit(child);
  };
  visit(root);
  return found;
}

function findFusion(
  steps: readonly Step[],
  latestFirst: readonly TensorReference[],
  fusible: (tensor: TensorReference) => Draft | undefined,
  options: FormKernelsOptions,
): { tensor: TensorReference; steps: readonly Step[] } | undefined {
  // Steps of several targets read temporaries, and their operands more than once.
  if (new Set(steps.map((step) => step.target)).size !== 1) return undefined;
  const loads = steps.map((step) => loadsOf(step.value));
  for (const tensor of latestFirst) {
    const readers = steps.filter((_, i) => loads[i]!.some((load) => load.tensor === tensor));
    const [consumer] = readers;
    if (consumer === undefined || readers.length !== 1) continue;
    const reads = loads[steps.indexOf(consumer)]!.filter((load) => load.tensor === tensor);
    const before = fusible(tensor)?.steps;
    const producer = before?.at(-1);
    if (before === undefined || producer === undefined) continue;
    const fused =
      fuseMove(consumer, producer, reads, options) ?? fuseElementwise(consumer, producer, reads, options);
    if (fused === undefined) continue;
    return {
      tensor,
      steps: [...before.slice(0, -1), ...steps.map((step) => (step === consumer ? fused : step))],
    };
  }
  return undefined;
}

/** producer: t[v] = s[g(v)]; a load t[e] becomes s[g(e)]. */
function fuseMove(
  consumer: Step,
  producer: Step,
  reads: readonly Load[],
  options: FormKernelsOptions,
): Step | undefined {
  const source = producer.value;
  if (source.kind !== "load" || source.fill !== undefined) return undefined;
  const sourceIndex = allAffine(source);
  if (sourceIndex === undefined) return undefined;
  if (!options.moveIntoReductions && hasReduction(consumer.value)) return undefined;
  // The producer's own variables must be its target's axes, so that a reader's index can take their place.
  if (!producer.index.every((part, axis) => isVariable(part, producer.domain[axis]))) return undefined;
  const permutes =
    sourceIndex.length === producer.domain.length &&
    producer.domain.every((v) => sourceIndex.filter((part) => isVariable(part, v)).length === 1);
  if (reads.some((load) => allAffine(load) === undefined || (load.fill !== undefined && !permutes)))
    return undefined;
  const value = rewrite(consumer.value, {
    load: (load) => {
      if (load.tensor !== producer.target) return undefined;
      const index = load.index as readonly Affine[];
      const replace = new Map(producer.domain.map((v, axis) => [v, index[axis]!]));
      return {
        ...load,
        tensor: source.tensor,
        index: sourceIndex.map((part) => substituteAffine(part, replace)),
      };
    },
  });
  return { ...consumer, value };
}

/** consumer: u[h(i)] = e(t[i]); producer: t[p(j)] = f(j); fused over j: u[h(p(j))] = e(f(j)). */
function fuseElementwise(
  consumer: Step,
  producer: Step,
  reads: readonly Load[],
  options: FormKernelsOptions,
): Step | undefined {
  if (hasReduction(consumer.value)) return undefined;
  const outer = outerLoads(consumer.value);
  if (!reads.every((load) => outer.has(load) && load.fill === undefined && readsOwnPoint(load, consumer)))
    return undefined;
  if (options.lanesOnly && hasReduction(producer.value) && !runsInLanes(consumer.value)) return undefined;
  const index = reads[0]!.index as readonly Affine[];
  const replace = new Map<IndexVariable, Affine>(consumer.domain.map((v) => [v, affine(0)]));
  index.forEach((part, axis) => {
    const variable = part.terms[0]?.variable;
    if (variable !== undefined) replace.set(variable, producer.index[axis]!);
  });
  const value = rewrite(consumer.value, {
    variables: replace,
    load: (load) => (load.tensor === producer.target ? producer.value : undefined),
  });
  return {
    target: consumer.target,
    domain: producer.domain,
    index: consumer.index.map((part) => substituteAffine(part, replace)),
    value,
  };
}

const isVariable = (part: Affine, v: IndexVariable | undefined): boolean =>
  part.constant === 0 &&
  (v?.extent === 1 && part.terms.length === 0
    ? true
    : part.terms.length === 1 && part.terms[0]!.variable === v && part.terms[0]!.factor === 1);

/** Whether each axis is one of the consumer's variables over its whole extent, all of them used: a one-to-one reading. */
function readsOwnPoint(load: Load, consumer: Step): boolean {
  const index = allAffine(load);
  if (index === undefined) return false;
  const used = new Set<IndexVariable>();
  for (const [axis, part] of index.entries()) {
    const extent = load.tensor.shape[axis]!;
    if (extent === 1 && part.constant === 0 && part.terms.length === 0) continue;
    const [term] = part.terms;
    if (part.constant !== 0 || part.terms.length !== 1 || term?.factor !== 1) return false;
    if (term.variable.extent !== extent || used.has(term.variable)) return false;
    used.add(term.variable);
  }
  return consumer.domain.every((v) => v.extent === 1 || used.has(v));
}
