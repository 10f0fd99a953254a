/**
 * What element-wise operators of two operands have in common: broadcasting, and their real meaning as one expression.
 * An operator's own file gives its formula and how it lives in integers.
 */
import { axes, compute, i32, load, mul as product, sub as difference } from "../expr/build.ts";
import { elementRange, type ElementType } from "../tensor/element-type.ts";
import type { Expression } from "../expr/expression.ts";
import { defineOp, type IntegerForm, type TypedOp } from "../ir/operation.ts";
import { formatType, perTensor, sameQuantization, tensorType, type TensorType } from "../ir/types.ts";
import { elementCount, numbersOf, tensor } from "../tensor/tensor.ts";
import { broadcastIndex, broadcastPosition, broadcastShape } from "./broadcasting.ts";
import { permuteElementwise } from "./permuting.ts";
import {
  isPlain,
  numberElements,
  requireActivation,
  requirePlain,
  requireSameElement,
  zeroOf,
} from "./type-rules.ts";

const noAttributes = {};

interface BinarySpec {
  readonly name: string;
  readonly doc: string;
  /** The result's element of two plain elements of one type. */
  readonly plain: (element: ElementType, a: Expression, b: Expression) => Expression;
  /** Plain elements it takes; numbers unless given. */
  readonly elements?: readonly ElementType[];
  /** The result's element where it is not the operands': a truth value. */
  readonly result?: "bool";
  /**
   * What it does with stored operands: a product gives an i32 accumulator; an order-preserving operator or a comparison works
   * on operands, and a result that is no truth value, of one quantization. Others refuse them.
   */
  readonly stored?: "product" | "same";
  readonly integer?: IntegerForm;
  readonly rewrite?: string;
}

type BinaryOp = TypedOp<readonly ["lhs", "rhs"], typeof noAttributes>;

export function defineBinary(spec: BinarySpec): BinaryOp {
  const { name, doc, plain, elements = numberElements, stored, integer, rewrite } = spec;
  const sample = elements.includes("f32") ? "f32" : elements[0]!;
  return defineOp({
    name,
    doc: `${doc}\nOperands broadcast as in numpy.`,
    example: `%y = ${name} %a, %b : tensor<2x3x${spec.result ?? sample}>`,
    given: { "%a": `tensor<2x3x${sample}>`, "%b": `tensor<3x${sample}>` },
    operands: ["lhs", "rhs"],
    attrs: noAttributes,
    ...(integer === undefined ? {} : { integer }),
    ...(rewrite === undefined ? {} : { rewrite }),
    permute: permuteElementwise,

    infer({ lhs, rhs }, _, fail) {
      const shape = broadcastShape(lhs.shape, rhs.shape, fail);
      if (isPlain(lhs) || isPlain(rhs) || stored === undefined) {
        requirePlain("lhs", lhs, elements, fail);
        requirePlain("rhs", rhs, elements, fail);
        requireSameElement("rhs", rhs, lhs, fail);
        return tensorType(spec.result ?? lhs.element, shape);
      }
      const left = requireActivation("lhs", lhs, fail);
      const right = requireActivation("rhs", rhs, fail);
      if (stored === "product") {
        const largest = reachOf(lhs) * reachOf(rhs);
        if (largest >= 2 ** 31)
          fail(
            "overflow",
            `reaches ${largest} in i32, expected at most ${2 ** 31 - 1}`,
            "zero points of 0 leave room",
          );
        return tensorType("i32", shape, perTensor(left.scale * right.scale, 0));
      }
      if (lhs.element !== rhs.element || !sameQuantization(lhs.quantization, rhs.quantization))
        fail(
          "quantization",
          `has operands ${formatType(lhs)} and ${formatType(rhs)}, expected one quantization`,
        );
      return spec.result === undefined
        ? tensorType(lhs.element, shape, lhs.quantization)
        : tensorType(spec.result, shape);
    },

    express({ lhs, rhs }, _, result) {
      const domain = axes(result.type.shape, []);
      const a = load(lhs.tensor, broadcastIndex(lhs.type.shape, domain));
      const b = load(rhs.tensor, broadcastIndex(rhs.type.shape, domain));
      const centred = stored === "product" && !isPlain(lhs.type);
      const value = centred
        ? product(difference(a, i32(zeroOf(lhs.type))), difference(b, i32(zeroOf(rhs.type))))
        : plain(lhs.type.element, a, b);
      return [compute(result.tensor, domain, value)];
    },

    ...(stored === "product" ? { evalStored: evalProduct } : {}),
  });
}

/** The largest |q - zero|. */
function reachOf(type: TensorType): number {
  const { min, max } = elementRange(type.element);
  return Math.max(max - zeroOf(type), zeroOf(type) - min);
}

type EvalStored = NonNullable<
  Parameters<typeof defineOp<readonly ["lhs", "rhs"], typeof noAttributes>>[0]["evalStored"]
>;

const evalProduct: EvalStored = ({ lhs, rhs }, _, { operands, result }) => {
  const [a, b] = [numbersOf(lhs), numbersOf(rhs)];
  const [za, zb] = [operands.lhs.quantization!.zero[0]!, operands.rhs.quantization!.zero[0]!];
  const y = new Int32Array(elementCount(result.shape));
  for (let i = 0; i < y.length; i++)
    y[i] =
      (a[broadcastPosition(lhs.shape, result.shape, i)]! - za) *
      (b[broadcastPosition(rhs.shape, result.shape, i)]! - zb);
  return tensor("i32", result.shape, y);
};
