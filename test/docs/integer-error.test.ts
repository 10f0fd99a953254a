/** Integer forms keep their bounds, and docs/integer-error.md shows by how much. `npm run docs` writes it anew. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { operators } from "../../src/ops/index.ts";
import { integerCases } from "../ops/integer-cases.ts";
import { measureDrift } from "../ops/measure-drift.ts";
import { worstError } from "../ops/measure-integer-error.ts";
import { updating } from "../updating.ts";
import { integerErrorPage, type MeasuredCase, type MeasuredDrift } from "./integer-error-page.ts";

const path = fileURLToPath(new URL("../../docs/integer-error.md", import.meta.url));
const measured: MeasuredCase[] = [];
const drifts: MeasuredDrift[] = [];

describe("within its bound", () => {
  test.each(integerCases.map((given) => [`${given.operator} ${given.what ?? ""}`, given] as const))(
    "%s",
    async (_, given) => {
      const { worst } = await worstError(given.graph(), given.types, given.samples());
      measured.push({ given, worst });
      expect(worst).toBeLessThanOrEqual(given.bound);
    },
  );
});

/** Half as much again as was found; the states' unit is 1/256. */
const held = { LSTM: { output: 2, state: 4 }, GRU: { output: 4, state: 0.5 } } as const;
const stretches = [
  [0, 100],
  [450, 550],
  [900, 1000],
] as const;

test.each(["LSTM", "GRU"] as const)("%s, a thousand steps", { timeout: 120_000 }, async (kind) => {
  const found = await measureDrift(kind, 1000, stretches);
  drifts.push({ kind, stretches, drifts: found });
  for (const { output, state } of found) {
    expect(output).toBeLessThanOrEqual(held[kind].output);
    expect(state).toBeLessThanOrEqual(held[kind].state);
  }
});

test("every operator with an integer form is measured", () => {
  const covered = new Set(
    integerCases.flatMap(({ graph }) => graph().operations.map(({ definition }) => definition.name)),
  );
  const forms = operators.filter(({ integer }) => integer !== undefined);
  expect(forms.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual(["layer_norm"]);
  expect(integerCases.some(({ operator }) => operator === "layer_norm")).toBe(true);
});

test("docs/integer-error.md is up to date", () => {
  const page = integerErrorPage(measured, drifts);
  const shown = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (updating() && shown !== page) writeFileSync(path, page);
  else expect(shown, "npm run docs writes it anew").toBe(page);
});
