/**
 * Which real values of a graph become stored integers, and which of them must share one quantization. `calibrate` measures what
 * the plan asks for, `insert-fake-quantization` carries it out; both read it off each operator's `IntegerForm`.
 *
 * A value is *stored* unless only the next operation sees it:
 *
 *     layer or sum → clamp          the clamp of the requantization absorbs it: only the clamp's result is stored
 *     table → table, table → clamp  one table of 256 entries does both: only the last result is stored
 *     any of these → wide_value     takes what is not rounded yet
 *
 * Stored values fall into groups of one quantization: operators that work on stored integers as they are tie their result
 * to their operands (operands of a comparison to each other), and so does state, which goes from an output to an input. Some groups are *fixed* beforehand, by an operator (softmax has scale 1/256) or by the integers the
 * samples came as; a value of a fixed group that meets others (concat) is converted there by a table, for its own
 * quantization cannot change.
 *
 * A group has the width of its widest value: eight bits, sixteen where the graph asks for them (`as i16`), or what states need.
 */
import { diagnostic, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant, onlyUser } from "../../src/ir/match.ts";
import { nameOperands, type IntegerForm } from "../../src/ir/operation.ts";
import { sameQuantization, type Quantization } from "../../src/ir/types.ts";
import { constantOperandOf } from "../../src/ops/constant-operand.ts";
import type { ElementType } from "../../src/tensor/element-type.ts";

export interface FixedQuantization {
  readonly element: ElementType;
  readonly quantization: Quantization;
}

/**
 * How wide a group's integers are:
 *
 *     narrow   8 bits
 *     wide     16 bits about zero
 *     state    16 bits about zero, of a scale that is a power of two (`wide_value`)
 */
export type Width = "narrow" | "wide" | "state";

const widths: readonly Width[] = ["narrow", "wide", "state"];
const widest = (of: readonly Width[]): Width =>
  of.reduce((a, b) => (widths.indexOf(a) < widths.indexOf(b) ? b : a), "narrow");

export interface Group {
  /** Stored values, in order of computation. */
  readonly values: Value[];
  /** Those whose calibrated ranges make up the group's; operators that only pass integers on add nothing. */
  readonly sources: Value[];
  /** Constants that are stored in the group's quantization where its operations read them. */
  readonly constants: { readonly operation: Operation; readonly value: Value }[];
  /** Stored values of other groups, converted where an operation of this group reads them. */
  readonly converted: { readonly operation: Operation; readonly value: Value }[];
  fixed: FixedQuantization | undefined;
  /** Counts where no quantization is fixed. */
  width: Width;
}

/** Whether it will be integers of 16 bits. */
export const isWide = ({ fixed, width }: Group): boolean => fixed === undefined && width !== "narrow";

export interface Plan {
  readonly groups: readonly Group[];
  groupOf(value: Value): Group | undefined;
  /** Operations that cannot be done in integers. */
  readonly problems: readonly Diagnostic[];
}

const isReal = (value: Value): boolean => value.type.element === "f32";

/** What a value still is when it is not stored: something a clamp, or a table, may be added to. */
type Pending = "accumulator" | "table";

export function planQuantization(graph: Graph, fixedInputs: ReadonlyMap<Value, FixedQuantization>): Plan {
  const groupOf = new Map<Value, Group>();
  const groups = new Set<Group>();
  const pending = new Map<Value, Pending>();
  const problems: Diagnostic[] = [];
  const states = stateValues(graph);
  const widthOf = (value: Value): Width =>
    states.has(value) ? "state" : value.storedAs === undefined ? "narrow" : "wide";

  const startWith = (values: readonly Value[], fixed: FixedQuantization | undefined): Group => {
    const group: Group = {
      values: [...values],
      sources: [...values],
      constants: [],
      converted: [],
      fixed,
      width: widest(values.map(widthOf)),
    };
    groups.add(group);
    for (const value of values) groupOf.set(value, group);
    return group;
  };
  const start = (value: Value, fixed?: FixedQuantization): Group => startWith([value], fixed);
  const unite = (into: Group, other: Group): void => {
    if (into === other) return;
    for (const value of other.values) groupOf.set(value, into);
    into.values.push(...other.values);
    into.sources.push(...other.sources);
    into.constants.push(...other.constants);
    into.converted.push(...other.converted);
    into.width = widest([into.width, other.width]);
    groups.delete(other);
  };
  const tie = (operation: Operation): void => {
    const operands = [...new Set(operation.operands)].filter(isReal);
    const constants = operands.filter(isConstant).map((value) => ({ operation, value }));
    const members = operands.flatMap((value) => {
      const group = groupOf.get(value);
      return group === undefined ? [] : [{ value, group }];
    });
    const fixed = members[0]?.group.fixed;
    const alike = fixed !== undefined && members.every(({ group }) => sameFixed(group.fixed, fixed));
    const united = alike ? members : members.filter(({ group }) => group.fixed === undefined);
    // What means itself is no member, but what is compared shares one scale.
    const group = startWith([operation.result].filter(isReal), undefined);
    group.sources.length = 0;
    group.fixed = alike ? fixed : undefined;
    group.constants.push(...constants);
    for (const { value, group: other } of members)
      if (united.some((member) => member.value === value)) unite(group, other);
      else group.converted.push({ operation, value });
  };

  for (const input of graph.inputs) {
    if (isReal(input)) start(input, states.has(input) ? undefined : fixedInputs.get(input));
    if (input.type.element !== "f64") continue;
    const message = `input %${input.name} holds doubles, expected f32`;
    const help = "export the model in single precision";
    problems.push(diagnostic("error", "no-integer-form", message, { subject: `%${input.name}`, help }));
  }
  for (const operation of graph.operations) {
    const { result, definition } = operation;
    if (isConstant(result) || ![result, ...operation.operands].some(isReal)) continue;
    const form = definition.integer;
    const problem = integerProblem(operation, form);
    if (problem !== undefined) problems.push(problem);
    const state = pendingOf(operation, form, pending);
    if (state !== undefined && isDeferred(graph, result, state)) pending.set(result, state);
    else if (form?.kind === "same" || form?.kind === "plain") tie(operation);
    else if (form?.kind === "clamp" && state === undefined) tie(operation);
    else if (form?.kind === "wide" && !readsUnrounded(operation, operation.operands[0]!)) tie(operation);
    // A table gives what it is asked for.
    else if (isReal(result))
      start(result, form?.kind === "table" && widthOf(result) !== "narrow" ? undefined : fixedBy(form));
  }
  for (const { input, output } of graph.carried) {
    const [own, other] = [groupOf.get(input), groupOf.get(output)];
    if (own === undefined || other === undefined) continue;
    other.fixed ??= own.fixed;
    unite(other, own);
  }
  return { groups: [...groups], groupOf: (value) => groupOf.get(value), problems };
}

