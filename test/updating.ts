/** Whether expected texts are to be written anew: vitest's own flag `-u`, or UPDATE=1. */
import { expect } from "vitest";

/** The flag has no public reader, hence the narrow look at vitest's state. */
export function updating(): boolean {
  const state: unknown = (expect.getState() as { snapshotState?: unknown }).snapshotState;
  const { snapshotUpdateState } = (state ?? {}) as { snapshotUpdateState?: string };
  return snapshotUpdateState === "all" || process.env["UPDATE"] === "1";
}
