import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkBundle, openBundle, type Bundle } from "../../src/driver/bundle.ts";
import { compile, type CompileOptions } from "../../src/driver/compile.ts";
import { coreEngines, type EngineFactories } from "../../src/driver/engines.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { sha256 } from "../../src/driver/hash.ts";
import { loadModel } from "../../src/driver/model.ts";
import { run } from "../../src/driver/run.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { verifyBundle } from "../../src/driver/verify.ts";
import { version } from "../../src/driver/version.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { printGraph } from "../../src/text/print.ts";
import { tinyLabels, tinyMapping, tinyModel, tinySamples, tinyText } from "./fixtures.ts";

const compileTiny = (more: Partial<CompileOptions> = {}) =>
  compile({ model: tinyModel, samples: tinySamples(), sampleOptions: { mapping: tinyMapping }, ...more });
const tiny = await compileTiny();
const bundleOf = (files: ReadonlyMap<string, Uint8Array> = tiny.files): Bundle => openBundle("tiny", files);
const textOf = (path: string): string => new TextDecoder().decode(tiny.files.get(path));
const samplesOf = (graph: typeof tiny.graph) =>
  openSamples(tinySamples(), graph.inputs, { mapping: tinyMapping });

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(version).toBe(manifest.version);
});

/** Stored already, so that no pipeline made it. */
test("int8 samples that nothing maps are taken as they are, and that is said", async () => {
  const warnings: string[] = [];
  const onWarning: CompileOptions["onWarning"] = ({ code }) => warnings.push(code);
  await compileTiny({ onWarning });
  expect(warnings).not.toContain("unmapped-samples");
  await compileTiny({ sampleOptions: {}, onWarning });
  expect(warnings).toContain("unmapped-samples");
});

const overflowing = `graph @net(%x: tensor<1x1xi8, 1:0>) {
  %w = constant {value = dense<[[127]]>} : tensor<1x1xi8, 1:0>
  %b = constant {value = dense<[2147483647]>} : tensor<1xi32, 1:0>
  %y = linear %x, %w, %b : tensor<1x1xi32, 1:0>
  return %y
}`;

