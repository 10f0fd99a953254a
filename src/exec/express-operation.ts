/**
 * From an operation of the graph to its expression: gives `express` the tensors it may name. The interpreter and kernel forming
 * share it, so that what is compiled is what is interpreted.
 */
import type { Step, TensorReference } from "../expr/expression.ts";
import type { Operation, Value } from "../ir/graph.ts";
import { nameOperands, type ExpressResult } from "../ir/operation.ts";

export interface ExpressedOperation {
  /** In order; the last one, or the last ones part by part, compute `result`. */
  readonly steps: readonly Step[];
  readonly result: TensorReference;
  /** Computed and read by the steps alone. */
  readonly temporaries: readonly TensorReference[];
  /** Tables and multipliers that come with the operation; each carries its data. */
  readonly constants: readonly TensorReference[];
}

export type ReferenceOf = (value: Value) => TensorReference;

/** Constants of operations by their contents: a table that several have alike is one. */
export type SharedConstants = Map<string, TensorReference>;

/** Tables have up to 1025 entries. */
const largestShared = 2048;

/**
 * The steps of an operation over the tensors that stand for its values. Temporaries and constants are named
 * `RESULT:NAME` after the result's tensor.
 *
 * @throws internal, when the steps do not compute the temporaries and, last, the result
 */
export function expressOperation(
  operation: Operation,
  referenceOf: ReferenceOf,
  shared: SharedConstants = new Map(),
): ExpressedOperation {
  const { definition, attributes } = operation;
  const result = referenceOf(operation.result);
  const temporaries: TensorReference[] = [];
  const constants: TensorReference[] = [];
  const operands = operation.operands.map((value) => ({ tensor: referenceOf(value), type: value.type }));
  const target: ExpressResult = {
    tensor: result,
    type: operation.result.type,
    temporary(name, element, shape) {
      const reference = { name: derivedName(result.name, name), shape, element };
      temporaries.push(reference);
      return reference;
    },
    constant(name, data) {
      const key =
        data.data.length > largestShared
          ? undefined
          : `${data.element} ${data.shape.join("x")} ${data.data.join()}`;
      const known = key === undefined ? undefined : shared.get(key);
      if (known !== undefined && constants.includes(known)) return known;
      const { shape, element } = data;
      const reference = known ?? { name: derivedName(result.name, name), shape, element, data };
      if (key !== undefined) shared.set(key, reference);
      constants.push(reference);
      return reference;
    },
  };
  const steps = definition.express(nameOperands(definition, operands), attributes, target);

  const flaw = flawOf(steps, result, temporaries, constants);
  if (flaw !== undefined)
    throw new Error(`internal: the expression of '${definition.name}' %${result.name} ${flaw}`);
  return { steps, result, temporaries, constants };
}

/** A name for what comes with a value. No value of a graph can be called so: their names hold no colon. */
export const derivedName = (of: string, what: string): string => `${of}:${what}`;

/** One reference a value, made when first asked for; constants carry their data. */
export function tensorReferences(): ReferenceOf {
  const references = new Map<Value, TensorReference>();
  return (value) => {
    const known = references.get(value);
    if (known !== undefined) return known;
    const data = constantValue(value);
    const { shape, element } = value.type;
    const reference = { name: value.name, shape, element, ...(data === undefined ? {} : { data }) };
    references.set(value, reference);
    return reference;
  };
}

/** The tensor a value is known to be, or undefined: only constants are known. */
export const constantValue = ({ producer }: Value): TensorReference["data"] =>
  producer?.definition.value?.(producer.attributes);

function flawOf(
  steps: readonly Step[],
  result: TensorReference,
  temporaries: readonly TensorReference[],
  constants: readonly TensorReference[],
): string | undefined {
  if (steps.at(-1)?.target !== result) return "does not end with its result";
  const targets = new Set(steps.map((step) => step.target));
  // Steps that write parts of one target follow one another.
  const runs = steps.filter((step, i) => step.target !== steps[i - 1]?.target);
  if (targets.size !== runs.length) return "computes a tensor twice";
  const idle = temporaries.find((t) => !targets.has(t));
  if (idle !== undefined) return `never computes ${idle.name}`;
  if (targets.size !== temporaries.length + 1) return "computes a tensor that is not its own";
  const names = [...temporaries, ...constants].map((t) => t.name);
  const twin = names.find((name, i) => names.indexOf(name) !== i);
  return twin === undefined ? undefined : `names two tensors ${twin}`;
}
