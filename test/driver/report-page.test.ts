import { expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { npyFromBytes } from "../../src/driver/npy-file.ts";
import type { Report } from "../../src/driver/report.ts";
import { escape, markup, shortened } from "../../src/driver/report-page/markup.ts";
import { reportPage } from "../../src/driver/report-page/report-page.ts";
import { rowsOf } from "../../src/driver/report-page/rows.ts";
import { tinyBytes, tinyMapping, tinyModel, tinySamples } from "./fixtures.ts";

const compiled = await compile({
  model: tinyModel,
  samples: tinySamples(),
  sampleOptions: { mapping: tinyMapping },
});
const { report } = compiled;
const page = new TextDecoder().decode(compiled.files.get("report.html"));

/** Every text of a report, names of layers as well as messages, replaced. */
const hostile = (value: unknown, text: string): unknown => {
  if (typeof value === "string") return text;
  if (Array.isArray(value)) return value.map((item) => hostile(item, text));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hostile(item, text)]));
};

/** Start tags with their attributes, by a reader that knows nothing of how the page was made. */
const tagsOf = (html: string): string[] =>
  [...html.matchAll(/<([a-z][a-z0-9]*)((?:[^>"]|"[^"]*")*)>/gi)].map(
    ([, name, attributes]) =>
      `${name!} ${[...attributes!.matchAll(/([\w-]+)="/g)].map(([, a]) => a!).join(" ")}`,
  );

test("is one file that asks for nothing and runs nothing", () => {
  expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form|use|image)\b/i);
  expect(page).not.toMatch(/\b(src|srcset|action|on\w+)=/i);
  expect(page).not.toMatch(/url\(|@import|https?:/i);
  for (const [, target] of page.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^#layer-\d+$/);
  expect(page).toContain("default-src &#39;none&#39;");
});

test("shows layers, ranges, memory and decisions", () => {
  for (const text of [
    "linear + requantize",
    "softmax",
    "Memory of c",
    "Memory of wasm-simd",
    "bound-accumulators",
  ])
    expect(page).toContain(text);
  expect(page.match(/<figure>/g)).toHaveLength(report.ranges.length);
  expect(report.ranges.map(({ value }) => value)).toEqual(["x", "z", "y"]);
});

test("measures stored layers against real ones", () => {
  const decibels = new Map(report.layers.map(({ name, sqnrDb }) => [name, sqnrDb]));
  expect(decibels.get("z")).toBeGreaterThan(30);
  expect(decibels.get("z")).toBeLessThan(70);
  expect(decibels.get("z_acc")).toBe(undefined);
  const [input] = report.ranges;
  // The samples are the input's integers: they fit exactly.
  expect(input).toMatchObject({ low: (-128 - 3) * Math.fround(0.05), clipped: 0 });
  expect(input!.histogram.counts.reduce((sum, n) => sum + n, 0)).toBe(report.measuredSamples * 4);
});

test("a name cannot become markup, nor leave an attribute", () => {
  const attack = `</title></style></svg>"'><img src=x onerror=alert(1)><script>alert(2)</script>&lt;\u202e\u0000`;
  const { targets } = report;
  const attacked = { ...(hostile(report, attack) as Report), targets };
  // A warning and findings of every kind, for the example has none.
  const diagnostics = [
    { severity: "warning", code: attack, message: attack, notes: [], help: attack, subject: attack },
  ];
  const passes = [
    {
      pass: attack,
      options: { [attack]: attack },
      statistics: { [attack]: 1 },
      findings: [{ [attack]: attack, summary: attack }, { [attack]: attack }],
    },
  ];
  const ranges = report.ranges.map((range) => ({ ...range, value: attack }));
  const broken = reportPage({ ...attacked, diagnostics, passes, ranges } as unknown as Report);
  expect(broken).not.toMatch(/<(img|script)/i);
  expect(broken).not.toMatch(/[\u202e\u0000]/);
  expect(broken.match(/<\/style>/g)).toHaveLength(1);
  const known = new Set(
    [...tagsOf(page), ...tagsOf(reportPage({ ...report, diagnostics: [] }))].map((tag) => tag.split(" ")[0]),
  );
  for (const name of ["ul", "q", "details", "summary"]) known.add(name);
  expect(tagsOf(broken).filter((tag) => !known.has(tag.split(" ")[0]))).toEqual([]);
  expect(tagsOf(broken).filter((tag) => /\b(src|on\w+)\b/.test(tag))).toEqual([]);
});

test("says nothing of times and places: two compilations, the same bytes", async () => {
  let clock = 0;
  const again = await compile({
    model: { ...tinyModel, file: "/elsewhere/tiny.qir" },
    samples: [npyFromBytes(tinyBytes, "/another/place/x.npy")],
    sampleOptions: { mapping: tinyMapping },
    now: () => (clock += 13),
    run: { modelPath: "/elsewhere/tiny.qir", samplePaths: ["/another/place/x.npy"] },
  });
  expect(again.files.get("report.html")).toEqual(compiled.files.get("report.html"));
  expect(JSON.stringify({ ...again.report, run: {} })).toBe(JSON.stringify({ ...report, run: {} }));
});

test("what was read back from report.json gives the same page", () => {
  expect(reportPage(JSON.parse(new TextDecoder().decode(compiled.files.get("report.json"))) as Report)).toBe(
    page,
  );
});

test("a report without samples has no ranges", async () => {
  const stored = {
    file: "tiny.qir",
    bytes: compiled.files.get("tiny.qir")!,
    externals: compiled.files.get("tiny.safetensors")!,
  };
  const { files, report: bare } = await compile({ model: stored, targets: ["c"] });
  expect([bare.ranges, bare.measuredSamples]).toEqual([[], 0]);
  expect(new TextDecoder().decode(files.get("report.html"))).not.toContain("<figure>");
});

test("an accumulator with another reader stays a row of its own", () => {
  const layer = (name: string, operator: string, element: string, ...inputs: string[]) => ({
    name,
    operator,
    element,
    inputs,
    shape: [1],
    type: "",
    parameters: 0,
    weightBytes: 2,
    macs: 3,
    outputBytes: 1,
  });
  const pair = [layer("a_acc", "linear", "i32", "x"), layer("a", "requantize", "i8", "a_acc")];
  expect(rowsOf(pair)).toMatchObject([
    { operators: "linear + requantize", inputs: ["x"], macs: 6, weightBytes: 4 },
  ]);
  const shared = [...pair, layer("b", "requantize", "i8", "a_acc")];
  expect(rowsOf(shared).map(({ operators }) => operators)).toEqual(["linear", "requantize", "requantize"]);
});

test("markup escapes what is put into it, and keeps markup", () => {
  expect(markup`<a title="${`"<&'>`}">${markup`<b>${"<"}</b>`}${[1, undefined, "&"]}</a>`.markup).toBe(
    '<a title="&quot;&lt;&amp;&#39;&gt;"><b>&lt;</b>1&amp;</a>',
  );
  expect(escape("a\u0007\u200fb")).toBe("a\ufffd\ufffdb");
  expect([shortened("abcdefgh", 8), shortened("abcdefghi", 8)]).toEqual(["abcdefgh", "abc…fghi"]);
});