describe("compile", () => {
  test("writes all files of both targets", () => {
    expect([...tiny.files.keys()]).toEqual([
      "tiny.qir",
      "tiny.safetensors",
      "tiny.c",
      "tiny.h",
      "tiny.wasm",
      "tiny.mjs",
      "tiny.d.mts",
      "tiny.d.ts",
      "report.json",
      "report.html",
    ]);
  });
  test("the target onnx is a model that compiles to the same integers, without samples", async () => {
    const { files, graph, report } = await compileTiny({ targets: ["onnx"] });
    const bytes = files.get("tiny.qdq.onnx")!;
    expect([...files.keys()]).toEqual([
      "tiny.qir",
      "tiny.safetensors",
      "tiny.qdq.onnx",
      "report.json",
      "report.html",
    ]);
    expect(report.files.find(({ file }) => file === "tiny.qdq.onnx")?.sha256).toBe(await sha256(bytes));
    const again = await compile({ model: { file: "tiny.qdq.onnx", bytes }, name: "tiny" });
    const outputs = await Promise.all(
      [graph, again.graph].map((compiled) => run({ graph: compiled, samples: samplesOf(compiled) })),
    );
    expect(outputs[1]).toEqual(outputs[0]);
    expect((await checkBundle(bundleOf(files))).problems).toEqual([]);
  });
  test("a graph of integers has no fake-quantized form", async () => {
    const externals = tiny.files.get("tiny.safetensors")!;
    const model = { file: "tiny.qir", bytes: tiny.files.get("tiny.qir")!, externals };
    await expect(compile({ model, targets: ["onnx"] })).rejects.toThrow("no-fake-quantized");
  });
  test("the stored graph keeps the samples' integers as input", () => {
    expect(textOf("tiny.qir")).toContain("%x: tensor<1x4xi8, 0.05000000074505806:3>");
    expect(printGraph(bundleOf().loadGraph())).toBe(printGraph(tiny.graph));
  });
  test("the report says what design.md promises", async () => {
    const { report } = tiny;
    expect(report).toMatchObject({
      quern: version,
      macs: 12,
      parameters: 15,
      weightBytes: 12 + 12,
      name: "tiny",
    });
    expect(report.wasmBytes).toBe(tiny.files.get("tiny.wasm")!.length);
    expect(report.arenaBytes).toBeGreaterThanOrEqual(report.arenaLowerBoundBytes);
    expect(report.arenaLowerBoundBytes).toBeGreaterThanOrEqual(4);
    expect(report.model).toEqual({ file: "tiny.qir", sha256: await sha256(tinyModel.bytes) });
    expect(report.samples).toEqual([
      { file: "x.npy", sha256: await tinySamples()[0]!.sha256(), count: 40, element: "i8" },
    ]);
    expect(report.pipeline).toContain("calibrate{method=auto}");
    expect(report.layers.map(({ operator }) => operator)).toContain("linear");
  });
  test("twice the same bytes, whatever the clock says", async () => {
    let clock = 0;
    const again = await compileTiny({ now: () => (clock += 17), run: { modelPath: "/elsewhere/tiny.qir" } });
    const withoutRun = (files: ReadonlyMap<string, Uint8Array>): unknown => {
      const report = JSON.parse(new TextDecoder().decode(files.get("report.json"))) as Record<
        string,
        unknown
      >;
      return [...files].map(([path, bytes]) =>
        path === "report.json" ? { ...report, run: {} } : [path, bytes],
      );
    };
    expect(withoutRun(again.files)).toEqual(withoutRun(tiny.files));
    expect(again.report.run.totalTimeMs).toBeGreaterThan(0);
  });
  test("one target alone", async () => {
    const { files, report } = await compileTiny({ targets: ["c"], name: "other" });
    expect([...files.keys()]).toEqual([
      "other.qir",
      "other.safetensors",
      "other.c",
      "other.h",
      "report.json",
      "report.html",
    ]);
    expect(report.wasmBytes).toBe(0);
  });
  test("a stored graph needs no samples, and gives the same C", async () => {
    const stored = {
      file: "tiny.qir",
      bytes: tiny.files.get("tiny.qir")!,
      externals: tiny.files.get("tiny.safetensors")!,
    };
    const again = await compile({ model: stored });
    expect(again.files.get("tiny.c")).toEqual(tiny.files.get("tiny.c"));
    expect(again.files.get("tiny.wasm")).toEqual(tiny.files.get("tiny.wasm"));
  });
  test.each([
    [{ samples: undefined }, "no-samples"],
    [{ pipeline: "optimize" }, "float-left"],
    [{ pipeline: "optimise" }, "unknown-pass"],
    [{ name: "int" }, "name"],
    [{ name: "a b" }, "name"],
    [{ model: { file: "net.tflite", bytes: new Uint8Array() } }, "tflite-format"],
    [{ model: { file: "net.h5", bytes: new Uint8Array() } }, "model-type"],
    [{ model: { file: "net.onnx", bytes: Uint8Array.of(1, 2, 3) } }, "onnx-"],
    [{ model: { file: "net.qir", bytes: Uint8Array.of(0xff, 0xfe) } }, "text-encoding"],
    [{ model: { file: "net.qir", bytes: new TextEncoder().encode("graph") } }, "syntax"],
    [
      { samples: undefined, model: { file: "net.qir", bytes: new TextEncoder().encode(overflowing) } },
      "overflow",
    ],
  ])("%o fails with %s", async (more, code) => {
    const { samples, ...rest } = { samples: tinySamples(), ...(more as Partial<CompileOptions>) };
    const options = { model: tinyModel, ...rest, ...(samples === undefined ? {} : { samples }) };
    await expect(compile(options)).rejects.toThrow(`error[${code}`);
  });
});

