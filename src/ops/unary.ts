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
import type { ElementType } from "../tensor/element-type.ts";
import { floatElements, requirePlain } from "./type-rules.ts";

const noAttributes = {};
const table: IntegerForm = { kind: "table" };

interface UnarySpec<A extends Record<string, AttributeSpec>> {
  readonly name: string;
  readonly doc: string;
  readonly attrs?: A;
  /** The attributes of the example, as text: ` {alpha = 0.1}`. */
  readonly exampleAttributes?: string;
  /** The result's element of a plain element. Nodes used several times are computed once. */
  real(x: Expression, attrs: AttributesOf<A>, element: ElementType): Expression;
  /** Plain elements it takes; reals unless given. */
  readonly elements?: readonly ElementType[];
  /** The result's element where it is not the operand's. */
  readonly result?: "bool";
  /** A table of 256 entries unless said otherwise. */
  readonly integer?: IntegerForm;
  readonly rewrite?: string;
}

export function defineUnary<const A extends Record<string, AttributeSpec> = typeof noAttributes>(
  spec: UnarySpec<A>,
): TypedOp<readonly ["input"], A> {
  const { name, doc, elements = floatElements } = spec;
  const sample = elements.includes("f32") ? "f32" : elements[0]!;
  const integer = spec.integer ?? (sample === "f32" && spec.result === undefined ? table : undefined);
  return defineOp({
    name,
    doc,
    example: `%y = ${name} %x${spec.exampleAttributes ?? ""} : tensor<4x${spec.result ?? sample}>`,
    given: { "%x": `tensor<4x${sample}>` },
    operands: ["input"],
    attrs: spec.attrs ?? (noAttributes as A),
    ...(integer === undefined ? {} : { integer }),
    ...(spec.rewrite === undefined ? {} : { rewrite: spec.rewrite }),
    permute: permuteElementwise,

    infer({ input }, _, fail) {
      requirePlain("input", input, elements, fail);
      return tensorType(spec.result ?? input.element, input.shape);
    },

    express({ input }, attrs, result) {
      const domain = axes(result.type.shape, []);
      const x = load(input.tensor, domain.map(at));
      return [compute(result.tensor, domain, spec.real(x, attrs, input.type.element))];
    },
  });
}

/** A function of reals computed in doubles and rounded to the element once. */
export const inDouble =
  (formula: (x: Expression) => Expression): ((x: Expression) => Expression) =>
  (x) =>
    convert(x.type, formula(convert("f64", x)));
