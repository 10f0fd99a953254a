/** No theory: take the channel out, look at the network. */
import { rankByScore, type Criterion } from "./criterion.ts";

export const measuredLoss: Criterion = {
  name: "measured-loss",
  doc: "Noise over signal of the network's outputs without the channel, one channel at a time. Abbasi-Asl and Yu, 'Structural compression of CNNs', section 3.",
  needs: ["losses"],
  rank({ losses }) {
    const { order } = rankByScore(losses);
    return { order, cost: order.map((channel) => losses[channel]!) };
  },
};
