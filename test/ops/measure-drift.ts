/**
 * How far a recurrent network of integers strays from the same network in doubles, with the same weights, while state is carried for
 * many steps: the farthest of the output, in its steps of 8 bits, and of each state, in the float network's own units.
 */
import { createInterpreter, interpret } from "../../src/exec/interpreter.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { loadModel } from "../../src/driver/model.ts";
import { onnxBytes } from "../frontends/onnx/networks.ts";
import {
  inputs as width,
  recurrentNetwork,
  sequence,
  statesOf,
  type RecurrentKind,
} from "../driver/recurrent-networks.ts";
import { asReals, farthest, store } from "./measure-integer-error.ts";

export interface Drift {
  /** In steps of the output. */
  readonly output: number;
  /** In 2^-8 of the float network's units. */
  readonly state: number;
}

const stepsOf = (values: Tensor): Tensor[] =>
  Array.from({ length: values.shape[0]! }, (_, n) =>
    tensor("f32", [1, 1, width], (values.data as Float32Array).slice(n * width, (n + 1) * width)),
  );

const network = (kind: RecurrentKind) =>
  loadModel({ file: "net.onnx", bytes: onnxBytes(recurrentNetwork(kind)), states: statesOf(kind) }).graph;

/** Inputs of a run of the float network, states included, to calibrate with. */
function statefulSamples(kind: RecurrentKind, steps: readonly Tensor[]): Tensor[][] {
  const graph = network(kind);
  let states = graph.carried.map(({ input }) => tensor("f32", input.type.shape));
  return steps.map((x) => {
    const sample = [x, ...states];
    states = interpret(graph, sample).slice(-states.length);
    return sample;
  });
}

/** The farthest within each of the given stretches of steps. */
export async function measureDrift(
  kind: RecurrentKind,
  steps: number,
  stretches: readonly (readonly [number, number])[],
): Promise<Drift[]> {
  const samples = statefulSamples(kind, stepsOf(sequence(11, 300)));
  const { graph, meaning } = await store(network(kind), samples, new Map());
  const types = graph.inputs.map(({ type }) => type);
  const { scale, zero } = types[0]!.quantization!;
  const interpreter = createInterpreter(graph);
  const drifts = stretches.map(() => ({ output: 0, state: 0 }));
  let stored = types.slice(1).map(({ element, shape }) => tensor(element, shape));
  let reals: readonly Tensor[] = types.slice(1).map(({ shape }) => tensor("f64", shape));
  stepsOf(sequence(77, steps)).forEach((x, n) => {
    const q = Array.from(numbersOf(x), (v) => quantizeValue(v, scale[0]!, zero[0]!, -128, 127));
    const integers = tensor("i8", x.shape, q);
    const [input] = asReals([[integers]], types)[0]!;
    const [y, ...next] = interpreter.run([integers, ...stored]);
    const [wanted, ...wantedNext] = meaning([input!, ...reals]);
    const state = next.map((value, s) => {
      const type = graph.outputs[s + 1]!.type;
      return farthest(value, type, wantedNext[s]!) * type.quantization!.scale[0]! * 256;
    });
    stretches.forEach(([first, last], i) => {
      if (n < first || n >= last) return;
      const drift = drifts[i]!;
      drift.output = Math.max(drift.output, farthest(y!, graph.outputs[0]!.type, wanted!));
      drift.state = Math.max(drift.state, ...state);
    });
    [stored, reals] = [next, wantedNext];
  });
  return drifts;
}
