import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { main } from "../../src/driver/node/cli.ts";
import { parseNpy, writeNpy } from "../../src/tensor/npy.ts";
import { onnxBytes, type Network } from "../frontends/onnx/networks.ts";
import { quern } from "../quern.ts";
import { tinyBytes, tinyLabels, tinyText } from "./fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "quern-cli-"));
const at = (...parts: string[]): string => join(folder, ...parts);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const mapping = ["--input-scale", "0.05", "--input-zero", "3"];
const compileTiny = (out: string, ...more: string[]) =>
  quern("compile", at("tiny.qir"), "--calibrate", at("x.npy"), ...mapping, "--out", at(out), ...more);

beforeAll(async () => {
  writeFileSync(at("tiny.qir"), tinyText);
  writeFileSync(at("x.npy"), tinyBytes);
  writeFileSync(at("y.npy"), writeNpy(tinyLabels));
  const { code, err } = await compileTiny("net");
  expect(err).toBe("");
  expect(code).toBe(0);
});

describe("the road of a network", () => {
  test("evaluate finds mapping and reference by itself", async () => {
    const { code, out, err } = await quern(
      "evaluate",
      at("net"),
      "--inputs",
      at("x.npy"),
      "--labels",
      at("y.npy"),
    );
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/float +100\.00 %/);
    expect(out).toMatch(/wasm-simd +9\d|100\.00 %/);
    expect(out).toContain("SQNR of the logits %z");
  });
  test("evaluate --json with engines by comma and by repetition", async () => {
    const engines = [
      "--engine",
      "interpreter,wasm-scalar",
      "--engine",
      "wasm-simd",
      "--check-intermediates",
      "2",
    ];
    const { code, out } = await quern("evaluate", at("net"), "--inputs", at("x.npy"), ...engines, "--json");
    expect(code).toBe(0);
    const found = JSON.parse(out) as { engines: { engine: string }[]; byteEquality: { equal: boolean } };
    expect(found.engines.map(({ engine }) => engine)).toEqual(["interpreter", "wasm-scalar", "wasm-simd"]);
    expect(found.byteEquality.equal).toBe(true);
  });
  test("a reference that is gone is said", async () => {
    const report = JSON.parse(readFileSync(at("net", "report.json"), "utf8")) as {
      run: { modelPath: string };
    };
    expect(report.run.modelPath).toBe(at("tiny.qir"));
    writeFileSync(at("tiny.qir"), `${tinyText}\n`);
    const { code, err } = await quern(
      "evaluate",
      at("net"),
      "--inputs",
      at("x.npy"),
      "--engine",
      "wasm-simd",
    );
    writeFileSync(at("tiny.qir"), tinyText);
    expect(code).toBe(0);
    expect(err).toContain("note[no-reference]");
  });
  test("run writes reals, or stored integers", async () => {
    const { code } = await quern(
      "run",
      at("net"),
      "--inputs",
      at("x.npy"),
      "--outputs",
      at("out.npy"),
      "--limit",
      "3",
    );
    expect(code).toBe(0);
    expect(parseNpy(readFileSync(at("out.npy")), "out")).toMatchObject({ element: "f32", shape: [3, 3] });
    await quern("run", at("net"), "--inputs", at("x.npy"), "--outputs", at("out.npy"), "--raw");
    expect(parseNpy(readFileSync(at("out.npy")), "out")).toMatchObject({ element: "i8", shape: [40, 3] });
  });
  test("verify says when the C could not be compared", async () => {
    vi.stubEnv("CC", undefined);
    vi.stubEnv("PATH", folder);
    try {
      const { code, out, err } = await quern("verify", at("net"), "--count", "1");
      expect(code).toBe(0);
      expect(err).toContain("note[no-c-compiler]");
      expect(out).toContain("wasm-simd, wasm-scalar: the same outputs");
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("verify checks, and fails on a changed file", async () => {
    const sound = await quern("verify", at("net"), "--engine", "wasm-simd", "--count", "2");
    expect(sound.code).toBe(0);
    expect(sound.out).toMatch(/ok +float-free/);
    const header = readFileSync(at("net", "tiny.h"));
    writeFileSync(at("net", "tiny.h"), `${header.toString()}float x;\n`);
    const broken = await quern("verify", at("net"), "--engine", "wasm-simd", "--count", "2");
    writeFileSync(at("net", "tiny.h"), header);
    expect(broken.code).toBe(1);
    expect(broken.err).toContain("error[stale-file]: tiny.h is not what the stored graph gives");
    expect(broken.err).toContain("error[float-left]");
  });
  test("inspect counts", async () => {
    const { code, out } = await quern("inspect", at("tiny.qir"));
    expect(code).toBe(0);
    expect(out).toContain("15 parameters, 0.1 KiB; 12 multiply-accumulates");
    expect((await quern("inspect", at("net"))).out).toContain("peak RAM in integers");
  });
});

describe("weights of less than a byte", () => {
  const layersOf = (
    folderName: string,
  ): { operator: string; weightElement?: string; weightBytes: number }[] =>
    (
      JSON.parse(readFileSync(at(folderName, "report.json"), "utf8")) as {
        layers: { operator: string; weightElement?: string; weightBytes: number }[];
      }
    ).layers;

  test("--bits is in the graph, the report and every engine", async () => {
    const { code, err } = await compileTiny("net3", "--bits", "3");
    expect([code, err]).toEqual([0, ""]);
    const [layer] = layersOf("net3");
    // Twelve weights of three bits and three biases.
    expect(layer).toMatchObject({ operator: "linear", weightElement: "i3", weightBytes: 5 + 12 });
    expect(readFileSync(at("net3", "tiny.qir"), "utf8")).toContain("tensor<3x4xi3, ");
    const { out } = await quern("verify", at("net3"), "--count", "3");
    expect(out).toContain("the same outputs");
  });
  test("the only layer is the first and the last", async () => {
    const { code } = await compileTiny("net28", "--bits", "2", "--first-last-bits", "8");
    expect(code).toBe(0);
    expect(layersOf("net28")[0]).toMatchObject({ weightElement: "i8" });
    await compileTiny("net2", "--bits", "2", "--weights", "tensor");
    expect(layersOf("net2")[0]).toMatchObject({ weightElement: "odd2", weightBytes: 3 + 12 });
    expect(readFileSync(at("net2", "tiny.qir"), "utf8")).toMatch(/tensor<3x4xodd2, [\d.]+:0>/);
  });
  test("groups of inputs are in the graph, the report and every engine", async () => {
    const { code, err } = await compileTiny("netg", "--bits", "3", "--weights", "group", "--group-size", "2");
    expect([code, err]).toEqual([0, ""]);
    // Twelve weights of three bits, two factors of four bits for each of three rows, and three biases.
    expect(layersOf("netg")[0]).toMatchObject({
      weightElement: "i3",
      weightGroup: 2,
      weightBytes: Math.ceil((36 + 24) / 8) + 12,
    });
    expect(readFileSync(at("netg", "tiny.qir"), "utf8")).toContain('codes = "i3", group = 2');
    expect((await quern("verify", at("netg"), "--count", "3")).out).toContain("the same outputs");
    const odd = await compileTiny("none", "--bits", "3", "--weights", "group", "--group-size", "6");
    expect(odd.code).toBe(2);
    expect(odd.err).toContain(
      "option '--group-size <N>' argument '6' is invalid. It is expected to be a power of two",
    );
  });
  test("a file of options says it too", async () => {
    writeFileSync(at("c.json"), JSON.stringify({ bits: 5, levels: "odd" }));
    const { code, err } = await compileTiny("net5", "--config", at("c.json"));
    expect([code, err]).toEqual([0, ""]);
    expect(layersOf("net5")[0]).toMatchObject({ weightElement: "odd5" });
  });
  test("a width there is not, and weights that are integers already", async () => {
    for (const [option, bits] of [
      ["--bits", "9"],
      ["--bits", "1"],
      ["--first-last-bits", "4.5"],
    ] as const) {
      const wide = await compileTiny("none", option, bits);
      expect([wide.code, existsSync(at("none"))]).toEqual([2, false]);
      expect(wide.err).toContain(`option '${option} <N>' argument '${bits}' is invalid`);
    }
    const stored = await quern("compile", at("net", "tiny.qir"), "--bits", "4", "--out", at("none"));
    expect(stored.code).toBe(2);
    const again = await quern(
      ...["compile", at("net", "tiny.qir"), "--pipeline", "accurate", "--out", at("none")],
    );
    expect(again.code).toBe(1);
    expect(again.err).toContain("error[quantized-model]: the model is quantized already");
    expect(stored.err).toContain("error[option]: 'bits' would change the weights");
  });
});

describe("opt", () => {
  test("text in, text out", async () => {
    expect(await quern("opt", at("tiny.qir"))).toEqual({ code: 0, out: tinyText, err: "" });
  });
  test("prints after one pass, and times", async () => {
    const { out, err } = await quern(
      "opt",
      at("tiny.qir"),
      "--passes",
      "canonicalize, fold-pad",
      "--print-after=fold-pad",
      "--timing",
    );
    expect(out).toBe(tinyText);
    expect(err.match(/\/\/ after .*/g)).toEqual(["// after fold-pad"]);
    expect(err).toMatch(/ms {2}canonicalize/);
  });
  test.each([
    ["kernels", "kernel "],
    ["loops", "program tiny, arena"],
    ["c", "void tiny_run("],
  ])("emits %s", async (form, text) => {
    expect((await quern("opt", at("net"), "--emit", form)).out).toContain(text);
  });
  test("writes text and tensors", async () => {
    const passes = ["--passes", "default", "--calibrate", at("x.npy"), ...mapping];
    expect((await quern("opt", at("tiny.qir"), ...passes, "--out", at("stored.qir"))).code).toBe(0);
    expect((await quern("opt", at("stored.qir"))).out).toContain("requantize");
  });
  test("lists passes", async () => {
    expect((await quern("opt", "--list")).out).toMatch(/calibrate +measure/);
  });
  test("a misspelt pass is shown where it stands", async () => {
    const { code, err } = await quern("opt", at("tiny.qir"), "--passes", "canonicalize, fold-pda");
    expect(code).toBe(2);
    expect(err).toBe(
      [
        "--passes:1:15: error[unknown-pass]: there is no pass or pipeline 'fold-pda'",
        "  canonicalize, fold-pda",
        "                ^~~~~~~~",
        "  help: did you mean 'fold-pad'?\n",
      ].join("\n"),
    );
  });
  test("a faulty text is shown where it stands", async () => {
    writeFileSync(at("faulty.qir"), tinyText.replace("softmax", "sofmax"));
    const { code, err } = await quern("opt", at("faulty.qir"));
    expect(code).toBe(1);
    expect(err).toContain("^~~~~~\n  help: did you mean 'softmax'?");
  });
});

describe("usage", () => {
  test("misuse ends with 2", async () => {
    expect((await quern("compile")).code).toBe(2);
    expect((await quern("compile", at("tiny.qir"))).err).toContain("--out");
    expect((await quern("compil")).err).toContain("compile");
    expect((await quern("opt")).code).toBe(2);
    expect(
      (await quern("run", at("net"), "--inputs", "x", "--outputs", "y", "--engine", "c,wasm-simd")).code,
    ).toBe(2);
  });
  test("help and version are no errors", async () => {
    expect(await quern("--version")).toMatchObject({ code: 0, out: "0.1.0\n" });
    const help = await quern("compile", "--help");
    expect(help.code).toBe(0);
    expect(help.out).toContain("Examples:");
  });
});

describe("what is said of a model", () => {
  const choice: Network = {
    nodes: [
      { op: "Cast", in: ["mode"], out: ["c"], attributes: { to: 9 } },
      {
        op: "If",
        in: ["c"],
        out: ["y"],
        attributes: {
          then_branch: { graph: { nodes: [{ op: "Relu", in: ["x"], out: ["t"] }], outputs: ["t"] } },
          else_branch: { graph: { nodes: [{ op: "Neg", in: ["x"], out: ["e"] }], outputs: ["e"] } },
        },
      },
      { op: "Tanh", in: ["s"], out: ["n"] },
    ],
    inputs: { x: [1, 4], mode: [1], s: [1, 2] },
    outputs: ["y", "n"],
  };
  beforeAll(() => {
    writeFileSync(at("choice.onnx"), onnxBytes(choice));
  });
  const inspect = (...options: string[]) => quern("inspect", at("choice.onnx"), ...options);

  test("state of names that are none, of another shape, carried twice", async () => {
    const fixed = ["--fix", "mode=1"];
    expect((await inspect(...fixed, "--state", "s=n")).code).toBe(0);
    for (const [words, message] of [
      [["q=n"], "error[state]: there is no input 'q' to carry state to"],
      [["s=q"], "error[state]: there is no output 'q' to carry state from"],
      [["s=y"], "error[state]: output 'y' is tensor<1x4xf32>, expected tensor<1x2xf32> as input 's'"],
      [["s=n", "s=n"], ""],
    ] as const) {
      const { code, err } = await inspect(...fixed, ...words.flatMap((word) => ["--state", word]));
      expect([code, err.includes(message)], words.join()).toEqual([message === "" ? 0 : 1, true]);
    }
    expect((await inspect("--state", "s")).code).toBe(2);
  });

  test("an input that is fixed decides a branch and is none any more", async () => {
    const open = await inspect();
    expect([open.code, open.err.includes("fix the input that decides with --fix NAME=VALUE")]).toEqual([
      1,
      true,
    ]);
    for (const [mode, operator] of [
      ["1", "relu"],
      ["0", "neg"],
    ] as const) {
      const { code, out } = await inspect("--fix", `mode=${mode}`);
      expect(code).toBe(0);
      expect(out).toContain(operator);
      expect(out).not.toContain("mode");
    }
  });

  test("numbers that fit no input", async () => {
    expect((await inspect("--fix", "mode")).code).toBe(2);
    expect((await inspect("--fix", "mode=fast")).code).toBe(2);
    expect((await inspect("--fix", "mode=1", "--fix", "q=1")).err).toContain("error[onnx-unknown-input]");
    expect((await inspect("--fix", "mode=1,2")).err).toContain("give one number, or 1");
    expect((await quern("inspect", at("tiny.qir"), "--fix", "x=1")).err).toContain("expected .onnx");
  });
});

test("a fault of the compiler: a short text and a file, no stack", async () => {
  let err = "";
  const broken = (): never => {
    throw new Error("internal: pass 'x' broke the graph\ngraph @f() {}");
  };
  const code = await main(["opt", "--list"], { out: broken, err: (text) => void (err += text) });
  expect(code).toBe(1);
  expect(err).toMatch(/^quern: internal: pass 'x' broke the graph\nThis is the compiler's fault/);
  expect(err).not.toContain("    at ");
  const file = /and (\S*fault\.txt)/.exec(err)![1]!;
  expect(readFileSync(file, "utf8")).toContain("graph @f() {}");
  rmSync(dirname(file), { recursive: true });
});

describe("the output folder", () => {
  test("one that quern wrote is replaced whole", async () => {
    await compileTiny("twice");
    writeFileSync(at("twice", "rest.txt"), "");
    expect((await compileTiny("twice", "--target", "c")).code).toBe(0);
    expect(readdirSync(at("twice")).sort()).toEqual([
      "report.html",
      "report.json",
      "tiny.c",
      "tiny.h",
      "tiny.qir",
      "tiny.safetensors",
    ]);
    expect(readdirSync(folder).filter((name) => name.includes("quern-"))).toEqual([]);
  });
  test("another is kept, unless forced", async () => {
    mkdirSync(at("mine"));
    writeFileSync(at("mine", "thesis.txt"), "");
    const refused = await compileTiny("mine");
    expect([refused.code, readdirSync(at("mine"))]).toEqual([1, ["thesis.txt"]]);
    expect(refused.err).toContain("error[output-exists]");
    expect((await compileTiny("mine", "--force")).code).toBe(0);
    expect(existsSync(at("mine", "thesis.txt"))).toBe(false);
  });
  test("the current folder and those around it never are", async () => {
    const { code, err } = await quern("compile", at("tiny.qir"), "--out", "..", "--force");
    expect([code, err.includes("holds the current folder")]).toEqual([1, true]);
  });
  test("a file in its place", async () => {
    expect((await compileTiny("x.npy")).err).toContain("is a file");
  });
});

const built = fileURLToPath(new URL("../../dist/src/driver/node/cli.js", import.meta.url));
test.skipIf(!existsSync(built))("the built command exits with its code", () => {
  const start = (...args: string[]) => spawnSync(process.execPath, [built, ...args], { encoding: "utf8" });
  expect(start("--version")).toMatchObject({ status: 0, stderr: "" });
  expect(start("compile", "--wrong").status).toBe(2);
  const missing = start("inspect", at("none.onnx"));
  expect([missing.status, missing.stdout]).toEqual([1, ""]);
});
