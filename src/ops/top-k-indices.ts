/**
 * Where the k largest (or smallest) elements along an axis are, in order. An element's rank is the number of those before it,
 *
 *     rank[i] = how many j have x[j] > x[i], or x[j] = x[i] and j < i          y[r] = the i of rank r
 *
 * so that a selection is two expressions without a branch or a store to a computed place, at the price of extent² comparisons.
 */
import {
  add,
  and,
  at,
  axes,
  compare,
  compute,
  convert,
  i32,
  indexValue,
  load,
  or,
  reduce,
  select,
  sum,
  variable,
} from "../expr/build.ts";
import { compareElements } from "../expr/element-arithmetic.ts";
import { bool, int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import {
  axisOf,
  isPlain,
  numberElements,
  requireActivation,
  requirePlain,
  resolveAxis,
} from "./type-rules.ts";

export const topKIndices = defineOp({
  name: "top_k_indices",
  doc: `y = the positions along axis of the k largest x, the largest first, or of the smallest without largest; of equal ones the first comes
first; i64. It takes extent² comparisons along the axis. Source: ONNX TopK, whose values gather_elements reads.`,
  example: "%y = top_k_indices %x {axis = 1, k = 2} : tensor<2x2xi64>",
  given: { "%x": "tensor<2x3xf32>" },
  operands: ["input"],
  attrs: { axis: int(-1), k: int(), largest: bool(true) },
  integer: { kind: "plain" },

  infer({ input }, { axis: given, k }, fail) {
    if (isPlain(input)) requirePlain("input", input, numberElements, fail);
    else requireActivation("input", input, fail);
    const axis = resolveAxis(given, input.shape.length, fail);
    if (k < 0 || k > input.shape[axis]!)
      fail("attribute", `has k ${k}, expected at most the ${input.shape[axis]!} entries of axis ${axis}`);
    return tensorType("i64", input.shape.with(axis, k));
  },

  express({ input }, { axis: given, largest }, result) {
    const { shape, element } = input.type;
    const axis = axisOf(given, shape.length);
    const rank = result.temporary("rank", "i32", shape);
    const domain = axes(shape, []);
    const index = domain.map(at);
    const other = variable("j", shape[axis]!);
    const [x, y] = [load(input.tensor, index), load(input.tensor, index.with(axis, at(other)))];
    const before = compareElements(largest ? "gt" : "lt", element, y, x);
    const earlier = compare("lt", indexValue(at(other)), indexValue(index[axis]!));
    const counts = or(before, and(compareElements("eq", element, y, x), earlier));

    const places = axes(result.type.shape, []);
    const along = variable("i", shape[axis]!);
    const found = compare(
      "eq",
      load(rank, places.map(at).with(axis, at(along))),
      indexValue(at(places[axis]!)),
    );
    const position = reduce("max", [along], select(found, indexValue(at(along)), i32(0)), i32(0));
    return [
      compute(rank, domain, sum([other], add(counts, i32(0)), i32(0))),
      compute(result.tensor, places, convert("i64", position)),
    ];
  },
});
