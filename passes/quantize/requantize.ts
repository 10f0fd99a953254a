/**
 * Turns a fake-quantized graph into a stored one: integers only, nothing rounded differently from what the types say.
 *
 * Every quantization ends an island of real operations that starts at dequantizations. By the island's operator:
 *
 *     accumulator   q(clamp…(op(d a, d b)))  = requantize(op(a, b)): the i32 result rescaled by its scale / the result's, one
 *                                              dyadic multiplier a channel, one shift a layer where that keeps 16 bits
 *     rescaled      q(clamp…(op(d a, d b)))  = its stored operator on a and b, the largest shift that cannot overflow
 *     same, fixed   q(op(d a, …))            = op(a, …)
 *     clamp alone   q(clamp(d a))            = clamp(a) where scales agree
 *     table         q(f(…(d a)))             = lookup(a): the 256 values of f, quantized
 *                                              of 16 bits: interpolate(a); warns where lines are no good
 *     nothing       q(d a)                   = a, or a lookup where scales differ
 *     wide          q(wide_value(x))         = what q(x) is
 *
 * Where positions and truth values end it instead:
 *
 *     plain         op(d a, d b)             = op(a, b)
 *
 * A clamp before the quantization becomes the clamp of the requantization: [low, high] → zero + round(bound / scale), so relu is
 * max(lo, zero) (algorithms.md section 8). Which case applies is the operator's `IntegerForm`; no operator is named.
 *
 * `rounding` chooses whose arithmetic that is (docs/arithmetic.md, "Rounding profiles"): multipliers and forms of a TensorFlow Lite
 * profile are choose-forms.ts's matter.
 *
 * At the boundary, inputs and outputs take the stored type. What has no case stays as it is, for check-integer-only to name.
 */
import { diagnostic, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { choice } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { eraseUnread, inPlaceOf, supersede } from "../../src/ir/match.ts";
import { sameQuantization, sameType, type TensorType } from "../../src/ir/types.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { roundHalfAwayFromZero } from "../../src/numerics/round.ts";
import { roundingProfiles, type RoundingProfile } from "../../src/numerics/rounding-profile.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { interpolate } from "../../src/ops/interpolate.ts";
import { lookup } from "../../src/ops/lookup.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { requantize as requantizeOp } from "../../src/ops/requantize.ts";
import { definePass, type PassContext } from "../../src/pass/pass.ts";
import { elementRange } from "../../src/tensor/element-type.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import {
  fixedAttributes,
  requantization,
  rescaledForm,
  rescaledTable,
  roundsItself,
} from "./choose-forms.ts";
import { stripBoundary } from "./strip-boundary.ts";
import { farthestFromLine, knotsOf, tableOf } from "./table.ts";

export const requantize = definePass({
  name: "requantize",
  summary: "turn a fake-quantized graph into integers only",
  options: { rounding: choice(roundingProfiles, "default") },
  run(graph, { count, context, options: { rounding } }) {
    context.snapshots.set("fake-quantized", copyGraph(graph));
    for (const operation of graph.operations) {
      if (operation.definition !== quantize) continue;
      const island = islandOf(operation);
      const stored =
        island === undefined ? undefined : store(graph, operation, island, rounding, context.warn);
      if (stored === undefined) continue;
      if (stored === island!.root.operands[0]) {
        graph.replaceAllUses(operation.result, stored);
        eraseUnread(graph, operation);
      } else supersede(graph, operation, stored);
      count("stored");
    }
    for (const operation of graph.operations) if (storePlain(graph, operation)) count("stored");
    stripBoundary(graph);
  },
});

/** Positions and truth values of stored integers. */
function storePlain(graph: Graph, operation: Operation): boolean {
  const { definition, attributes, operands } = operation;
  if (definition.integer?.kind !== "plain" || !operands.some(({ type }) => type.element === "f32"))
    return false;
  const stored = storedOperands(operation);
  if (stored === undefined) return false;
  supersede(
    graph,
    operation,
    graph.createGeneric(definition, stored, attributes, inPlaceOf(operation)).result,
  );
  return true;
}

interface Island {
  /** A dequantization, or the operation whose operands are all dequantized. */
  readonly root: Operation;
  /** Functions of one element between the root and the quantization, in order. */
  readonly chain: readonly Operation[];
}

function islandOf(end: Operation): Island | undefined {
  const chain: Operation[] = [];
  let root = end.operands[0]!.producer;
  while (root !== undefined && ["clamp", "table", "wide"].includes(root.definition.integer?.kind ?? "")) {
    if (root.definition.integer?.kind !== "wide") chain.unshift(root);
    root = root.operands[0]!.producer;
  }
  return root === undefined ? undefined : { root, chain };
}