describe("a compiled folder", () => {
  const changed = (
    path: string,
    edit: (bytes: Uint8Array) => Uint8Array | undefined,
  ): Map<string, Uint8Array> => {
    const files = new Map(tiny.files);
    const edited = edit(files.get(path)!.slice());
    if (edited === undefined) files.delete(path);
    else files.set(path, edited);
    return files;
  };
  const codes = async (files: ReadonlyMap<string, Uint8Array>): Promise<string[]> =>
    (await checkBundle(bundleOf(files))).problems.map(({ code }) => code);

  test("is what its graph gives", async () => {
    expect(await codes(tiny.files)).toEqual([]);
  });
  test("a changed byte of the module, a changed constant of the C, a lost header", async () => {
    expect(await codes(changed("tiny.wasm", (bytes) => ((bytes[bytes.length - 1]! ^= 1), bytes)))).toEqual([
      "stale-file",
    ]);
    const edited = new TextEncoder().encode(textOf("tiny.c").replace("int8_t", "int8_t "));
    expect(await codes(changed("tiny.c", () => edited))).toEqual(["stale-file"]);
    expect(await codes(changed("tiny.h", () => undefined))).toEqual(["missing-file"]);
  });
  test("a float that crept in", async () => {
    const edited = new TextEncoder().encode(`${textOf("tiny.c")}\nstatic float x;\n`);
    expect(await codes(changed("tiny.c", () => edited))).toEqual(["stale-file", "float-left"]);
  });
  test("no folder of ours", () => {
    expect(() => bundleOf(new Map())).toThrow("not-a-bundle");
    expect(() => bundleOf(changed("report.json", () => new TextEncoder().encode("[1]")))).toThrow(
      "not-a-bundle",
    );
    expect(() => bundleOf(changed("tiny.qir", () => undefined))).toThrow("holds no tiny.qir");
  });
  test("verifies, and an engine that lies is found out", async () => {
    const sound = await verifyBundle({ bundle: bundleOf(), engines: ["wasm-simd", "wasm-scalar"] });
    expect(sound.checks.every(({ passed }) => passed)).toBe(true);
    const { problems } = await verifyBundle({
      bundle: bundleOf(),
      engines: ["wasm-scalar"],
      factories: lying,
    });
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["engines-differ"]));
  });
  test("the loader runs the module", async () => {
    const loader = (await import(
      `data:text/javascript,${encodeURIComponent(textOf("tiny.mjs").replace("import.meta.url", '"http://x/"'))}`
    )) as {
      readonly load: (bytes: Uint8Array) => Promise<{
        inputs: { data: Int8Array; scale: number; zero: number }[];
        outputs: { data: Int8Array }[];
        run(): void;
      }>;
    };
    const network = await loader.load(tiny.files.get("tiny.wasm")!);
    const executor = await coreEngines.interpreter!(tiny.graph, {});
    const input = Int8Array.of(5, -100, 127, 3);
    network.inputs[0]!.data.set(input);
    network.run();
    expect(network.outputs[0]!.data).toEqual(executor.run([tensor("i8", [1, 4], input)])[0]!.data);
    expect(network.inputs[0]).toMatchObject({ scale: Math.fround(0.05), zero: 3 });
  });
});

/** Scalar WebAssembly whose first output byte is off by one. */
const lying: EngineFactories = {
  ...coreEngines,
  "wasm-scalar": async (graph, options) => {
    const honest = await coreEngines["wasm-scalar"]!(graph, options);
    return {
      ...honest,
      run: (inputs, observe) => {
        const [output] = honest.run(inputs, observe);
        const data = (output!.data as Int8Array).slice();
        data[0]! ^= 1;
        return [{ ...output!, data }];
      },
    };
  },
};

