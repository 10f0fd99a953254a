/**
 * onnx-proto asks for a protobufjs with known holes; `overrides` gives it a patched one, but npm heeds only the overrides of the project
 * it installs in, not those of a dependency. So the package carries onnx-proto, and with it what the override chose.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";

const require = createRequire(import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly bundleDependencies: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
};

test("onnx-proto loads a patched protobufjs, here and where quern is installed", () => {
  expect(manifest.bundleDependencies).toContain("onnx-proto");
  const fromOnnxProto = createRequire(require.resolve("onnx-proto"));
  const { version } = fromOnnxProto("protobufjs/package.json") as { readonly version: string };
  const [major, minor, patch] = version.split(".").map(Number) as [number, number, number];
  expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(7_005_006);
});

test("dependencies are pinned", () => {
  for (const version of Object.values(manifest.dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});
