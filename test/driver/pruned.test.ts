/** Pruned weights through a whole compilation: zeros in every artefact, masks in the stored graph, shares in the report. */
import { expect, test } from "vitest";
import { emitArtifacts } from "../../src/driver/artifacts.ts";
import { compile } from "../../src/driver/compile.ts";
import { inspect } from "../../src/driver/inspect.ts";
import { npyFromTensor } from "../../src/driver/npy-file.ts";
import { reportPage } from "../../src/driver/report-page/report-page.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import { constantOf, inPlaceOf, supersede } from "../../src/ir/match.ts";
import { constant, contentsOf, maskOf } from "../../src/ops/constant.ts";
import { createRandom } from "../../src/pass/random.ts";
import { parseSafetensors } from "../../src/tensor/safetensors.ts";
import { tensor } from "../../src/tensor/tensor.ts";
import { parseGraph } from "../../src/text/parse.ts";

const random = createRandom(3);
const matrix = (rows: number, columns: number): string =>
  `[${Array.from({ length: rows }, () => `[${Array.from({ length: columns }, () => (2 * random.uniform() - 1).toFixed(3)).join(", ")}]`).join(", ")}]`;

const text = `graph @net(%x: tensor<1x8xf32>) {
  %w0 = constant {value = dense<${matrix(8, 8)}>} : tensor<8x8xf32>
  %b0 = constant {value = dense<[0.1, -0.2, 0.3, 0, 0.1, 0.2, -0.3, 0.1]>} : tensor<8xf32>
  %h = linear %x, %w0, %b0 : tensor<1x8xf32>
  %r = relu %h : tensor<1x8xf32>
  %w1 = constant {value = dense<${matrix(3, 8)}>} : tensor<3x8xf32>
  %y = linear %r, %w1 : tensor<1x3xf32>
  return %y
}
`;
const samples = tensor(
  "f32",
  [40, 8],
  Float32Array.from({ length: 320 }, () => 2 * random.uniform() - 1),
);
const compiled = await compile({
  model: { file: "net.qir", bytes: new TextEncoder().encode(text) },
  samples: [npyFromTensor(samples)],
  pipeline: "optimize, prune-weights{granularity=n-of-m, keep=last}, quantize",
});
const { graph, files, report } = compiled;
const maskedOf = (g: Graph): Value[] => g.values.filter((value) => maskOf(value) !== undefined);

test("the stored weights keep their masks, and zeros are all that is stored where they hide", () => {
  const masked = maskedOf(graph);
  expect(masked.map(({ name }) => name)).toEqual(["w0"]);
  const mask = maskOf(masked[0]!)!;
  expect(mask.data.filter((kept: number | bigint) => kept === 0)).toHaveLength(32);
  const seen = constantOf(masked[0])!;
  mask.data.forEach((kept: number | bigint, i: number) => {
    if (kept === 0) expect([seen.data[i], contentsOf(masked[0]!).data[i]]).toEqual([0, 0]);
  });
  expect(seen.data.filter((w: number | bigint) => w !== 0).length).toBeGreaterThan(28);
});

test("C and WebAssembly are those of a network with the zeros written out", async () => {
  const plain = copyGraph(graph);
  for (const value of maskedOf(plain)) {
    const options = { ...inPlaceOf(value.producer!), type: value.type };
    supersede(
      plain,
      value.producer!,
      plain.create(constant, {}, { value: constantOf(value)! }, options).result,
    );
  }
  expect(maskedOf(plain)).toEqual([]);
  const artifacts = await emitArtifacts(plain, "net", ["c", "wasm"]);
  for (const file of ["net.c", "net.h", "net.wasm", "net.mjs"])
    expect(Buffer.from(artifacts.files.get(file)!).equals(files.get(file)!), file).toBe(true);
});

test("masks come back from the text and the tensors beside it", async () => {
  const [qir, safetensors] = [files.get("net.qir")!, files.get("net.safetensors")!];
  const source = new TextDecoder().decode(qir);
  expect(source).toContain('mask = external<"w0.mask">');
  const read = parseGraph(source, {
    file: "net.qir",
    externals: parseSafetensors(safetensors, "net.safetensors"),
  });
  expect(maskOf(maskedOf(read)[0]!)).toEqual(maskOf(maskedOf(graph)[0]!));
  const again = await emitArtifacts(read, "net", ["c"]);
  for (const [file, bytes] of again.files)
    expect(Buffer.from(bytes).equals(files.get(file)!), file).toBe(true);
  const found = await inspect({ model: { file: "net.qir", bytes: qir, externals: safetensors } });
  expect(found.layers.find(({ prunedParameters }) => prunedParameters !== undefined)).toMatchObject({
    parameters: 72,
    prunedParameters: 32,
  });
});

test("the report tells the share, and only where something is pruned", () => {
  expect(report.layers.map(({ prunedParameters }) => prunedParameters)).toContain(32);
  const page = new TextDecoder().decode(files.get("report.html"));
  expect(page).toContain("44.4 %");
  const whole = report.layers.map(({ prunedParameters: _, ...layer }) => layer);
  const without = reportPage({ ...report, layers: whole });
  expect(without).not.toContain("44.4 %");
  const columns = (html: string): number => html.split('<th scope="col"').length;
  expect(columns(page) - columns(without)).toBe(1);
});
