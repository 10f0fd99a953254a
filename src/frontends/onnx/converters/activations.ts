/** The activation functions that recurrent nodes name, with their parameters, which come in lists of their own. */
import type { Value } from "../../../ir/graph.ts";
import { elu } from "../../../ops/elu.ts";
import { hardSigmoid } from "../../../ops/hard-sigmoid.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { relu } from "../../../ops/relu.ts";
import { sigmoid } from "../../../ops/sigmoid.ts";
import { softplus } from "../../../ops/softplus.ts";
import { softsign } from "../../../ops/softsign.ts";
import { tanh } from "../../../ops/tanh.ts";
import { thresholdedRelu } from "../../../ops/thresholded-relu.ts";
import type { NodeView } from "../node-view.ts";
import { termsOf } from "./terms.ts";

export type Activation = (x: Value) => Value;

interface Kind {
  /** Defaults of the parameters it takes. */
  readonly alpha?: number;
  readonly beta?: number;
  readonly apply: (node: NodeView, input: Value, alpha: number, beta: number) => Value;
}

/** By ONNX's names, in lower case, for their case does not matter. */
const kinds: Readonly<Record<string, Kind | undefined>> = {
  affine: {
    alpha: 1,
    beta: 0,
    apply(node, x, alpha, beta) {
      const t = termsOf(node);
      return t.plus(t.times(x, alpha), beta);
    },
  },
  elu: { alpha: 1, apply: (node, input, alpha) => node.create(elu, { input }, { alpha }) },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    apply: (node, input, alpha, beta) => node.create(hardSigmoid, { input }, { alpha, beta }),
  },
  leakyrelu: { alpha: 0.01, apply: (node, input, alpha) => node.create(leakyRelu, { input }, { alpha }) },
  relu: { apply: (node, input) => node.create(relu, { input }, {}) },
  scaledtanh: {
    alpha: 1,
    beta: 1,
    apply(node, x, alpha, beta) {
      const t = termsOf(node);
      return t.times(node.create(tanh, { input: t.times(x, beta) }, {}), alpha);
    },
  },
  sigmoid: { apply: (node, input) => node.create(sigmoid, { input }, {}) },
  softplus: { apply: (node, input) => node.create(softplus, { input }, {}) },
  softsign: { apply: (node, input) => node.create(softsign, { input }, {}) },
  tanh: { apply: (node, input) => node.create(tanh, { input }, {}) },
  thresholdedrelu: {
    alpha: 1,
    apply: (node, input, alpha) => node.create(thresholdedRelu, { input }, { alpha }),
  },
};

/** One for each name, direction by direction; a parameter is taken from its list by the functions that have one, in order. */
export function readActivations(
  node: NodeView,
  defaults: readonly string[],
  directions: number,
): Activation[] {
  const { attributes } = node;
  const names =
    attributes.strings("activations") ?? Array.from({ length: directions }, () => defaults).flat();
  const alphas = [...(attributes.floats("activation_alpha") ?? [])];
  const betas = [...(attributes.floats("activation_beta") ?? [])];
  if (names.length !== defaults.length * directions)
    node.fail("onnx-attribute", `has ${names.length} activations, expected ${defaults.length * directions}`);
  return names.map((name) => {
    const kind = kinds[name.toLowerCase()];
    if (kind === undefined)
      return node.fail("onnx-attribute", `has the activation '${name}', expected one of ONNX's`);
    const alpha = kind.alpha === undefined ? 0 : (alphas.shift() ?? kind.alpha);
    const beta = kind.beta === undefined ? 0 : (betas.shift() ?? kind.beta);
    return (x) => kind.apply(node, x, alpha, beta);
  });
}
