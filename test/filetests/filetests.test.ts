/**
 * Runs every case of test/filetests (the format: src/text/filetest.ts), through what `quern/testing` exports. `vitest -u`, or
 * UPDATE=1, writes the `becomes` blocks anew; read the difference before you commit it.
 */
import { describe, expect, test } from "vitest";
import { testTexts, textTestEngines } from "../../src/driver/node/testing.ts";
import { updating } from "../updating.ts";

const engines = textTestEngines();

test.skipIf(!engines.includes("c"))("executed lines run on compiled C too (skipped: no C compiler)", () => {
  expect(engines).toEqual(["interpreter", "wasm-scalar", "wasm-simd", "c"]);
});

testTexts(new URL(".", import.meta.url), { describe, test, engines, update: updating });
