/** Small filters matter little. */
import { byScore } from "./criterion.ts";
import { coupledNorms } from "./slice-norms.ts";

export const l1Norm = byScore({
  name: "l1",
  doc: "‖w‖₁ of a channel's weights, coupled weights averaged. Li et al., 'Pruning filters for efficient ConvNets', section 3.1.",
  score: ({ group }) => coupledNorms(group, 1),
});
