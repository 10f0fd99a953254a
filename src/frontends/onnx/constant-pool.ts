/**
 * The constants of a graph under conversion. A tensor known at compile time becomes an operation only when something reads it,
 * in the layout its reader wants (permuted here, once, so that the graph carries no transposes of weights), and each
 * tensor in each layout becomes one only.
 *
 * NaN is refused: nothing sensible follows from it, and every comparison hides it. Infinities are kept, for masks hold
 * -Infinity and bounds ±Infinity; weights, which must be finite, are checked by `requireFinite`.
 */
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Graph, Value } from "../../ir/graph.ts";
import { constant } from "../../ops/constant.ts";
import { isFloat } from "../../tensor/element-type.ts";
import { tensor, type Tensor } from "../../tensor/tensor.ts";
import { isIdentityPermutation, transposeTensor } from "../../tensor/transpose.ts";
import type { KnownOperand } from "./operand.ts";

/** First another shape, then another order of axes. */
export interface Layout {
  readonly shape?: readonly number[];
  readonly permutation?: readonly number[];
}

export type ConstantPool = (operand: KnownOperand, layout?: Layout) => Value;

export function constantPool(graph: Graph): ConstantPool {
  const pool = new Map<Tensor, Map<string, Value>>();
  return (operand, layout = {}) => {
    const layouts = pool.get(operand.tensor) ?? new Map<string, Value>();
    pool.set(operand.tensor, layouts);
    const { shape } = operand.tensor;
    const key = `${(layout.shape ?? shape).join()} ${layout.permutation?.join() ?? ""}`;
    const known = layouts.get(key);
    if (known !== undefined) return known;
    if (layouts.size === 0) requireNumbers(operand);
    const { result } = graph.create(
      constant,
      {},
      { value: arrange(operand.tensor, layout) },
      { name: operand.name, origin: labelOf(operand) },
    );
    layouts.set(key, result);
    return result;
  };
}

/** The elements in another shape, with their axes permuted; the same tensor where that changes nothing. */
export function arrange(given: Tensor, { shape = given.shape, permutation }: Layout): Tensor {
  const shaped = shape.join() === given.shape.join() ? given : tensor(given.element, shape, given.data);
  if (permutation === undefined || isIdentityPermutation(permutation)) return shaped;
  return transposeTensor(shaped, permutation);
}

const labelOf = ({ name, initializer }: KnownOperand): string =>
  `${initializer ? "initializer" : "constant"} "${name}"`;

function refuse(operand: KnownOperand, found: string, index: number, expected: string): never {
  const label = labelOf(operand);
  return fail("onnx-weights", `${label} holds ${found} at index ${index}, expected ${expected}`, {
    subject: label,
    help: "the training diverged or the file is damaged: export a sound model",
  });
}

function requireNumbers(operand: KnownOperand): void {
  const { element, data } = operand.tensor;
  if (!isFloat(element)) return;
  const index = (data as Float32Array).findIndex(Number.isNaN);
  if (index >= 0) refuse(operand, "NaN", index, "a number");
}

/** @throws DiagnosticError onnx-weights, naming the initializer */
export function requireFinite(operand: KnownOperand): void {
  const { element, data } = operand.tensor;
  if (!isFloat(element)) return;
  const index = (data as Float32Array).findIndex((x) => !Number.isFinite(x));
  if (index >= 0) refuse(operand, String(data[index]), index, "a finite weight");
}
