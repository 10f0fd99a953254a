/**
 * `quern/testing`: text tests (docs/testing.md) for passes and operators of one's own. A folder of `.qir` files becomes tests of
 * vitest, node:test or whatever else has `describe` and `test`; executed lines run on the interpreter, as WebAssembly and,
 * where there is a C compiler, as C. The compiler's own text tests run through it too.
 */
import { AssertionError } from "node:assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import * as nodeTest from "node:test";
import { fileURLToPath } from "node:url";
import { passes as ownPasses } from "../../../passes/index.ts";
import { interpreterFactory } from "../../exec/interpreter.ts";
import type { OpDefinition } from "../../ir/operation.ts";
import { operators as ownOperators } from "../../ops/index.ts";
import { runPipeline } from "../../pass/manager.ts";
import { createContext, type Pass } from "../../pass/pass.ts";
import { blessFileTest, parseFileTest, type FileTestCase } from "../../text/filetest.ts";
import { printGraph } from "../../text/print.ts";
import { runFileTestCase, type FileTestTools } from "../../text/run-filetest.ts";
import { createEngine, type EngineName } from "../engines.ts";
import { firstWorking } from "./c-compiler.ts";
import { nodeEngines } from "./engines.ts";

/** What vitest, node:test and their kin have in common. */
export interface TestFunctions {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly test: (name: string, run: () => Promise<void>) => unknown;
}

export interface TextTestOptions extends Partial<TestFunctions> {
  /** Passes that pipelines may name, besides the compiler's; one of the same name goes first. */
  readonly passes?: readonly Pass[];
  /** Operators that graphs may use, besides the compiler's; one of the same name goes first. */
  readonly operators?: readonly OpDefinition[];
  /** What runs executed lines; `textTestEngines()` unless given. */
  readonly engines?: readonly EngineName[];
  /** Whether `becomes` blocks are written anew, asked after a case; UPDATE=1 in the environment unless given. */
  readonly update?: () => boolean;
}

/** Every engine of this machine: `c` is left out where no C compiler runs. */
export const textTestEngines = (): readonly EngineName[] => [
  "interpreter",
  "wasm-scalar",
  "wasm-simd",
  ...(firstWorking([["cc"], ["gcc"], ["clang"]]) === undefined ? [] : (["c"] as const)),
];

/**
 * Defines a `describe` for every `.qir` file below the folder, and in it a `test` for every case.
 *
 * @throws Error when there is no file, or no test function; DiagnosticError `filetest` for a directive that would be misread
 */
export function testTexts(folder: URL | string, options: TextTestOptions = {}): void {
  const { describe, test } = testFunctions(options);
  const { update = () => process.env["UPDATE"] === "1" } = options;
  const root = typeof folder === "string" ? folder : fileURLToPath(folder);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".qir"))
    .map((file) => file.replaceAll("\\", "/"))
    .toSorted();
  if (files.length === 0) throw new Error(`there are no .qir files in ${root}`);
  const tools = toolsOf(options);
  for (const file of files) {
    const path = join(root, file);
    const text = readFileSync(path, "utf8");
    const cases = parseFileTest(text, relative(process.cwd(), path).replaceAll("\\", "/"));
    const blessed = new Map<FileTestCase, string>();
    describe(file, () => {
      for (const testCase of cases)
        test(testCase.name, async () => {
          const stale = await check(testCase, tools, update);
          if (stale === undefined) return;
          blessed.set(testCase, stale);
          // From the text as it was, whose lines the cases name: with every case the file holds one block more.
          writeFileSync(path, blessFileTest(text, cases, blessed));
        });
    });
  }
}

/** What the `becomes` block is to become, when it is to be written anew. @throws AssertionError when the case fails */
async function check(
  testCase: FileTestCase,
  tools: FileTestTools,
  update: () => boolean,
): Promise<string | undefined> {
  const { problems, stale } = await runFileTestCase(testCase, tools);
  if (problems.length > 0) throw new AssertionError({ message: problems.join("\n") });
  if (stale === undefined || update()) return stale;
  throw new AssertionError({
    message: `${testCase.file}:${testCase.line}: its \`becomes\` is another (UPDATE=1 writes it anew):\n${stale.trim()}`,
    actual: stale.trim(),
    expected: testCase.becomes,
    operator: "strictEqual",
  });
}

function toolsOf({
  passes = [],
  operators = [],
  engines = textTestEngines(),
}: TextTestOptions): FileTestTools {
  const known = [...passes, ...ownPasses];
  return {
    operators: [...operators, ...ownOperators],
    async transform(graph, steps) {
      const context = createContext({ executor: interpreterFactory });
      await runPipeline(graph, steps, known, context, { print: printGraph });
    },
    engines: Object.fromEntries(
      engines.map((name) => [name, (graph) => createEngine(name, graph, nodeEngines)]),
    ),
  };
}

/** Those given, or else the globals of vitest and jest, or else node:test's. Vitest without globals has to be given. */
function testFunctions({ describe, test }: Partial<TestFunctions>): TestFunctions {
  if (describe !== undefined && test !== undefined) return { describe, test };
  const globals = globalThis as Partial<TestFunctions>;
  if (globals.describe !== undefined && globals.test !== undefined) return globals as TestFunctions;
  if (process.env["VITEST"] !== undefined)
    throw new Error('give testTexts vitest\'s functions: import { describe, test } from "vitest"');
  return nodeTest;
}
