/**
 * Evaluates tensor expressions: the meaning every back end is held to. Compiled to closures (no code is generated, so it runs
 * under a content security policy), it takes tens of nanoseconds a multiply-accumulate.
 *
 * It is strict where compiled code would be silently wrong: an integer that does not fit its tensor's element, an index outside
 * its tensor, a target element written twice or not at all throw `internal:`.
 */
import { elementRange, isBigInteger } from "../tensor/element-type.ts";
import { elementCount, stores, stridesOf, tensor, type Tensor } from "../tensor/tensor.ts";
import { addAffine, affine, scalarTypeOf, scaleAffine } from "./build.ts";
import { compileExpression, staysInside, type Cell } from "./compile-expression.ts";
import type { Step, TensorReference } from "./expression.ts";
import { IndexSpace } from "./index-space.ts";
import type { BigThunk, NumberThunk } from "./scalar-operators.ts";
import { nodesOf } from "./walk.ts";

export interface EvaluateOptions {
  /** Evaluates f32 nodes in f64, without rounding; f32 tensors then may be, and are returned as, f64 tensors. */
  readonly reals?: boolean;
}

/** Runs the steps on tensors for every reference they read but do not compute; gives the tensors they compute. */
export type CompiledSteps = (
  inputs: ReadonlyMap<TensorReference, Tensor>,
) => ReadonlyMap<TensorReference, Tensor>;

/** One step, or the steps that write one target's parts. */
interface CompiledTarget {
  readonly target: TensorReference;
  readonly run: () => Tensor;
}

type Store = (offset: number) => void;

/** @throws internal, when the steps are ill-formed; running them throws internal where an element does not fit */
export function compileSteps(steps: readonly Step[], options: EvaluateOptions = {}): CompiledSteps {
  const reals = options.reals ?? false;
  const cells = new Map<TensorReference, Cell>();
  const computed = new Set<TensorReference>();
  const inputs = new Set<TensorReference>();
  const cellOf = (reference: TensorReference): Cell => {
    const known = cells.get(reference);
    if (known !== undefined) return known;
    const cell: Cell = { numbers: new Int32Array(), bigs: new BigInt64Array() };
    cells.set(reference, cell);
    if (reference.data !== undefined) bindCell(cell, reference, reference.data, reals);
    return cell;
  };

  const compiled = partsOf(steps).map((parts) => {
    const { target } = parts[0]!;
    for (const e of parts.flatMap((step) => nodesOf(step.value))) {
      if (e.kind !== "load" || e.tensor.data !== undefined || computed.has(e.tensor)) continue;
      if (e.tensor === target) throw new Error(`internal: ${e.tensor.name} is computed from itself`);
      inputs.add(e.tensor);
    }
    if (computed.has(target) || inputs.has(target) || target.data !== undefined)
      throw new Error(`internal: ${target.name} is computed after it is known`);
    computed.add(target);
    return compileTarget(target, parts, reals, cellOf);
  });

  return (given) => {
    for (const reference of inputs) {
      const value = given.get(reference);
      if (value === undefined) throw new Error(`internal: no tensor for ${reference.name}`);
      bindCell(cellOf(reference), reference, value, reals);
    }
    const results = new Map<TensorReference, Tensor>();
    for (const { target, run } of compiled) {
      const result = run();
      results.set(target, result);
      if (cells.has(target)) bindCell(cellOf(target), target, result, reals);
    }
    return results;
  };
}

/** Compiles and runs once. */
export function evaluate(
  steps: readonly Step[],
  inputs: ReadonlyMap<TensorReference, Tensor>,
  options: EvaluateOptions = {},
): ReadonlyMap<TensorReference, Tensor> {
  return compileSteps(steps, options)(inputs);
}

/**
 * A function of one element, in reals, at many points: what tables are made of.
 *
 * @param input the float tensor the steps read, with one element a value
 * @param result the float tensor the last step computes, of as many elements
 */
export function evaluateUnary(
  steps: readonly Step[],
  input: TensorReference,
  result: TensorReference,
  values: ArrayLike<number>,
): Float64Array {
  const points = tensor("f64", input.shape, Float64Array.from(values));
  const data = evaluate(steps, new Map([[input, points]]), { reals: true }).get(result)?.data;
  if (!(data instanceof Float64Array))
    throw new Error(`internal: ${result.name} is no float result of the steps`);
  return data;
}

/** Runs of steps with one target. */
function partsOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const parts: Step[][] = [];
  for (const step of steps)
    if (parts.at(-1)?.[0]!.target === step.target) parts.at(-1)!.push(step);
    else parts.push([step]);
  return parts;
}

function compileTarget(
  target: TensorReference,
  parts: readonly Step[],
  reals: boolean,
  cellOf: (reference: TensorReference) => Cell,
): CompiledTarget {
  checkIndices(target, parts);
  const whole = parts.length === 1 && isIdentity(parts[0]!);
  const once = whole ? undefined : new Uint8Array(elementCount(target.shape));
  const compiled = parts.map((step) => compileStep(step, reals, cellOf, once));
  const element = reals && target.element === "f32" ? "f64" : target.element;
  return {
    target,
    run() {
      once?.fill(0);
      const result = tensor(element, target.shape);
      for (const fill of compiled) fill(result);
      return result;
    },
  };
}