const sameFixed = (a: FixedQuantization | undefined, b: FixedQuantization): boolean =>
  a?.element === b.element && sameQuantization(a.quantization, b.quantization);

function pendingOf(
  operation: Operation,
  form: IntegerForm | undefined,
  pending: ReadonlyMap<Value, Pending>,
): Pending | undefined {
  switch (form?.kind) {
    case "accumulator":
    case "rescaled":
      return "accumulator";
    case "table":
      return "table";
    case "clamp":
      return pending.get(operation.operands[0]!);
    default:
      return undefined;
  }
}

function isDeferred(graph: Graph, value: Value, state: Pending): boolean {
  const next = onlyUser(graph, value)?.definition.integer?.kind;
  return next === "clamp" || next === "wide" || (next === "table" && state === "table");
}

/** What `wide_value` gives, and what that is made of element by element, up to the layers. */
function stateValues(graph: Graph): ReadonlySet<Value> {
  const states = new Set<Value>();
  const visit = (value: Value): void => {
    if (!isReal(value) || isConstant(value) || states.has(value)) return;
    states.add(value);
    visitOperands(value.producer);
  };
  const visitOperands = (operation: Operation | undefined): void => {
    const form = operation?.definition.integer;
    if (form === undefined || form.kind === "fixed" || (form.kind === "accumulator" && form.wide !== true))
      return;
    operation!.operands.forEach(visit);
  };
  for (const operation of graph.operations) {
    const { definition, operands, result } = operation;
    if (definition.integer?.kind !== "wide") continue;
    states.add(result);
    // A value that is stored as it is shares its quantization with the widened one.
    if (!readsUnrounded(operation, operands[0]!)) visit(operands[0]!);
    visitOperands(operands[0]!.producer);
  }
  return states;
}

/** Whether an operation takes the value as it was before it was rounded to 8 bits. */
export function readsUnrounded({ definition }: Operation, { producer }: Value): boolean {
  const kind = producer?.definition.integer?.kind;
  return definition.integer?.kind === "wide" && kind !== undefined && kind !== "same" && kind !== "fixed";
}

/** The quantization that an operator's result has whatever its operands' are. */
export function fixedBy(form: IntegerForm | undefined): FixedQuantization | undefined {
  if ((form?.kind !== "table" && form?.kind !== "fixed") || form.result === undefined) return undefined;
  return { element: "i8", quantization: form.result };
}

/** Why an operation cannot be done in integers, its operands' quantizations aside. */
export function integerProblem(operation: Operation, form: IntegerForm | undefined): Diagnostic | undefined {
  const { name } = operation.definition;
  const report = (message: string, help: string): Diagnostic =>
    diagnostic("error", "no-integer-form", message, {
      subject: operation.origin ?? `%${operation.result.name}`,
      ...(operation.span === undefined ? {} : { span: operation.span }),
      help,
    });
  if (form === undefined)
    return report(
      `'${name}' has no integer form`,
      operation.definition.rewrite ?? "express it by operators that have one",
    );
  if (form.kind !== "accumulator") return undefined;
  const named = nameOperands(operation.definition, operation.operands) as Record<string, Value | undefined>;
  for (const role of [form.weight, form.bias]) {
    const value = role === undefined ? undefined : named[role];
    if (value !== undefined && constantOperandOf(value) === undefined)
      return report(
        `'${name}' has a ${role!} computed at run time, its integer form expects a constant`,
        "run fold-constants, or use a matrix product",
      );
  }
  return undefined;
}
