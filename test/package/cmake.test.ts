/** cmake/quern.cmake in a project of its own, with the package installed. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyBytes, tinyText } from "../driver/fixtures.ts";
import { installedProject, put } from "./installed.ts";

const works = (command: string): boolean =>
  spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
const skipped = !works("cmake") || !works("cc");
if (skipped) console.log("skipped: no cmake or no C compiler here");

const lists = (call: string): string => `cmake_minimum_required(VERSION 3.16)
project(firmware C)
include(node_modules/quern/cmake/quern.cmake)
${call}
add_executable(firmware main.c)
target_link_libraries(firmware PRIVATE tiny)
`;

const main = `#include <stdio.h>
#include "tiny.h"

static int32_t arena[(TINY_ARENA_BYTES + 3) / 4];

int main(void)
{
    int8_t input[TINY_INPUT_ELEMENTS] = {23, 43, -57, 13}, output[TINY_OUTPUT_ELEMENTS];
    tiny_run(input, output, arena);
    for (int i = 0; i < TINY_OUTPUT_ELEMENTS; i++) printf("%d\\n", output[i]);
    return 0;
}
`;

describe.skipIf(skipped)("quern_add_network", () => {
  let project = "";
  const at = (...path: string[]): string => join(project, ...path);
  const run = (command: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: "utf8" });
    return { status, text: stdout + stderr };
  };
  beforeAll(() => {
    project = installedProject();
    const cli = at("node_modules/quern/dist/src/driver/node/cli.js");
    chmodSync(cli, 0o755);
    mkdirSync(at("node_modules/.bin"));
    symlinkSync(cli, at("node_modules/.bin/quern"));
    put(at("tiny.qir"), tinyText);
    put(at("main.c"), main);
    writeFileSync(at("x.npy"), tinyBytes);
    put(
      at("CMakeLists.txt"),
      lists(
        "quern_add_network(tiny MODEL tiny.qir CALIBRATE x.npy INPUT_SCALE 0.05 INPUT_ZERO 3 OPTIONS --samples 30)",
      ),
    );
  }, 60_000);
  afterAll(() => {
    rmSync(project, { recursive: true, force: true });
  });

  test("makes a library that runs, and makes it again only when the model changes", () => {
    expect(run("cmake", "-S", ".", "-B", "build").status).toBe(0);
    const first = run("cmake", "--build", "build");
    expect(first.text).toContain("quern compile tiny.qir");
    expect(first.status).toBe(0);
    const outputs = run(at("build/firmware")).text.trim().split("\n").map(Number);
    // The reals 1, 2, -3, 0.5: scores of -2.4, 3.05 and -3.25.
    expect(outputs).toHaveLength(3);
    expect(Math.max(...outputs)).toBe(outputs[1]);

    const made = statSync(at("build/quern/tiny/tiny.c")).mtimeMs;
    run("cmake", "--build", "build");
    expect(statSync(at("build/quern/tiny/tiny.c")).mtimeMs).toBe(made);
    const later = new Date(Date.now() + 2000);
    utimesSync(at("tiny.qir"), later, later);
    run("cmake", "--build", "build");
    expect(statSync(at("build/quern/tiny/tiny.c")).mtimeMs).toBeGreaterThan(made);
  });

  test.each([
    ["quern_add_network(tiny CALIBRATE x.npy)", "MODEL is missing"],
    ["quern_add_network(tiny MODEL tiny.qir SCALE 2)", "unknown arguments: SCALE;2"],
  ])("%s is refused", (call, message) => {
    put(at("wrong/CMakeLists.txt"), lists(call).replace("node_modules", "../node_modules"));
    const { status, text } = run("cmake", "-S", "wrong", "-B", "build-wrong");
    expect(text).toContain(message);
    expect(status).not.toBe(0);
  });
});
