/**
 * What every consumer of expressions asks of their structure: the parts of a node, the variables it depends on, and which nodes
 * have several parents. Expressions are DAGs: operators share nodes (an exponential uses its reduced argument many times), so
 * all walks go by identity and visit a node once.
 */
import { isAffine, type Affine, type Expression, type Index, type IndexVariable } from "./expression.ts";

const computed = (index: readonly Index[]): Expression[] =>
  index.flatMap((axis) => (isAffine(axis) ? [] : [axis.value]));

/** Direct parts, in the order they are evaluated. */
export function children(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case "constant":
    case "index":
      return [];
    case "load":
      return computed(e.index);
    case "reduce":
      return [e.initial, e.body];
    case "unary":
    case "convert":
      return [e.operand];
    case "binary":
    case "compare":
      return [e.left, e.right];
    case "select":
      return [e.condition, e.whenTrue, e.whenFalse];
    case "rescale":
      return [e.acc, e.multiplier, e.shift];
  }
}

const affineParts = (e: Expression): readonly Affine[] => {
  if (e.kind === "index") return [e.index];
  return e.kind === "load" ? e.index.filter(isAffine) : [];
};

/** Every node below and including `root`, once each, parts before what they are part of. */
export function nodesOf(root: Expression): readonly Expression[] {
  const seen = new Set<Expression>();
  const order: Expression[] = [];
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    children(e).forEach(visit);
    order.push(e);
  };
  visit(root);
  return order;
}

/** The variables that must be bound around each node. */
export function freeVariables(root: Expression): ReadonlyMap<Expression, ReadonlySet<IndexVariable>> {
  const free = new Map<Expression, ReadonlySet<IndexVariable>>();
  for (const e of nodesOf(root)) {
    const own = new Set<IndexVariable>(affineParts(e).flatMap((a) => a.terms.map((t) => t.variable)));
    if (e.kind === "reduce") {
      for (const v of free.get(e.body)!) if (!e.over.includes(v)) own.add(v);
      for (const v of free.get(e.initial)!) own.add(v);
    } else for (const child of children(e)) for (const v of free.get(child)!) own.add(v);
    free.set(e, own);
  }
  return free;
}

/** Nodes with two parents or more: worth computing, or naming, once. Constants, indices and plain loads are not. */
export function sharedNodes(root: Expression): ReadonlySet<Expression> {
  const once = new Set<Expression>();
  const shared = new Set<Expression>();
  for (const e of nodesOf(root))
    for (const child of children(e)) {
      const trivial = child.kind === "constant" || child.kind === "index" || child.kind === "load";
      if (!trivial && once.has(child)) shared.add(child);
      once.add(child);
    }
  return shared;
}
