/**
 * RNN, GRU and LSTM, unrolled: the number of steps is known, so a step is a handful of layers and element-wise operations, and no
 * engine knows of recurrence. What a sequence reads of its inputs is computed once for all steps. Code grows with the
 * number of steps; a streaming network runs one step a call and keeps its state outside.
 *
 * States are kept in 16 bits when the network is stored, and so are gates: what is lost in one step goes on to the next. Outputs are
 * values as others, of 8 bits.
 *
 * The formulas are ONNX's, gate by gate:
 *
 *     RNN    H = f(x W + h R + b)
 *     GRU    z = f(x Wz + h Rz + bz)    r = f(x Wr + h Rr + br)    H = (1 - z) g(x Wh + (r h) Rh + bh) + z h
 *            or, with linear_before_reset, g(x Wh + Wbh + r (h Rh + Rbh))
 *     LSTM   i = f(x Wi + h Ri + Pi c + bi)    f = f(x Wf + h Rf + Pf c + bf), or 1 - i with input_forget
 *            C = f c + i g(x Wc + h Rc + bc)   o = f(x Wo + h Ro + Po C + bo)     H = o h(C)
 */
import type { Value } from "../../../ir/graph.ts";
import { concat } from "../../../ops/concat.ts";
import { clip } from "../../../ops/clip.ts";
import { linear } from "../../../ops/linear.ts";
import { matmul } from "../../../ops/matmul.ts";
import { slice } from "../../../ops/slice.ts";
import { wideValue } from "../../../ops/wide-value.ts";
import { elementCount, tensor } from "../../../tensor/tensor.ts";
import type { NodeView } from "../node-view.ts";
import { isKnown } from "../operand.ts";
import { readActivations, type Activation } from "./activations.ts";
import { since, type Converter, type ConverterTable } from "./converter.ts";
import { termsOf, type Terms } from "./terms.ts";

export const recurrent: ConverterTable = {
  GRU: since(
    1,
    recurrence({ gates: 3, activations: ["Sigmoid", "Tanh"], states: 1, cell: gruCell }),
    "unrolled; sequence lengths, all activations, both directions; linear_before_reset since 3; layout since 14",
  ),
  LSTM: since(
    1,
    recurrence({ gates: 4, activations: ["Sigmoid", "Tanh", "Tanh"], states: 2, cell: lstmCell }),
    "unrolled; sequence lengths, all activations, both directions, peepholes; layout since 14",
  ),
  RNN: since(
    1,
    recurrence({ gates: 1, activations: ["Tanh"], states: 1, cell: rnnCell }),
    "unrolled; sequence lengths, all activations, both directions; layout since 14",
  ),
};

interface Kind {
  readonly gates: number;
  readonly activations: readonly string[];
  /** 2 with a cell state. */
  readonly states: 1 | 2;
  readonly cell: (direction: Direction) => Cell;
}

/** The states after a step, from what the step reads of the input, [N, G * H], and the states before it. */
type Cell = (projected: Value, states: readonly Value[]) => readonly Value[];

/** One direction of a node. */
interface Direction {
  readonly node: NodeView;
  readonly t: Terms;
  readonly number: number;
  readonly hidden: number;
  readonly activations: readonly Activation[];
  /** Limits what goes into an activation. */
  readonly limit: (x: Value) => Value;
}

/** Sizes and inputs in ONNX's default layout, [T, N, I]. */
interface Sequence {
  readonly input: Value;
  readonly steps: number;
  readonly batch: number;
}

function recurrence(kind: Kind): Converter {
  return (node) => {
    const { attributes } = node;
    const byBatch = attributes.flag("layout") ?? false;
    const word = attributes.string("direction") ?? "forward";
    if (!["forward", "reverse", "bidirectional"].includes(word))
      node.fail("onnx-attribute", `has direction '${word}', expected forward, reverse or bidirectional`);
    const directions = word === "bidirectional" ? 2 : 1;
    const hidden = node.shape(2)[2]!;
    const declared = attributes.int("hidden_size") ?? hidden;
    if (declared !== hidden)
      node.fail("onnx-attribute", `has hidden_size ${declared}, expected the ${hidden} of its weights`);
    attributes.ignore("output_sequence");
    const activations = readActivations(node, kind.activations, directions);
    const bound = attributes.float("clip");
    const limit = (input: Value): Value =>
      bound === undefined ? input : node.create(clip, { input }, { min: -bound, max: bound });

    const input = byBatch ? node.transpose(node.value(0), [1, 0, 2]) : node.value(0);
    const [steps, batch] = input.type.shape as [number, number];
    const sequence = { input, steps, batch };
    const results = Array.from({ length: directions }, (_, number) => {
      const own = activations.slice(number * kind.activations.length, (number + 1) * kind.activations.length);
      const direction = { node, t: termsOf(node), number, hidden, activations: own, limit };
      const backwards = word === "reverse" || number === 1;
      return runDirection(direction, kind, sequence, backwards, byBatch);
    });
    return arranged(node, results, sequence, hidden, byBatch);
  };
}

