/**
 * Proves that a stored graph is one: no value has a float type (design.md, invariant 2). Fails with every operation that keeps one.
 */
import { diagnostic, DiagnosticError, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { formatType } from "../../src/ir/types.ts";
import { definePass } from "../../src/pass/pass.ts";
import { isFloat } from "../../src/tensor/element-type.ts";

export const checkIntegerOnly = definePass({
  name: "check-integer-only",
  summary: "fail unless every value is stored in integers",
  options: {},
  run(graph) {
    const problems: Diagnostic[] = [];
    for (const value of graph.values) {
      if (!isFloat(value.type.element)) continue;
      const operation = value.producer;
      const what = operation === undefined ? "is an input" : `is computed by '${operation.definition.name}'`;
      problems.push(
        diagnostic(
          "error",
          "float-left",
          `%${value.name}: ${formatType(value.type)} ${what}, expected integers`,
          {
            subject: operation?.origin ?? `%${value.name}`,
            ...(operation?.span === undefined ? {} : { span: operation.span }),
            help: "run calibrate, insert-fake-quantization and requantize",
          },
        ),
      );
    }
    if (problems.length > 0) throw new DiagnosticError(problems);
  },
});
