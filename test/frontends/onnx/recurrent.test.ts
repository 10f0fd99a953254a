/**
 * RNN, GRU and LSTM with all their attributes against the formulas of ONNX's specification, written once more as loops over doubles:
 * directions, layouts, clips, lengths of sequences, peepholes, initial states, input_forget, linear_before_reset, other activations.
 */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../src/pass/random.ts";
import { interpret } from "../../../src/exec/interpreter.ts";
import { elementCount, numbersOf, tensor, type Tensor } from "../../../src/tensor/tensor.ts";
import { f32, importNetwork, type AttributeValue } from "./networks.ts";

type Kind = "RNN" | "GRU" | "LSTM";

interface Case {
  readonly kind: Kind;
  readonly direction?: "forward" | "reverse" | "bidirectional";
  readonly byBatch?: boolean;
  readonly clip?: number;
  readonly lengths?: readonly number[];
  readonly bias?: boolean;
  readonly initial?: boolean;
  readonly peepholes?: boolean;
  readonly inputForget?: boolean;
  readonly linearBeforeReset?: boolean;
  readonly activations?: readonly string[];
}

const [T, N, I, H] = [4, 3, 2, 3];
const gatesOf: Readonly<Record<Kind, number>> = { RNN: 1, GRU: 3, LSTM: 4 };
const usual: Readonly<Record<Kind, readonly string[]>> = {
  RNN: ["Tanh"],
  GRU: ["Sigmoid", "Tanh"],
  LSTM: ["Sigmoid", "Tanh", "Tanh"],
};

const functions: Readonly<Record<string, (x: number) => number>> = {
  Tanh: Math.tanh,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Relu: (x) => Math.max(0, x),
  Softsign: (x) => x / (1 + Math.abs(x)),
};

const cases: readonly Case[] = [
  ...(["RNN", "GRU", "LSTM"] as const).flatMap((kind): Case[] => [
    { kind },
    { kind, bias: true, initial: true },
    { kind, direction: "reverse", bias: true },
    { kind, direction: "bidirectional", bias: true, initial: true },
    { kind, byBatch: true, bias: true, initial: true },
    { kind, direction: "bidirectional", byBatch: true, initial: true },
    { kind, clip: 0.4, bias: true },
    { kind, lengths: [4, 1, 2], bias: true, initial: true },
    { kind, lengths: [2, 4, 3], direction: "bidirectional" },
    { kind, activations: usual[kind].map((_, i) => ["Relu", "Softsign", "Sigmoid"][i]!) },
  ]),
  { kind: "GRU", linearBeforeReset: true, bias: true, initial: true },
  { kind: "GRU", linearBeforeReset: true, direction: "bidirectional", bias: true, clip: 0.5 },
  { kind: "LSTM", peepholes: true, bias: true, initial: true },
  { kind: "LSTM", peepholes: true, direction: "bidirectional", clip: 0.6 },
  { kind: "LSTM", inputForget: true, bias: true },
  { kind: "LSTM", inputForget: true, peepholes: true, byBatch: true },
];

interface Data {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly r: Tensor;
  readonly b: Tensor;
  readonly h: Tensor;
  readonly c: Tensor;
  readonly p: Tensor;
}

function dataOf({ kind, direction, byBatch = false }: Case): Data {
  const random = createRandom(3);
  const D = direction === "bidirectional" ? 2 : 1;
  const G = gatesOf[kind];
  const of = (...shape: number[]): Tensor =>
    f32(
      shape,
      Array.from({ length: elementCount(shape) }, () => 2 * random.uniform() - 1),
    );
  const state = byBatch ? [N, D, H] : [D, N, H];
  return {
    x: byBatch ? of(N, T, I) : of(T, N, I),
    w: of(D, G * H, I),
    r: of(D, G * H, H),
    b: of(D, 2 * G * H),
    h: of(...state),
    c: of(...state),
    p: of(D, 3 * H),
  };
}