describe("evaluate", () => {
  const graph = tiny.graph;
  const base = { graph, samples: samplesOf(graph), labels: tinyLabels };
  test("accuracy, agreement, noise; all engines the same bytes and tensors", async () => {
    const result = await evaluate({
      ...base,
      engines: ["interpreter", "wasm-scalar", "wasm-simd"],
      reference: { graph: loadModel(tinyModel).graph },
      checkIntermediates: 3,
    });
    expect(result.reference!.top1!.value).toBe(1);
    for (const { top1, agreement, outputSqnrDb } of result.engines) {
      expect(top1!.hits).toBeGreaterThanOrEqual(38);
      expect(agreement).toEqual(top1);
      expect(outputSqnrDb).toBeGreaterThan(30);
    }
    expect(result.logits!.value).toBe("z");
    expect(result.logits!.sqnrDb).toBeGreaterThan(30);
    expect(result.byteEquality).toEqual({ equal: true, samples: 40, mismatches: [] });
    expect(result.intermediates!.map(({ engine, differing }) => [engine, differing.length])).toEqual([
      ["wasm-scalar", 0],
      ["wasm-simd", 0],
    ]);
    expect(result.intermediates!.every(({ tensors }) => tensors >= 3)).toBe(true);
  });
  test("an engine that lies is named with the sample", async () => {
    const { byteEquality } = await evaluate({
      ...base,
      engines: ["interpreter", "wasm-scalar"],
      factories: lying,
    });
    expect(byteEquality!.equal).toBe(false);
    expect(byteEquality!.mismatches[0]).toEqual({
      engine: "interpreter",
      other: "wasm-scalar",
      sample: 0,
      output: "y",
      differingBytes: 1,
    });
  });
  test("reference outputs as an array", async () => {
    const outputs = (await run({ graph: loadModel(tinyModel).graph, samples: samplesOf(graph) }))[0]!;
    expect([outputs.element, outputs.shape]).toEqual(["f32", [40, 3]]);
    const result = await evaluate({ ...base, engines: ["wasm-simd"], reference: { outputs } });
    expect(result.reference!.top1!.value).toBe(1);
  });
  test("reference outputs as the integers that the network stores", async () => {
    const [outputs] = await run({ graph: tiny.graph, samples: samplesOf(graph), raw: true });
    const result = await evaluate({ ...base, engines: ["wasm-simd"], reference: { outputs: outputs! } });
    expect(result.reference!.engine).toBe("reference");
    expect(result.engines[0]!).toMatchObject({ agreement: { value: 1 }, outputSqnrDb: Infinity });
  });
  test.each([
    [{ reference: { outputs: tensor("u8", [40, 3]) } }, "the reference is u8, the network's outputs are i8"],
    [{ labels: tensor("u8", [3], [0, 1, 2]) }, "3 labels for 40 samples"],
    [{ labels: tensor("u8", [40], new Uint8Array(40).fill(3)) }, "label 0 is 3, expected 0 to 2"],
    [{ reference: { outputs: tensor("f32", [3, 3]) } }, "the reference is [3, 3], expected [40, 3]"],
    [{ engines: ["c" as const] }, "there is no engine 'c' here"],
  ])("%o is refused", async (more, message) => {
    await expect(evaluate({ ...base, engines: ["wasm-simd"], ...more })).rejects.toThrow(message);
  });
});

test("raw outputs are the stored integers", async () => {
  const samples = samplesOf(tiny.graph);
  const [raw] = await run({ graph: tiny.graph, samples, raw: true, engine: "interpreter" });
  const [real] = await run({ graph: tiny.graph, samples });
  expect([raw!.element, raw!.shape]).toEqual(["i8", [40, 3]]);
  expect(Array.from(numbersOf(real!))).toEqual(Array.from(numbersOf(raw!), (q) => (q + 128) / 256));
});

test("the tiny text is in its printed form", () => {
  expect(printGraph(loadModel(tinyModel).graph)).toBe(tinyText);
});
