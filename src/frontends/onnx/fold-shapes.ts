/**
 * Shape arithmetic. Exporters compute the shapes of reshapes, slices and pads by small networks of integer operators; with
 * every input shape fixed, all of that is known at compile time, and is evaluated here, so that none of it reaches the graph.
 *
 * A row is used when all inputs of its node are known. It gives undefined where the tensors are not its concern: real
 * arithmetic on weights belongs to the graph, where a pass folds it. Integers are computed exactly and wrapped to
 * their width, as ONNX's reference does. Every result is accounted for (`reserve`).
 */
import { broadcastPosition, broadcastShape } from "../../ops/broadcasting.ts";
import { reducedPosition } from "../../ops/reductions.ts";
import {
  elementSizeBytes,
  isBigInteger,
  isFloat,
  isSigned,
  type ElementType,
} from "../../tensor/element-type.ts";
import {
  allocate,
  elementCount,
  saturatedNumbersOf,
  stridesOf,
  tensor,
  type Tensor,
} from "../../tensor/tensor.ts";
import { reductionAxes } from "./converters/reduction.ts";
import { castElement } from "./converters/logic.ts";
import { sliceRange } from "./converters/shape.ts";
import { axisAt, type NodeView } from "./node-view.ts";

export type FoldRow = (node: NodeView) => Tensor | undefined;

export const folds: Readonly<Record<string, FoldRow>> = {
  Add: arithmetic((a, b) => a + b),
  And: arithmetic((a, b) => a & b),
  Cast: foldCast,
  Concat: foldConcat,
  ConstantOfShape: foldConstantOfShape,
  Div: arithmetic((a, b) => a / b),
  Equal: comparison((a, b) => a === b),
  Expand: foldExpand,
  Gather: foldGather,
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Max: arithmetic((a, b) => (a > b ? a : b)),
  Min: arithmetic((a, b) => (a < b ? a : b)),
  Mul: arithmetic((a, b) => a * b),
  Neg: (node) => (isWhole(node) ? mapped(node, (x) => -x) : undefined),
  Abs: (node) => (isWhole(node) ? mapped(node, (x) => (x < 0n ? -x : x)) : undefined),
  Or: arithmetic((a, b) => a | b),
  Xor: arithmetic((a, b) => a ^ b),
  Not: (node) => (isWhole(node) ? mapped(node, (x) => (x === 0n ? 1n : 0n)) : undefined),
  Range: foldRange,
  ReduceMax: reduction((a, b) => (a > b ? a : b)),
  ReduceMin: reduction((a, b) => (a < b ? a : b)),
  ReduceProd: reduction((a, b) => a * b),
  ReduceSum: reduction((a, b) => a + b),
  Slice: foldSlice,
  Sub: arithmetic((a, b) => a - b),
  Where: foldWhere,
};

/** Rounds towards zero for integers, which bigint's division does. */
type Integer = (a: bigint, b: bigint) => bigint;

const known = (node: NodeView, index: number): Tensor => node.known(index, `input ${index}`);

const wholeNumbers = ({ data }: Tensor): bigint[] => Array.from(data as Int32Array, BigInt);

const isWhole = (node: NodeView): boolean =>
  node.operands.every((_, index) => !node.has(index) || !isFloat(known(node, index).element));

/** Wrapped to the element's width. */
function fromWhole(element: ElementType, shape: readonly number[], values: readonly bigint[]): Tensor {
  const bits = 8 * elementSizeBytes(element);
  const wrap = (x: bigint): bigint => (isSigned(element) ? BigInt.asIntN(bits, x) : BigInt.asUintN(bits, x));
  if (element === "bool") return tensor(element, shape, values.map(Number));
  return isBigInteger(element)
    ? tensor(element, shape, values.map(wrap))
    : tensor(
        element,
        shape,
        values.map((x) => Number(wrap(x))),
      );
}

/** Elements of `from` in another arrangement: `position` says where element i of the result comes from. */
function picked(
  node: NodeView,
  from: Tensor,
  shape: readonly number[],
  position: (i: number) => number,
): Tensor {
  const data = allocate(from.element, node.reserve(shape)) as Float64Array;
  const source = from.data as Float64Array;
  for (let i = 0; i < data.length; i++) data[i] = source[position(i)]!;
  return tensor(from.element, shape, data);
}

