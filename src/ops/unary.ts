/**
 * What functions of one real element have in common. Such an operator is its formula: its own file gives that, and how it
 * lives in integers. The usual form there is a table of 256 entries, computed from the formula (algorithms.md section 8).
 */
import { axes, at, compute, convert, load } from "../expr/build.ts";
import type { Expression } from "../expr/expression.ts";
import type { AttributesOf, AttributeSpec } from "../ir/attributes.ts";
import { defineOp, type IntegerForm, type TypedOp } from "../ir/operation.ts";
import { tensorType } from "../ir/types.ts";
import { permuteElementwise } from "./permuting.ts";
import { requireReal } from "./type-rules.ts";

const noAttributes = {};

interface UnarySpec<A extends Record<string, AttributeSpec>> {
  readonly name: string;
  readonly doc: string;
  readonly attrs?: A;
  /** The attributes of the example, as text: ` {alpha = 0.1}`. */
  readonly exampleAttributes?: string;
  /** The f32 result of an f32 element. Nodes used several times are computed once. */
  real(x: Expression, attrs: AttributesOf<A>): Expression;
  /** A table of 256 entries unless said otherwise. */
  readonly integer?: IntegerForm;
}

export function defineUnary<const A extends Record<string, AttributeSpec> = typeof noAttributes>(
  spec: UnarySpec<A>,
): TypedOp<readonly ["input"], A> {
  const { name, doc, integer = { kind: "table" } } = spec;
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %x${spec.exampleAttributes ?? ""} : tensor<4xf32>`,
    given: { "%x": "tensor<4xf32>" },
    operands: ["input"],
    attrs: spec.attrs ?? (noAttributes as A),
    integer,
    permute: permuteElementwise,

    infer({ input }, _, fail) {
      requireReal("input", input, fail);
      return tensorType("f32", input.shape);
    },

    express({ input }, attrs, result) {
      const domain = axes(result.type.shape, []);
      return [compute(result.tensor, domain, spec.real(load(input.tensor, domain.map(at)), attrs))];
    },
  });
}

/** A function computed in doubles and rounded to f32 once. */
export const inDouble =
  (formula: (x: Expression) => Expression): ((x: Expression) => Expression) =>
  (x) =>
    convert("f32", formula(convert("f64", x)));
