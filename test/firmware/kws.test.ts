/**
 * The C of keyword spotting, as shipped: silent under every compiler, clean under sanitizers, without a float in its object file, and
 * on an emulated Cortex-M4 the interpreter's bytes.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstWorking, runCompiler, type CompilerCommand } from "../../src/driver/node/c-compiler.ts";
import { softFloatSymbols } from "../../src/driver/node/soft-float-symbols.ts";
import { bytesOfTensor } from "../../src/tensor/bytes.ts";
import { parseNpy } from "../../src/tensor/npy.ts";
import { armCompiler, sanitizers, warnings } from "../backends/c/compilers.ts";
import { compileKws, kwsSamples } from "../corpus/compile-kws.ts";
import { quernOutput } from "../quern.ts";
import { hasCorpus } from "../shared-corpus.ts";
import { cortexM4, runOnBoard } from "./emulated-board.ts";

const name = "kws_fp32";
const samples = 5;
const gcc = firstWorking([["gcc"]]);
const clang = firstWorking([["clang"]]);
const qemu = firstWorking([["qemu-system-arm"]]);
for (const [tool, found] of Object.entries({
  gcc,
  clang,
  "arm-none-eabi-gcc": armCompiler,
  "qemu-system-arm": qemu,
}))
  if (found === undefined) console.warn(`skipped: no ${tool}`);

/**
 * Answers samples on standard input with outputs on standard output. All memory is of the exact size, so that a sanitizer sees
 * one byte too many: tensors in the arena, then tensors of the caller's own.
 */
const upper = name.toUpperCase();
const host = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "${name}.h"

int main(void)
{
    unsigned char *arena = malloc(${upper}_ARENA_BYTES), *scratch = malloc(${upper}_ARENA_BYTES);
    int8_t *input = malloc(${upper}_INPUT_BYTES), *output = malloc(${upper}_OUTPUT_BYTES);
    while (fread(input, ${upper}_INPUT_BYTES, 1, stdin) == 1) {
        memset(arena, 0xA5, ${upper}_ARENA_BYTES);
        memset(scratch, 0x5A, ${upper}_ARENA_BYTES);
        memcpy(${name}_input(arena), input, ${upper}_INPUT_BYTES);
        ${name}_run(${name}_input(arena), ${name}_output(arena), arena);
        ${name}_run(input, output, scratch);
        if (memcmp(output, ${name}_output(arena), ${upper}_OUTPUT_BYTES) != 0) return 5;
        if (fwrite(output, ${upper}_OUTPUT_BYTES, 1, stdout) != 1) return 6;
    }
    free(arena);
    free(scratch);
    free(input);
    free(output);
    return 0;
}
`;

describe.skipIf(!hasCorpus)("the C of keyword spotting", () => {
  const folder = mkdtempSync(join(tmpdir(), "quern-firmware-"));
  const compiled = join(folder, "kws");
  let inputs: Uint8Array;
  let expected: Uint8Array;
  const rowOf = (bytes: Uint8Array, row: number): Uint8Array => {
    const size = bytes.length / samples;
    return bytes.slice(row * size, (row + 1) * size);
  };

  beforeAll(async () => {
    await compileKws(compiled);
    const outputs = join(folder, "outputs.npy");
    const engine = ["--engine", "interpreter", "--raw", "--limit", `${samples}`];
    await quernOutput("run", compiled, "--inputs", kwsSamples, "--outputs", outputs, ...engine);
    expected = bytesOfTensor(parseNpy(readFileSync(outputs), outputs));
    const all = parseNpy(readFileSync(kwsSamples), kwsSamples);
    inputs = bytesOfTensor(all).slice(0, (samples * all.data.length) / all.shape[0]!);
    writeFileSync(join(compiled, "host.c"), host);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const run = (program: string): Uint8Array => {
    const { status, stdout, stderr } = spawnSync(join(compiled, program), { input: inputs });
    expect([status, stderr.toString()]).toEqual([0, ""]);
    return stdout;
  };

  describe.each<[string, CompilerCommand | undefined, readonly string[]]>([
    ["gcc", gcc, ["-O2"]],
    ["clang", clang, ["-O2"]],
    ["arm-none-eabi-gcc", armCompiler, cortexM4],
  ])("%s", (tool, compiler, flags) => {
    test.skipIf(compiler === undefined)("has nothing to warn of", () => {
      runCompiler(compiler!, [...warnings, ...flags, "-c", `${name}.c`, "-o", `${tool}.o`], compiled);
    });
  });

  test.skipIf(gcc === undefined)("runs on the host", () => {
    runCompiler(gcc!, ["-O2", `${name}.c`, "host.c", "-o", "host"], compiled);
    expect(run("host")).toEqual(Buffer.from(expected));
  });

  test.skipIf(gcc === undefined)("address and undefined-behaviour sanitizers find nothing", () => {
    runCompiler(gcc!, ["-O1", ...sanitizers, `${name}.c`, "host.c", "-o", "sanitized"], compiled);
    expect(run("sanitized")).toEqual(Buffer.from(expected));
  });

  test.skipIf(armCompiler === undefined)("computes no float in software, keeps everything in flash", () => {
    runCompiler(armCompiler!, ["-std=c99", ...cortexM4, "-c", `${name}.c`, "-o", "arm.o"], compiled);
    const object = join(compiled, "arm.o");
    expect(softFloatSymbols(object, "arm-none-eabi-nm")).toEqual([]);
    const { stdout } = spawnSync("arm-none-eabi-size", ["-A", object], { encoding: "utf8" });
    const bytesOf = (section: RegExp): number =>
      [...stdout.matchAll(/^(\.\S+)\s+(\d+)/gm)].reduce(
        (sum, [, found, size]) => sum + (section.test(found!) ? Number(size) : 0),
        0,
      );
    const sizes = {
      code: bytesOf(/^\.text/),
      constants: bytesOf(/^\.rodata/),
      ram: bytesOf(/^\.(data|bss)/),
    };
    console.info(
      `keyword spotting on Cortex-M4 at -Os: ${sizes.code} bytes of code, ${sizes.constants} of constants`,
    );
    expect(sizes.ram).toBe(0);
    expect(sizes.code).toBeGreaterThan(0);
    expect(sizes.code).toBeLessThan(20_000);
    expect(sizes.constants).toBeLessThan(40_000);
  });

  test.skipIf(armCompiler === undefined || qemu === undefined)(
    "on an emulated Cortex-M4, the interpreter's bytes",
    () => {
      const inference = runOnBoard(armCompiler!, compiled, name, rowOf(inputs, 0));
      console.info(`keyword spotting on Cortex-M4 at -Os: ${inference.instructions} instructions`);
      expect(inference.output).toEqual(rowOf(expected, 0));
      expect(inference.instructions).toBeGreaterThan(1_000_000);
    },
  );
});
