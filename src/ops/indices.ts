/**
 * Indices that tensors hold. ONNX counts negative ones from the end of the axis. What lies outside is taken to the axis's
 * nearest end, so that no index, computed from whatever input, ever reads or writes foreign memory.
 */
import { add, compare, constant, convert, i32, load, max, min, select } from "../expr/build.ts";
import type { Affine, Expression, Index } from "../expr/expression.ts";
import type { ExpressOperand, InferFail } from "../ir/operation.ts";
import { formatType, type TensorType } from "../ir/types.ts";
import type { ElementType } from "../tensor/element-type.ts";
import { isPlain } from "./type-rules.ts";

const indexElements: readonly ElementType[] = ["i32", "i64", "u8", "i8", "i16", "u16"];

export function requireIndices(name: string, type: TensorType, fail: InferFail): void {
  if (!isPlain(type) || !indexElements.includes(type.element))
    fail("operand-type", `has ${name} ${formatType(type)}, expected integers of at most 64 bits`);
}

/** The entry at `at`, as a place along an axis of `extent`: an i32, negative or beyond the axis where the entry is. */
export function indexEntry(
  indices: ExpressOperand,
  at: readonly Affine[],
  extent: number,
  fill?: number,
): Expression {
  const entry = load(indices.tensor, at, fill);
  if (isWithin(indices, extent)) return convert("i32", entry);
  const { type } = entry;
  const counted = select(compare("lt", entry, constant(type, 0)), add(entry, constant(type, extent)), entry);
  // An i64 must not lose its upper half unseen.
  return convert("i32", min(max(counted, constant(type, -1)), constant(type, extent)));
}

/** The same as an index that is always inside. */
export function indexAt(indices: ExpressOperand, at: readonly Affine[], extent: number): Index {
  const entry = indexEntry(indices, at, extent);
  return { value: isWithin(indices, extent) ? entry : min(max(entry, i32(0)), i32(extent - 1)) };
}

/** Known, and all inside: nothing is tested at run time. */
const isWithin = ({ tensor }: ExpressOperand, extent: number): boolean =>
  tensor.data?.data.every((entry: number | bigint) => entry >= 0 && entry < extent) ?? false;
