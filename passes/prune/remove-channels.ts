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
import { fail } from "../../src/diagnostics/diagnostic.ts";
import { definePass } from "../../src/pass/pass.ts";
import { dependencyGroups } from "./dependency-groups.ts";
import { isUnread } from "./mask-channels.ts";
import { removeEntries } from "./narrow-graph.ts";

export const removeChannels = definePass({
  name: "remove-channels",
  summary: "remove channels that nothing reads",
  options: {},
  run(graph, { count, find }) {
    const stored = graph.values.find(({ type }) => type.quantization !== undefined);
    if (stored !== undefined)
      fail("not-real", `%${stored.name} is quantized, 'remove-channels' works on real graphs`, {
        help: "run it before insert-fake-quantization",
      });
    for (;;) {
      const unread = dependencyGroups(graph).flatMap((group) => {
        const channels = group.channels.filter((channel) => isUnread(group, channel));
        return [{ group, channels: channels.slice(channels.length === group.channels.length ? 1 : 0) }];
      });
      const removed = unread.flatMap(({ channels }) => channels);
      if (removed.length === 0) return;
      for (const { group, channels } of unread) {
        if (channels.length === 0) continue;
        find({ group: group.name, removed: channels.length, of: group.channels.length });
        count("removed", channels.length);
      }
      removeEntries(graph, removed);
    }
  },
});
