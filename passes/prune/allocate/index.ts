/** Every allocator, explicitly. */
import type { Allocator } from "./allocation.ts";
import { bySensitivity } from "./sensitivity.ts";
import { evolutionary } from "./evolutionary.ts";
import { globalRanking } from "./global.ts";
import { greedy } from "./greedy.ts";
import { netAdapt } from "./net-adapt.ts";
import { uniform } from "./uniform.ts";

export const allocators: readonly Allocator[] = [
  uniform,
  globalRanking,
  bySensitivity,
  greedy,
  netAdapt,
  evolutionary,
];
