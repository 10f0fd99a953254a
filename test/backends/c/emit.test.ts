/** The text of emitted C, and what its statements do: loops, registers, memory shared by types, names, hooks. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { emitC } from "../../../backends/c/emit.ts";
import type { EmitOptions } from "../../../backends/c/emit.ts";
import { findFloats } from "../../../backends/c/integer-only.ts";
import { runCompiler } from "../../../src/driver/node/c-compiler.ts";
import type { CompilerCommand } from "../../../src/driver/node/c-compiler.ts";
import { createCExecutor } from "../../../src/driver/node/c-executor.ts";
import { softFloatSymbols } from "../../../src/driver/node/soft-float-symbols.ts";
import * as b from "../../../src/loops/build.ts";
import { interpretProgram } from "../../../src/loops/interpret.ts";
import { f32Type, i32Type, i64Type, vector } from "../../../src/loops/loop.ts";
import type { Buffer, LoopExpression, LoopProgram, Register } from "../../../src/loops/loop.ts";
import { tensor } from "../../../src/tensor/tensor.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import {
  armCompiler,
  cppCompiler,
  hostCompilers,
  noHostCompiler,
  sanitizers,
  warnings,
} from "./compilers.ts";
import { buffer, constantBuffer, programOf } from "./programs.ts";

const at = (of: Buffer, constant: number, ...terms: readonly [Register, number][]) =>
  b.address(
    of,
    b.loopAffine(
      constant,
      terms.map(([register, factor]) => ({ register, factor })),
    ),
  );
const read = (of: Buffer, constant: number, ...terms: readonly [Register, number][]): LoopExpression =>
  b.load(
    of.element === "i64" ? i64Type : of.element === "f32" ? f32Type : i32Type,
    at(of, constant, ...terms),
  );

/** y = clamp(requantized W x + b), the kernel everything turns into, with a wide intermediate in the arena. */
function matrixVector(): LoopProgram {
  const [x, y] = [buffer("x", "i8", 8, "input"), buffer("y", "i8", 4, "output")];
  const sums = buffer("sums", "i32", 4);
  const weights = constantBuffer(
    "weights",
    "i8",
    Int8Array.from({ length: 32 }, (_, k) => ((k * 37) % 255) - 127),
  );
  const bias = constantBuffer("bias", "i32", Int32Array.of(100, -(2 ** 31) + 200000, 0, 70000));
  const [o, k, acc] = [b.register("o"), b.register("k"), b.register("acc")];
  return programOf(
    "dense",
    [x, y, sums, weights, bias],
    [
      {
        name: "accumulate",
        doc: "sums[o] = bias[o] + the sum over k of x[k] * weights[o, k].",
        completes: [sums],
        body: [
          b.loop(o, 0, 4, 1, [
            b.set(acc, read(bias, 0, [o, 1])),
            b.loop(k, 0, 8, 1, [
              b.set(acc, b.add(b.read(acc), b.mul(read(x, 0, [k, 1]), read(weights, 0, [o, 8], [k, 1])))),
            ]),
            b.store(at(sums, 0, [o, 1]), b.read(acc)),
          ]),
        ],
      },
      {
        name: "rescale",
        doc: "y[o] = clamp((sums[o] * m + 2^36) >> 37).",
        completes: [y],
        body: [
          b.loop(o, 0, 4, 1, [
            b.store(
              at(y, 0, [o, 1]),
              b.clamp(
                b.shr(b.add(b.mulhi(read(sums, 0, [o, 1]), b.i32(1234567890)), b.i32(16)), b.i32(5)),
                b.i32(-128),
                b.i32(127),
              ),
            ),
          ]),
        ],
      },
    ],
  );
}

const denseOptions: EmitOptions = {
  name: "dense",
  summary: "a test.",
  inputs: [{ name: "image", scale: Math.fround(0.02), zero: -3 }],
  outputs: [{ name: "scores", scale: 0.25, zero: 0 }],
};

const input = Int8Array.of(-128, 127, 3, -4, 100, -100, 0, 1);

