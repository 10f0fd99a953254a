/** The same share of every group. */
import { leastThat, levelOfShare, type Allocator } from "./allocation.ts";

export const uniform: Allocator = {
  name: "uniform",
  doc: "The same share of the channels of every group.",
  measures: false,
  allocate: (problem) =>
    leastThat(problem, (share) => problem.ladders.map((ladder) => levelOfShare(ladder, share))),
};
