/**
 * Control flow that is settled when the model is read: a branch whose condition is known is converted in the place of its node, as
 * if it had stood there. What depends on data at run time has no place in a network whose memory is planned.
 */
import { isKnown, type Converted } from "../operand.ts";
import type { NodeView } from "../node-view.ts";
import { since, type ConverterTable } from "./converter.ts";

export const control: ConverterTable = {
  If: since(
    1,
    convertIf,
    "the condition must be constant, by itself or with an input fixed (--fix; of whole numbers and bools): its branch is inlined, and what only the other one reads is read too",
  ),
};

function convertIf(node: NodeView): readonly Converted[] {
  const condition = node.operand(0);
  if (!isKnown(condition))
    return node.fail(
      "onnx-not-constant",
      `computes its condition ("${condition.name}"), expected a constant`,
      {
        help: "fix the input that decides with --fix NAME=VALUE, or export the model for one case",
      },
    );
  if (condition.tensor.data.length !== 1)
    node.fail("operand-shape", `has a condition of ${condition.tensor.data.length} elements, expected one`);
  const [taken, other] = Number(condition.tensor.data[0]) !== 0 ? branches : branches.toReversed();
  node.attributes.ignore(other!);
  return node.inline(node.attributes.required(taken!, node.attributes.graph(taken!)));
}

const branches = ["then_branch", "else_branch"];
