/** `quern compile --prune`: a smaller network, said in the report, and what is wrong with a budget. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../../src/pass/random.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { amountOf, shareOf } from "../../src/driver/node/options.ts";
import { quern } from "../quern.ts";

const folder = mkdtempSync(join(tmpdir(), "quern-prune-"));
const at = (...parts: string[]): string => join(folder, ...parts);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const random = createRandom(4);
const rows = (count: number, columns: number): string =>
  `[${Array.from({ length: count }, () => `[${Array.from({ length: columns }, () => (2 * random.uniform() - 1).toFixed(3)).join(", ")}]`).join(", ")}]`;

writeFileSync(
  at("net.qir"),
  `graph @net(%x: tensor<1x6xf32>) {
  %w = constant {value = dense<${rows(16, 6)}>} : tensor<16x6xf32>
  %h = linear %x, %w : tensor<1x16xf32>
  %r = relu %h : tensor<1x16xf32>
  %v = constant {value = dense<${rows(3, 16)}>} : tensor<3x16xf32>
  %z = linear %r, %v : tensor<1x3xf32>
  %y = softmax %z : tensor<1x3xf32>
  return %y
}
`,
);
const samples = Float32Array.from({ length: 60 * 6 }, () => 2 * random.uniform() - 1);
writeFileSync(at("x.npy"), writeNpy(tensor("f32", [60, 6], samples)));

const compile = (...more: string[]) =>
  quern("compile", at("net.qir"), "--calibrate", at("x.npy"), "--target", "c", ...more);

test.each([
  ["--prune", "50%", 72],
  ["--max-macs", "100", 100],
  ["--max-weights", "110", 110],
])("%s %s", async (option, amount, most) => {
  const out = at(option.slice(2));
  const compiled = await compile(option, amount, "--out", out);
  expect(compiled).toMatchObject({ code: 0, err: "" });
  expect(compiled.out).toMatch(
    /pruned: [\d.]+ % of the multiply-accumulates and [\d.]+ % of the weights are left\n.*the same largest output on [\d.]+ %/,
  );
  const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as Record<string, unknown>;
  expect(option === "--max-weights" ? report["weightBytes"] : report["macs"]).toBeLessThanOrEqual(most);
  expect(report["pipeline"]).toMatch(/prune-channels.*, set-aside, .*, keep-closest, remove-channels/);
  expect(readFileSync(join(out, "report.html"), "utf8")).toContain("Same answer as before");
  expect(await quern("verify", out)).toMatchObject({ code: 0 });
});

test.each([
  [["--max-macs", "20"], 1, /cannot get to 20 multiply-accumulates/],
  [["--prune", "50%", "--max-macs", "90"], 2, /exclude each other/],
  [["--prune", "50%", "--pipeline", "default"], 2, /pipeline and a budget/],
  [["--prune", "100%"], 2, /no share/],
  [["--prune-rounds", "3"], 2, /'--prune-rounds' needs '--prune'/],
  [["--prune", "50%", "--prune-rounds", "0"], 2, /at least 1/],
  [["--prune", "50%", "--prune-rounds", "5000000000"], 1, /expected 1 to 16/],
  [["--max-macs", "1.5"], 2, /2 or more/],
  [["--max-weights", "lots"], 2, /no number/],
])("%j is refused, and nothing is written", async (options, expected, message) => {
  const { code, err } = await compile(...options, "--out", at("refused"));
  expect(code).toBe(expected);
  expect(err).toMatch(message);
  expect(existsSync(at("refused"))).toBe(false);
});

test("a budget that is met already", async () => {
  const { code, out } = await compile("--max-macs", "1M", "--out", at("met"));
  expect(code).toBe(0);
  expect(out).toContain("the budget was met already: nothing was pruned");
});

test("the curve of the report goes from left to right", () => {
  const page = readFileSync(join(at("prune"), "report.html"), "utf8");
  const [, path] = /Same answer as before.*?<path class="curve" d="M([^"]*)"/s.exec(page)!;
  const [xs, ys] = [0, 1].map((axis) => path!.split("L").map((point) => Number(point.split(",")[axis])));
  expect(xs!.length).toBeGreaterThan(1);
  xs!.slice(1).forEach((x, i) => {
    expect(x).toBeGreaterThan(xs![i]!);
    expect(ys![i + 1]!).toBeLessThanOrEqual(ys![i]!);
  });
});

test("rounds are so many steps, the last one all the way", async () => {
  const out = at("rounds");
  expect(await compile("--prune", "50%", "--prune-rounds", "3", "--out", out)).toMatchObject({ code: 0 });
  const { pipeline } = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as { pipeline: string };
  expect(pipeline.match(/prune-channels\{[^}]*\}, reconstruct/g)).toEqual([
    "prune-channels{macs=0.5, portion=0.333333}, reconstruct",
    "prune-channels{macs=0.5, portion=0.5}, reconstruct",
    "prune-channels{macs=0.5}, reconstruct",
  ]);
});

test("amounts and shares as people write them", () => {
  expect([
    amountOf(1000)("2M"),
    amountOf(1024)("40K"),
    amountOf(1000)("1.5k"),
    amountOf(1024)("1500"),
  ]).toEqual([2e6, 40960, 1500, 1500]);
  expect([shareOf("25%"), shareOf("0.5")]).toEqual([0.25, 0.5]);
});
