/** What pruning tells the report. */
import type { Finding } from "../../src/pass/pass.ts";
import type { DependencyGroup } from "./dependency-groups.ts";
import type { Resources } from "./resources.ts";

export const resourceFinding = (left: Resources, whole: Resources): Finding => ({
  macs: left.macs,
  "of macs": whole.macs,
  weightBytes: left.weightBytes,
  "of weightBytes": whole.weightBytes,
});

export const groupFinding = ({ name, channels }: DependencyGroup, gone: number): Finding => ({
  group: name,
  channels: channels.length,
  kept: channels.length - gone,
});
