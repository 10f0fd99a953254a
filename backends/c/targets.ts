/** Machines the C back end prints for, as schedules see them (codegen.md "Storage per target"). */
import type { Target } from "../../src/loops/target.ts";

/** Any C99 compiler: memory is scarce, so tensors stay 8 bits wide and unbordered, and the first layer reads the caller's memory. */
export const plainC: Target = {
  name: "c",
  activations: "i8",
  borders: false,
  moveIntoReductions: true,
};
