/**
 * Which expressions run in vector lanes, one output element a lane: 32-bit arithmetic and comparisons under a select. Computed
 * indices (tables), 64-bit types and unsigned division do not: no SIMD set we target has them.
 */
import { isAffine, type Expression } from "./expression.ts";
import { children, nodesOf } from "./walk.ts";

export function runsInLanes(root: Expression): boolean {
  return (
    nodesOf(root).every((e) => {
      switch (e.kind) {
        case "constant":
          return e.type === "i32" || e.type === "f32";
        case "index":
        case "convert":
          return false;
        case "load":
          return (e.type === "i32" || e.type === "f32") && e.index.every(isAffine);
        case "reduce":
          return e.operator !== "mul" || e.type === "f32";
        case "unary":
          return e.type === "f32" || e.operator === "neg" || e.operator === "abs";
        case "binary":
          return e.operator !== "divu" && (e.type === "i32" || e.type === "f32") && shiftIsUniform(e);
        case "compare":
          return e.left.type === "i32" || e.left.type === "f32";
        case "select":
          return e.condition.kind === "compare" && e.condition.left.type === e.type;
        case "rescale":
          return true;
      }
    }) && everyComparisonIsACondition(root)
  );
}

/** Vector shifts take one count for all lanes. */
const shiftIsUniform = (e: Extract<Expression, { kind: "binary" }>): boolean =>
  (e.operator !== "shl" && e.operator !== "shr") || e.right.kind === "constant";

/** A comparison's lanes are masks, not 0 and 1: only a select may read them, and no tensor may hold them. */
function everyComparisonIsACondition(root: Expression): boolean {
  const readAsNumbers = (e: Expression): readonly Expression[] =>
    e.kind === "select" ? [e.whenTrue, e.whenFalse] : children(e);
  return [root, ...nodesOf(root).flatMap(readAsNumbers)].every((e) => e.kind !== "compare");
}
