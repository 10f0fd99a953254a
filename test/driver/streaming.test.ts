/** Networks that carry state from run to run, as they are shipped: in JavaScript, in C, and beside the float network for a thousand steps. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toReal, toStored } from "../../src/driver/boundary.ts";
import { compile, type Compiled } from "../../src/driver/compile.ts";
import { evaluate } from "../../src/driver/evaluate.ts";
import { loadModel, type ModelSource } from "../../src/driver/model.ts";
import { nodeEngines } from "../../src/driver/node/engines.ts";
import { firstWorking } from "../../src/driver/node/c-compiler.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { openSamples } from "../../src/driver/samples.ts";
import { carrying } from "../../src/exec/carrying-executor.ts";
import { createInterpreter } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { bytesOfTensor } from "../../src/tensor/bytes.ts";
import { numbersOf, tensor, type Tensor } from "../../src/tensor/tensor.ts";
import { onnxBytes } from "../frontends/onnx/networks.ts";
import { inputs, recurrentNetwork, sequence, statesOf, type RecurrentKind } from "./recurrent-networks.ts";

const compiler = firstWorking([["cc"], ["gcc"], ["clang"]]);
if (compiler === undefined) console.warn("skipped: no C compiler");

const steps = 1000;
const resetAt = 600;

/** Of the last hundred steps as of all, in dB: what the states are held to, and the layer of 8 bits behind them. */
const bounds: Readonly<Record<RecurrentKind, { readonly output: number; readonly states: number }>> = {
  LSTM: { output: 32, states: 37 },
  GRU: { output: 36, states: 41 },
};

const modelOf = (kind: RecurrentKind): ModelSource => ({
  file: "net.onnx",
  bytes: onnxBytes(recurrentNetwork(kind)),
  states: statesOf(kind),
});

const stepsOf = (values: Tensor): Tensor[] =>
  Array.from({ length: values.shape[0]! }, (_, n) =>
    tensor("f32", [1, 1, inputs], (values.data as Float32Array).slice(n * inputs, (n + 1) * inputs)),
  );

/** All outputs of every step, states among them. */
function interpreted(graph: Graph, sequence: readonly Tensor[], resets: readonly number[] = []): Tensor[][] {
  const stream = carrying(createInterpreter(graph), graph);
  return sequence.map((x, n) => {
    if (resets.includes(n)) stream.reset();
    return [...stream.run([x])];
  });
}

