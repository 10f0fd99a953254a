/**
 * Walking and rewriting expressions. Expressions are DAGs: a node reached twice is one value, so every walk and every rewrite visits it
 * once and keeps the sharing.
 */
import { addAffine, affine, binary, scaleAffine } from "./build.ts";
import {
  isAffine,
  type Affine,
  type Expression,
  type Index,
  type IndexVariable,
  type Load,
} from "./expression.ts";
import { nodesOf } from "./walk.ts";

export const loadsOf = (root: Expression): Load[] => nodesOf(root).filter((e) => e.kind === "load");

/** The index with every variable replaced; variables without a replacement stay. */
export function substituteAffine(index: Affine, replace: ReadonlyMap<IndexVariable, Affine>): Affine {
  let result = affine(index.constant);
  for (const { variable, factor } of index.terms)
    result = addAffine(result, scaleAffine(replace.get(variable) ?? affine(0, [variable, 1]), factor));
  return result;
}

export interface Rewrite {
  /** Index variables by what replaces them. Reduction variables of the expression must not occur. */
  readonly variables?: ReadonlyMap<IndexVariable, Affine>;
  /** Called on each load after its indices were rewritten; returns what stands in its place, or undefined to keep it. */
  readonly load?: (load: Load) => Expression | undefined;
  /** Nodes by what stands in their place, which is taken as it is. */
  readonly nodes?: ReadonlyMap<Expression, Expression>;
}

export function rewrite(
  root: Expression,
  { variables = new Map<IndexVariable, Affine>(), load, nodes }: Rewrite,
): Expression {
  const done = new Map<Expression, Expression>(nodes);
  const index = (i: Index): Index =>
    isAffine(i) ? substituteAffine(i, variables) : { value: visit(i.value) };
  const visit = (e: Expression): Expression => {
    const known = done.get(e);
    if (known !== undefined) return known;
    const result = build(e);
    done.set(e, result);
    return result;
  };
  const build = (e: Expression): Expression => {
    switch (e.kind) {
      case "constant":
        return e;
      case "index":
        return { ...e, index: substituteAffine(e.index, variables) };
      case "load": {
        const moved = { ...e, index: e.index.map(index) };
        return load?.(moved) ?? moved;
      }
      case "reduce":
        return { ...e, initial: visit(e.initial), body: visit(e.body) };
      case "unary":
      case "convert":
        return { ...e, operand: visit(e.operand) };
      case "binary":
        return binary(e.operator, visit(e.left), visit(e.right));
      case "compare":
        return { ...e, left: visit(e.left), right: visit(e.right) };
      case "select":
        return {
          ...e,
          condition: visit(e.condition),
          whenTrue: visit(e.whenTrue),
          whenFalse: visit(e.whenFalse),
        };
      case "rescale":
        return { ...e, acc: visit(e.acc), multiplier: visit(e.multiplier), shift: visit(e.shift) };
    }
  };
  return visit(root);
}
