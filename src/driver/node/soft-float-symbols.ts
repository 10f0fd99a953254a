/**
 * The second proof that emitted C is integer-only: its object file, for a core without a floating-point unit, refers to
 * none of the functions that compute floats in software. Where the machine has such a unit, floats need no symbol, so the
 * check means most with a cross compiler (arm-none-eabi-gcc -mfloat-abi=soft).
 *
 * Sources: "Run-time ABI for the Arm Architecture" (section 5.1.2) and GCC internals, "Routines for floating point emulation".
 */
import { spawnSync } from "node:child_process";

const armRuntime = /^__aeabi_(?:[fd][a-z0-9]*|c[fd][a-z0-9]*|(?:u?[il])2[fd]|h2f\w*)$/;
const gccRuntime =
  /^__(?:add|sub|mul|div|neg|eq|ne|lt|le|gt|ge|cmp|unord|powi)[sdtx]f[2-4]?$|^__(?:fix|fixuns)[sdtx]f[sdt]i$|^__(?:float|floatun|floatuns)[sdt]i[sdtx]f$|^__(?:extend|trunc)[hsdtx]f[hsdtx]f2$/;
const mathLibrary =
  /^(?:sqrt|cbrt|floor|ceil|trunc|round|rint|nearbyint|fabs|fmin|fmax|fma|fmod|frexp|ldexp|scalbn|exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|sinh|cosh|tanh|erf|erfc)[fl]?$/;

/** True of the name of a function that computes floats. */
export const isFloatSymbol = (name: string): boolean =>
  armRuntime.test(name) || gccRuntime.test(name) || mathLibrary.test(name);

/**
 * The float functions an object file refers to, sorted.
 *
 * @param nm the binutils program that reads the object, for instance `arm-none-eabi-nm`
 * @throws Error when it does not run
 */
export function softFloatSymbols(objectPath: string, nm = "nm"): string[] {
  const { status, stdout, stderr, error } = spawnSync(nm, ["-u", objectPath], { encoding: "utf8" });
  if (status !== 0) throw new Error(`'${nm} -u ${objectPath}' failed: ${error?.message ?? stderr}`);
  const names = stdout.split("\n").map((line) => line.trim().split(/\s+/).at(-1) ?? "");
  return [...new Set(names.filter(isFloatSymbol))].sort();
}
