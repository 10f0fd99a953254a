/**
 * Asks for 16 bits where values are stored: `values="conv1, relu_2"`, by the names that reports give them, or `values=all`, which is every
 * value inside the network and its outputs; `values="all, -conv1"` is all but one; `values=deciding` is what decides the answer (outputs, or
 * what a final softmax reads); `values=small` what takes little memory: inside the network and at most a 32nd of the largest value, as means and
 * the logits before a softmax are; outputs stay as the caller reads them. Inputs stay in eight bits unless they are named: the caller fills them.
 * `values=none` is eight bits for all, `values="-conv1"` for one, of what an earlier pass (`widen-fused`) asked sixteen.
 *
 * What shares a quantization is widened together (plan.ts). Values are only marked (`as i16`): `calibrate` then gives them ranges that clip
 * nothing that has an effect, `insert-fake-quantization` the type.
 *
 * Refuses, naming each, values that are none, that are not stored, whose quantization an operator or the samples fix, and that an
 * operation could not read in 16 bits. Of `all` and `small`, the last two stay in eight, and a finding says why; so does what is summed in such
 * numbers that 32 bits might not hold it (wide-sums.ts).
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { didYouMean } from "../../src/diagnostics/suggest.ts";
import { text } from "../../src/ir/attributes.ts";
import { inferType, type Graph, type Operation, type Value } from "../../src/ir/graph.ts";
import { isConstant, isOutput, onlyUser } from "../../src/ir/match.ts";
import { operandSpecs } from "../../src/ir/operation.ts";
import { perTensor, tensorType, type TensorType } from "../../src/ir/types.ts";
import { decidingValue } from "../../src/measure/judge-outputs.ts";
import { definePass } from "../../src/pass/pass.ts";
import { elementCount } from "../../src/tensor/tensor.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { sumsFit } from "./wide-sums.ts";
import { fixedBy, isWide, planQuantization, type FixedQuantization, type Group, type Plan } from "./plan.ts";

const everything = "all";
const deciding = "deciding";
const small = "small";
const none = "none";
const words = [everything, deciding, small, none];
/** The memory planner's peak holds the largest value and more: what is so much smaller mostly fits beside it. */
const smallShare = 1 / 32;

export const widenValues = definePass({
  name: "widen-values",
  summary: "ask for 16 bits for values inside the network",
  options: { values: text("") },
  run(graph, { options, count, find, context }) {
    const names = options.values
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    if (names.length === 0)
      fail("option", "values names nothing to widen", {
        help: `give names with commas, ${everything}, ${deciding}, ${small} or ${none}`,
      });
    const fixedInputs = fixedInputsOf(graph, context);
    const plan = planQuantization(graph, fixedInputs);
    const named = storedValues(
      graph,
      plan,
      names.filter((name) => !words.includes(name) && !name.startsWith("-")),
      "16 bits are asked for",
    );
    const spared = storedValues(
      graph,
      plan,
      names.filter((name) => name.startsWith("-")).map((name) => name.slice(1).trim()),
      "eight bits are asked for",
    );
    const narrow = spared.find((value) => plan.groupOf(value)!.width === "narrow");
    if (narrow !== undefined && !names.includes(everything) && !names.includes(small))
      fail("option", `values leaves out %${narrow.name}, which has eight bits in any case`, {
        help: `write values="${everything}, -${narrow.name}" for all but that one`,
      });
    if (names.includes(none) && names.length > 1)
      fail("option", `values is ${none} and names more`, { help: `give ${none} alone, or leave it out` });
    const both = named.find((value) => spared.some((other) => plan.groupOf(other) === plan.groupOf(value)));
    if (both !== undefined)
      fail("option", `values both names and leaves out %${both.name}, or what shares its quantization`);
    const decisive = names.includes(deciding) ? graph.outputs.map(decidingValue) : [];
    const [takesAll, takesSmall] = [names.includes(everything), names.includes(small)];
    const most = smallShare * Math.max(0, ...plan.groups.map(largestOf));
    const eligible = plan.groups.filter(
      (group) =>
        isInner(graph, group) &&
        (takesAll || (takesSmall && largestOf(group) <= most && !holdsOutput(graph, group))) &&
        ![...named, ...spared].some((value) => plan.groupOf(value) === group),
    );
    const chosen = eligible.filter((group) => {
      const reader = group.values.flatMap(({ users }) => [...users]).find((user) => !sumsFit(user));
      if (reader !== undefined) {
        const why = `32 bits might not hold the sums of '${reader.definition.name}' %${reader.result.name}`;
        find({ value: group.values[0]!.name, bits: 8, why });
      }
      return reader === undefined;
    });
    const narrowed = names.includes(none)
      ? graph.values
      : spared.flatMap((value) => plan.groupOf(value)!.values);
    for (const value of narrowed) {
      if (value.storedAs !== undefined) find({ value: value.name, bits: 8, why: "asked for" });
      graph.storeAs(value, undefined);
    }
    const before = new Set(graph.values.filter(({ storedAs }) => storedAs !== undefined));
    for (const value of [
      ...named.flatMap((value) => plan.groupOf(value)!.values),
      ...decisive.flatMap((value) => plan.groupOf(value)?.values ?? []),
      ...chosen.flatMap(({ values }) => values),
    ])
      graph.storeAs(value, "i16");

    const widened = settle(graph, fixedInputs, (group, why) => {
      const asked = named.find((value) => group.values.includes(value));
      if (asked !== undefined)
        throw new DiagnosticError([refusal(asked, `cannot be stored in 16 bits: ${why}`)]);
      find({ value: group.values[0]!.name, bits: 8, why });
    });
    for (const { values } of widened) {
      if (values.every((value) => before.has(value))) continue;
      find({ value: values[0]!.name, ...(values.length > 1 ? { values: values.length } : {}), bits: 16 });
      count("widened", values.length);
    }
  },
});

