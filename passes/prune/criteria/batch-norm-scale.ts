/** A normalization says itself how far a channel is scaled. */
import { fail } from "../../../src/diagnostics/diagnostic.ts";
import { nameOperands } from "../../../src/ir/operation.ts";
import { batchNorm } from "../../../src/ops/batch-norm.ts";
import { byScore } from "./criterion.ts";
import { forEachWeight } from "./slice-norms.ts";

export const batchNormScale = byScore({
  name: "batch-norm-scale",
  doc: "|γ| of the channel's batch normalizations, before they are folded. Liu et al., 'Learning efficient convolutional networks through network slimming', section 3.",
  score({ group }) {
    const scales = group.producers.filter(
      ({ operation, value }) =>
        operation.definition === batchNorm && nameOperands(batchNorm, operation.operands)["scale"] === value,
    );
    if (scales.length === 0)
      fail("no-batch-norm", `the channels of ${group.name} have no batch normalization to be scored by`, {
        help: "prune before fold-batch-norm, on a network that was exported with its normalizations",
      });
    return Float64Array.from(group.channels, (_, channel) => {
      let sum = 0;
      for (const axis of scales) forEachWeight(group, channel, axis, (scale) => (sum += Math.abs(scale)));
      return sum / scales.length;
    });
  },
});
