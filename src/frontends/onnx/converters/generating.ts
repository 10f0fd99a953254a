/** Operators that make a tensor out of numbers which must be known: fold-shapes.ts evaluates them, else these rows say why not. */
import type { NodeView } from "../node-view.ts";
import { since, type ConverterTable } from "./converter.ts";

export const generating: ConverterTable = {
  ConstantOfShape: since(9, declineComputed, "evaluated when the model is read: the shape must be constant"),
  Range: since(11, declineComputed, "evaluated when the model is read: its ends must be constant"),
};

function declineComputed(node: NodeView): never {
  return node.fail("onnx-not-constant", "is applied to values that are computed, expected known numbers", {
    help: "its result's shape depends on data, and memory is planned at compile time: export with constant shapes",
  });
}
