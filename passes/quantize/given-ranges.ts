/**
 * Ranges that the user states (`--ranges FILE.json`), by name of the value. Nothing is measured in their place; only zero, which every
 * quantized range holds, is taken in.
 */
import { diagnostic, DiagnosticError, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Value } from "../../src/ir/graph.ts";
import type { AffineRange } from "../../src/numerics/affine.ts";
import type { PassContext } from "../../src/pass/pass.ts";
import type { Plan } from "./plan.ts";

/**
 * By value; only values whose ranges count have one.
 *
 * @throws DiagnosticError naming every value that is not there, or is quantized otherwise
 */
export function givenRanges(
  graph: Graph,
  plan: Plan,
  { ranges }: PassContext,
): ReadonlyMap<Value, AffineRange> {
  const found = new Map<Value, AffineRange>();
  if (ranges === undefined) return found;
  const byName = new Map(graph.values.map((value) => [value.name, value]));
  const measured = plan.groups.flatMap((group) => (group.fixed === undefined ? group.sources : []));
  const problems: Diagnostic[] = [];
  const report = (name: string, message: string, help: string): void => {
    problems.push(diagnostic("error", "given-range", message, { subject: `%${name}`, help }));
  };
  for (const [name, range] of ranges) {
    const value = byName.get(name);
    if (value === undefined)
      report(
        name,
        `a range is given for %${name}, which is no value of the network`,
        `values with ranges: ${measured.map((each) => each.name).join(", ")}`,
      );
    else if (value.producer === undefined && plan.groupOf(value)?.fixed !== undefined)
      report(
        name,
        `a range is given for %${name}, whose samples are integers that have a range already`,
        "leave it out, or give samples in floats",
      );
    else if (!measured.includes(value))
      report(
        name,
        `a range is given for %${name}, which has no range of its own`,
        "its quantization follows from an operator's, or what comes behind it is stored in its place",
      );
    else found.set(value, { min: Math.min(range.min, 0), max: Math.max(range.max, 0) });
  }
  if (problems.length > 0) throw new DiagnosticError(problems);
  return found;
}
