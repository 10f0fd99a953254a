/**
 * The arithmetic of TensorFlow Lite's profiles on all engines: double rounding where it decides (ties of either step, on both sides of zero,
 * every shift), accumulators and multipliers at their ends, channels whose second step shifts by nothing to all 31 bits.
 */
import { describe, expect, test } from "vitest";
import { interpret } from "../../src/exec/interpreter.ts";
import { rescale, rescaleTwice } from "../../src/numerics/dyadic.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { expectAgreement } from "./engines.ts";

const extremes = [-(2 ** 31), -(2 ** 31) + 1, -(2 ** 30), -1, 0, 1, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1];

/** The ends of 32 bits, small numbers, and what is next to every tie of a step that shifts by `exponent` after a halving. */
const accumulators = (exponent: number): number[] => [
  ...extremes,
  ...Array.from({ length: 41 }, (_, i) => i - 20),
  ...[-5, -3, -1, 1, 3, 5].flatMap((odd) =>
    [-2, -1, 0, 1, 2].map((off) => odd * 2 ** Math.min(exponent, 28) + off),
  ),
];

/** Scales that make an accumulator of scale 1 / 2^(shift - 31), and a multiplier of 2^30 and its like, legal. */
const scaleText = (multiplier: number, shift: number): string => String(multiplier / 2 ** shift);

type Channel = readonly [multiplier: number, shift: number];

/** One operation a list of channels: i32 in, i16 out, the widest there is, of scale 1. */
function requantizing(lists: readonly (readonly Channel[])[], rounding: string, rows: number) {
  const lines = lists.map((channels, i) => {
    const scales = channels.map(([m, s]) => scaleText(m, s)).join(", ");
    const count = channels.length;
    const acc = `tensor<${rows}x${count}xi32, ${count === 1 ? `${scales}:0` : `{${scales}}:0 @1`}>`;
    const [multipliers, shifts] = [0, 1].map((at) => channels.map((channel) => channel[at]).join(", "));
    const line = `%y${i} = requantize %acc${i} {multiplier = [${multipliers}], shift = [${shifts}], clamp = [-32768, 32767], rounding = "${rounding}"} : tensor<${rows}x${count}xi16, 1:0>`;
    return { input: `%acc${i}: ${acc}`, line, output: `%y${i}` };
  });
  return parseGraph(`graph @net(${lines.map(({ input }) => input).join(", ")}) {
    ${lines.map(({ line }) => line).join("\n")}
    return ${lines.map(({ output }) => output).join(", ")}
  }`);
}

async function expectRounding(lists: readonly (readonly Channel[])[], rounding: "once" | "twice") {
  const rows = accumulators(1).length;
  const graph = requantizing(lists, rounding, rows);
  const inputs = lists.map((channels) => {
    const columns = channels.map(([, shift]) => accumulators(Math.max(1, shift - 31)));
    return tensor(
      "i32",
      [rows, channels.length],
      Array.from({ length: rows }, (_, row) => columns.map((column) => column[row]!)).flat(),
    );
  });
  const by = rounding === "twice" ? rescaleTwice : rescale;
  const outputs = interpret(graph, inputs);
  lists.forEach((channels, list) => {
    const wanted = Array.from(numbersOf(inputs[list]!), (acc, i) => {
      const [m, s] = channels[i % channels.length]!;
      return Math.max(-32768, Math.min(32767, by(acc, m, s)));
    });
    expect(Array.from(numbersOf(outputs[list]!))).toEqual(wanted);
  });
  await expectAgreement(graph, [inputs]);
}

const largest = 2 ** 31 - 1;

describe.each(["once", "twice"] as const)("rounded %s", (rounding) => {
  test("one multiplier, at every kind of shift", async () => {
    const shifts = [31, 32, 33, 34, 40, 47, 61, 62];
    const multipliers = [2 ** 30, 2 ** 30 + 1, 1518500250, largest];
    const lists = shifts.flatMap((shift) => multipliers.map((m) => [[m, shift] as const]));
    await expectRounding(lists, rounding);
  });

  test("channels of many shifts", async () => {
    const shiftLists = [
      // One second shift serves them.
      [33, 34, 40, 47, 62],
      [32, 33, 45, 62],
      // No second step beside small ones, and beside the largest.
      [31, 32, 33, 40, 31],
      [31, 62, 40, 33],
      [39, 39, 39, 39, 39, 39, 39],
    ];
    const lists = shiftLists.map((shifts) =>
      shifts.map((shift, i) => [[2 ** 30, largest, 1518500250][i % 3]!, shift] as const),
    );
    await expectRounding(lists, rounding);
  });

  test("ratios above one", async () => {
    // |acc| stays small enough for the result to be an i32, which bound-accumulators asks of every graph.
    const graph = requantizing(
      [
        [
          [1518500250, 20],
          [2 ** 30, 30],
          [largest, 11],
          [2 ** 30, 33],
        ],
      ],
      rounding,
      41,
    );
    const data = Array.from({ length: 41 * 4 }, (_, i) => Math.floor(i / 4) - 20);
    await expectAgreement(graph, [[tensor("i32", [41, 4], data)]]);
  });
});

test("the two roundings differ where they should", () => {
  const input = tensor(
    "i32",
    [2001, 1],
    Array.from({ length: 2001 }, (_, i) => i - 1000),
  );
  const [once, twice] = ["once", "twice"].map((rounding) =>
    numbersOf(interpret(requantizing([[[1518500250, 35]]], rounding, 2001), [input])[0]!),
  );
  const different = Array.from(once!, (y, i) => Math.abs(y - twice![i]!));
  expect(Math.max(...different)).toBe(1);
});