/** What `all` and `small` choose among: states have their 16 bits. */
const isInner = (graph: Graph, { values, width }: Group): boolean =>
  width !== "state" && !values.some((value) => graph.callerInputs.includes(value));

const largestOf = ({ values }: Group): number =>
  Math.max(...values.map(({ type }) => elementCount(type.shape)));

const holdsOutput = (graph: Graph, { values }: Group): boolean =>
  values.some((value) => isOutput(graph, value));

/** The values of these names. @throws DiagnosticError naming all that are not stored */
function storedValues(graph: Graph, plan: Plan, names: readonly string[], wish: string): Value[] {
  const byName = new Map(graph.values.map((value) => [value.name, value]));
  const stored = [...byName.values()].filter((value) => plan.groupOf(value) !== undefined);
  const problems: Diagnostic[] = [];
  const values = names.flatMap((name): Value[] => {
    const value = byName.get(name);
    if (value !== undefined && plan.groupOf(value) !== undefined) return [value];
    if (value === undefined) {
      const known = stored.map((each) => each.name);
      const { help } = { ...didYouMean(name, known, "%"), ...didYouMean(name, words) };
      problems.push(
        diagnostic("error", "wide-value", `${wish} %${name}, which is no value of the network`, {
          help: help ?? `values that are stored: ${known.join(", ")}`,
        }),
      );
    } else problems.push(refusal(value, `is not stored: ${whyNotStored(graph, plan, value)}`));
    return [];
  });
  if (problems.length > 0) throw new DiagnosticError(problems);
  return values;
}

function whyNotStored(graph: Graph, plan: Plan, value: Value): string {
  if (isConstant(value)) return "it is a constant";
  if (value.type.element !== "f32") return `it holds ${value.type.element}, which means itself`;
  for (let next = onlyUser(graph, value); next !== undefined; next = onlyUser(graph, next.result))
    if (plan.groupOf(next.result) !== undefined)
      return `%${next.result.name} is stored in its place, name that`;
  return "nothing needs it as integers";
}

const refusal = ({ name, producer }: Value, message: string): Diagnostic =>
  diagnostic("error", "wide-value", `%${name} ${message}`, {
    subject: producer?.origin ?? `%${name}`,
    ...(producer?.span === undefined ? {} : { span: producer.span }),
    help: `leave it out: ${everything} means every value that can be`,
  });

/** Unmarks groups that cannot be wide until all that is left can. Returns those that were asked for and are. */
function settle(
  graph: Graph,
  fixedInputs: ReadonlyMap<Value, FixedQuantization>,
  refuse: (group: Group, why: string) => void,
): readonly Group[] {
  for (;;) {
    const plan = planQuantization(graph, fixedInputs);
    const asked = plan.groups.filter(({ values }) => values.some(({ storedAs }) => storedAs !== undefined));
    const refused = new Map<Group, string>();
    for (const group of asked) if (!isWide(group)) refused.set(group, whyFixed(group));
    if (refused.size === 0)
      for (const operation of graph.operations) {
        const problem = unreadable(operation, plan);
        if (problem !== undefined) refused.set(problem.group, problem.why);
      }
    if (refused.size === 0) return asked.filter(({ width }) => width === "wide");
    for (const [group, why] of refused) {
      refuse(group, why);
      for (const value of group.values) graph.storeAs(value, undefined);
    }
  }
}

function whyFixed({ values }: Group): string {
  const fixing = values.find(({ producer }) => fixedBy(producer?.definition.integer) !== undefined)?.producer;
  return fixing === undefined
    ? "its samples are integers of a quantization of their own"
    : `'${fixing.definition.name}' gives a quantization of its own`;
}

/** What an operation cannot read in 16 bits: the last of its operands that has them, for one of two may. */
function unreadable(
  operation: Operation,
  plan: Plan,
): { readonly group: Group; readonly why: string } | undefined {
  const { definition, operands, attributes } = operation;
  const form = definition.integer;
  if (form?.kind !== "accumulator" && form?.kind !== "fixed") return undefined;
  const group = operands
    .map((value) => plan.groupOf(value))
    .findLast((each) => each?.width === "wide" && isWide(each));
  if (group === undefined) return undefined;
  const bias = form.kind === "accumulator" ? form.bias : undefined;
  const specs = operandSpecs(definition);
  const types = operands
    .filter((_, i) => bias === undefined || specs[i]?.name !== bias)
    .map((value) => storedType(value, plan));
  try {
    inferType(definition, types, attributes, undefined);
    return undefined;
  } catch (error) {
    if (error instanceof DiagnosticError) return { group, why: error.diagnostics[0]!.message };
    throw error;
  }
}

/** Of some scale: which elements an operator takes does not depend on it. */
function storedType(value: Value, plan: Plan): TensorType {
  if (value.type.element !== "f32") return value.type;
  const group = plan.groupOf(value);
  if (group?.fixed !== undefined)
    return tensorType(group.fixed.element, value.type.shape, group.fixed.quantization);
  return tensorType(group !== undefined && isWide(group) ? "i16" : "i8", value.type.shape, perTensor(1, 0));
}
