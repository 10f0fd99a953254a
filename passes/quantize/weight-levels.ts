/**
 * Which levels the weights of each layer get. Networks are least tolerant at their ends: the first layers see few inputs, each of
 * which matters, and the last ones decide; so these may have a width of their own. A first layer has no layer with weights before
 * it, a last one none after it; there may be several of either.
 */
import { diagnostic, DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { nameOperands } from "../../src/ir/operation.ts";
import { fewestBits, levelsOf, mostBits, type LevelKind, type Levels } from "../../src/numerics/levels.ts";

export interface LevelOptions {
  readonly bits: number;
  /** Odd levels are `auto`'s choice at two bits, where a level for zero is one of three. */
  readonly levels: "auto" | LevelKind;
  /** 0: as the others. */
  readonly "first-last-bits": number;
}

/** @throws DiagnosticError when there are no such levels */
export function chooseLevels(graph: Graph, options: LevelOptions): (operation: Operation) => Levels {
  const ends = options["first-last-bits"];
  const inner = levelsFor("bits", options.bits, options.levels);
  if (ends === 0) return () => inner;
  // Levels asked for by name are the inner layers': eight bits have no odd ones.
  const outer = levelsFor("first-last-bits", ends, options.bits === ends ? options.levels : "auto");
  const atAnEnd = firstAndLast(graph);
  return (operation) => (atAnEnd.has(operation) ? outer : inner);
}

function levelsFor(option: string, bits: number, wanted: LevelOptions["levels"]): Levels {
  const kind = wanted !== "auto" ? wanted : bits === fewestBits ? "odd" : "integers";
  const most = mostBits[kind];
  if (bits >= fewestBits && bits <= most) return levelsOf(bits, kind);
  const which = kind === "odd" ? " for odd levels" : "";
  throw new DiagnosticError([
    diagnostic("error", "option", `${option} is ${bits}, expected ${fewestBits} to ${most}${which}`, {
      help: `weights have ${fewestBits} to ${mostBits.integers} bits, or ${fewestBits} to ${mostBits.odd} with levels=odd`,
    }),
  ]);
}

function firstAndLast(graph: Graph): Set<Operation> {
  const ends = new Set<Operation>();
  const reached = (value: Value, seen: ReadonlySet<Operation>): boolean =>
    value.producer !== undefined && seen.has(value.producer);
  const after = new Set<Operation>();
  for (const operation of graph.operations) {
    const follows = operation.operands.some((value) => reached(value, after));
    const weighted = hasWeights(operation);
    if (weighted && !follows) ends.add(operation);
    if (weighted || follows) after.add(operation);
  }
  const before = new Set<Operation>();
  for (const operation of [...graph.operations].reverse()) {
    const leads = [...operation.result.users].some((user) => before.has(user));
    const weighted = hasWeights(operation);
    if (weighted && !leads) ends.add(operation);
    if (weighted || leads) before.add(operation);
  }
  return ends;
}

function hasWeights({ definition, operands }: Operation): boolean {
  const form = definition.integer;
  if (form?.kind !== "accumulator" || form.weight === undefined) return false;
  const named = nameOperands(definition, operands) as Record<string, Value | undefined>;
  const weight = named[form.weight];
  return weight !== undefined && isConstant(weight);
}