function store(
  graph: Graph,
  end: Operation,
  { root, chain }: Island,
  profile: RoundingProfile,
  warn: PassContext["warn"],
): Value | undefined {
  const type = end.result.type;
  const place = { ...inPlaceOf(end), origin: root.origin ?? end.origin };
  if (root.definition === dequantize)
    return storeElementwise(graph, end, root.operands[0]!, chain, profile, warn);

  const form = root.definition.integer;
  const operands = storedOperands(root);
  if (form === undefined || operands === undefined) return undefined;
  if (form.kind === "same" || form.kind === "fixed") {
    if (chain.length > 0) return undefined;
    const attributes = { ...root.attributes, ...fixedAttributes(form, operands, profile) };
    return graph.createGeneric(root.definition, operands, attributes, { ...place, type }).result;
  }
  if (form.kind !== "accumulator" && form.kind !== "rescaled") return undefined;
  const clamp = storedClamp(chain, type);
  if (clamp === undefined) return undefined;
  if (form.kind === "rescaled") {
    const { definition, attributes } = rescaledForm(form, root, operands, type, profile);
    return graph.createGeneric(definition, operands, { ...attributes, clamp }, { ...place, type }).result;
  }
  if (roundsItself(form, operands, type, profile))
    return storeAverage(graph, root, operands[0]!, chain, { ...place, type });
  const acc = graph.createGeneric(root.definition, operands, root.attributes, {
    ...place,
    name: `${end.result.name}_acc`,
  }).result;
  const attributes = { ...requantization(form, operands, acc.type, type, profile), clamp };
  return graph.create(requantizeOp, { acc }, attributes, { ...place, type }).result;
}

/** A mean that keeps its operand's quantization, and the clamps after it. */
function storeAverage(
  graph: Graph,
  { definition, attributes }: Operation,
  operand: Value,
  chain: readonly Operation[],
  place: ReturnType<typeof inPlaceOf> & { readonly type: TensorType },
): Value {
  const mean = graph.createGeneric(definition, [operand], { ...attributes, rounded: true }, place);
  return chain.reduce(
    (value, clamp) => graph.createGeneric(clamp.definition, [value], clamp.attributes, place).result,
    mean.result,
  );
}

/** What the operands were dequantized from; indices and conditions are integers as they are. */
function storedOperands({ operands }: Operation): Value[] | undefined {
  const stored = operands.map((value) => {
    if (value.type.element !== "f32") return value;
    return value.producer?.definition === dequantize ? value.producer.operands[0]! : undefined;
  });
  return stored.every((value) => value !== undefined) ? stored : undefined;
}

function storeElementwise(
  graph: Graph,
  end: Operation,
  source: Value,
  chain: readonly Operation[],
  profile: RoundingProfile,
  warn: PassContext["warn"],
): Value | undefined {
  const type = end.result.type;
  if (chain.length === 0 && sameType(source.type, type)) return source;
  const [first] = chain;
  const place = { ...inPlaceOf(end), origin: chain.at(-1)?.origin ?? end.origin };
  const agrees =
    source.type.element === type.element && sameQuantization(source.type.quantization, type.quantization);
  if (chain.length === 1 && first!.definition.integer?.kind === "clamp" && agrees)
    return graph.createGeneric(first!.definition, [source], first!.attributes, { ...place, type }).result;
  if (source.type.element === "i16") {
    const attributes = knotsOf(source.type, chain, type);
    const steps = farthestFromLine(attributes, source.type, chain, type);
    if (steps > (type.element === "i16" ? 256 : 1)) warn(coarseTable(end, source, steps));
    return graph.create(interpolate, { input: source }, attributes, { ...place, type }).result;
  }
  if (source.type.element !== "i8" && source.type.element !== "u8") return undefined;
  return graph.create(
    lookup,
    { input: source },
    { table: tableFor(source.type, chain, type, profile) },
    { ...place, type },
  ).result;
}

const coarseTable = (end: Operation, source: Value, steps: number): Diagnostic =>
  diagnostic(
    "warning",
    "coarse-table",
    `lines between 1025 places leave what gives %${end.result.name} by up to ${roundHalfAwayFromZero(steps)} steps of ${end.result.type.element}`,
    {
      subject: end.origin ?? `%${end.result.name}`,
      help: `it jumps, or is steep: keep %${source.name} in eight bits, which have an entry for each of their values`,
    },
  );

/** Where a profile has a rounding of its own for what only changes scales and clamps, that, else the functions' own values. */
function tableFor(
  from: TensorType,
  chain: readonly Operation[],
  to: TensorType,
  profile: RoundingProfile,
): Tensor {
  const clamp = profile === "default" ? undefined : storedClamp(chain, to);
  return clamp === undefined ? tableOf(from, chain, to) : rescaledTable(from, to, clamp, profile);
}

/** The clamps one after the other, as stored integers; undefined when something else is among them. */
function storedClamp(
  chain: readonly Operation[],
  { element, quantization }: TensorType,
): number[] | undefined {
  let [low, high] = [-Infinity, Infinity];
  for (const { definition, attributes } of chain) {
    const form = definition.integer;
    if (form?.kind !== "clamp") return undefined;
    const bounds = form.bounds(attributes);
    const limit = (x: number): number => Math.min(Math.max(x, bounds.low), bounds.high);
    [low, high] = [limit(low), limit(high)];
  }
  const { min, max } = elementRange(element);
  const [scale, zero] = [quantization!.scale[0]!, quantization!.zero[0]!];
  return [low, high].map((bound) => quantizeValue(bound, scale, zero, min, max));
}
