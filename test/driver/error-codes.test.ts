/** docs/errors.md names every code that the sources use. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = ["src", "passes", "backends"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path)),
);

/** Codes that stand for compiler faults or that texts of tests alone can show. */
const hidden = new Set(["internal"]);

test("every code is explained", () => {
  const explained = new Set(
    [...readFileSync(join(root, "docs/errors.md"), "utf8").matchAll(/`([a-z0-9-]+)`/g)].map(
      ([, code]) => code!,
    ),
  );
  const used = new Map<string, string>();
  for (const path of sources) {
    const text = readFileSync(join(root, path), "utf8");
    const calls = text.matchAll(
      /\b(?:fail\(|diagnostic\(\s*"(?:error|warning|note)",)\s*"([a-z0-9]+(?:-[a-z0-9]+)*)",/g,
    );
    for (const [, code] of calls) if (!hidden.has(code!)) used.set(code!, path);
  }
  expect(used.size).toBeGreaterThan(60);
  expect([...used].filter(([code]) => !explained.has(code))).toEqual([]);
});