interface DirectionResult {
  /** By time, [N, H] each. */
  readonly outputs: readonly Value[];
  readonly states: readonly Value[];
}

function runDirection(
  direction: Direction,
  kind: Kind,
  { input, steps, batch }: Sequence,
  backwards: boolean,
  byBatch: boolean,
): DirectionResult {
  const { node, t, hidden, number } = direction;
  const rows = node.reshape(input, [steps * batch, input.type.shape[2]!]);
  const projected = project(direction, rows, 1, 0, kind.gates, inputBias(direction, kind.gates));
  const cell = kind.cell(direction);
  const initial = (index: number): Value => {
    if (!node.has(index)) return node.constant(tensor("f32", [batch, hidden]), "zeros");
    const given = byBatch ? node.transpose(node.value(index), [1, 0, 2]) : node.value(index);
    return wide(node, node.reshape(part(node, given, 0, number, 1), [batch, hidden]));
  };
  const lengths = node.has(4) ? node.reshape(node.value(4), [batch, 1]) : undefined;
  const outputs: Value[] = [];
  let states: readonly Value[] = kind.states === 2 ? [initial(5), initial(6)] : [initial(5)];
  for (let i = 0; i < steps; i++) {
    const time = backwards ? steps - 1 - i : i;
    const next = cell(part(node, projected, 0, time * batch, batch), states);
    if (lengths === undefined) {
      states = next.map((state) => wide(node, state));
      outputs[time] = next[0]!;
      continue;
    }
    // Beyond a sequence's end its states stand still and its output is zero.
    const runs = t.isLess(node.constant(tensor("i32", [], [time]), "time"), t.as("i32", lengths));
    outputs[time] = t.when(runs, next[0]!, 0);
    states = next.map((state, s) => wide(node, t.when(runs, state, states[s]!)));
  }
  return { outputs, states };
}

const wide = (node: NodeView, input: Value): Value => node.create(wideValue, { input }, {});

/** count entries of an axis from a place on. */
function part(node: NodeView, input: Value, axis: number, start: number, count: number): Value {
  if (start === 0 && input.type.shape[axis] === count) return input;
  return node.create(slice, { input }, { starts: [start], ends: [start + count], axes: [axis], steps: [1] });
}

/** x times gates of a weight [D, G * H, K], transposed; a layer where the weight is known. */
function project(
  { node, t, number, hidden }: Direction,
  x: Value,
  index: number,
  gate: number,
  gates: number,
  bias?: Value,
): Value {
  const shape = node.shape(index);
  const depth = shape[2]!;
  const [from, count] = [gate * hidden, gates * hidden];
  const operand = node.operand(index);
  if (isKnown(operand) && operand.tensor.element === "f32") {
    const first = (number * shape[1]! + from) * depth;
    const data = (operand.tensor.data as Float32Array).slice(first, first + count * depth);
    const weight = node.constant(tensor("f32", [count, depth], data), "weight");
    return node.create(linear, { input: x, weight, ...(bias === undefined ? {} : { bias }) }, {});
  }
  const own = part(node, part(node, node.value(index), 0, number, 1), 1, from, count);
  const b = node.transpose(node.reshape(own, [count, depth]), [1, 0]);
  const product = node.create(matmul, { a: x, b }, {});
  return bias === undefined ? product : t.plus(product, bias);
}

/** Entries of the bias [D, 2 * G * H]: those of the input first, then the recurrent ones. */
function biasOf({ node, number, hidden }: Direction, entry: number, count: number): Value | undefined {
  if (!node.has(3)) return undefined;
  const operand = node.operand(3);
  const [from, length] = [entry * hidden, count * hidden];
  if (isKnown(operand) && operand.tensor.element === "f32") {
    const first = number * node.shape(3)[1]! + from;
    const data = (operand.tensor.data as Float32Array).slice(first, first + length);
    return node.constant(tensor("f32", [length], data), "bias");
  }
  return node.reshape(part(node, part(node, node.value(3), 0, number, 1), 1, from, length), [length]);
}

