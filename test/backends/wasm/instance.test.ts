/** The executor and the files for callers, on a network of two kernels whose first tensor loses its place to the second. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, describe, expect, test } from "vitest";
import { emitWasm } from "../../../backends/wasm/emit.ts";
import { instantiate } from "../../../backends/wasm/instance.ts";
import { emitWrapper } from "../../../backends/wasm/wrapper.ts";
import { add, i32, load, loop, loopAffine, mul, register, store } from "../../../src/loops/build.ts";
import { interpretProgram } from "../../../src/loops/interpret.ts";
import type {
  Buffer,
  LoopExpression,
  LoopProgram,
  Statement,
  TensorStorage,
} from "../../../src/loops/loop.ts";
import { i32Type } from "../../../src/loops/loop.ts";
import { tensor } from "../../../src/tensor/tensor.ts";

const buffer = (name: string, element: "i8" | "i16", role: Buffer["role"]): Buffer => ({
  name,
  element,
  count: 6,
  slackBytes: 0,
  alignBytes: 16,
  role,
});
const [input, middle, output] = [
  buffer("in", "i8", "input"),
  buffer("mid", "i16", "scratch"),
  buffer("out", "i8", "output"),
];

const map = (from: Buffer, to: Buffer, change: (x: LoopExpression) => LoopExpression): Statement[] => {
  const i = register("i");
  const place = (of: Buffer) => ({ buffer: of, index: loopAffine(0, [{ register: i, factor: 1 }]) });
  return [loop(i, 0, 6, 1, [store(place(to), change(load(i32Type, place(from))))])];
};
const storage = (name: string, of: Buffer, bias = 0): TensorStorage => ({
  tensor: name,
  element: "i8",
  buffer: of,
  shape: [2, 3],
  strides: [3, 1],
  start: 0,
  bias,
});
const network: LoopProgram = {
  name: "net",
  procedures: [
    {
      name: "centre",
      doc: "mid = in + 3, kept without its zero point",
      body: map(input, middle, (x) => add(x, i32(3))),
    },
    { name: "double", doc: "out = 2 mid", body: map(middle, output, (x) => mul(x, i32(2))) },
  ],
  buffers: [input, middle, output],
  // the output lies on the input
  offsetsBytes: new Map([
    [input, 0],
    [middle, 16],
    [output, 0],
  ]),
  arenaBytes: 32,
  arenaLowerBoundBytes: 32,
  tensors: [
    { ...storage("x", input), after: -1 },
    { ...storage("m", middle, -3), after: 0 },
    { ...storage("y", output), after: 1 },
  ],
  inputs: [storage("x", input)],
  outputs: [storage("y", output)],
};
const x = tensor("i8", [2, 3], [1, -2, 3, -4, 5, 60]);
const y = [8, 2, 12, -2, 16, 126];

describe("instance", () => {
  test("runs, again and again, and shows every tensor while it lives", async () => {
    const bytes = await emitWasm(network, { exportProcedures: true });
    const instance = await instantiate(bytes, network, "wasm-scalar");
    expect(instance.engine).toBe("wasm-scalar");
    for (let time = 0; time < 2; time++) {
      expect(Array.from(instance.run([x])[0]!.data as Int8Array)).toEqual(y);
      const seen: [string, number[]][] = [];
      const outputs = instance.run([x], (name, { data }) => seen.push([name, Array.from(data as Int8Array)]));
      expect(seen).toEqual([
        ["x", Array.from(x.data as Int8Array)],
        ["m", Array.from(x.data as Int8Array)],
        ["y", y],
      ]);
      expect(outputs).toEqual(interpretProgram(network, [x]));
    }
    instance.dispose();
    expect(() => instance.run([x])).toThrow(/internal: wasm: 'net' was disposed of/);
  });

  test("observation needs the procedures", async () => {
    const instance = await instantiate(await emitWasm(network), network);
    expect(Array.from(instance.run([x])[0]!.data as Int8Array)).toEqual(y);
    expect(() => instance.run([x], () => undefined)).toThrow(/emitted without its procedures exported/);
    expect(() => instance.run([])).toThrow(/0 inputs for the 1 of 'net'/);
  });
});

interface Port {
  readonly name: string;
  readonly scale?: number;
  readonly data: Int8Array;
}

interface Loaded {
  readonly inputs: readonly { readonly scale?: number }[];
  readonly load: (source?: unknown) => Promise<{
    readonly inputs: readonly [Port];
    readonly outputs: readonly [Port];
    run(): void;
  }>;
  readonly quantize: (reals: ArrayLike<number>, port: Port) => void;
  readonly dequantize: (port: Port) => Float32Array;
}

/** @types/node does not declare it. */
function compiledModule(bytes: Uint8Array): object {
  const { WebAssembly } = globalThis as unknown as {
    readonly WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };
  };
  return new WebAssembly.Module(bytes);
}

