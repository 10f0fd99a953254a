/** What weights of less than a byte weigh in an object file, and that a microcontroller unpacks them as the interpreter reads them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { emitArtifacts } from "../../src/driver/artifacts.ts";
import { firstWorking, runCompiler } from "../../src/driver/node/c-compiler.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import { bytesOfTensor } from "../../src/tensor/bytes.ts";
import { elementBits, narrowElementTypes } from "../../src/tensor/element-type.ts";
import { armCompiler, warnings } from "../backends/c/compilers.ts";
import { convolution, storedInputs, type ConvolutionShape } from "../differential/stored-graphs.ts";
import { cortexM4, runOnBoard } from "./emulated-board.ts";

const shape: ConvolutionShape = {
  height: 6,
  width: 6,
  inputs: 16,
  outputs: 24,
  kernel: [3, 3],
  pads: [1, 1, 1, 1],
};
const weights = 24 * 3 * 3 * 16;
const qemu = firstWorking([["qemu-system-arm"]]);

describe.skipIf(armCompiler === undefined)("weights on a Cortex-M4 (skipped without a compiler)", () => {
  const cases = [
    ["i8", undefined],
    ...narrowElementTypes.map((element) => [element, undefined] as const),
    ...(["i3", "i4", "odd2"] as const).map((element) => [element, 16] as const),
  ] as const;
  test.each(cases)("%s, groups of %s", async (element, groupSize) => {
    const grouped = groupSize === undefined ? {} : { groupSize };
    const graph = convolution(element === "i8" ? shape : { ...shape, weightElement: element, ...grouped }, 3);
    const { files } = await emitArtifacts(graph, "net", ["c"]);
    const folder = mkdtempSync(join(tmpdir(), "quern-widths-"));
    try {
      for (const [path, bytes] of files) writeFileSync(join(folder, path), bytes);
      runCompiler(armCompiler!, [...warnings, ...cortexM4, "-c", "net.c", "-o", "net.o"], folder);
      const { stdout } = spawnSync("arm-none-eabi-nm", ["-S", join(folder, "net.o")], { encoding: "utf8" });
      const sizeOf = (symbol: string): number =>
        parseInt(new RegExp(`^\\S+ (\\S+) r ${symbol}$`, "m").exec(stdout)?.[1] ?? "", 16);
      const sizeBytes = sizeOf("y_w");
      // A factor of four bits for each group.
      if (groupSize !== undefined) expect(sizeOf("y_w_factors")).toBe(weights / groupSize / 2);
      const bits = element === "i8" ? 8 : elementBits(element);
      // An odd width may read the byte after the last.
      expect(sizeBytes).toBeGreaterThanOrEqual((weights * bits) / 8);
      expect(sizeBytes).toBeLessThanOrEqual((weights * bits) / 8 + 1);

      if (qemu === undefined) return;
      const [input] = storedInputs(graph, 4, 9)[3]!;
      const [expected] = interpret(graph, [input!]);
      const { output, instructions } = runOnBoard(armCompiler!, folder, "net", bytesOfTensor(input!));
      console.info(
        `${element}, groups of ${groupSize}: ${sizeBytes} bytes of weights, ${instructions} instructions`,
      );
      expect(output).toEqual(bytesOfTensor(expected!));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