/** Y as [T, D, N, H], the last states as [D, N, H]. */
function reference(c: Case, data: Data): { y: number[]; h: number[]; c: number[] } {
  const D = c.direction === "bidirectional" ? 2 : 1;
  const G = gatesOf[c.kind];
  const [f, g, k] = (c.activations ?? usual[c.kind]).map((name) => functions[name]!);
  const limit = (v: number): number => (c.clip === undefined ? v : Math.max(-c.clip, Math.min(c.clip, v)));
  const read = (t: Tensor) => numbersOf(t);
  const stateAt = (t: Tensor, d: number, n: number, i: number): number =>
    read(t)[c.byBatch === true ? (n * D + d) * H + i : (d * N + n) * H + i]!;
  const xAt = (t: number, n: number, i: number): number =>
    read(data.x)[c.byBatch === true ? (n * T + t) * I + i : (t * N + n) * I + i]!;
  const bias = (d: number, at: number): number => (c.bias === true ? read(data.b)[d * 2 * G * H + at]! : 0);
  const y = new Array<number>(T * D * N * H).fill(0);
  const [lastH, lastC] = [new Array<number>(D * N * H).fill(0), new Array<number>(D * N * H).fill(0)];
  for (let d = 0; d < D; d++)
    for (let n = 0; n < N; n++) {
      const length = c.lengths?.[n] ?? T;
      let h = Array.from({ length: H }, (_, i) => (c.initial === true ? stateAt(data.h, d, n, i) : 0));
      let cell = Array.from({ length: H }, (_, i) => (c.initial === true ? stateAt(data.c, d, n, i) : 0));
      const reverse = c.direction === "reverse" || d === 1;
      for (let step = 0; step < T; step++) {
        // A reversed sequence of its own length begins at its own end.
        const t = reverse ? T - 1 - step : step;
        if (t >= length) continue;
        const fromX = (gate: number, i: number): number =>
          Array.from(
            { length: I },
            (_, j) => xAt(t, n, j) * read(data.w)[(d * G * H + gate * H + i) * I + j]!,
          ).reduce((a, b) => a + b, bias(d, gate * H + i));
        const fromH = (gate: number, i: number, state: readonly number[]): number =>
          state
            .map((v, j) => v * read(data.r)[(d * G * H + gate * H + i) * H + j]!)
            .reduce((a, b) => a + b, bias(d, (G + gate) * H + i));
        const peep = (which: number, i: number, v: number): number =>
          c.peepholes === true ? read(data.p)[d * 3 * H + which * H + i]! * v : 0;
        const each = (of: (i: number) => number): number[] => Array.from({ length: H }, (_, i) => of(i));
        if (c.kind === "RNN") h = each((i) => f!(limit(fromX(0, i) + fromH(0, i, h))));
        else if (c.kind === "GRU") {
          const before = h;
          const z = each((i) => f!(limit(fromX(0, i) + fromH(0, i, before))));
          const r = each((i) => f!(limit(fromX(1, i) + fromH(1, i, before))));
          const gated = before.map((v, i) => v * r[i]!);
          const candidate = each((i) =>
            g!(
              limit(
                fromX(2, i) +
                  (c.linearBeforeReset === true ? r[i]! * fromH(2, i, before) : fromH(2, i, gated)),
              ),
            ),
          );
          h = each((i) => (1 - z[i]!) * candidate[i]! + z[i]! * before[i]!);
        } else {
          const [before, old] = [h, cell];
          const input = each((i) => f!(limit(fromX(0, i) + fromH(0, i, before) + peep(0, i, old[i]!))));
          const forget = each((i) =>
            c.inputForget === true
              ? 1 - input[i]!
              : f!(limit(fromX(2, i) + fromH(2, i, before) + peep(2, i, old[i]!))),
          );
          const next = each(
            (i) => forget[i]! * old[i]! + input[i]! * g!(limit(fromX(3, i) + fromH(3, i, before))),
          );
          const output = each((i) => f!(limit(fromX(1, i) + fromH(1, i, before) + peep(1, i, next[i]!))));
          cell = next;
          h = each((i) => output[i]! * k!(next[i]!));
        }
        h.forEach((v, i) => (y[((t * D + d) * N + n) * H + i] = v));
      }
      h.forEach((v, i) => (lastH[(d * N + n) * H + i] = v));
      cell.forEach((v, i) => (lastC[(d * N + n) * H + i] = v));
    }
  return { y, h: lastH, c: lastC };
}