/** Writes a step's elements; `once` tells which were written before. */
function compileStep(
  { target, domain, index, value }: Step,
  reals: boolean,
  cellOf: (reference: TensorReference) => Cell,
  once: Uint8Array | undefined,
): (result: Tensor) => void {
  if (value.type !== scalarTypeOf(target))
    throw new Error(`internal: ${target.name} of ${target.element} is computed in ${value.type}`);
  const space = new IndexSpace();
  const compute = compileExpression(value, domain, { space, cellOf, reals });
  const strides = stridesOf(target.shape);
  const linear = index.reduce((sum, axis, i) => addAffine(sum, scaleAffine(axis, strides[i]!)), affine(0));
  const slot = space.slot(linear);
  const nest = space.nest(domain);

  const forEachElement = (store: Store): void => {
    space.reset();
    for (let outer = 0; outer < nest.outerCount; outer++) {
      for (let inner = 0; inner < nest.innerCount; inner++) {
        const offset = space.slots[slot]!;
        if (once?.[offset] === 1)
          throw new Error(`internal: element ${offset} of ${target.name} is computed twice`);
        if (once !== undefined) once[offset] = 1;
        store(offset);
        nest.step();
      }
      nest.carry();
    }
  };

  if (value.type === "i64") {
    const bigs = compute as BigThunk;
    return (result) => {
      const data = result.data as BigInt64Array;
      forEachElement((offset) => {
        data[offset] = bigs();
      });
    };
  }
  const numbers = compute as NumberThunk;
  const { min, max } = storableRange(target);
  return (result) => {
    const data = result.data as Int32Array;
    forEachElement((offset) => {
      const x = numbers();
      if (x < min || x > max)
        throw new Error(`internal: element ${offset} of ${target.name} is ${x}, beyond ${target.element}`);
      data[offset] = x;
    });
  };
}

/** The domains have as many points as the target has elements, all of them inside. */
function checkIndices(target: TensorReference, parts: readonly Step[]): void {
  const points = parts.reduce((sum, { domain }) => sum + elementCount(domain.map((v) => v.extent)), 0);
  const rank = target.shape.length;
  const strange = parts.find(({ index }) => index.length !== rank);
  if (strange !== undefined || points !== elementCount(target.shape))
    throw new Error(
      `internal: ${points} points of ${strange?.index.length ?? rank} axes cover ${target.name} of [${target.shape.join(", ")}]`,
    );
  for (const { domain, index } of parts) {
    const known = new Set(domain);
    index.forEach((axis, i) => {
      if (!staysInside(axis, target.shape[i]!) || axis.terms.some(({ variable }) => !known.has(variable)))
        throw new Error(`internal: axis ${i} of ${target.name} is written outside its extent or domain`);
    });
  }
}

/** Every axis written by its own variable over its whole extent: nothing can be missed. */
function isIdentity({ target, domain, index }: Step): boolean {
  if (domain.length !== target.shape.length || new Set(domain).size !== domain.length) return false;
  return index.every(({ constant, terms }, i) => {
    const v = domain[i]!;
    if (constant !== 0 || v.extent !== target.shape[i]) return false;
    return terms.length === 1 && terms[0]!.variable === v && terms[0]!.factor === 1;
  });
}

/** What an i32 may be to be stored; u32 elements take all bits of one. Floats take everything. */
function storableRange({ element }: TensorReference): { readonly min: number; readonly max: number } {
  const everything = element === "u32" || element === "f32" || element === "f64" || isBigInteger(element);
  return everything ? { min: -Infinity, max: Infinity } : elementRange(element);
}

/** Puts a tensor's elements into their cell, in the type they are computed in (u32 and u64 by their bits). */
function bindCell(cell: Cell, reference: TensorReference, value: Tensor, reals: boolean): void {
  const { name, element, shape } = reference;
  const widened = reals && element === "f32" && value.element === "f64";
  const sameShape =
    value.shape.length === shape.length && value.shape.every((extent, i) => extent === shape[i]);
  if (!sameShape || (value.element !== element && !widened))
    throw new Error(
      `internal: ${name} is ${element}[${shape.join(", ")}], given ${value.element}[${value.shape.join(", ")}]`,
    );
  if (!stores(value.element, value.data)) throw new Error(`internal: ${name} does not hold ${value.element}`);
  const { data } = value;
  if (data instanceof BigInt64Array) cell.bigs = data;
  else if (data instanceof BigUint64Array) cell.bigs = new BigInt64Array(data);
  else if (data instanceof Float32Array || data instanceof Float64Array || data instanceof Int32Array)
    cell.numbers = data;
  else cell.numbers = new Int32Array(data);
}