describe("the text", () => {
  const { source, header } = emitC(matrixVector(), denseOptions);

  it("is what one would write by hand", () => {
    const functions = source.slice(source.indexOf("/**\n * sums"));
    expect(functions).toBe(`/**
 * sums[o] = bias[o] + the sum over k of x[k] * weights[o, k].
 */
static void dense_accumulate(const int8_t *restrict x, i32_memory *restrict sums)
{
    for (int32_t o = 0; o < 4; o++) {
        int32_t acc = bias[o];
        for (int32_t k = 0; k < 8; k++) {
            acc += x[k] * weights[o * 8 + k];
        }
        sums[o] = acc;
    }
}

/**
 * y[o] = clamp((sums[o] * m + 2^36) >> 37).
 */
static void dense_rescale(const i32_memory *restrict sums, int8_t *restrict y)
{
    for (int32_t o = 0; o < 4; o++) {
        y[o] = (int8_t)clamp_i32((mulhi_i32(sums[o], 1234567890) + 16) >> 5, -128, 127);
    }
}

void dense_run(const int8_t *input, int8_t *output, void *arena)
{
    unsigned char *const memory = arena;
    i32_memory *const sums = (i32_memory *)(void *)(memory + 16);

    dense_accumulate(input, sums);
    DENSE_AFTER(0);
    dense_rescale(sums, output);
    DENSE_AFTER(1);
}
`);
  });

  it("documents memory and quantization in the header, without floats", () => {
    expect(header).toContain("#define DENSE_ARENA_BYTES 32\n");
    expect(header).toContain("#define DENSE_ARENA_ALIGN_BYTES 4\n");
    expect(header).toContain('Input "image": 8, int8_t, row-major.');
    expect(header).toContain("Real value = 0.02 * (element + 3).");
    expect(header).toContain("#define DENSE_INPUT_ZERO_POINT (-3)");
    expect(header).toContain("#define DENSE_OUTPUT_SCALE_NUMERATOR 1\n#define DENSE_OUTPUT_SCALE_SHIFT 2\n");
    const numerator = Number(/INPUT_SCALE_NUMERATOR (\d+)/.exec(header)![1]);
    const shift = Number(/INPUT_SCALE_SHIFT (\d+)/.exec(header)![1]);
    expect(numerator / 2 ** shift).toBe(Math.fround(0.02));
    expect([...findFloats(source), ...findFloats(header)]).toEqual([]);
  });

  it("keeps tensors, constants and parameters of the same name apart", () => {
    const [x, y] = [buffer("input", "i8", 1, "input"), buffer("input", "i8", 1, "output")];
    const table = constantBuffer("output", "i8", Int8Array.of(1));
    const scratch = buffer("input", "i32", 1);
    const steps = [
      { name: "run", body: [b.store(at(scratch, 0), b.add(read(x, 0), read(table, 0)))] },
      { name: "run", body: [b.store(at(y, 0), read(scratch, 0))] },
    ];
    const { source: text } = emitC(programOf("t", [x, y, table, scratch], steps), { name: "t" });
    expect(text).toContain("static const int8_t output_2[1] = {");
    expect(text).toContain("static void t_run_2(const int8_t *restrict input, i32_memory *restrict input_2)");
    expect(text).toContain("    input_2[0] = input[0] + output_2[0];");
    expect(text).toContain("    t_run_2(input, input_2);");
    expect(text).toContain("static void t_run_3(");
  });

  it("is the same text each time", () => {
    expect(emitC(matrixVector(), denseOptions)).toEqual({ source, header });
  });

  it("keeps the smallest integer and slack of constants", () => {
    const table = constantBuffer("table", "i32", Int32Array.of(-(2 ** 31), 5), 6);
    const out = buffer("out", "i32", 1, "output");
    const program = programOf(
      "t",
      [table, out],
      [{ name: "s", body: [b.store(at(out, 0), read(table, 0))] }],
    );
    expect(emitC(program, { name: "t" }).source).toContain("table[4] = {\n    INT32_MIN, 5\n};");
  });

  it("nests strides and subtracts negative ones", () => {
    const [y, x, c] = [b.register("y"), b.register("x"), b.register("c")];
    const [from, to] = [buffer("from", "i8", 2000, "input"), buffer("to", "i8", 2000, "output")];
    const program = programOf(
      "t",
      [from, to],
      [
        {
          name: "s",
          body: [
            b.loop(y, 0, 4, 1, [
              b.loop(x, 0, 5, 2, [
                b.loop(c, 0, 64, 1, [
                  b.store(at(to, 0, [c, 1], [x, 64], [y, 320]), read(from, 1500, [y, -320], [x, 7], [c, 3])),
                ]),
              ]),
            ]),
          ],
        },
      ],
    );
    const { source: text } = emitC(program, { name: "t" });
    expect(text).toContain("to[(y * 5 + x) * 64 + c] = from[x * 7 + c * 3 + 1500 - y * 320];");
    expect(text).toContain("for (int32_t x = 0; x < 5; x += 2) {");
  });

  it.each([
    ["vectors", (out: Buffer) => b.store(at(out, 0), { kind: "constant", type: vector("i32", 4), value: 0 })],
    ["byte addresses", (out: Buffer) => b.store({ ...at(out, 0), unit: "byte" }, b.i32(0))],
    [
      "shifts beyond the width",
      (out: Buffer) =>
        b.store(at(out, 0), { ...b.shr(b.i32(1), b.i32(1)), right: b.i32(32) } as LoopExpression),
    ],
  ])("declines %s, naming the procedure", (_, statement) => {
    const out = buffer("out", "i32", 4, "output");
    const program = programOf("t", [out], [{ name: "culprit", body: [statement(out)] }]);
    expect(() => emitC(program, { name: "t" })).toThrow(/^internal: .*in procedure "culprit"$/);
  });

  it("declines a plan that overlaps the arena's end or splits an element", () => {
    const out = buffer("out", "i32", 4, "output");
    const steps = [{ name: "s", body: [b.store(at(out, 0), b.i32(0))] }];
    const good = programOf("t", [out], steps);
    expect(() => emitC({ ...good, arenaBytes: 15 }, { name: "t" })).toThrow("internal: ");
    expect(() => emitC(programOf("t", [out], steps, new Map([[out, 2]])), { name: "t" })).toThrow(
      "internal: ",
    );
  });
});

