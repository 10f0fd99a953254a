import { expect, test } from "vitest";
import { compile } from "../../src/driver/compile.ts";
import { noisyLayers } from "../../src/driver/noisy-layers.ts";
import type { LayerRecord } from "../../src/driver/report.ts";
import { tinyMapping, tinyModel, tinySamples } from "./fixtures.ts";

const layer = (
  name: string,
  sqnrDb: number | null | undefined,
  parts: Partial<LayerRecord> = {},
): LayerRecord => ({
  name,
  operator: "conv2d",
  element: "i8",
  inputs: [],
  shape: [1],
  type: "",
  parameters: 0,
  weightBytes: 0,
  macs: 0,
  outputBytes: 1,
  ...(sqnrDb === undefined ? {} : { sqnrDb }),
  ...parts,
});

const layers = (...db: readonly (number | null | undefined)[]): LayerRecord[] =>
  db.map((each, i) => layer(`l${i}`, each));

test("one warning names how many, the lowest, and a cure", () => {
  const warning = noisyLayers([...layers(14.9, 7.8, 18, 25), layer("w", undefined, { weightElement: "i2" })]);
  expect(warning).toMatchObject({
    severity: "warning",
    code: "noisy-layers",
    message: "3 of 4 layers lie below 20 dB, the lowest is %l1 with 7.8 dB",
  });
  expect(warning!.help).toContain("more --bits");
  const wide = noisyLayers([...layers(3), layer("w", undefined, { weightElement: "i8" })]);
  expect(wide!.help).not.toContain("--bits");
});

test("nothing is said where most layers keep 15 dB, or nothing was measured", () => {
  expect(noisyLayers(layers(14.9, 15, 15))).toBe(undefined);
  expect(noisyLayers(layers(5, null, null))).toBe(undefined);
  expect(noisyLayers(layers(undefined, undefined))).toBe(undefined);
  expect(noisyLayers([])).toBe(undefined);
});

test("a value seen twice counts once", () => {
  const [noisy, ...sound] = layers(5, 30, 30);
  const again = layer("again", 5, { operator: "reshape" });
  expect(noisyLayers([noisy!, again, ...sound])).toBe(undefined);
});

test("compiling warns, and the report holds the warning", async () => {
  const compiled = async (bits: number): Promise<[string[], string[]]> => {
    const warned: string[] = [];
    const { report } = await compile({
      model: tinyModel,
      samples: tinySamples(),
      sampleOptions: { mapping: tinyMapping },
      targets: ["c"],
      pipeline: "optimize, quantize",
      weights: { bits, levels: "integers", weights: "tensor" },
      onWarning: ({ code }) => warned.push(code),
    });
    return [warned, report.diagnostics.map(({ code }) => code)];
  };
  const [warned, kept] = await compiled(2);
  expect(warned).toContain("noisy-layers");
  expect(kept).toEqual(warned);
  expect((await compiled(8))[0]).not.toContain("noisy-layers");
});
