import { describe, expect, it } from "vitest";
import { findFloats } from "../../../backends/c/integer-only.ts";
import { isFloatSymbol } from "../../../src/driver/node/soft-float-symbols.ts";

describe("findFloats", () => {
  it.each([
    ["float x;", "type", "float"],
    ["x = (double)y;", "type", "double"],
    ["static const long double z;", "type", "double"],
    ["x = 1.5;", "literal", "1.5"],
    ["x = 1.;", "literal", "1."],
    ["x = .5f;", "literal", ".5f"],
    ["x = 1e3;", "literal", "1e3"],
    ["x = 2E-3L + y;", "literal", "2E-3L"],
    ["x = 0x1.8p-3f;", "literal", "0x1.8p-3f"],
    ["y = sqrtf (x);", "function", "sqrtf"],
    ["y = nearbyint(x);", "function", "nearbyint"],
    ["y = NAN;", "macro", "NAN"],
    ["y = FLT_MAX;", "macro", "FLT_MAX"],
    ["#include <math.h>", "header", "#include <math.h>"],
  ])("finds %s", (line, what, text) => {
    expect(findFloats(`int a;\n/* two\nlines */\n${line}\n`)).toEqual([{ line: 4, text, what }]);
  });

  it.each([
    "/* float 1.5 sqrt(x) */",
    "// double 2.0",
    'char *s = "a float: 1.5 \\" 2.5";',
    "x = 0x1E5 + 0xE - 3;",
    "x = 100U * 31ULL;",
    "static void net_floor_2(int floats) { x = a.b; }",
    "int float_count = 3, x1e5 = 4;",
    "#include <stdint.h>",
  ])("leaves alone %s", (line) => {
    expect(findFloats(line)).toEqual([]);
  });
});

describe("isFloatSymbol", () => {
  it.each([
    "__aeabi_fadd",
    "__aeabi_dmul",
    "__aeabi_i2f",
    "__aeabi_ul2d",
    "__aeabi_cfcmple",
    "__aeabi_d2iz",
    "__adddf3",
    "__mulsf3",
    "__fixunssfsi",
    "__floatdisf",
    "__extendsfdf2",
    "__gtsf2",
    "__unorddf2",
    "sqrtf",
    "floor",
  ])("knows %s", (name) => {
    expect(isFloatSymbol(name)).toBe(true);
  });

  it.each([
    "__aeabi_idiv",
    "__aeabi_uidivmod",
    "__aeabi_lmul",
    "__aeabi_ldivmod",
    "__aeabi_lasr",
    "__aeabi_memcpy",
    "__divdi3",
    "__muldi3",
    "memset",
    "dense_run",
  ])("takes %s for an integer function", (name) => {
    expect(isFloatSymbol(name)).toBe(false);
  });
});
