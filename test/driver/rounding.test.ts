/** Profiles from outside: `compile --rounding`, and whose rounding given outputs came from. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { identifyRounding, type Identified } from "../../src/driver/identify-rounding.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { loadModel, type ModelSource } from "../../src/driver/model.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { run } from "../../src/driver/run.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { roundingProfiles, type RoundingProfile } from "../../src/numerics/rounding-profile.ts";
import { writeNpy } from "../../src/tensor/npy.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { quern } from "../quern.ts";
import { tinyModel, tinyText } from "./fixtures.ts";

/** A layer that rescales by 1/4, where two roundings differ from one, and a mean of two, where integers differ from reals. */
const text = `graph @net(%x: tensor<1x4xf32>) {
  %q = quantize %x : tensor<1x4xi8, 0.0625:3>
  %d = dequantize %q : tensor<1x4xf32>
  %w = constant {value = dense<[[1, -1, 1, 0], [0, 1, 1, -1], [1, 1, 0, 1], [-1, 0, 1, 1]]>} : tensor<4x4xi8, 1:0>
  %wd = dequantize %w : tensor<4x4xf32>
  %z = linear %d, %wd : tensor<1x4xf32>
  %zq = quantize %z : tensor<1x4xi8, 0.25:-5>
  %zd = dequantize %zq : tensor<1x4xf32>
  %r = reshape %zd {shape = [1, 2, 2]} : tensor<1x2x2xf32>
  %m = reduce_mean %r {axes = [2], keepdims = false} : tensor<1x2xf32>
  %mq = quantize %m : tensor<1x2xi8, 0.25:-5>
  %y = dequantize %mq : tensor<1x2xf32>
  return %y
}
`;
const model: ModelSource = { file: "net.qir", bytes: new TextEncoder().encode(text) };

const count = 200;
const samples = (): Tensor =>
  tensor(
    "f32",
    [count, 4],
    Array.from({ length: 4 * count }, (_, i) => (((i * 37) % 61) - 30) * 0.0625),
  );

async function outputsUnder(rounding: RoundingProfile, raw = true): Promise<Tensor> {
  const { graph } = await compile({ model, targets: [], rounding });
  const [outputs] = await run({
    graph,
    engine: "interpreter",
    samples: openSamples([npyFromTensor(samples())], graph.inputs),
    raw,
  });
  return outputs!;
}

const identify = (outputs: Tensor): Promise<Identified> =>
  identifyRounding({ model, samples: [npyFromTensor(samples())], outputs });

describe("whose rounding", () => {
  test.each(roundingProfiles)("%s is told from the others, by integers and by reals", async (profile) => {
    for (const raw of [true, false]) {
      const found = await identify(await outputsUnder(profile, raw));
      expect(found.exact).toEqual([profile]);
      expect(found.samples).toBe(count);
      expect(found.matches[0]).toEqual({ profile, equal: 1, worstSteps: 0, agreement: 1 });
      for (const { equal, worstSteps } of found.matches.slice(1)) {
        expect(equal).toBeLessThan(1);
        expect(worstSteps).toBeGreaterThanOrEqual(1);
      }
    }
  });

  test("outputs of nobody have a nearest", async () => {
    const given = await outputsUnder("tflite-double");
    const moved = Array.from(numbersOf(given), (q, i) => (i === 7 ? q + 2 : q));
    const other = tensor(given.element, given.shape, moved);
    const found = await identify(other);
    expect(found.exact).toEqual([]);
    expect(found.matches[0]).toMatchObject({ profile: "tflite-double", worstSteps: 2 });
    expect(found.matches[0]!.equal).toBeCloseTo(1 - 1 / (2 * count), 10);
  });

  test("few samples leave several", async () => {
    const zeros = npyFromTensor(tensor("f32", [1, 4]));
    const { exact } = await identifyRounding({
      model,
      samples: [zeros],
      outputs: tensor("i8", [1, 2], [-5, -5]),
    });
    expect(exact).toEqual(roundingProfiles);
  });

  test("the model as it came is judged by stored integers too", async () => {
    const { graph } = loadModel(model);
    const { engines } = await evaluate({
      graph,
      engines: ["interpreter"],
      samples: openSamples([npyFromTensor(samples())], graph.inputs),
      reference: { outputs: await outputsUnder("default") },
    });
    expect(engines[0]!.outputSqnrDb).toBeGreaterThan(15);
  });

  test("signed bytes without a mapping are warned of", async () => {
    const warnings: string[] = [];
    await identifyRounding({
      model,
      samples: [npyFromTensor(tensor("i8", [1, 4], [1, 2, 3, 4]))],
      outputs: tensor("i8", [1, 2], [-5, -5]),
      onWarning: ({ code }) => warnings.push(code),
    });
    expect(warnings).toEqual(["unmapped-samples"]);
  });

  test("what is no quantized model, or no output of it, is said", async () => {
    const outputs = tensor("i8", [count, 2]);
    const given = { samples: [npyFromTensor(samples())], outputs };
    await expect(identifyRounding({ ...given, model: tinyModel })).rejects.toThrow("rounding-model");
    const stored = new TextEncoder().encode("graph @f(%x: tensor<1x4xi8, 1:0>) {\n  return %x\n}\n");
    await expect(identifyRounding({ ...given, model: { file: "s.qir", bytes: stored } })).rejects.toThrow(
      "is integers already",
    );
    await expect(identify(tensor("i8", [count, 3]))).rejects.toThrow("expected [200, 2]");
    await expect(identify(tensor("u8", [count, 2]))).rejects.toThrow("the outputs are u8");
  });
});

describe("the command line", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-rounding-"));
  const at = (file: string): string => join(folder, file);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  writeFileSync(at("net.qir"), text);
  writeFileSync(at("tiny.qir"), tinyText);
  writeFileSync(at("x.npy"), writeNpy(samples()));

  test("a folder compiled with a profile gives outputs that are named after it", async () => {
    const compiled = await quern(
      "compile",
      at("net.qir"),
      "--rounding",
      "tflite-double",
      "--target",
      "wasm",
      "--out",
      at("net"),
    );
    expect(compiled.err).toBe("");
    await quern("run", at("net"), "--inputs", at("x.npy"), "--outputs", at("y.npy"), "--raw");
    const { code, out, err } = await quern(
      "rounding",
      at("net.qir"),
      "--inputs",
      at("x.npy"),
      "--outputs",
      at("y.npy"),
    );
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/tflite-double +100\.00 % +0 +100\.00 %/);
    expect(out).toContain("The outputs are those of tflite-double.");
    const json = await quern(
      "rounding",
      at("net.qir"),
      "--inputs",
      at("x.npy"),
      "--outputs",
      at("y.npy"),
      "--json",
    );
    expect((JSON.parse(json.out) as Identified).exact).toEqual(["tflite-double"]);
  });

  test("the pipeline says the profile, and one that makes no integers refuses it", async () => {
    const { report } = await compile({ model, targets: [], rounding: "tflite-single" });
    expect(report.pipeline).toContain("requantize{rounding=tflite-single}");
    await expect(
      compile({ model, targets: [], rounding: "tflite-single", pipeline: "prove" }),
    ).rejects.toThrow("makes no integers that it could round");
  });

  test("a profile that nobody knows is misuse", async () => {
    const { code, err } = await quern(
      "compile",
      at("net.qir"),
      "--rounding",
      "gemmlowp",
      "--out",
      at("never"),
    );
    expect(code).toBe(2);
    expect(err).toContain("default, tflite-double, tflite-single");
  });
});
