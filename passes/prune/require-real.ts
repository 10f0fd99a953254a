/** What pruning changes are real weights: scales were chosen for the ones that were there. */
import { fail } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";

/** @throws DiagnosticError `not-real` */
export function requireReal(graph: Graph, pass: string): void {
  const stored = graph.values.find(({ type }) => type.quantization !== undefined);
  if (stored !== undefined)
    fail("not-real", `%${stored.name} is quantized, '${pass}' works on real graphs`, {
      help: "run it before insert-fake-quantization",
    });
}