/** The interpreter's outputs and tensors, held against those of every compiler at several levels. */
function expectEqualInC(program: LoopProgram, inputs: readonly Tensor[]): void {
  const seen: [string, Tensor][] = [];
  const wanted = interpretProgram(program, inputs, (name, value) => seen.push([name, value]));
  for (const compiler of hostCompilers) {
    for (const flags of [["-O0"], ["-Os"], ["-O3"], ["-O1", ...sanitizers]]) {
      const executor = createCExecutor(program, { compiler, flags: [...warnings, ...flags] });
      try {
        const found: [string, Tensor][] = [];
        expect(executor.run(inputs, (name, value) => found.push([name, value]))).toEqual(wanted);
        expect(found).toEqual(seen);
        expect(executor.runMany([inputs, inputs, inputs])).toEqual([wanted, wanted, wanted]);
      } finally {
        executor.dispose();
      }
    }
  }
}

const i8 = (values: Int8Array) => tensor("i8", [values.length], values);

describe.skipIf(noHostCompiler)("compiled (skipped where there is neither gcc nor clang)", () => {
  it("a matrix times a vector", () => {
    expectEqualInC(matrixVector(), [i8(input)]);
  });

  it("bounds that the body changes, registers that outlive loops, dead assignments, fences, comments", () => {
    const [x, y] = [buffer("x", "i8", 8, "input"), buffer("y", "i32", 64, "output")];
    const count = buffer("count", "i16", 1);
    const [i, j, end, last, best, dead, deader] = ["i", "j", "end", "last", "best", "dead", "deader"].map(
      (name) => b.register(name),
    ) as [Register, Register, Register, Register, Register, Register, Register];
    const program = programOf(
      "statements",
      [x, y, count],
      [
        {
          name: "fill",
          doc: "A comment may hold */ and /* and\nseveral lines.",
          completes: [count, y],
          body: [
            b.comment("ends early? */ no"),
            b.store(at(count, 0), b.i32(5)),
            b.loop(i, 0, 64, 1, [b.store(at(y, 0, [i, 1]), b.i32(-1))]),
            b.set(end, b.i32(8)),
            b.set(dead, read(x, 3)),
            b.set(deader, b.add(b.read(dead), b.i32(1))),
            b.set(best, b.i32(-1000)),
            b.set(last, b.i32(0)),
            // Both bounds stay what they were although the body changes what they are made of.
            b.loop(i, 0, b.sub(b.read(end), b.i32(1)), 2, [
              b.set(end, b.add(b.read(end), b.i32(4))),
              b.loop(j, b.i32(2), read(count, 0), 1, [
                b.set(last, b.add(b.read(last), read(x, 0, [j, 1]))),
                b.store(at(count, 0), b.add(read(count, 0), b.i32(0))),
                b.store(at(y, 0, [i, 8], [j, 1]), b.read(last)),
              ]),
              b.fence(last),
              b.set(best, b.max(b.read(best), b.read(last))),
            ]),
            b.loop(j, b.i32(5), b.i32(5), 1, [b.set(best, b.i32(77))]),
            b.store(at(y, 0), b.read(best)),
            b.store(at(y, 1), b.read(end)),
          ],
        },
      ],
    );
    const { source } = emitC(program, { name: "statements" });
    expect(source).not.toMatch(/\bdead(er)?\b/);
    expect(source).toContain("const int32_t i_end = end - 1;");
    expect(source).toContain("STATEMENTS_FENCE();");
    expectEqualInC(program, [i8(input)]);
  });

  it("one place in the arena for one type after another, in place and apart", () => {
    const [x, y] = [buffer("x", "i8", 8, "input"), buffer("y", "i8", 16, "output")];
    const [wide, short, long] = [
      buffer("wide", "i32", 8),
      buffer("short", "i16", 16),
      buffer("long", "i64", 4),
    ];
    const i = b.register("i");
    const steps = [
      {
        name: "widen",
        completes: [wide],
        body: [b.loop(i, 0, 8, 1, [b.store(at(wide, 0, [i, 1]), b.mul(read(x, 0, [i, 1]), b.i32(65537)))])],
      },
      // Every wide element becomes two short ones in its own place.
      {
        name: "split",
        completes: [short],
        body: [b.loop(i, 0, 8, 1, [b.store(at(short, 0, [i, 2]), read(wide, 0, [i, 1]))])],
      },
      {
        name: "join",
        completes: [long],
        body: [
          b.loop(i, 0, 4, 1, [b.store(at(long, 0, [i, 1]), b.convert(i64Type, read(short, 0, [i, 4])))]),
        ],
      },
      {
        name: "narrow",
        completes: [y],
        body: [
          b.loop(i, 0, 16, 1, [b.store(at(y, 0, [i, 1]), b.i32(9))]),
          b.loop(i, 0, 4, 1, [b.store(at(y, 0, [i, 2]), b.convert(i32Type, read(long, 0, [i, 1])))]),
        ],
      },
    ];
    const offsets = new Map([
      [wide, 16],
      [short, 16],
      [long, 16],
      [x, 0],
      [y, 48],
    ]);
    const program = programOf("reuse", [x, y, wide, short, long], steps, offsets);
    const { source } = emitC(program, { name: "reuse" });
    expect(source).toContain("reuse_widen(const int8_t *restrict x, i32_memory *restrict wide)");
    expect(source).toContain("reuse_split(const i32_memory *wide, i16_memory *short_2)");
    expectEqualInC(program, [i8(input)]);
  });

  it("table look-ups, wide inputs and outputs, several of each, borders, and names that C forbids", () => {
    const [a, c] = [buffer("int", "i16", 4, "input"), buffer("class/1:0", "u8", 4, "input")];
    const [y, z] = [buffer("return", "i32", 4, "output"), buffer("8", "u16", 4, "output")];
    const bordered = buffer("y 1", "i16", 6);
    const exp = constantBuffer(
      "exp",
      "i16",
      Int16Array.from({ length: 256 }, (_, k) => k * k - 32768),
    );
    const [i, floor] = [b.register("for"), b.register("floor")];
    const program = programOf(
      "names",
      [a, c, y, z, bordered, exp],
      [
        {
          name: "printf",
          completes: [bordered],
          body: [
            b.store(at(bordered, 0), b.i32(-7)),
            b.store(at(bordered, 5), b.i32(-7)),
            b.loop(i, 0, 4, 1, [
              b.store(
                at(bordered, 1, [i, 1]),
                b.load(
                  i32Type,
                  b.address(exp, 128, b.sub(b.binary("and", read(a, 0, [i, 1]), b.i32(127)), b.i32(3))),
                ),
              ),
            ]),
          ],
        },
        {
          name: "run",
          completes: [y, z],
          body: [
            b.loop(i, 0, 4, 1, [
              b.set(floor, b.add(read(bordered, 0, [i, 1]), read(bordered, 2, [i, 1]))),
              b.store(at(y, 0, [i, 1]), b.mul(b.read(floor), read(c, 0, [i, 1]))),
              b.store(
                at(z, 0, [i, 1]),
                b.load(i32Type, b.address(exp, b.loopAffine(0), read(c, 3, [i, -1]))),
              ),
            ]),
          ],
        },
      ],
    );
    expect(emitC(program, { name: "names" }).header.replace(/\s+/g, " ")).toContain(
      "void names_run(const int16_t *input0, const uint8_t *input1, int32_t *output0, uint16_t *output1, void *arena);",
    );
    expectEqualInC(program, [
      tensor("i16", [4], Int16Array.of(-32768, 32767, 5, -1)),
      tensor("u8", [4], Uint8Array.of(255, 0, 128, 7)),
    ]);
  });

  it("floats", () => {
    const [x, y] = [buffer("x", "f32", 5, "input"), buffer("y", "f32", 5, "output")];
    const scales = constantBuffer("scales", "f32", Float32Array.of(0.1, -0, NaN, -Infinity, 1e-45));
    const hidden = buffer("hidden", "f32", 5);
    const [i, sum] = [b.register("i"), b.register("sum", f32Type)];
    const program = programOf(
      "floats",
      [x, y, scales, hidden],
      [
        {
          name: "scale",
          completes: [hidden],
          body: [
            b.loop(i, 0, 5, 1, [
              b.store(at(hidden, 0, [i, 1]), b.mul(read(x, 0, [i, 1]), read(scales, 0, [i, 1]))),
            ]),
          ],
        },
        {
          name: "total",
          completes: [y],
          body: [
            b.set(sum, b.f32(0)),
            b.loop(i, 0, 5, 1, [
              b.set(sum, b.add(b.read(sum), b.mul(read(x, 0, [i, 1]), b.f32(0.3)))),
              b.store(at(y, 0, [i, 1]), b.max(b.read(sum), read(hidden, 0, [i, 1]))),
            ]),
          ],
        },
      ],
    );
    const { source } = emitC(program, { name: "floats" });
    expect(findFloats(source).map(({ what }) => what)).toEqual(
      expect.arrayContaining(["type", "literal", "header"]),
    );
    expectEqualInC(program, [tensor("f32", [5], Float32Array.of(1.1, -2.7, 3e38, 16777217, 0.1))]);
  });

  it("buffers of the caller's own, with threads' worth of arenas", () => {
    const { folder, remove } = emitted(matrixVector(), denseOptions);
    try {
      writeFileSync(
        join(folder, "main.c"),
        `#include <stdio.h>
#include "dense.h"
static int32_t arena[2][(DENSE_ARENA_BYTES + 3) / 4];
int main(void)
{
    static const int8_t x[DENSE_INPUT_ELEMENTS] = {${input.join(", ")}};
    int8_t y[DENSE_OUTPUT_ELEMENTS];
    const int shape[] = DENSE_INPUT_SHAPE;
    dense_run(x, y, arena[0]);
    for (int i = 0; i < DENSE_INPUT_ELEMENTS; i++) dense_input(arena[1])[i] = x[i];
    dense_run(dense_input(arena[1]), dense_output(arena[1]), arena[1]);
    for (int i = 0; i < 4; i++) printf("%d %d ", y[i], dense_output(arena[1])[i]);
    printf("%d", shape[0]);
    return 0;
}
`,
      );
      runCompiler(
        hostCompilers[0]!,
        [...warnings, "-O2", ...sanitizers, "dense.c", "main.c", "-o", "main"],
        folder,
      );
      const [wanted] = interpretProgram(matrixVector(), [i8(input)]);
      const { stdout } = spawnSync(join(folder, "main"), { encoding: "utf8" });
      expect(stdout).toBe(`${Array.from(wanted!.data as Int8Array, (v) => `${v} ${v} `).join("")}8`);
    } finally {
      remove();
    }
  });
});

