/** Removes the channels that nothing reads, until none is left (remove-channels.ts says why that changes nothing). */
import type { Graph } from "../../src/ir/graph.ts";
import { dependencyGroups } from "./dependency-groups.ts";
import { isUnread } from "./mask-channels.ts";
import { removeEntries } from "./narrow-graph.ts";

/** Calls back with each group that loses channels. */
export function removeUnread(
  graph: Graph,
  report: (group: string, removed: number, of: number) => void = () => undefined,
): void {
  for (;;) {
    const unread = dependencyGroups(graph).map((group) => {
      const channels = group.channels.filter((channel) => isUnread(group, channel));
      return { group, channels: channels.slice(channels.length === group.channels.length ? 1 : 0) };
    });
    const removed = unread.flatMap(({ channels }) => channels);
    if (removed.length === 0) return;
    for (const { group, channels } of unread)
      if (channels.length > 0) report(group.name, channels.length, group.channels.length);
    removeEntries(graph, removed);
  }
}
