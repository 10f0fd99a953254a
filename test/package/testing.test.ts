/** docs/testing.md shows how to test an operator and a pass of one's own: that is done, in a project of its own. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testTexts } from "../../src/driver/node/testing.ts";
import { installedProject, put, repository } from "./installed.ts";

const page = readFileSync(join(repository, "docs/testing.md"), "utf8");
const section = page.slice(page.indexOf("## Your own passes"), page.indexOf("## Which pass"));
const [code, texts, tests] = [...section.matchAll(/```(?:js)?\n([\s\S]*?)```/g)].map(([, block]) => block!);

let project = "";
beforeAll(() => {
  project = installedProject();
  put(join(project, "cube.js"), code!);
  put(join(project, "cube.test.js"), tests!);
  put(join(project, "texts/recognize-cube.qir"), texts!);
}, 60_000);
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

function run(environment: Record<string, string> = {}): { status: number | null; stdout: string } {
  // Vitest's own variables would be inherited.
  const { VITEST: _, ...inherited } = process.env;
  return spawnSync(process.execPath, ["--test", "--test-reporter=tap", "cube.test.js"], {
    cwd: project,
    encoding: "utf8",
    env: { ...inherited, ...environment },
  });
}
const path = (): string => join(project, "texts/recognize-cube.qir");

test("the example passes", () => {
  const { status, stdout } = run();
  expect(stdout).toContain("ok 1 - a square times its number");
  expect(stdout).toContain("ok 2 - a square times another number");
  expect(status).toBe(0);
});

test("a wrong value is found on every engine", () => {
  writeFileSync(path(), texts!.replace("-27", "27"));
  const { status, stdout } = run();
  for (const engine of ["interpreter", "wasm-scalar", "wasm-simd"])
    expect(stdout).toMatch(
      new RegExp(`gives \\[8, -27, 0\\.125\\] in ${engine}, expected \\[8, 27, 0\\.125\\]`),
    );
  expect(status).toBe(1);
});

test("UPDATE=1 writes blocks anew, of every case", () => {
  const stale = texts!.replace("%y = cube %x", "%y = exp %x").replace("// becomes: unchanged\n", "");
  writeFileSync(path(), stale);
  expect(run().status).toBe(1);
  expect(readFileSync(path(), "utf8")).toBe(stale);
  expect(run({ UPDATE: "1" }).status).toBe(0);
  expect(readFileSync(path(), "utf8")).toBe(texts);
});

test("a folder without texts is an error", () => {
  expect(() => {
    testTexts(join(repository, "cmake"), { describe: () => undefined, test: () => undefined });
  }).toThrow("there are no .qir files");
});

test("vitest's functions are asked for", () => {
  expect(() => {
    testTexts(join(repository, "test/filetests"));
  }).toThrow("give testTexts vitest's functions");
});
