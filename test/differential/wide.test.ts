/**
 * Values of 16 bits inside networks: what reads them and what makes them gives the same bytes in every engine, at both ends of i16, at ties
 * of the requantization, and where an accumulator comes as near to 2^31 as it may.
 */
import { describe, expect, test } from "vitest";
import { sharedShiftMultipliers } from "../../src/numerics/dyadic.ts";
import { Graph } from "../../src/ir/graph.ts";
import { perTensor, tensorType } from "../../src/ir/types.ts";
import { linear } from "../../src/ops/linear.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { expectAgreement } from "./engines.ts";
import {
  addRequantize,
  addWideRequantize,
  convolution,
  epilogue,
  generator,
  stored,
  storedInputs,
  type ActivationElement,
  type ConvolutionShape,
} from "./stored-graphs.ts";

const around: [number, number, number, number] = [1, 1, 1, 1];

const shapes: Readonly<Record<string, ConvolutionShape>> = {
  "3x3, whole tiles": { height: 6, width: 8, inputs: 16, outputs: 16, kernel: [3, 3], pads: around },
  "3x3, three inputs, odd sizes": {
    height: 5,
    width: 7,
    inputs: 3,
    outputs: 5,
    kernel: [3, 3],
    pads: around,
  },
  "stride 2, padding on one side": {
    height: 6,
    width: 9,
    inputs: 4,
    outputs: 8,
    kernel: [3, 3],
    strides: [2, 2],
    pads: [0, 0, 1, 1],
  },
  "pointwise, a channel more than a tile": { height: 5, width: 5, inputs: 64, outputs: 17, kernel: [1, 1] },
  "one pixel": { height: 1, width: 1, inputs: 13, outputs: 11, kernel: [1, 1] },
  "two groups": { height: 6, width: 6, inputs: 8, outputs: 12, kernel: [3, 3], groups: 2, pads: around },
  depthwise: { height: 6, width: 5, inputs: 16, outputs: 16, kernel: [3, 3], groups: 16, pads: around },
  "depthwise, stride 2, ragged channels": {
    height: 7,
    width: 9,
    inputs: 12,
    outputs: 12,
    kernel: [3, 3],
    strides: [2, 2],
    groups: 12,
    pads: around,
  },
  "depthwise, too long to unroll": { height: 9, width: 8, inputs: 8, outputs: 8, kernel: [8, 8], groups: 8 },
  "weights of four bits": {
    height: 5,
    width: 5,
    inputs: 7,
    outputs: 9,
    kernel: [3, 3],
    pads: around,
    weightElement: "i4",
  },
  "odd weights of two bits, depthwise": {
    height: 5,
    width: 5,
    inputs: 11,
    outputs: 11,
    kernel: [3, 3],
    groups: 11,
    pads: around,
    weightElement: "odd2",
  },
  "codes of three bits in groups": {
    height: 4,
    width: 4,
    inputs: 32,
    outputs: 6,
    kernel: [3, 3],
    pads: around,
    weightElement: "i3",
    groupSize: 16,
  },
};

const widths: readonly (readonly [ActivationElement, ActivationElement])[] = [
  ["i8", "i16"],
  ["i16", "i16"],
  ["i16", "i8"],
];

describe.each(widths)("a convolution from %s to %s is the same everywhere", (inputElement, resultElement) => {
  for (const [name, shape] of Object.entries(shapes))
    test(name, async () => {
      const graph = convolution({ ...shape, inputElement, resultElement }, name.length);
      await expectAgreement(graph, storedInputs(graph, 5, 11));
    });
});

/** Accumulators whose exact product with m is within a few units of a half of 2^shift. */
function nearTies(ratio: number, count: number, seed: number): number[] {
  const { multipliers, shifts } = sharedShiftMultipliers([ratio]);
  const [m, shift] = [BigInt(multipliers[0]!), BigInt(shifts[0]!)];
  const random = generator(seed);
  return Array.from({ length: count }, () => {
    const y = BigInt(random(70_000) - 35_000);
    return Number(((y << shift) + (1n << (shift - 1n))) / m);
  })
    .filter((acc) => Math.abs(acc) < 2 ** 31 - 200)
    .flatMap((acc) => [acc - 1, acc, acc + 1]);
}

describe("requantization to 16 bits rounds the same everywhere", () => {
  const extremes = [0, 1, -1, 2 ** 31 - 128, -(2 ** 31) + 128, 2 ** 30, -(2 ** 30)];
  const ends = [-32769, -32768, -32767, 32766, 32767, 32768];
  for (const ratio of [1, 0.99, 0.5, 0.3, 2 ** -8, 0.0024999, 1.7e-5, 3.1e-8])
    test(`ratio ${ratio}`, async () => {
      const accumulators = [
        ...nearTies(ratio, 60, 5),
        ...ends.map((y) => Math.round(y / ratio)),
        ...extremes,
      ];
      const inside = accumulators.map((acc) => Math.max(-(2 ** 31) + 128, Math.min(2 ** 31 - 128, acc)));
      const graph = epilogue(inside, Math.fround(ratio), 0, [-32768, 32767], "i16");
      await expectAgreement(graph, storedInputs(graph, 3, 1));
    });
  // What comes of 8 bits into 16 may be enlarged.
  test.each([1.5, 37, 300])("ratio %d", async (ratio) => {
    const accumulators = [
      ...nearTies(ratio, 40, 5),
      ...ends.map((y) => Math.round(y / ratio)),
      2 ** 22,
      -(2 ** 22),
    ];
    const graph = epilogue(accumulators, Math.fround(ratio), 0, [-32768, 32767], "i16");
    await expectAgreement(graph, storedInputs(graph, 3, 1));
  });
  test("the clamp of a relu", async () => {
    const graph = epilogue([...nearTies(0.01, 30, 5), ...extremes], Math.fround(0.01), 0, [0, 20_000], "i16");
    await expectAgreement(graph, storedInputs(graph, 3, 1));
  });
});

describe("accumulators next to 2^31", () => {
  // 516 · 127 · 32768 = 2^31 - 2^17
  const depth = 516;
  const signs = Array.from({ length: depth }, (_, k) => (k % 3 === 0 ? -1 : 1));
  const graphTo = (element: ActivationElement): Graph => {
    const graph = new Graph("net");
    const input = graph.addInput("x", tensorType("i16", [3, depth], perTensor(2 ** -8, 0)));
    const rows = [127, -127, 64, 1];
    const weights = rows.flatMap((w) => signs.map((sign) => sign * w));
    const weight = stored(graph, "w", tensor("i8", [rows.length, depth], weights), perTensor(2 ** -6, 0));
    const { result } = graph.create(linear, { input, weight }, {}, { name: "acc" });
    graph.setOutputs([
      element === "i16"
        ? addWideRequantize(graph, result, "y", 16)
        : addRequantize(graph, result, "y", 4096, 3),
    ]);
    return graph;
  };
  test.each(["i8", "i16"] as const)("sums to %s", async (element) => {
    const rows = [
      signs.map((sign) => (sign > 0 ? 32767 : -32768)),
      signs.map((sign) => (sign > 0 ? -32768 : 32767)),
      signs.map(() => -32768),
    ];
    await expectAgreement(graphTo(element), [[tensor("i16", [3, depth], rows.flat())]]);
  });
  test("reach it", () => {
    expect(depth * 127 * 32768).toBeLessThan(2 ** 31);
    expect((depth + 1) * 127 * 32768).toBeGreaterThan(2 ** 31);
  });
});
