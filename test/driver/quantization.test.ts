/** What `quern compile` says of quantization: stated ranges, no samples at all, values of sixteen bits, what each layer's width costs. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../../src/pass/random.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { quern } from "../quern.ts";

const folder = mkdtempSync(join(tmpdir(), "quern-quantization-"));
const at = (...parts: string[]): string => join(folder, ...parts);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const random = createRandom(8);
const rows = (count: number, columns: number): string =>
  `[${Array.from({ length: count }, () => `[${Array.from({ length: columns }, () => (2 * random.uniform() - 1).toFixed(3)).join(", ")}]`).join(", ")}]`;

writeFileSync(
  at("net.qir"),
  `graph @net(%x: tensor<1x6xf32>) {
  %w = constant {value = dense<${rows(8, 6)}>} : tensor<8x6xf32>
  %h = linear %x, %w : tensor<1x8xf32>
  %gamma = constant {value = dense<[1, 0.5, 1, 2, 1, 1, 0.5, 1]>} : tensor<8xf32>
  %beta = constant {value = dense<[0, 1, 0, 0, 0.5, 0, 0, 0]>} : tensor<8xf32>
  %n = batch_norm %h, %gamma, %beta, %beta, %gamma : tensor<1x8xf32>
  %r = relu %n : tensor<1x8xf32>
  %v = constant {value = dense<${rows(3, 8)}>} : tensor<3x8xf32>
  %c = constant {value = dense<[0.5, 0, -0.5]>} : tensor<3xf32>
  %z = linear %r, %v, %c : tensor<1x3xf32>
  %y = softmax %z : tensor<1x3xf32>
  return %y
}
`,
);
const samples = Float32Array.from({ length: 40 * 6 }, () => 2 * random.uniform() - 1);
writeFileSync(at("x.npy"), writeNpy(tensor("f32", [40, 6], samples)));

interface Report {
  readonly ranges: readonly { readonly value: string; readonly low: number; readonly high: number }[];
  readonly passes: readonly {
    readonly pass: string;
    readonly findings: readonly Readonly<Record<string, unknown>>[];
  }[];
}
const reportOf = (out: string): Report =>
  JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as Report;
const compile = (...more: string[]) => quern("compile", at("net.qir"), "--target", "c", ...more);

test("stated ranges beside measured ones", async () => {
  writeFileSync(at("r.json"), '{"r": [0, 16]}');
  const out = at("stated");
  expect(await compile("--calibrate", at("x.npy"), "--ranges", at("r.json"), "--out", out)).toMatchObject({
    code: 0,
    err: "",
  });
  const { findings } = reportOf(out).passes.find(({ pass }) => pass === "calibrate")!;
  expect(findings).toContainEqual({ value: "r", method: "given", low: 0, high: 16 });
  expect(findings.some(({ value, method }) => value === "x" && method !== "given")).toBe(true);
});

test("no samples: from the normalization and the input's range alone, to a verified network", async () => {
  writeFileSync(at("input.json"), '{"x": [-10, 10]}');
  const out = at("free");
  const {
    code,
    err,
    out: said,
  } = await compile(...["--pipeline", "data-free", "--ranges", at("input.json"), "--out", out]);
  expect([code, err]).toEqual([0, ""]);
  expect(said).toContain(
    "data-free: 2 ranges follow from batch normalizations, 0 are bounds, 1 are stated; nothing was measured",
  );
  const { findings } = reportOf(out).passes.find(({ pass }) => pass === "derive-ranges")!;
  expect(findings[0]).toEqual({ summary: "data-free: nothing was measured" });
  // The widest channel has mean 0 and deviation 2, and its lower half is cut.
  expect(findings).toContainEqual({ value: "r", method: "derived", low: 0, high: 12 });
  const corrected = reportOf(out).passes.find(({ pass }) => pass === "correct-bias")!.findings;
  expect(corrected).toContainEqual({ summary: "data-free: not judged" });
  expect(corrected).toContainEqual({ value: "n", summary: "left alone, nothing is known of its inputs" });
  expect(await quern("verify", out)).toMatchObject({ code: 0 });
});

test("opt takes stated ranges too", async () => {
  writeFileSync(at("input.json"), '{"x": [-10, 10]}');
  const passes = ["--passes", "fold-batch-norm, derive-ranges", "--ranges", at("input.json")];
  const { code, out } = await quern("opt", at("net.qir"), ...passes);
  expect([code, out]).toEqual([0, expect.stringContaining("range [-10, 10]")]);
  expect(out).toMatch(/%r = relu %n .*range \[0, 12\]/);
});

test("no samples and nothing said of the input: that alone is asked for", async () => {
  const { code, err } = await compile("--pipeline", "data-free", "--out", at("none"));
  expect([code, existsSync(at("none"))]).toEqual([1, false]);
  expect(err).toContain("error[no-range]: nothing tells the range of %x");
  expect(err).toContain('help: state it with --ranges FILE.json, {"x": [lowest, highest]}');
  expect(err).not.toContain("range of %z");
});

test("a file that holds no ranges, and a name that is none", async () => {
  writeFileSync(at("bad.json"), '{"r": [1]}');
  const bad = await compile("--calibrate", at("x.npy"), "--ranges", at("bad.json"), "--out", at("none"));
  expect(bad.err).toContain("error[ranges-file]: 'r' is [1], expected [lowest, highest]");
  writeFileSync(at("name.json"), '{"q": [0, 1]}');
  const name = await compile("--calibrate", at("x.npy"), "--ranges", at("name.json"), "--out", at("none"));
  expect(name.err).toContain("error[given-range]: a range is given for %q");
  expect(existsSync(at("none"))).toBe(false);
});

const typeIn = (out: string, name: string): string | undefined =>
  new RegExp(`%${name}(?: = [^:]*)?: tensor<([^,>]*)`).exec(readFileSync(join(out, "net.qir"), "utf8"))?.[1];

test("values of sixteen bits by name, and all of them, to verified networks", async () => {
  const [named, all] = [at("named"), at("all")];
  expect(await compile("--calibrate", at("x.npy"), "--wide", "r, x", "--out", named)).toMatchObject({
    code: 0,
    err: "",
  });
  expect([typeIn(named, "x"), typeIn(named, "r"), typeIn(named, "z")]).toEqual([
    "1x6xi16",
    "1x8xi16",
    "1x3xi8",
  ]);
  expect(readFileSync(join(named, "net.h"), "utf8")).toContain("int16_t");
  expect(await quern("verify", named)).toMatchObject({ code: 0 });

  const targets = ["--target", "c,wasm,onnx"];
  expect(
    await quern(
      "compile",
      at("net.qir"),
      ...targets,
      "--calibrate",
      at("x.npy"),
      "--wide",
      "all",
      "--out",
      all,
    ),
  ).toMatchObject({ code: 0, err: "" });
  expect([typeIn(all, "x"), typeIn(all, "r"), typeIn(all, "z")]).toEqual(["1x6xi8", "1x8xi16", "1x3xi16"]);
  expect(existsSync(join(all, "net.qdq.onnx"))).toBe(true);
  expect(await quern("verify", all)).toMatchObject({ code: 0 });
  const { findings } = reportOf(all).passes.find(({ pass }) => pass === "widen-values")!;
  expect(findings).toContainEqual({
    value: "y",
    bits: 8,
    why: "'softmax' gives a quantization of its own",
  });
});

test("sixteen bits of a name that is none, without samples, and of what is integers already", async () => {
  const wrong = await compile("--calibrate", at("x.npy"), "--wide", "rr", "--out", at("none"));
  expect(wrong.err).toContain("error[wide-value]: 16 bits are asked for %rr");
  expect(wrong.err).toContain("did you mean '%r'?");
  writeFileSync(at("ends.json"), '{"x": [-1, 1], "z": [-6, 6]}');
  const free = at("free-wide");
  const stated = ["--pipeline", "data-free", "--ranges", at("ends.json")];
  expect(await compile(...stated, "--wide", "deciding", "--out", free)).toMatchObject({ code: 0, err: "" });
  expect(typeIn(free, "z")).toBe("1x3xi16");
  const again = await quern("compile", join(free, "net.qir"), "--wide", "all", "--out", at("none"));
  expect(again.err).toContain("error[option]: 'wide' is all, but the pipeline chooses no widths of values");
  expect(existsSync(at("none"))).toBe(false);
});

test("what each layer's width costs is drawn, a line a width, and one of values", async () => {
  const out = at("sensitive");
  const pipeline = "optimize, measure-sensitivity{bits=[8, 4, 2]}, quantize";
  expect(await compile("--calibrate", at("x.npy"), "--pipeline", pipeline, "--out", out)).toMatchObject({
    code: 0,
  });
  const page = readFileSync(join(out, "report.html"), "utf8");
  const section = page.slice(
    page.indexOf('<section id="sensitivity">'),
    page.indexOf('<section id="ranges">'),
  );
  expect(section.match(/class="curve /g)).toHaveLength(4);
  // Two layers at three widths, x, r and z: a softmax comes after what decides.
  expect(section.match(/class="dot /g)).toHaveLength(9);
  for (const bits of [8, 4, 2]) expect(section).toContain(`>${bits} bits</text>`);
  const { findings } = reportOf(out).passes.find(({ pass }) => pass === "measure-sensitivity")!;
  expect(section).toContain(`at 2 bits: ${(findings[0]!["2 bits dB"] as number).toFixed(1)} dB`);
});

test("accurate: sixteen bits where they are small, weights of eight rounded", async () => {
  writeFileSync(
    at("means.qir"),
    `graph @net(%x: tensor<1x8x8x2xf32>) {
  %k = constant {value = dense<[[${rows(1, 2)}], [${rows(1, 2)}]]>} : tensor<2x1x1x2xf32>
  %h = conv2d %x, %k : tensor<1x8x8x2xf32>
  %r = relu %h : tensor<1x8x8x2xf32>
  %m = reduce_mean %r {axes = [1, 2], keepdims = false} : tensor<1x2xf32>
  %v = constant {value = dense<${rows(3, 2)}>} : tensor<3x2xf32>
  %z = linear %m, %v : tensor<1x3xf32>
  %y = softmax %z : tensor<1x3xf32>
  return %y
}
`,
  );
  const pixels = Float32Array.from({ length: 20 * 128 }, () => 2 * random.uniform() - 1);
  writeFileSync(at("pixels.npy"), writeNpy(tensor("f32", [20, 8, 8, 2], pixels)));
  const make = async (out: string, ...more: string[]) =>
    quern(
      "compile",
      at("means.qir"),
      "--name",
      "net",
      "--calibrate",
      at("pixels.npy"),
      ...more,
      "--out",
      at(out),
    );
  expect(await make("accurate", "--pipeline", "accurate")).toMatchObject({ code: 0, err: "" });
  const types = (out: string): (string | undefined)[] =>
    ["r", "m", "z", "y"].map((name) => typeIn(at(out), name));
  expect(types("accurate")).toEqual(["1x8x8x2xi8", "1x2xi16", "1x3xi16", "1x3xi8"]);
  const { findings } = reportOf(at("accurate")).passes.find(({ pass }) => pass === "round-weights")!;
  expect(findings[0]).toHaveProperty("after dB");
  expect(await quern("verify", at("accurate"))).toMatchObject({ code: 0 });
  // What is asked for by name goes before.
  expect(await make("named", "--pipeline", "accurate", "--wide", "deciding")).toMatchObject({ code: 0 });
  expect(types("named")).toEqual(["1x8x8x2xi8", "1x2xi8", "1x3xi16", "1x3xi8"]);
});
