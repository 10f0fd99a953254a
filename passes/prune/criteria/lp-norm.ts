/** The quasi-norm with p = 1/2 likes filters of many weights alike better than few large ones: the other side of l1 from l2. */
import { byScore } from "./criterion.ts";
import { coupledNorms } from "./slice-norms.ts";

export const lpNorm = byScore({
  name: "lp",
  doc: "‖w‖_½ = (Σ √|w|)² of a channel's weights, coupled weights averaged. He et al., 'Soft filter pruning', equation 2.",
  score: ({ group }) => coupledNorms(group, 0.5),
});
