/**
 * Brings weights and biases of a quantized model into the form that accumulators take: i8 weights with zero point 0, one scale or one
 * a channel, and i32 biases of exactly the accumulator's scale.
 *
 *     weights   q - zero fits into i8       the difference, of zero point 0: the same reals
 *               it does not                 quantized anew by its largest magnitude, and reported: a weight moves by half a step
 *               real                        quantized by channel, as `insert-fake-quantization` does
 *     bias      scale within 2⁻²⁰ of it     the same integers: exporters write the product of scales rounded to f32
 *               any other, or real          round(real / scale)
 *
 * Declines, so that the type rule will say so, when scales lie along another axis than the channels.
 */
import { diagnostic } from "../../src/diagnostics/diagnostic.ts";
import type { Graph, Operation, Value } from "../../src/ir/graph.ts";
import { eraseUnread, inPlaceOf } from "../../src/ir/match.ts";
import { nameOperands, type IntegerForm } from "../../src/ir/operation.ts";
import { sameQuantization, sliceQuantization, tensorType, type Quantization } from "../../src/ir/types.ts";
import { quantizeValue } from "../../src/numerics/affine.ts";
import { levelsOf } from "../../src/numerics/levels.ts";
import {
  constantOperandOf,
  createConstantOperand,
  type ConstantOperand,
} from "../../src/ops/constant-operand.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { definePass, type PassContext } from "../../src/pass/pass.ts";
import { elementBits, isSigned } from "../../src/tensor/element-type.ts";
import { numbersOf, tensor } from "../../src/tensor/tensor.ts";
import { realsOf } from "./fold-dequantized.ts";
import { accumulatorType, quantizeWeights, sliceOf, weightQuantization } from "./quantize-weights.ts";

type AccumulatorForm = Extract<IntegerForm, { kind: "accumulator" }>;

const weightLimit = 127;
const biasTolerance = 2 ** -20;

export const normalizeWeights = definePass({
  name: "normalize-weights",
  summary: "bring weights and biases of a quantized model into the form of accumulators",
  options: {},
  run(graph, { count, context }) {
    for (const operation of graph.operations) {
      const form = operation.definition.integer;
      if (form?.kind !== "accumulator" || form.weight === undefined) continue;
      const named = nameOperands(operation.definition, operation.operands) as Record<
        string,
        Value | undefined
      >;
      if (named.input?.producer?.definition !== dequantize) continue;
      const weight = constantOperandOf(named[form.weight]);
      if (weight === undefined) continue;
      if (weight.quantization === undefined)
        count("quantized", quantizeWeights(graph, operation, form, real));
      else {
        if (symmetrize(graph, operation, named[form.weight]!, weight, context)) count("symmetrized");
        if (form.bias !== undefined && alignBias(graph, operation, form, named[form.bias])) count("biases");
      }
    }
  },
});

const real = { weights: "channel", levels: levelsOf(8), "weight-ranges": "auto" } as const;

function symmetrize(
  graph: Graph,
  operation: Operation,
  value: Value,
  { contents, quantization }: ConstantOperand,
  context: PassContext,
): boolean {
  const { scale, zero, axis } = quantization!;
  if (isSigned(contents.element) && elementBits(contents.element) <= 8 && zero.every((z) => z === 0))
    return false;
  const slice = sliceOf(contents, axis);
  const centred = Array.from(numbersOf(contents), (q, i) => q - zero[slice(i)]!);
  const fits = centred.every((q) => q >= -128 && q <= 127);
  const scales = fits ? scale : raised(scale, centred, slice);
  const integers = fits
    ? centred
    : centred.map((q, i) => {
        const c = slice(i);
        return quantizeValue(q * scale[c]!, scales[c]!, 0, -weightLimit, weightLimit);
      });
  if (!fits) context.warn(movedWeights(operation));
  const stored = {
    contents: tensor("i8", contents.shape, integers),
    quantization: weightQuantization({ scale: scales, axis }),
  };
  replace(graph, operation, value, stored);
  return true;
}

/** Scales whose largest centred integer is 127, where it was more. */
function raised(
  scale: readonly number[],
  centred: readonly number[],
  slice: (position: number) => number,
): number[] {
  const largest = scale.map(() => weightLimit);
  centred.forEach((q, i) => {
    largest[slice(i)] = Math.max(largest[slice(i)]!, Math.abs(q));
  });
  return scale.map((s, c) => Math.fround((s * largest[c]!) / weightLimit));
}

const movedWeights = (operation: Operation) =>
  diagnostic(
    "warning",
    "asymmetric-weights",
    `the weights of '${operation.definition.name}' have a zero point that eight signed bits do not reach`,
    {
      subject: operation.origin ?? `%${operation.result.name}`,
      help: "they are rounded anew with zero point 0: export symmetric weights to keep them exactly",
    },
  );

/** Gives the bias the accumulator's scale, per channel as the weight's. */
function alignBias(
  graph: Graph,
  operation: Operation,
  form: AccumulatorForm,
  value: Value | undefined,
): boolean {
  const bias = constantOperandOf(value);
  if (value === undefined || bias === undefined) return false;
  const named = nameOperands(operation.definition, operation.operands) as Record<string, Value | undefined>;
  const weight = constantOperandOf(named[form.weight!])!;
  const { element, shape } = weight.contents;
  const acc = accumulatorType(operation, form, tensorType(element, shape, weight.quantization));
  const { scale, axis } = acc.quantization!;
  const wanted: Quantization = {
    scale,
    zero: scale.map(() => 0),
    ...(axis === undefined ? {} : { axis: 0 }),
  };
  const found = bias.quantization;
  if (bias.contents.element === "i32" && sameQuantization(found, wanted)) return false;
  const { contents } = bias;
  const reals = found === undefined ? numbersOf(contents) : realsOf(contents, found).data;
  const keeps = (c: number): boolean => {
    if (found === undefined || contents.element !== "i32") return false;
    const { scale: given, zero } = sliceQuantization(found, c);
    const exact = sliceQuantization(wanted, c).scale;
    return zero === 0 && Math.abs(given - exact) <= biasTolerance * exact;
  };
  const integers = Array.from(numbersOf(contents), (q, c) =>
    keeps(c)
      ? q
      : quantizeValue(Number(reals[c]), sliceQuantization(wanted, c).scale, 0, -(2 ** 31), 2 ** 31 - 1),
  );
  replace(graph, operation, value, {
    contents: tensor("i32", contents.shape, integers),
    quantization: wanted,
  });
  return true;
}

function replace(graph: Graph, operation: Operation, old: Value, stored: ConstantOperand): void {
  const { name } = old.producer!.operands[0] ?? old;
  const value = createConstantOperand(graph, stored, inPlaceOf(operation));
  graph.replaceOperand(operation, old, value);
  eraseUnread(graph, old.producer);
  graph.rename(value.producer!.operands[0]!, name);
  graph.rename(value, `${name}_real`);
}
