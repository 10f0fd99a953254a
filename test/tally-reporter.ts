/**
 * Counts what a run proved. A file that does not load and an error outside of tests are failures, although no test of theirs
 * failed. Under CI a skipped test is one as well: there every tool and the corpus are installed, so nothing has a
 * reason to be skipped.
 *
 * Ends with `N passed, N failed`, and with the environment's QUERN_TALLY appends the same numbers to that file, for .ci/run.
 */
import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

export class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const { CI, QUERN_TALLY } = process.env;
    const strict = CI !== undefined && CI !== "" && CI !== "false" && CI !== "0";
    let passed = 0;
    let failed = unhandledErrors.length;
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.errors().length > 0) failed++;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        else if (state === "failed") failed++;
        else skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
      }
    }
    if (strict && skipped.length > 0) {
      failed += skipped.length;
      console.log(`skipped, which fails under CI:\n${skipped.map((name) => `  ${name}`).join("\n")}`);
      process.exitCode = 1;
    }
    const rest = strict || skipped.length === 0 ? "" : ` (${skipped.length} skipped)`;
    console.log(`${passed} passed, ${failed} failed${rest}`);
    if (QUERN_TALLY !== undefined) appendFileSync(QUERN_TALLY, `${passed} ${failed}\n`);
  }
}