function mapped(node: NodeView, change: (x: bigint) => bigint): Tensor {
  const x = known(node, 0);
  return fromWhole(x.element, x.shape, wholeNumbers(x).map(change));
}

function commonShape(node: NodeView, ...tensors: readonly Tensor[]): number[] {
  const refuse = (code: string, message: string): never => node.fail(code, message);
  return tensors.map(({ shape }) => [...shape]).reduce((a, b) => broadcastShape(a, b, refuse));
}

/** Element-wise on broadcast integers; bools are 0 and 1. */
function combined(node: NodeView, a: Tensor, b: Tensor, element: ElementType, of: Integer): Tensor {
  const shape = commonShape(node, a, b);
  const [left, right] = [wholeNumbers(a), wholeNumbers(b)];
  const values = Array.from({ length: node.reserve(shape) }, (_, i) =>
    of(left[broadcastPosition(a.shape, shape, i)]!, right[broadcastPosition(b.shape, shape, i)]!),
  );
  return fromWhole(element, shape, values);
}

function arithmetic(of: Integer): FoldRow {
  return (node) => {
    if (!isWhole(node) || node.opset < 7) return undefined;
    const tensors = node.operands.map((_, index) => known(node, index));
    if (node.node.opType === "Div" && wholeNumbers(known(node, 1)).includes(0n))
      node.fail("onnx-weights", "divides an integer by zero");
    return tensors.reduce((a, b) => combined(node, a, b, a.element, of));
  };
}

function comparison(of: (a: bigint, b: bigint) => boolean): FoldRow {
  return (node) =>
    isWhole(node) && node.opset >= 7
      ? combined(node, known(node, 0), known(node, 1), "bool", (a, b) => (of(a, b) ? 1n : 0n))
      : undefined;
}

function reduction(of: Integer): FoldRow {
  return (node) => {
    const x = known(node, 0);
    const axes = reductionAxes(node)?.map((axis) => axisAt(node, axis, x.shape.length));
    if (isFloat(x.element)) return undefined;
    const keepdims = node.attributes.flag("keepdims") ?? true;
    if (axes === undefined || axes.length === 0) return x;
    const shape = x.shape.flatMap((n, axis) => (!axes.includes(axis) ? [n] : keepdims ? [1] : []));
    const results: bigint[] = [];
    wholeNumbers(x).forEach((value, i) => {
      const place = reducedPosition(x.shape, axes, i);
      const before = results[place];
      results[place] = before === undefined ? value : of(before, value);
    });
    if (results.length < elementCount(shape)) node.fail("operand-shape", "reduces a tensor without elements");
    return fromWhole(x.element, shape, results);
  };
}

/** Reals to integers towards zero. */
function foldCast(node: NodeView): Tensor {
  const x = known(node, 0);
  const to = castElement(node);
  const { shape } = x;
  if (to === x.element) return x;
  if (to !== "bool" && !isFloat(to) && !isFloat(x.element)) return fromWhole(to, shape, wholeNumbers(x));
  const values = saturatedNumbersOf(x);
  if (to === "bool" || isFloat(to)) return tensor(to, shape, Float64Array.from(values));
  const odd = values.findIndex((v) => !Number.isFinite(v));
  if (odd >= 0) node.fail("onnx-cast", `casts ${values[odd]!} to ${to}`);
  const whole = Array.from(values, (v) => BigInt(Math.trunc(v)));
  return fromWhole(to, shape, whole);
}

function foldConcat(node: NodeView): Tensor {
  const tensors = node.operands.map((_, index) => known(node, index));
  const [first] = tensors as [Tensor];
  const { attributes } = node;
  const given = attributes.int("axis") ?? (node.opset < 4 ? 1 : undefined);
  const axis = axisAt(node, attributes.required("axis", given), first.shape.length);
  for (const { shape, element } of tensors)
    if (element !== first.element || shape.some((n, i) => i !== axis && n !== first.shape[i]))
      node.fail(
        "operand-shape",
        `joins [${first.shape.join(", ")}] and [${shape.join(", ")}] along axis ${axis}`,
      );
  const extents = tensors.map(({ shape }) => shape[axis]!);
  const shape = first.shape.with(
    axis,
    extents.reduce((sum, n) => sum + n, 0),
  );
  const data = allocate(first.element, node.reserve(shape)) as Float64Array;
  const inner = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  let place = 0;
  for (let i = 0; i < outer; i++)
    tensors.forEach((part, t) => {
      const run = extents[t]! * inner;
      data.set((part.data as Float64Array).subarray(i * run, (i + 1) * run), place);
      place += run;
    });
  return tensor(first.element, shape, data);
}

