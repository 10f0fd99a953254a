/** The compilers this machine has, and the flags under which emitted C must be silent. */
import { firstWorking } from "../../../src/driver/node/c-compiler.ts";
import type { CompilerCommand } from "../../../src/driver/node/c-compiler.ts";

export const warnings = [
  "-std=c99",
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Wconversion",
  "-Wsign-conversion",
  "-Wshadow",
  "-Wundef",
  "-Werror",
];

export const sanitizers = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const present = (name: string): readonly CompilerCommand[] => {
  const found = firstWorking([[name]]);
  return found === undefined ? [] : [found];
};

export const hostCompilers: readonly CompilerCommand[] = ["gcc", "clang"].flatMap(present);
export const armCompiler: CompilerCommand | undefined = present("arm-none-eabi-gcc")[0];
export const cppCompiler: CompilerCommand | undefined = firstWorking([["g++"], ["clang++"]]);

/** For `describe.skipIf`, with the reason in the title. */
export const noHostCompiler = hostCompilers.length === 0;
