/** A short run of what `npm run fuzz:readers` does for long: damaged models give a graph or diagnostics, hostile ones diagnostics, quickly. */
import { describe, expect, test } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { loadModel } from "../../src/driver/model.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { hostileFile, hostileKinds, lacksOf } from "../../bench/hostile/index.ts";
import { mutate } from "../../bench/mutate.ts";
import { f32, onnxBytes } from "./onnx/networks.ts";
import * as flat from "./tflite/flat-writer.ts";
import { tfliteBytes } from "./tflite/models.ts";

const onnx = onnxBytes({
  nodes: [
    { op: "QuantizeLinear", in: ["x", "s", "z"], out: ["q"] },
    { op: "DequantizeLinear", in: ["q", "s", "z"], out: ["d"] },
    { op: "DequantizeLinear", in: ["w", "ws"], out: ["wd"], attributes: { axis: 0 } },
    { op: "Conv", in: ["d", "wd"], out: ["c"], attributes: { kernel_shape: [1, 2], pads: [0, 1, 0, 0] } },
    { op: "Relu", in: ["c"], out: ["r"] },
    { op: "Reshape", in: ["r", "shape"], out: ["y"] },
  ],
  inputs: { x: ["batch", 1, 2, 3] },
  initializers: {
    s: f32([], [0.5]),
    z: tensor("i8", [], [-3]),
    w: tensor("i8", [2, 1, 1, 2], [1, 2, 3, 4]),
    ws: f32([2], [0.5, 0.25]),
    shape: tensor("i64", [2], [1n, -1n]),
  },
});

const tflite = tfliteBytes({
  tensors: [
    { name: "x", shape: [1, 2, 3, 1], type: 9, scale: [0.5], zero: [-3] },
    { name: "y", shape: [1, 12], type: 9, scale: [0.5], zero: [-3] },
    { name: "c", shape: [1, 2, 3, 2], type: 9, scale: [0.5], zero: [-3] },
    {
      name: "w",
      shape: [2, 1, 2, 1],
      contents: tensor("i8", [2, 1, 2, 1], [1, 2, 3, 4]),
      scale: [0.5, 0.25],
    },
    { name: "shape", shape: [2], contents: tensor("i32", [2], [1, -1]) },
  ],
  operators: [
    { code: 3, in: [0, 3], out: [2], options: { 1: flat.i32(1), 2: flat.i32(1), 3: flat.i8(1) } },
    { code: 22, in: [2, 4], out: [1] },
  ],
  outputs: [1],
});

describe.each([
  ["net.onnx", onnx],
  ["net.tflite", tflite],
])("%s", (file, sound) => {
  test("is sound itself", () => {
    expect(loadModel({ file, bytes: sound }).graph.outputs).toHaveLength(1);
  });

  test("damaged 1500 times: a graph or diagnostics", () => {
    let [graphs, refused] = [0, 0];
    for (let seed = 0; seed < 1500; seed++) {
      const begin = process.cpuUsage();
      try {
        loadModel({ file, bytes: mutate(sound, seed) });
        graphs++;
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw new Error(`seed ${seed}`, { cause: error });
        refused++;
      }
      const { user, system } = process.cpuUsage(begin);
      expect(user + system, `seed ${seed}`).toBeLessThan(2e6);
    }
    // Both happen, or the damage is of no use.
    expect(graphs).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(500);
  });
});

describe.each(Object.entries(hostileKinds))("%s", (file, kinds) => {
  const names = Object.keys(kinds);

  test.each(names)("%s is refused, with code, place and help", (name) => {
    for (let round = 0; round < 12; round++) {
      const { bytes, kind } = hostileFile(kinds, round * names.length + names.indexOf(name));
      expect(kind).toBe(name);
      const begin = process.cpuUsage();
      let found: unknown;
      try {
        loadModel({ file, bytes });
      } catch (error) {
        found = error;
      }
      const { user, system } = process.cpuUsage(begin);
      expect(user + system, `round ${round}`).toBeLessThan(2e6);
      if (!(found instanceof DiagnosticError)) throw new Error(`round ${round}`, { cause: found });
      expect(lacksOf(found.diagnostics), `round ${round}`).toEqual([]);
    }
  });
});
