import { tensor } from "../../../src/tensor/tensor.ts";
import type { Writer } from "./writer.ts";

/** A list of integers as an operand, which later operator sets want where earlier ones had attributes. */
export const indices = (writer: Writer, role: string, values: readonly number[]): string =>
  writer.constant(role, tensor("i64", [values.length], values));