describe.each(["LSTM", "GRU"] as const)("%s", (kind) => {
  let compiled: Compiled;
  let folder = "";
  const float = loadModel(modelOf(kind)).graph;
  const reals = stepsOf(sequence(77, steps));

  beforeAll(async () => {
    compiled = await compile({
      model: modelOf(kind),
      samples: [npyFromTensor(sequence(11, 300))],
      name: "net",
    });
    folder = mkdtempSync(path.join(tmpdir(), "quern-stream-"));
    for (const [file, bytes] of compiled.files) writeFileSync(path.join(folder, file), bytes);
  }, 120_000);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const stored = (): Tensor[] => reals.map((x) => toStored(x, compiled.graph.callerInputs[0]!.type));

  test("states are 16 bits wide, and what goes out comes in", () => {
    for (const { input, output } of compiled.graph.carried) {
      expect(input.type.element).toBe("i16");
      expect(output.type).toEqual(input.type);
    }
    expect(compiled.graph.callerInputs.map(({ type }) => type.element)).toEqual(["i8"]);
    expect(new TextDecoder().decode(compiled.files.get("net.qir"))).toMatch(/return %y, %hn -> %h/);
  });

  test("stays beside the float network for a thousand steps", () => {
    const wanted = interpreted(float, reals);
    const found = interpreted(compiled.graph, stored());
    compiled.graph.outputs.forEach((output, o) => {
      const bound = o === 0 ? bounds[kind].output : bounds[kind].states;
      for (const [first, last] of [
        [0, steps],
        [steps - 100, steps],
      ] as const) {
        let [signal, noise] = [0, 0];
        for (let n = first; n < last; n++) {
          const y = numbersOf(toReal(found[n]![o]!, output.type));
          numbersOf(wanted[n]![o]!).forEach((x: number, i: number) => {
            signal += x * x;
            noise += (x - y[i]!) * (x - y[i]!);
          });
        }
        expect(10 * Math.log10(signal / noise), `%${output.name} from ${first}`).toBeGreaterThan(bound);
      }
    });
  });

  test("in JavaScript, with reset", async () => {
    const { load } = (await import(pathToFileURL(path.join(folder, "net.mjs")).href)) as {
      load: () => Promise<{
        inputs: { data: Int8Array }[];
        outputs: { data: Int8Array }[];
        states: { name: string; data: Int16Array }[];
        run: () => void;
        reset: () => void;
      }>;
    };
    const network = await load();
    expect(network.inputs).toHaveLength(1);
    expect(network.outputs).toHaveLength(1);
    expect(network.states.map(({ name }) => name)).toEqual([...statesOf(kind).keys()]);
    const wanted = interpreted(compiled.graph, stored(), [resetAt]);
    stored().forEach((x, n) => {
      if (n === resetAt) network.reset();
      network.inputs[0]!.data.set(x.data as Int8Array);
      network.run();
      expect(Array.from(network.outputs[0]!.data), `step ${n}`).toEqual(
        Array.from(numbersOf(wanted[n]![0]!)),
      );
      network.states.forEach(({ data }, s) => {
        expect(Array.from(data), `state after step ${n}`).toEqual(Array.from(numbersOf(wanted[n]![s + 1]!)));
      });
    });
  });

  test.skipIf(compiler === undefined)("in C, with reset", () => {
    const output = compiled.graph.outputs[0]!.type;
    const element = output.element === "i16" ? "int16_t" : "int8_t";
    writeFileSync(
      path.join(folder, "main.c"),
      `#include <stdio.h>
#include "net.h"
static int64_t arena[(NET_ARENA_BYTES + 7) / 8];
static int64_t state[(NET_STATE_BYTES + 7) / 8];
int main(void) {
  int8_t x[NET_INPUT_ELEMENTS];
  ${element} y[NET_OUTPUT_ELEMENTS];
  int step = 0;
  net_reset(state);
  while (fread(x, 1, sizeof x, stdin) == sizeof x) {
    if (step++ == ${resetAt}) net_reset(state);
    net_run(x, y, state, arena);
    fwrite(y, sizeof y[0], NET_OUTPUT_ELEMENTS, stdout);
  }
  return 0;
}
`,
    );
    const flags = "-std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Werror -fsanitize=undefined,address";
    const [command, ...given] = compiler!;
    execFileSync(command, [...given, ...flags.split(" "), "main.c", "net.c", "-o", "main"], { cwd: folder });
    const stream = Buffer.concat(stored().map((x) => Buffer.from(bytesOfTensor(x))));
    const { stdout, status, stderr } = spawnSync(path.join(folder, "main"), { input: stream });
    expect(stderr.toString()).toBe("");
    expect(status).toBe(0);
    const wanted = interpreted(compiled.graph, stored(), [resetAt]).map(([y]) =>
      Buffer.from(bytesOfTensor(y!)),
    );
    expect(stdout.equals(Buffer.concat(wanted))).toBe(true);
  });

  test("evaluation runs samples as one sequence, in every engine", async () => {
    const result = await evaluate({
      graph: compiled.graph,
      engines: compiler === undefined ? ["wasm-simd", "wasm-scalar"] : ["wasm-simd", "wasm-scalar", "c"],
      factories: nodeEngines,
      samples: openSamples([npyFromTensor(sequence(77, 40))], compiled.graph.callerInputs),
      reference: { graph: float },
      checkIntermediates: 5,
    });
    expect(result.byteEquality).toMatchObject({ equal: true, samples: 40 });
    expect(result.intermediates?.flatMap(({ differing }) => differing)).toEqual([]);
    expect(result.engines[0]!.outputSqnrDb).toBeGreaterThan(30);
  });
});

test("state that is not there, or of another shape, is named", () => {
  const load = (states: [string, string][]) => () =>
    loadModel({ ...modelOf("GRU"), states: new Map(states) });
  expect(load([["g", "hn"]])).toThrow("there is no input 'g' to carry state to");
  expect(load([["h", "g"]])).toThrow("there is no output 'g' to carry state from");
  expect(load([["x", "hn"]])).toThrow(
    "output 'hn' is tensor<1x1x24xf32>, expected tensor<1x1x8xf32> as input 'x'",
  );
});
