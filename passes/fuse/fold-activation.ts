/**
 * Leaves one clamp behind each layer, next to it, where the clamp of its requantization absorbs it.
 *
 * For operators that mean low <= y <= high (relu, clip):
 *
 *     clamp₂(clamp₁(x))  = clamp(x) with bounds clamp₂(low₁), clamp₂(high₁)
 *     clamp(move(x))     = move(clamp(x))      move: reshape, transpose, max pooling: monotone, elements only chosen
 *     clamp with bounds ±∞ = identity; with bounds 0, ∞ = relu
 *
 * Declines when the inner result has another reader, which needs it as it is; moves a clamp only to a layer or a sum, which
 * absorb it.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { bypass, inPlaceOf, onlyUser, supersede } from "../../src/ir/match.ts";
import { clip } from "../../src/ops/clip.ts";
import { maxPool } from "../../src/ops/max-pool.ts";
import { relu } from "../../src/ops/relu.ts";
import { definePass } from "../../src/pass/pass.ts";

interface Bounds {
  readonly low: number;
  readonly high: number;
}

export const foldActivation = definePass({
  name: "fold-activation",
  summary: "leave one clamp behind each layer, next to it",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      const bounds = boundsOf(operation);
      if (bounds === undefined) continue;
      const inner = operation.operands[0]!.producer;
      if (bounds.low === -Infinity && bounds.high === Infinity) {
        if (bypass(graph, operation, operation.operands[0]!)) count("removed");
      } else if (inner !== undefined && onlyUser(graph, inner.result) === operation) {
        if (merge(graph, inner, operation, bounds)) count("merged");
        else if (hoist(graph, inner, operation)) count("hoisted");
      }
    }
  },
});

function boundsOf({ definition, attributes, result }: Operation): Bounds | undefined {
  const form = definition.integer;
  return form?.kind === "clamp" && result.type.element === "f32" ? form.bounds(attributes) : undefined;
}

function merge(graph: Graph, inner: Operation, outer: Operation, bounds: Bounds): boolean {
  const first = boundsOf(inner);
  if (first === undefined) return false;
  const limit = (x: number): number => Math.min(Math.max(x, bounds.low), bounds.high);
  const [low, high] = [limit(first.low), limit(first.high)];
  const input = inner.operands[0]!;
  const place = inPlaceOf(outer);
  const merged =
    low === 0 && high === Infinity
      ? graph.create(relu, { input }, {}, place)
      : graph.create(clip, { input }, { min: low, max: high }, place);
  supersede(graph, outer, merged.result);
  return true;
}

function hoist(graph: Graph, move: Operation, clamp: Operation): boolean {
  const path = movesBehindLayer(graph, move);
  if (path === undefined) return false;
  let value: Value = graph.createGeneric(clamp.definition, [path[0]!.operands[0]!], clamp.attributes, {
    ...inPlaceOf(clamp),
    name: clamp.result.name,
  }).result;
  for (const { definition, attributes, result, origin } of path)
    value = graph.createGeneric(definition, [value], attributes, {
      before: clamp,
      name: result.name,
      origin,
    }).result;
  supersede(graph, clamp, value);
  return true;
}

/** The moves from a layer or a sum down to `last`, each read by the next alone. */
function movesBehindLayer(graph: Graph, last: Operation): Operation[] | undefined {
  const path: Operation[] = [];
  for (let at: Operation | undefined = last; at !== undefined; at = at.operands[0]?.producer) {
    if (at !== last && onlyUser(graph, at.result) === undefined) return undefined;
    const kind = at.definition.integer?.kind;
    if (kind === "accumulator" || kind === "rescaled") return path.length > 0 ? path : undefined;
    if (at.operands.length !== 1 || !(at.definition.movesOnly === true || at.definition === maxPool))
      return undefined;
    path.unshift(at);
  }
  return undefined;
}
