import { expect, test } from "vitest";
import { didYouMean, editDistance, suggest } from "../../src/diagnostics/suggest.ts";

test("edit distance counts insertions, deletions, substitutions and swaps", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("abc", "abc")).toBe(0);
  expect(editDistance("abc", "acb")).toBe(1);
  expect(editDistance("", "ab")).toBe(2);
});

test("only what is near is suggested, the first of the nearest", () => {
  expect(suggest("conv2", ["conv1d", "conv2d", "relu"])).toBe("conv2d");
  expect(suggest("softplus", ["relu", "tanh"])).toBeUndefined();
  expect(suggest("relu", ["relu"])).toBeUndefined();
  expect(didYouMean("rleu", ["relu"], "%")).toEqual({ help: "did you mean '%relu'?" });
});