/** What both biases add, but for the last gate of a GRU, whose recurrent bias the reset gate may scale. */
function inputBias(direction: Direction, gates: number): Value | undefined {
  const own = biasOf(direction, 0, gates);
  if (own === undefined) return undefined;
  const recurrentBias = biasOf(direction, gates, gates)!;
  if (gates !== 3) return direction.t.plus(own, recurrentBias);
  const { node, hidden } = direction;
  const mask = tensor(
    "f32",
    [3 * hidden],
    Array.from({ length: 3 * hidden }, (_, i) => Number(i < 2 * hidden)),
  );
  return direction.t.plus(own, direction.t.times(recurrentBias, node.constant(mask, "gates")));
}

function rnnCell(direction: Direction): Cell {
  const { t, activations, limit } = direction;
  return (x, [h]) => [activations[0]!(limit(t.plus(x, project(direction, h!, 2, 0, 1))))];
}

function gruCell(direction: Direction): Cell {
  const { node, t, hidden, activations, limit } = direction;
  const resetsAfter = node.attributes.flag("linear_before_reset") ?? false;
  const gate = (x: Value, number: number): Value => part(node, x, 1, number * hidden, hidden);
  return (x, [h]) => {
    const recurrentPart = project(direction, h!, 2, 0, 2);
    const sums = (number: number): Value => limit(t.plus(gate(x, number), gate(recurrentPart, number)));
    const [update, reset] = [activations[0]!(sums(0)), activations[0]!(sums(1))];
    const bias = biasOf(direction, 5, 1);
    const hiddenPart = resetsAfter
      ? t.times(reset, project(direction, h!, 2, 2, 1, bias))
      : project(direction, wide(node, t.times(reset, h!)), 2, 2, 1, bias);
    const candidate = activations[1]!(limit(t.plus(gate(x, 2), hiddenPart)));
    return [t.plus(t.times(t.minus(1, update), candidate), t.times(update, h!))];
  };
}

/** Gates lie in the order input, output, forget, cell; peepholes in the order input, output, forget. */
function lstmCell(direction: Direction): Cell {
  const { node, t, hidden, number, activations, limit } = direction;
  const forgets = node.attributes.flag("input_forget") ?? false;
  const [f, g, h] = activations as [Activation, Activation, Activation];
  const peephole = (gateNumber: number, state: Value, sum: Value): Value => {
    if (!node.has(7)) return sum;
    const own = part(node, part(node, node.value(7), 0, number, 1), 1, gateNumber * hidden, hidden);
    return t.plus(sum, t.times(node.reshape(own, [hidden]), state));
  };
  return (x, [state, cell]) => {
    const all = t.plus(x, project(direction, state!, 2, 0, 4));
    const gate = (gateNumber: number): Value => part(node, all, 1, gateNumber * hidden, hidden);
    const input = f(limit(peephole(0, cell!, gate(0))));
    const forget = forgets ? t.minus(1, input) : f(limit(peephole(2, cell!, gate(2))));
    const next = t.plus(t.times(forget, cell!), t.times(input, g(limit(gate(3)))));
    const output = f(limit(peephole(1, next, gate(1))));
    return [t.times(output, h(next)), next];
  };
}

/** Y is [T, D, N, H] and states are [D, N, H]; by batch, [N, T, D, H] and [N, D, H]. */
function arranged(
  node: NodeView,
  results: readonly DirectionResult[],
  { steps, batch }: Sequence,
  hidden: number,
  byBatch: boolean,
): Value[] {
  const joined = (values: readonly Value[], shape: readonly number[]): Value => {
    const rows = values.map((value) => node.reshape(value, [1, elementCount([batch, hidden])]));
    const all = rows.length === 1 ? rows[0]! : node.create(concat, { inputs: rows }, { axis: 0 });
    return node.reshape(all, shape);
  };
  const byTime = Array.from({ length: steps }, (_, time) =>
    results.map(({ outputs }) => outputs[time]!),
  ).flat();
  const sequence = joined(byTime, [steps, results.length, batch, hidden]);
  const states = results[0]!.states.map((_, s) =>
    joined(
      results.map((result) => result.states[s]!),
      [results.length, batch, hidden],
    ),
  );
  if (!byBatch) return [sequence, ...states];
  return [node.transpose(sequence, [2, 0, 1, 3]), ...states.map((state) => node.transpose(state, [1, 0, 2]))];
}
