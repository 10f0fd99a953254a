import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { checkOnnxModel } from "../../../src/frontends/onnx/check.ts";
import { decodeOnnx } from "../../../src/frontends/onnx/decode.ts";
import { corpusFile, hasCorpus } from "../../shared-corpus.ts";
import { diagnosticsOf } from "./diagnostics-of.ts";

const models = corpusFile("models");

/** The models whose inputs are dynamic beyond the batch: what makes them fixed. */
const shapes: Record<string, Record<string, readonly number[]>> = {
  "zoo/ppocr_direction_classifier/model.onnx": { x: [1, 3, 48, 192] },
  "zoo/silero_vad_v5/model.onnx": { input: [1, 576], state: [2, 1, 128] },
};

test.skipIf(!hasCorpus)("every model of the corpus decodes and checks", () => {
  const files = readdirSync(models, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".onnx"),
  );
  expect(files.length).toBeGreaterThan(0);
  for (const file of files.sort()) {
    const model = decodeOnnx(readFileSync(path.join(models, file)));
    const given = shapes[file.replaceAll(path.sep, "/")];
    if (given !== undefined) {
      expect(diagnosticsOf(() => checkOnnxModel(model))[0]?.code, file).toBe("onnx-dynamic-shape");
    }
    const checked = checkOnnxModel(model, { shapes: new Map(Object.entries(given ?? {})) });
    expect(checked.model.graph.nodes.length, file).toBeGreaterThan(0);
    expect(checked.inputs.length, file).toBeGreaterThan(0);
  }
});

test.skipIf(!hasCorpus)("the keyword spotting network", () => {
  const checked = checkOnnxModel(decodeOnnx(readFileSync(path.join(models, "kws/kws_fp32.onnx"))));
  expect(checked.inputs).toEqual([{ name: "input", element: "f32", shape: [1, 1, 49, 10] }]);
  expect(checked.model.graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([["output", [1, 12]]]);
  let parameters = 0;
  for (const constant of checked.model.graph.initializers.values()) {
    if ("data" in constant && constant.element === "f32") parameters += constant.data.length;
  }
  expect(parameters).toBe(22_604);
});
