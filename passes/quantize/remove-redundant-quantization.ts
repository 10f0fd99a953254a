/**
 * Takes away pairs that round nothing, so that a graph quantized by its exporter has one form whatever exporter it was, and the
 * passes that fuse and move operations see them next to each other. `complete-quantization` puts the pairs back that
 * integers need.
 *
 * Reals that were dequantized from a type stay multiples of its scale while elements are only chosen and moved:
 *
 *     dequantize(quantize_t(move(dequantize a))) = move(dequantize a)        a of type t, move of integer form `same`
 *
 * Declines when the types differ, when something else than a dequantization reads the integers, when anything along the way
 * computes new values, and where an output would lose its name.
 */
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { bypass } from "../../src/ir/match.ts";
import { sameQuantization, type TensorType } from "../../src/ir/types.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { definePass } from "../../src/pass/pass.ts";

export const removeRedundantQuantization = definePass({
  name: "remove-redundant-quantization",
  summary: "remove quantize/dequantize pairs that round nothing",
  options: {},
  run(graph, { count }) {
    for (const operation of graph.operations) {
      if (operation.definition !== quantize || !isOnGrid(operation.operands[0]!, operation.result.type))
        continue;
      for (const user of operation.result.users)
        if (user.definition === dequantize && remove(graph, operation, user)) count("removed");
    }
  },
});

const remove = (graph: Graph, pair: Operation, end: Operation): boolean =>
  bypass(graph, end, pair.operands[0]!);

/** Whether all elements are reals that integers of the type stand for exactly. */
function isOnGrid({ producer }: Value, type: TensorType): boolean {
  if (producer === undefined) return false;
  if (producer.definition === dequantize) {
    const source = producer.operands[0]!.type;
    return source.element === type.element && sameQuantization(source.quantization, type.quantization);
  }
  return (
    producer.definition.integer?.kind === "same" &&
    producer.operands.every((operand) => isOnGrid(operand, type))
  );
}