const shapeFrom = (node: NodeView, index: number): readonly number[] => {
  const shape = Array.from(saturatedNumbersOf(known(node, index)));
  const wrong = shape.find((extent) => extent < 0);
  return wrong === undefined ? shape : node.fail("operand-shape", `has the shape [${shape.join(", ")}]`);
};

function foldConstantOfShape(node: NodeView): Tensor {
  const shape = shapeFrom(node, 0);
  const value = node.attributes.tensor("value") ?? tensor("f32", [1]);
  const data = allocate(value.element, node.reserve(shape)) as Float64Array;
  return tensor(value.element, shape, data.fill((value.data as Float64Array)[0]!));
}

function foldExpand(node: NodeView): Tensor {
  const x = known(node, 0);
  const shape = commonShape(node, x, { ...x, shape: shapeFrom(node, 1) });
  return picked(node, x, shape, (i) => broadcastPosition(x.shape, shape, i));
}

function foldGather(node: NodeView): Tensor {
  const x = known(node, 0);
  const indices = known(node, 1);
  const axis = axisAt(node, node.attributes.int("axis") ?? 0, x.shape.length);
  const extent = x.shape[axis]!;
  const list = Array.from(saturatedNumbersOf(indices), (index) => (index < 0 ? index + extent : index));
  const outside = list.find((index) => index < 0 || index >= extent);
  if (outside !== undefined)
    node.fail("onnx-axis", `gathers entry ${outside} of axis ${axis}, expected one of ${extent}`);
  const inner = elementCount(x.shape.slice(axis + 1));
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return picked(node, x, shape, (i) => {
    const row = Math.floor(i / inner);
    const outer = Math.floor(row / list.length);
    return (outer * extent + list[row % list.length]!) * inner + (i % inner);
  });
}

/** start, start + delta, … before limit. */
function foldRange(node: NodeView): Tensor {
  const [start, limit, delta] = [0, 1, 2].map((index) => Number(known(node, index).data[0])) as [
    number,
    number,
    number,
  ];
  const { element } = known(node, 0);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isSafeInteger(count)) node.fail("onnx-weights", `has a delta of ${delta}, expected another`);
  node.reserve([count]);
  const values = Array.from({ length: count }, (_, i) => start + i * delta);
  return isFloat(element)
    ? tensor(element, [count], values)
    : fromWhole(element, [count], values.map(BigInt));
}

function foldSlice(node: NodeView): Tensor {
  const x = known(node, 0);
  const { starts, ends, axes, steps } = sliceRange(node);
  const firsts = x.shape.map(() => 0);
  const strides = x.shape.map(() => 1);
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    const [extent, step] = [x.shape[axis]!, steps[i] ?? 1];
    if (step === 0) node.fail("onnx-attribute", "has a step of 0, expected another");
    const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
    const limited = (at: number): number => Math.max(low, Math.min(high, at < 0 ? at + extent : at));
    firsts[axis] = limited(starts[i]!);
    strides[axis] = step;
    shape[axis] = Math.max(0, Math.ceil((limited(ends[i] ?? extent) - firsts[axis]) / step));
  });
  const [from, to] = [stridesOf(x.shape), stridesOf(shape)];
  return picked(node, x, shape, (i) =>
    shape.reduce((place, extent, axis) => {
      const at = Math.floor(i / to[axis]!) % extent;
      return place + (firsts[axis]! + at * strides[axis]!) * from[axis]!;
    }, 0),
  );
}

function foldWhere(node: NodeView): Tensor {
  const [condition, yes, no] = [0, 1, 2].map((index) => known(node, index)) as [Tensor, Tensor, Tensor];
  if (yes.element !== no.element)
    node.fail("operand-type", `chooses between ${yes.element} and ${no.element}`);
  const shape = commonShape(node, condition, yes, no);
  const data = allocate(yes.element, node.reserve(shape)) as Float64Array;
  for (let i = 0; i < data.length; i++) {
    const chosen = condition.data[broadcastPosition(condition.shape, shape, i)] ? yes : no;
    data[i] = (chosen.data as Float64Array)[broadcastPosition(chosen.shape, shape, i)]!;
  }
  return tensor(yes.element, shape, data);
}
