/** Small filters matter little, large single weights more than many small ones. */
import { byScore } from "./criterion.ts";
import { coupledNorms } from "./slice-norms.ts";

export const l2Norm = byScore({
  name: "l2",
  doc: "‖w‖₂ of a channel's weights, coupled weights averaged. He et al., 'Soft filter pruning', equation 2; Fang et al., 'DepGraph', section 3.4.",
  score: ({ group }) => coupledNorms(group, 2),
});
