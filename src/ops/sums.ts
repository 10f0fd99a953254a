/**
 * Sums over axes, and means, which are sums under another scale. Stored, both are the accumulator sum of (q - zero) in i32:
 * the mean of N elements has the operand's scale divided by N, so that nothing is divided at run time.
 */
import { compute, i32, load, sub, sum } from "../expr/build.ts";
import { divElements, like, reduceElements } from "../expr/element-arithmetic.ts";
import { defineOp, type TypedOp } from "../ir/operation.ts";
import { perTensor, tensorType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { permuteReduction } from "./permuting.ts";
import {
  reducedCount,
  reducedPosition,
  reducedShape,
  reductionAttributes,
  reductionLoops,
} from "./reductions.ts";
import { isPlain, numberElements, requireActivation, requirePlain, zeroOf } from "./type-rules.ts";

type SumOp = TypedOp<readonly ["input"], typeof reductionAttributes>;

export function defineSum(name: string, doc: string, mean: boolean): SumOp {
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %x {axes = [1, 2]} : tensor<1x1x1x2xf32>`,
    given: { "%x": "tensor<1x4x4x2xf32>" },
    operands: ["input"],
    attrs: reductionAttributes,
    integer: { kind: "accumulator" },
    permute: permuteReduction,

    infer({ input }, attrs, fail) {
      const shape = reducedShape(input, attrs, fail);
      if (isPlain(input)) {
        requirePlain("input", input, numberElements, fail);
        return tensorType(input.element, shape);
      }
      const { scale } = requireActivation("input", input, fail);
      const count = mean ? reducedCount(input.shape, attrs.axes) : 1;
      return tensorType("i32", shape, perTensor(scale / count, 0));
    },

    express({ input }, attrs, result) {
      const { domain, over, index } = reductionLoops(input.type.shape, attrs);
      const element = load(input.tensor, index);
      if (!isPlain(input.type)) {
        const centred = sub(element, i32(zeroOf(input.type)));
        return [compute(result.tensor, domain, sum(over, centred, i32(0)))];
      }
      const total = reduceElements("add", input.type.element, over, element);
      const count = like(total, reducedCount(input.type.shape, attrs.axes));
      const value = mean ? divElements(input.type.element, total, count) : total;
      return [compute(result.tensor, domain, value)];
    },

    evalStored({ input }, { axes }, { operands, result }) {
      const x = numbersOf(input);
      const zero = operands.input.quantization!.zero[0]!;
      const y = new Int32Array(elementCount(result.shape));
      for (let i = 0; i < x.length; i++) {
        const place = reducedPosition(input.shape, axes, i);
        y[place] = y[place]! + x[i]! - zero;
      }
      return tensor("i32", result.shape, y);
    },
  });
}
