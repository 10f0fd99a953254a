/**
 * Gives every operation constants of its own, but for weights that several layers share.
 *
 * Equal constants are usually one value (`eliminate-common-subexpressions`): biases that are all zero, say. To pruning, layers that share a
 * bias lose their channels together, as a tied weight would have it, and may hang on one that must keep its own. A weight, which layers may
 * well share for a reason, stays what it is; what is still equal in the end is united again.
 */
import type { Operation, Value } from "../../src/ir/graph.ts";
import { isConstant } from "../../src/ir/match.ts";
import { weightedLayerOf } from "../../src/measure/layer-inputs.ts";
import { constant } from "../../src/ops/constant.ts";
import { definePass } from "../../src/pass/pass.ts";

export const separateConstants = definePass({
  name: "separate-constants",
  summary: "give every operation constants of its own, but for weights",
  options: {},
  run(graph, { count }) {
    for (const value of graph.values) {
      if (!isConstant(value)) continue;
      const readers = [...value.users].filter((user) => !isWeightOf(value, user));
      const stays = readers.length === value.users.size && !graph.outputs.includes(value) ? 1 : 0;
      for (const reader of readers.slice(stays)) {
        const { attributes } = value.producer!;
        const options = { name: value.name, type: value.type, before: reader };
        graph.replaceOperand(reader, value, graph.create(constant, {}, attributes, options).result);
        count("separated");
      }
    }
  },
});

const isWeightOf = (value: Value, user: Operation): boolean => weightedLayerOf(user)?.weight === value;
