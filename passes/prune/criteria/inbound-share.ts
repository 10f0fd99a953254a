/** A channel whose part in what its readers compute hardly varies is not missed there. */
import { byScore } from "./criterion.ts";
import { channelGram } from "./channel-gram.ts";

export const inboundShare = byScore({
  name: "inbound-share",
  doc: "Variance of what the channel adds to its consumers' outputs, as a share of theirs. Polyak and Wolf, 'Channel-level acceleration of deep face representations', section 3.",
  needs: ["moments"],
  score(evidence) {
    const gram = channelGram(evidence);
    // Its square is LAMP's; the variance is one already.
    return Float64Array.from(evidence.group.channels, (_, i) =>
      Math.sqrt(Math.max(0, gram[i * (evidence.group.channels.length + 1)]!)),
    );
  },
});
