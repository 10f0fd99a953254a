/** Where the largest or smallest element along an axis is. */
import { at, compute, convert, i32, indexValue, load, reduce, select } from "../expr/build.ts";
import { compareElements, reduceElements } from "../expr/element-arithmetic.ts";
import { bool, int } from "../ir/attributes.ts";
import { defineOp, type TypedOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { reducedShape, reductionLoops } from "./reductions.ts";
import { isPlain, numberElements, requireActivation, requirePlain } from "./type-rules.ts";

const attributes = { axis: int(0), keepdims: bool(true), last: bool(false) };

type PositionOp = TypedOp<readonly ["input"], typeof attributes>;

export function definePosition(name: string, doc: string, operator: "min" | "max"): PositionOp {
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %x {axis = 1, keepdims = false} : tensor<2xi64>`,
    given: { "%x": "tensor<2x3xf32>" },
    operands: ["input"],
    attrs: attributes,
    integer: { kind: "plain" },

    infer({ input }, { axis, keepdims }, fail) {
      if (isPlain(input)) requirePlain("input", input, numberElements, fail);
      else requireActivation("input", input, fail);
      const shape = reducedShape(input, { axes: [axis], keepdims }, fail);
      if (input.shape.at(axis) === 0)
        fail("operand-shape", `looks for an element along axis ${axis}, which has none`);
      return tensorType("i64", shape);
    },

    express({ input }, { axis, keepdims, last }, result) {
      const { shape, element } = input.type;
      const whole = reductionLoops(shape, { axes: [axis], keepdims: true });
      const extreme = result.temporary(
        operator,
        element,
        whole.domain.map(({ extent }) => extent),
      );
      const found = reduceElements(operator, element, whole.over, load(input.tensor, whole.index));

      const { domain, over, index } = reductionLoops(shape, { axes: [axis], keepdims });
      const [along] = over as [(typeof over)[number]];
      const single = index.map((part) => (part.terms[0]?.variable === along ? constantIndex : part));
      const same = compareElements("eq", element, load(input.tensor, index), load(extreme, single));
      const place = indexValue(at(along));
      const end = i32(along.extent - 1);
      // NaN is equal to nothing: a row that has one may end anywhere, but inside.
      const position = last
        ? reduce("max", over, select(same, place, i32(0)), i32(0))
        : reduce("min", over, select(same, place, end), end);
      return [
        compute(extreme, whole.domain, found),
        compute(result.tensor, domain, convert("i64", position)),
      ];
    },
  });
}

const constantIndex = { constant: 0, terms: [] };
