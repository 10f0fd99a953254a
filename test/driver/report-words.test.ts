/** What report.html says of passes, ranges and figures that readers took for something else. */
import { expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import type { Report } from "../../src/driver/report.ts";
import { reportPage } from "../../src/driver/report-page/report-page.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { tinyMapping, tinyModel, tinySamples } from "./fixtures.ts";

const { report } = await compile({
  model: tinyModel,
  samples: tinySamples(),
  sampleOptions: { mapping: tinyMapping },
});

type Record = Report["passes"][number];

const record = (pass: string, parts: Partial<Record> = {}): Record => ({
  pass,
  options: {},
  statistics: {},
  findings: [],
  ...parts,
});

const pageOf = (parts: Partial<Report>): string => reportPage({ ...report, ...parts });

/** The text of one pass's item, tags left out. */
function itemOf(html: string, pass: string): string {
  const [, item] = html.split(`<li><b>${pass}</b>`);
  return item!
    .split("</li>")[0]!
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");
}

const titlesOf = (html: string): string[][] =>
  [...html.matchAll(/<thead><tr>(.*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<th[^>]*>(.*?)<\/th>/g)].map(([, title]) => title!),
  );

test("bits of values are widths, bits of accumulators a proof", () => {
  const html = pageOf({
    passes: [
      record("widen-values", {
        statistics: { widened: 3 },
        findings: [
          { value: "a", values: 2, bits: 16 },
          { value: "b", bits: 16 },
          { value: "c", bits: 8, why: "its range is fixed" },
        ],
      }),
      record("widen-fused", { statistics: { widened: 1 }, findings: [{ value: "d", bits: 16 }] }),
      record("bound-accumulators", { statistics: { accumulators: 1 }, findings: [{ value: "e", bits: 20 }] }),
    ],
  });
  expect(html.match(/accumulator needs/g)).toHaveLength(1);
  expect(itemOf(html, "bound-accumulators")).toContain("The widest accumulator needs 20 of 32 bits");
  expect(itemOf(html, "widen-values")).toContain(
    "Stored in 16 bits: %a (2 values), %b. Stays in 8 bits: %c.",
  );
  expect(itemOf(html, "widen-fused")).toContain("Sixteen bits, in a register: %d.");
});

test("counters are sentences", () => {
  const html = pageOf({
    passes: [
      record("calibrate", { statistics: { measured: 11, percentile: 10, headroom: 1 } }),
      record("round-weights", { statistics: { weights: 3, outputs: 7 }, options: { bits: 6 } }),
      record("correct-bias", {
        statistics: { corrected: 10 },
        findings: [
          { value: "a", largestShift: 667 },
          { value: "b", largestShift: 3 },
        ],
      }),
      record("canonicalize", { statistics: { rewritten: 1200, identities: 2 } }),
    ],
  });
  expect(itemOf(html, "calibrate")).toContain(
    "11 values measured; ranges: 10 by percentile, 1 as seen with headroom.",
  );
  expect(itemOf(html, "round-weights")).toContain(
    "7 layers rounded towards outputs, 3 rounded towards weights.",
  );
  expect(itemOf(html, "correct-bias")).toContain("10 biases moved, at most by 667 of their own steps.");
  expect(itemOf(html, "canonicalize")).toContain("1,200 rewritten, 2 identities.");
});

test("a pass that had nothing to look at says what it looks for", () => {
  const html = pageOf({
    passes: [record("round-weights", { options: { bits: 6 } }), record("fold-pad"), record("widen-outputs")],
  });
  expect(html).toContain(
    "Found nothing to change: round-weights (no layer of at most 6 bits), fold-pad, widen-outputs (no output",
  );
});

test("samples held out that an earlier pass was fitted to are not called new", () => {
  const judged = (pass: string, done: string): Record =>
    record(pass, {
      statistics: { [done]: 10 },
      findings: [{ summary: done, "before dB": 20, "after dB": 21 }],
    });
  const calibrated = record("calibrate", { statistics: { measured: 3, minmax: 3 } });
  const html = pageOf({
    passes: [calibrated, judged("round-weights", "outputs"), judged("correct-bias", "withdrawn")],
  });
  expect(itemOf(html, "calibrate")).not.toContain("fitted to");
  expect(itemOf(html, "round-weights")).toContain("calibrate was fitted to these samples too");
  expect(itemOf(html, "correct-bias")).toContain(
    "calibrate and round-weights were fitted to these samples too",
  );
  const withdrawn = pageOf({
    passes: [record("round-weights", { statistics: { withdrawn: 3 } }), judged("correct-bias", "corrected")],
  });
  expect(itemOf(withdrawn, "correct-bias")).not.toContain("fitted to");
});

const sensitivity = record("measure-sensitivity", {
  statistics: { layers: 2, values: 3 },
  findings: [
    { value: "first", weights: 10, "8 bits dB": 50, "4 bits dB": 26, "2 bits dB": 25.5 },
    { value: "second", weights: 20, "8 bits dB": 51, "4 bits dB": 28, "2 bits dB": 27.9 },
    { value: "in", values: 2, "value in 8 bits dB": null as unknown as number },
    { value: "mid", "value in 8 bits dB": 35 },
    { value: "out", "value in 8 bits dB": 40 },
  ],
});

test("rows of different kinds have tables of their own, with units in their titles", () => {
  const titles = titlesOf(pageOf({ passes: [sensitivity] }));
  expect(titles).toContainEqual(["value", "weights", "8 bits, dB", "4 bits, dB", "2 bits, dB"]);
  expect(titles).toContainEqual(["value", "values", "value in 8 bits, dB"]);
  const calibrated = record("calibrate", {
    findings: [
      { value: "a", method: "minmax", seenLow: 0, sqnrDb: 30 },
      { value: "b", values: 2, method: "mse", seenLow: 0 },
    ],
  });
  expect(titlesOf(pageOf({ passes: [calibrated] }))).toContainEqual([
    "value",
    "method",
    "seen low",
    "SQNR, dB",
    "values",
  ]);
});

test("sensitivity: a line of its own style for each width, labels apart, names below, exact values as rings", () => {
  const html = pageOf({ passes: [sensitivity] });
  const [, section] = html.split('<section id="sensitivity">');
  const chart = section!.split("</section>")[0]!;
  const [weights, values] = chart.split("</figure>");
  expect([...weights!.matchAll(/class="curve (c\d)"/g)].map(([, style]) => style)).toEqual([
    "c0",
    "c1",
    "c2",
  ]);
  const heights = [...weights!.matchAll(/y="([\d.]+)">\d bits</g)]
    .map(([, y]) => Number(y))
    .sort((a, b) => a - b);
  expect(heights).toHaveLength(3);
  expect(heights[1]! - heights[0]!).toBeGreaterThan(9);
  expect(heights[2]! - heights[1]!).toBeGreaterThan(9);
  for (const name of ["first", "second"]) expect(weights).toContain(`</title>${name}</text>`);
  for (const name of ["in", "mid", "out"]) expect(values).toContain(`</title>${name}</text>`);
  expect(values!.match(/class="exact"/g)).toHaveLength(1);
  expect(values).toContain("SQNR of the answer, dB");
});

test("what is clipped by less than a step is no alarm", () => {
  const [range] = report.ranges;
  const range8 = { ...range!, element: "i8", low: 0, high: 255 / 256, seenLow: 0, clipped: 0.03 };
  const softmax = pageOf({ ranges: [{ ...range8, seenHigh: 1 }] });
  expect(softmax).toContain("3.00 % clipped, by at most a step");
  expect(softmax).not.toContain("<em>3.00");
  expect(pageOf({ ranges: [{ ...range8, seenHigh: 1.1 }] })).toContain("<em>3.00 % clipped</em>");
});

test("colours and figures are explained where they stand", () => {
  const html = pageOf({});
  expect(html).toMatch(/<span class="good">good from 30 dB<\/span>, <span class="fair">fair from 20<\/span>/);
  expect(html).toContain(`${report.measuredSamples} of the 40 calibration samples`);
  expect(pageOf({ measuredSamples: 40 })).toContain("over 40 calibration samples.");
  expect(pageOf({ layers: report.layers.map(({ sqnrDb: _, ...layer }) => layer) })).not.toContain(
    "good from",
  );
});

test("constants of a target that keeps weights unpacked are explained", () => {
  const wasm = { ...report.targets.wasm!, constantBytes: 47_536 };
  const unpacked = pageOf({ weightBytes: 13_900, targets: { wasm } });
  expect(unpacked).toContain("wasm-simd has more of them than 13.6 KiB of weights");
  expect(pageOf({ weightBytes: 40_000, targets: { wasm } })).not.toContain("has more of them");
});

test("what a clamp makes ineffective is no noise to warn of, and what fusion keeps in a register no bytes", async () => {
  const model = {
    file: "branches.qir",
    bytes: new TextEncoder().encode(`graph @net(%x: tensor<1x4xf32>) {
      %w = constant {value = dense<[[1, 0.5, -0.5, 0.25], [0, 1, 0.5, -0.25], [0.5, 0, 1, 0], [-1, 0, 0.25, 1]]>} : tensor<4x4xf32>
      %a = linear %x, %w : tensor<1x4xf32>
      %far = constant {value = dense<[[-50, -50, -50, 3]]>} : tensor<1x4xf32>
      %low = add %a, %far : tensor<1x4xf32>
      %s = add %x, %low : tensor<1x4xf32>
      %y = relu %s : tensor<1x4xf32>
      return %y
    }`),
  };
  const numbers = Float32Array.from({ length: 80 }, (_, i) => Math.sin(7 * i));
  const made = await compile({ model, samples: [npyFromTensor(tensor("f32", [20, 4], numbers))] });
  const low = made.report.layers.find(({ name }) => name === "low")!;
  expect(low).toMatchObject({ element: "i16", isCut: true, inRegister: true });
  expect(low.sqnrDb).toBeLessThan(20);
  expect(made.report.layers.filter(({ isCut }) => isCut)).toHaveLength(1);
  expect(made.report.diagnostics).toEqual([]);
  const html = reportPage(made.report);
  expect(html).toContain(`${low.sqnrDb!.toFixed(1)}<small>cut</small>`);
  expect(html).toContain(">register</td>");
  expect(html).toContain("most of it without effect");
  expect(html).not.toContain('class="n bad"');
  const narrow = await compile({
    model,
    samples: [npyFromTensor(tensor("f32", [20, 4], numbers))],
    wide: "none",
  });
  expect(narrow.report.layers.some(({ inRegister }) => inRegister)).toBe(false);
});