describe("wrapper", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quern-wrapper-"));
  afterAll(() => rm(folder, { recursive: true }));
  const text = emitWrapper(network, {
    name: "net",
    inputs: [{ scale: 0.5, zero: 1 }],
    outputs: [{ scale: 0.25, zero: -2 }],
  });
  await writeFile(join(folder, "net.mjs"), text.module);
  await writeFile(join(folder, "net.d.mts"), text.types);
  await writeFile(join(folder, "net.d.ts"), text.typesAlias);
  await writeFile(join(folder, "net.wasm"), await emitWasm(network));
  const module = (await import(pathToFileURL(join(folder, "net.mjs")).href)) as Loaded;

  test("loads the module beside it and computes", async () => {
    const net = await module.load();
    net.inputs[0].data.set(x.data as Int8Array);
    net.run();
    expect(Array.from(net.outputs[0].data)).toEqual(y);
    expect(net.inputs[0]).toMatchObject({ ...module.inputs[0], name: "x", scale: 0.5 });
  });

  test("quantizes and dequantizes, halves away from zero, out of range clamped", async () => {
    const {
      inputs: [input],
      outputs: [output],
    } = await module.load();
    module.quantize([0, 0.25, -0.25, NaN, 1e9, -1e9], input);
    expect(Array.from(input.data)).toEqual([1, 2, 0, 1, 127, -128]);
    output.data.set([-2, 2, 0, 0, 0, 0]);
    expect(Array.from(module.dequantize(output)).slice(0, 2)).toEqual([0, 1]);
    expect(() => {
      module.quantize([1], input);
    }).toThrow(/x has 6 elements, not 1/);
  });

  test("takes bytes, promises, responses and URLs", async () => {
    const bytes = await readFile(join(folder, "net.wasm"));
    const url = pathToFileURL(join(folder, "net.wasm"));
    const response = (): Response => new Response(new Uint8Array(bytes));
    for (const source of [
      bytes,
      Promise.resolve(bytes),
      compiledModule(bytes),
      url,
      url.href,
      "./net.wasm",
      response(),
      new Blob([new Uint8Array(bytes)]),
    ]) {
      const net = await module.load(source);
      net.inputs[0].data.set(x.data as Int8Array);
      net.run();
      expect(Array.from(net.outputs[0].data)).toEqual(y);
    }
    await expect(module.load(new Response("gone", { status: 404 }))).rejects.toThrow(/404/);
  });

  test.each([
    ["nodenext", "module", ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
    ["nodenext", "commonjs", ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
    ["bundler", "module", ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
  ])("its types fit a caller: %s, in a package of type %s", async (_, type, kind, moduleResolution) => {
    await writeFile(join(folder, "package.json"), JSON.stringify({ type }));
    const caller = join(folder, "caller.mts");
    await writeFile(
      caller,
      `import { dequantize, load, inputs, quantize, type Network } from "./net.mjs";
const net: Network = await load(new Uint8Array());
const first: Int8Array = net.inputs[0].data;
quantize([1, 2, 3, 4, 5, 6], net.inputs[0]);
net.run();
const reals: Float32Array = dequantize(net.outputs[0]);
const scale: number | undefined = inputs[0]?.scale;
// @ts-expect-error there is no such port
net.inputs[1];
// @ts-expect-error and its elements are bytes
const floats: Float32Array = net.inputs[0].data;
export { first, reals, scale, floats };
`,
    );
    const program = ts.createProgram([caller, join(folder, "net.d.ts")], {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: kind,
      moduleResolution,
      lib: ["lib.es2023.d.ts"],
      types: [],
    });
    const found = ts.getPreEmitDiagnostics(program);
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
  });

  test("a tensor that no view can show is refused", () => {
    const biased = { ...network, outputs: [storage("m", middle, -3)] };
    expect(() => emitWrapper(biased, { name: "net", inputs: [undefined], outputs: [undefined] })).toThrow(
      /internal: wasm: no view can show 'm'/,
    );
  });
});