function emitted(program: LoopProgram, options: EmitOptions): { folder: string; remove: () => void } {
  const { source, header } = emitC(program, options);
  const folder = mkdtempSync(join(tmpdir(), "quern-test-"));
  writeFileSync(join(folder, `${options.name}.c`), source);
  writeFileSync(join(folder, `${options.name}.h`), header);
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe.skipIf(cppCompiler === undefined)("from C++ (skipped where there is no C++ compiler)", () => {
  it("the header is C++", () => {
    const { folder, remove } = emitted(matrixVector(), denseOptions);
    try {
      writeFileSync(
        join(folder, "use.cpp"),
        '#include "dense.h"\nvoid f(void *a) { dense_run(dense_input(a), dense_output(a), a); }\n',
      );
      runCompiler(cppCompiler!, ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "use.cpp"], folder);
    } finally {
      remove();
    }
  });
});

describe.skipIf(armCompiler === undefined)("for Arm (skipped where there is no arm-none-eabi-gcc)", () => {
  const arm = ["-mthumb", "-mfloat-abi=soft", "-ffreestanding", ...warnings];
  const toObject = [...arm, "-c", "-o", "net.o"];
  const compiler = armCompiler as CompilerCommand;

  it.each(["-O0", "-Os", "-O2", "-O3"])("freestanding, no symbol but the compiler's own, %s", (level) => {
    const { folder, remove } = emitted(matrixVector(), denseOptions);
    try {
      runCompiler(compiler, ["-mcpu=cortex-m4", level, ...toObject, "dense.c"], folder);
      const object = join(folder, "net.o");
      expect(softFloatSymbols(object, "arm-none-eabi-nm")).toEqual([]);
      const { stdout } = spawnSync("arm-none-eabi-nm", ["-u", object], { encoding: "utf8" });
      expect(stdout.split("\n").filter((line) => /str|alloc|printf/.test(line))).toEqual([]);
      // Constants stay in flash: nothing in .data or .bss.
      const sizes = spawnSync("arm-none-eabi-nm", [object], { encoding: "utf8" }).stdout;
      expect(sizes.split("\n").filter((line) => / [dDbB] /.test(line) && !line.includes("$d"))).toEqual([]);
    } finally {
      remove();
    }
  });

  it("a wide element of the arena is one load, even without unaligned access", () => {
    const [from, to] = [buffer("from", "i32", 1), buffer("to", "i32", 1, "output")];
    const program = programOf("copy", [from, to], [{ name: "s", body: [b.store(at(to, 0), read(from, 0))] }]);
    const { folder, remove } = emitted(program, { name: "copy" });
    try {
      runCompiler(compiler, ["-mcpu=cortex-m0", "-O2", ...arm, "-S", "copy.c", "-o", "copy.s"], folder);
      const { stdout } = spawnSync("grep", ["-cE", "\\b(ldr|str)b?\\b", join(folder, "copy.s")], {
        encoding: "utf8",
      });
      expect(stdout.trim()).toBe("2");
    } finally {
      remove();
    }
  });

  it("floats are found out", () => {
    const [x, y] = [buffer("x", "f32", 1, "input"), buffer("y", "f32", 1, "output")];
    const program = programOf(
      "f",
      [x, y],
      [{ name: "s", body: [b.store(at(y, 0), b.mul(read(x, 0), b.f32(0.1)))] }],
    );
    const { folder, remove } = emitted(program, { name: "f" });
    try {
      runCompiler(compiler, ["-mcpu=cortex-m4", "-O2", ...toObject, "f.c"], folder);
      expect(softFloatSymbols(join(folder, "net.o"), "arm-none-eabi-nm")).toEqual(["__aeabi_fmul"]);
    } finally {
      remove();
    }
  });
});
