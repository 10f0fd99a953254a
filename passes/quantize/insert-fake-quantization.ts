/**
 * Puts a quantize/dequantize pair on every value that will be stored in integers, and quantizes weights and biases: the graph
 * still computes in reals, but with the numbers the integer network will have.
 *
 *     activations  i8, per tensor:  scale and zero point of the group's range, widened to hold 0    (algorithms.md 1.1)
 *                                   or, with `activations=symmetric`, scale alone, zero point 0; a `restricted` range has no -128
 *                  i16 where the graph asks for it (`as i16`), about zero, of the finest scale that holds the range; states: plan.ts
 *     weights      i2 … i8, odd2 …: scale[c] = clip[c] / largest level, the clip max|w[c]| or, with `weight-ranges=mse`, that of
 *                                   least squared error; `auto` takes the former from six bits on; w = the nearest level (levels.ts)
 *                                   or, with `weights=group`, one scale a channel and a multiple of it for each group of its inputs
 *     bias         i32:             scale[c] = the accumulator's, zero point 0
 *
 * A channel whose weights are almost nothing would have a scale so small that its bias overflows: its scale is raised
 * until |bias| / scale < 2^30. A channel of zeros takes the largest scale of the others, so that multipliers stay close.
 *
 * Fails, naming each, when an operation has no integer form or a value no range.
 */
import { diagnostic, DiagnosticError, fail, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { choice, int } from "../../src/ir/attributes.ts";
import { copyGraph } from "../../src/ir/copy-graph.ts";
import type { Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { definePass } from "../../src/pass/pass.ts";
import { fixedInputsOf } from "./fixed-inputs.ts";
import { planQuantization, type Plan } from "./plan.ts";
import { ownQuantization, quantizeActivations, storeConstant } from "./quantize-activations.ts";
import { quantizeWeights } from "./quantize-weights.ts";
import { chooseLevels } from "./weight-levels.ts";

export const insertFakeQuantization = definePass({
  name: "insert-fake-quantization",
  summary: "compute with the numbers of the integer network, still in reals",
  options: {
    activations: choice(["asymmetric", "symmetric"], "asymmetric"),
    "activation-range": choice(["full", "restricted"], "full"),
    weights: choice(["channel", "tensor", "group"], "channel"),
    "group-size": int(16),
    "group-scales": choice(["integers", "powers"], "integers"),
    bits: int(8),
    levels: choice(["auto", "integers", "odd"], "auto"),
    "first-last-bits": int(0),
    "weight-ranges": choice(["auto", "minmax", "mse"], "auto"),
  },
  run(graph, { options, count, context }) {
    const size = options["group-size"];
    if (!(size >= 2) || (size & (size - 1)) !== 0)
      fail("option", `group-size is ${size}, expected a power of two from 2 on`);
    const levelsFor = chooseLevels(graph, options);
    const plan = planQuantization(graph, fixedInputsOf(graph, context));
    const problems = [...plan.problems, ...missingRanges(plan)];
    if (problems.length > 0) throw new DiagnosticError(problems);

    const operations = graph.operations;
    context.snapshots.set("real", copyGraph(graph));
    const grid = {
      symmetric: options.activations === "symmetric",
      restricted: options["activation-range"] === "restricted",
    };
    count("activations", quantizeActivations(graph, plan, grid));
    for (const operation of operations) {
      const form = operation.definition.integer;
      if (form?.kind === "accumulator")
        count(
          "weights",
          quantizeWeights(graph, operation, form, {
            levels: levelsFor(operation),
            weights: options.weights === "tensor" ? "tensor" : "channel",
            "weight-ranges": options["weight-ranges"],
            ...(options.weights === "group" ? { groups: { size, factors: options["group-scales"] } } : {}),
          }),
        );
      if (form?.kind === "accumulator" || form?.kind === "rescaled" || form?.kind === "fixed")
        for (const value of new Set(operation.operands))
          if (isRealConstant(value)) storeConstant(graph, operation, value, ownQuantization(value));
    }
  },
});

const isRealConstant = (value: Value): boolean => isConstant(value) && value.type.element === "f32";

function missingRanges({ groups }: Plan): Diagnostic[] {
  const unknown = groups
    .filter((group) => group.fixed === undefined)
    .flatMap((group) => group.sources)
    .filter((value) => value.range === undefined);
  return unknown.map((value) =>
    diagnostic("error", "no-range", `%${value.name} has no range`, {
      subject: value.producer?.origin ?? `%${value.name}`,
      ...(value.producer?.span === undefined ? {} : { span: value.producer.span }),
      help: "run calibrate before insert-fake-quantization",
    }),
  );
}
