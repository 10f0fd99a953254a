/**
 * Three projects: `quick` is `npm test` and takes a few minutes on two cores; `corpus` compiles and runs whole networks with
 * real data; `firmware` runs emitted C on an emulated microcontroller. docs/testing.md tells what belongs where.
 */
import { defineConfig } from "vitest/config";
import { TallyReporter } from "./test/tally-reporter.ts";

const slow = ["corpus", "firmware"];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    reporters: ["default", new TallyReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "quick",
          include: ["test/**/*.test.ts"],
          exclude: slow.map((folder) => `test/${folder}/**`),
        },
      },
      ...slow.map((folder) => ({
        extends: true as const,
        test: {
          name: folder,
          include: [`test/${folder}/**/*.test.ts`],
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      })),
    ],
  },
});
