/**
 * What makes a channel times what reads it. Multiplying the one by t and dividing the other by it changes nothing in a network of
 * rectifiers, and nothing in this score, whereas each norm alone takes a scaled channel for an important one.
 */
import { byScore } from "./criterion.ts";
import { powerSums, producerWeights } from "./slice-norms.ts";

export const normProduct = byScore({
  name: "norm-product",
  doc: "‖made by‖₂ · ‖read by‖₂, invariant under cross-layer equalization. After Nagel et al., 'Data-free quantization', equation 9.",
  score({ group }) {
    const norms = (axes: Parameters<typeof producerWeights>[0]): Float64Array =>
      axes.reduce(
        (total, axis) => total.map((sum, channel) => sum + powerSums(group, axis, 2)[channel]!),
        new Float64Array(group.channels.length),
      );
    const made = norms(makers(group.producers));
    const read = norms(group.consumers);
    return made.map((sum, channel) => Math.sqrt(sum * read[channel]!));
  },
});

/** A depthwise filter, or a branch of a residual sum, scales a channel too: the first layer stands for all. */
const makers = (producers: Parameters<typeof producerWeights>[0]): ReturnType<typeof producerWeights> =>
  producerWeights(producers).slice(0, 1);
