/** Batch normalization at inference: an affine map per channel. It has no integer form, for a pass folds it into weights. */
import { add, at, axes, compute, div, f32, load, mul, sub, unary } from "../expr/build.ts";
import { float, int } from "../ir/attributes.ts";
import { defineOp } from "../ir/operation.ts";
import { formatType } from "../ir/types.ts";
import { permuteAxis } from "./permuting.ts";
import { axisOf, requireReal, resolveAxis } from "./type-rules.ts";

export const batchNorm = defineOp({
  name: "batch_norm",
  doc: `y = (x - mean) * (scale / sqrt(variance + epsilon)) + bias, each [C] along axis, every step in f32.
Source: ONNX BatchNormalization; Ioffe and Szegedy 2015.`,
  example: "%y = batch_norm %x, %s, %b, %m, %v {epsilon = 0.001} : tensor<1x4x4x2xf32>",
  given: {
    "%x": "tensor<1x4x4x2xf32>",
    "%s": "tensor<2xf32>",
    "%b": "tensor<2xf32>",
    "%m": "tensor<2xf32>",
    "%v": "tensor<2xf32>",
  },
  operands: ["input", "scale", "bias", "mean", "variance"],
  rewrite: "run fold-batch-norm; a normalization that follows no layer can be written as one",
  attrs: { epsilon: float(1e-5), axis: int(-1) },
  permute: (attrs, permutation) => ({ ...permuteAxis(attrs, permutation), operands: 1 }),

  infer({ input, ...parameters }, attrs, fail) {
    requireReal("input", input, fail);
    const axis = resolveAxis(attrs.axis, input.shape.length, fail);
    for (const [name, type] of Object.entries(parameters)) {
      requireReal(name, type, fail);
      if (type.shape.length !== 1 || type.shape[0] !== input.shape[axis])
        fail(
          "operand-shape",
          `has ${name} ${formatType(type)}, expected one entry for each of ${input.shape[axis]!} channels`,
        );
    }
    return input;
  },

  express({ input, scale, bias, mean, variance }, attrs, result) {
    const domain = axes(result.type.shape, []);
    const channel = at(domain[axisOf(attrs.axis, domain.length)]!);
    const [s, b, m, v] = [scale, bias, mean, variance].map((operand) => load(operand.tensor, [channel])) as [
      ReturnType<typeof load>,
      ReturnType<typeof load>,
      ReturnType<typeof load>,
      ReturnType<typeof load>,
    ];
    const factor = div(s, unary("sqrt", add(v, f32(attrs.epsilon))));
    const centred = sub(load(input.tensor, domain.map(at)), m);
    return [compute(result.tensor, domain, add(mul(centred, factor), b))];
  },
});
