/** docs/operators.md is what the operators say of themselves. `npm run docs` writes it anew. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { converters } from "../../src/frontends/onnx/converters/index.ts";
import { operators } from "../../src/ops/index.ts";
import { updating } from "../updating.ts";
import { operatorReference } from "./operator-reference.ts";

const path = fileURLToPath(new URL("../../docs/operators.md", import.meta.url));
const reference = operatorReference(operators, converters);

test("docs/operators.md is up to date", () => {
  const shown = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (updating() && shown !== reference) writeFileSync(path, reference);
  else expect(shown, "npm run docs writes it anew").toBe(reference);
});

test("it knows what ONNX operators become", () => {
  const section = (name: string): string => reference.split(`\n## ${name}\n`)[1]!.split("\n## ")[0]!;
  expect(section("softplus")).toContain("**From ONNX:** Softplus");
  expect(section("mul")).toMatch(/\*\*From ONNX:\*\* .*Mul.*Pow.*Swish/);
  expect(section("conv2d")).toMatch(/\*\*From ONNX:\*\* Conv/);
  expect(section("requantize")).not.toContain("From ONNX");
});

test("it knows operator sets and what a row says of itself", () => {
  expect(reference).toMatch(/\| Resize \| 10-27 \|.*antialias/);
  expect(reference).toMatch(/\| Upsample \| 1-9 \|/);
  expect(reference).toMatch(/\| LayerNormalization \| 17-27 \|.*\| as \[layer_norm\]/);
});

test("every converter that creates operators is found", () => {
  const named = new Set(
    [...reference.matchAll(/From ONNX:\*\* (.*)/g)].flatMap(([, names]) => names!.split(", ")),
  );
  const silent = Object.keys(converters).filter((name) => !named.has(name));
  // What is known when the model is read, or only a view.
  expect(silent.length).toBeLessThan(Object.keys(converters).length / 3);
  for (const name of [
    "Conv",
    "Gemm",
    "MatMul",
    "MaxPool",
    "GlobalAveragePool",
    "ReduceMean",
    "Concat",
    "Softmax",
  ])
    expect(named).toContain(name);
});