/** [T, D, N, H] as [N, T, D, H]. */
function sequenceByBatch(y: readonly number[], D: number): number[] {
  const out: number[] = [];
  for (let n = 0; n < N; n++)
    for (let t = 0; t < T; t++)
      for (let d = 0; d < D; d++) for (let i = 0; i < H; i++) out.push(y[((t * D + d) * N + n) * H + i]!);
  return out;
}

/** [D, N, H] as [N, D, H]. */
const stateByBatch = (s: readonly number[], D: number): number[] =>
  Array.from({ length: N }, (_, n) =>
    Array.from({ length: D }, (_, d) => s.slice((d * N + n) * H, (d * N + n + 1) * H)).flat(),
  ).flat();

const words = (c: Case): string =>
  Object.entries(c)
    .map(([key, value]) =>
      key === "kind" ? String(value) : value === true ? key : `${key} ${String(value)}`,
    )
    .join(", ");

describe.each(cases.map((c) => [words(c), c] as const))("%s", (_, c) => {
  const data = dataOf(c);
  const D = c.direction === "bidirectional" ? 2 : 1;
  const attributes: Record<string, AttributeValue> = {
    hidden_size: H,
    ...(c.direction === undefined ? {} : { direction: c.direction }),
    ...(c.byBatch === true ? { layout: 1 } : {}),
    ...(c.clip === undefined ? {} : { clip: { float: c.clip } }),
    ...(c.inputForget === true ? { input_forget: 1 } : {}),
    ...(c.linearBeforeReset === true ? { linear_before_reset: 1 } : {}),
    ...(c.activations === undefined ? {} : { activations: c.activations }),
  };
  const states = c.kind === "LSTM" ? ["h", "c"] : ["h"];
  const wanted = reference(c, data);

  test.each([
    ["weights known", ["x"]],
    ["weights given", ["x", "w", "r", "b", "h", "c", "p"]],
  ] as const)("%s", (_name, given) => {
    const used: Record<string, Tensor> = {
      x: data.x,
      w: data.w,
      r: data.r,
      ...(c.bias === true ? { b: data.b } : {}),
      ...(c.lengths === undefined ? {} : { l: tensor("i32", [N], c.lengths) }),
      ...(c.initial === true ? { h: data.h, ...(c.kind === "LSTM" ? { c: data.c } : {}) } : {}),
      ...(c.peepholes === true ? { p: data.p } : {}),
    };
    const place = (name: string): string => (name in used ? name : "");
    const all = ["x", "w", "r", place("b"), place("l"), place("h"), place("c"), place("p")];
    while (all.at(-1) === "") all.pop();
    const graphInputs = Object.keys(used).filter((name) => (given as readonly string[]).includes(name));
    const { graph } = importNetwork({
      opset: 14,
      nodes: [{ op: c.kind, in: all, out: ["y", ...states.map((name) => `y_${name}`)], attributes }],
      inputs: Object.fromEntries(graphInputs.map((name) => [name, used[name]!.shape])),
      initializers: Object.fromEntries(Object.entries(used).filter(([name]) => !graphInputs.includes(name))),
      outputs: ["y", ...states.map((name) => `y_${name}`)],
    });
    const found = interpret(
      graph,
      graphInputs.map((name) => used[name]!),
    ).map((t) => Array.from(numbersOf(t)));
    const near = (a: readonly number[], b: readonly number[]): void => {
      expect(a).toHaveLength(b.length);
      a.forEach((v, i) => {
        expect(Math.abs(v - b[i]!)).toBeLessThan(1e-5);
      });
    };
    near(found[0]!, c.byBatch === true ? sequenceByBatch(wanted.y, D) : wanted.y);
    states.forEach((name, s) => {
      const last = name === "h" ? wanted.h : wanted.c;
      near(found[s + 1]!, c.byBatch === true ? stateByBatch(last, D) : last);
    });
  });
});