const all = Array.from({ length: 256 }, (_, i) => i - 128);
/** Every pair of a few rows with all 256 values. */
const pairs = (): [Tensor, Tensor] => {
  const rows = [-128, -127, -3, 0, 3, 127];
  const left = rows.flatMap(() => all);
  const right = rows.flatMap((row) => all.map((q, i) => (i % 2 === 0 ? row : -q - 1)));
  return [tensor("i8", [rows.length, 256], left), tensor("i8", [rows.length, 256], right)];
};

describe("sums on one finer scale", () => {
  test.each(["add", "sub"].flatMap((name) => ["once", "twice"].map((rounding) => [name, rounding])))(
    "aligned_%s, rounded %s",
    async (name, rounding) => {
      const graph = parseGraph(`graph @net(%a: tensor<6x256xi8, 0.5:-128>, %b: tensor<6x256xi8, 0.375:127>) {
        %y = aligned_${name} %a, %b {multipliers = [1073741824, 1610612736, 1431655765], shifts = [31, 32, 51], clamp = [-120, 119], rounding = "${rounding}"} : tensor<6x256xi8, 1.5:-5>
        %z = aligned_${name} %y, %a {multipliers = [1073741824, 1431655765, 1073741824], shifts = [31, 33, 40], clamp = [-128, 127], rounding = "${rounding}"} : tensor<6x256xi8, 0.0029296875:4>
        return %y, %z
      }`);
      await expectAgreement(graph, [pairs()]);
    },
  );
});

describe("means of integers", () => {
  /** Halves of either sign: sums next to every odd multiple of half the count. */
  test.each([
    ["two", 2],
    ["four", 4],
    ["six", 6],
    ["an odd number", 7],
    ["many", 64],
  ])("of %s, at every tie", async (_, count) => {
    const graph = parseGraph(`graph @net(%x: tensor<256x${count}x5xi8, 0.5:-13>) {
      %y = reduce_mean %x {axes = [1], keepdims = false, rounded = true} : tensor<256x5xi8, 0.5:-13>
      return %y
    }`);
    // Row r, channel c: a sum of r * count + half + c - 2 for r from -128, the remainder spread over the elements.
    const data = all.flatMap((r) =>
      Array.from({ length: count }, (_unused, k) =>
        Array.from({ length: 5 }, (_also, c) => {
          const extra = Math.floor(count / 2) + c - 2;
          return Math.max(-128, Math.min(127, r + (k < extra ? 1 : k < -extra ? -1 : 0)));
        }),
      ).flat(),
    );
    const input = tensor("i8", [256, count, 5], data);
    await expectAgreement(graph, [[input]]);
    const y = numbersOf(interpret(graph, [input])[0]!);
    y.forEach((mean: number, i: number) => {
      const [row, c] = [Math.floor(i / 5), i % 5];
      let sum = 0;
      for (let k = 0; k < count; k++) sum += data[(row * count + k) * 5 + c]!;
      // TensorFlow Lite's words: half the count away from zero, then towards zero.
      const half = Math.floor(count / 2);
      expect(mean).toBe(Math.trunc((sum > 0 ? sum + half : sum - half) / count) + 0);
    });
  });

  test.each(["0", "-128", "127", "-11"])("pools cut off at the border, zero point %s", async (zero) => {
    for (const channels of [8, 5, 1]) {
      const type = (height: number, width: number): string =>
        `tensor<1x${height}x${width}x${channels}xi8, 0.5:${zero}>`;
      const graph = parseGraph(`graph @net(%x: ${type(7, 6)}) {
        %a = avg_pool %x {kernel = [3, 3], pads = [1, 1, 1, 1], rounded = true} : ${type(7, 6)}
        %b = avg_pool %a {kernel = [2, 2], strides = [2, 2], rounded = true} : ${type(3, 3)}
        %c = avg_pool %x {kernel = [2, 2], pads = [1, 0, 0, 1], count_include_pad = true, rounded = true} : ${type(7, 6)}
        %d = avg_pool %x {kernel = [3, 2], strides = [2, 2], pads = [0, 1, 2, 0], rounded = true} : ${type(4, 3)}
        return %a, %b, %c, %d
      }`);
      const samples = [7, 11, 1].map((step) => [
        tensor(
          "i8",
          [1, 7, 6, channels],
          Array.from({ length: 42 * channels }, (_, i) => ((i * step * 37) % 256) - 128),
        ),
      ]);
      await expectAgreement(graph, samples);
    }
  });
});

describe("softmax in fixed point", () => {
  test.each([1, 2, 3, 12, 255, 511, 1000, 4095])("of %d elements", async (n) => {
    const scales = [0.001, 0.05, 0.17, 0.5, 3];
    const graph =
      parseGraph(`graph @net(${scales.map((scale, i) => `%x${i}: tensor<6x${n}xi8, ${scale}:3>`).join(", ")}) {
      ${scales.map((_, i) => `%y${i} = softmax %x${i} {stored_as = "fixed-point"} : tensor<6x${n}xi8, 0.00390625:-128>`).join("\n")}
      return ${scales.map((_, i) => `%y${i}`).join(", ")}
    }`);
    const rows: ((i: number) => number)[] = [
      () => -128,
      () => 127,
      (i) => (i === 0 ? 127 : -128),
      (i) => (i === 0 ? -128 : 127),
      (i) => (i % 256) - 128,
      (i) => ((i * 89) % 13) + 115,
    ];
    const input = tensor(
      "i8",
      [6, n],
      rows.flatMap((row) => Array.from({ length: n }, (_, i) => row(i))),
    );
    await expectAgreement(graph, [scales.map(() => input)]);
  });
});
