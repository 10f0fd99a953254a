/**
 * Removes channels that nothing reads: smaller weights, fewer multiplications, less memory.
 *
 * A channel whose entries in all weights that sum over it are zero adds x · 0 to every sum. Those sums start from +0 or a bias, so that
 * the result has the same bits without it; what made the channel is then of no use either. Real tensors must be finite, as everywhere
 * in the compiler (NaN · 0 is not 0).
 *
 * Masks (prune-channels) make such channels, and networks trained with sparsity have some. Removing one can leave another unread: the
 * pass goes on until none is. One channel of a group always stays, since a tensor without entries is no layer. Declines where the
 * channels are tied to entries that must stay (dependency-groups.ts): inputs and outputs of the network, what a softmax or a mean runs over.
 */
import { definePass } from "../../src/pass/pass.ts";
import { requireReal } from "./require-real.ts";
import { removeUnread } from "./remove-unread.ts";

export const removeChannels = definePass({
  name: "remove-channels",
  summary: "remove channels that nothing reads",
  options: {},
  run(graph, { count, find }) {
    requireReal(graph, "remove-channels");
    removeUnread(graph, (group, removed, of) => {
      find({ group, removed, of });
      count("removed", removed);
    });
  },
});
