/** Values of 16 bits on a Cortex-M4: the interpreter's bytes, and what they take more of than values of eight. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { emitArtifacts } from "../../src/driver/artifacts.ts";
import { firstWorking, runCompiler } from "../../src/driver/node/c-compiler.ts";
import { interpret } from "../../src/exec/interpreter.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { bytesOfTensor } from "../../src/tensor/bytes.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { armCompiler, warnings } from "../backends/c/compilers.ts";
import {
  convolution,
  storedInputs,
  type ActivationElement,
  type ConvolutionShape,
} from "../differential/stored-graphs.ts";
import { cortexM4, runOnBoard } from "./emulated-board.ts";

const qemu = firstWorking([["qemu-system-arm"]]);
const pads = [1, 1, 1, 1] as const;

const layers: Readonly<Record<string, ConvolutionShape>> = {
  "3x3, 16 to 24 channels": { height: 6, width: 6, inputs: 16, outputs: 24, kernel: [3, 3], pads },
  "pointwise, 64 to 64 channels": { height: 5, width: 5, inputs: 64, outputs: 64, kernel: [1, 1] },
  "depthwise 3x3, 64 channels": {
    height: 5,
    width: 5,
    inputs: 64,
    outputs: 64,
    kernel: [3, 3],
    groups: 64,
    pads,
  },
  "fully connected, 640 to 128": { height: 1, width: 1, inputs: 640, outputs: 128, kernel: [1, 1] },
};
const softmaxOf = (element: ActivationElement): Graph =>
  parseGraph(`graph @net(%x: tensor<8x12x${element}, 0.05:0>) {
  %y = softmax %x : tensor<8x12xi8, 0.00390625:-128>
  return %y
}`);

const graphs: Readonly<Record<string, (element: ActivationElement) => Graph>> = {
  ...Object.fromEntries(
    Object.entries(layers).map(([name, shape]) => [
      name,
      (element: ActivationElement) =>
        convolution({ ...shape, inputElement: element, resultElement: element }, 3),
    ]),
  ),
  "softmax of 12, eight times": softmaxOf,
};

async function instructionsOf(graph: Graph): Promise<number> {
  const { files } = await emitArtifacts(graph, "net", ["c"]);
  const folder = mkdtempSync(join(tmpdir(), "quern-wide-"));
  try {
    for (const [path, bytes] of files) writeFileSync(join(folder, path), bytes);
    runCompiler(armCompiler!, [...warnings, ...cortexM4, "-c", "net.c", "-o", "net.o"], folder);
    const [input] = storedInputs(graph, 4, 9)[3]!;
    const [expected] = interpret(graph, [input!]);
    const { output, instructions } = runOnBoard(armCompiler!, folder, "net", bytesOfTensor(input!));
    expect(output).toEqual(bytesOfTensor(expected!));
    return instructions;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(armCompiler === undefined || qemu === undefined)(
  "values of 16 bits on a Cortex-M4 (skipped without a compiler or an emulator)",
  () => {
    test.each(Object.entries(graphs))("%s", async (name, graphOf) => {
      const [narrow, wide] = [await instructionsOf(graphOf("i8")), await instructionsOf(graphOf("i16"))];
      console.info(`${name}: ${narrow} instructions, ${wide} in 16 bits`);
      // A load of two bytes takes no more than one of one; exponentials are products of two.
      expect(wide).toBeLessThan(1.7 * narrow);
    });
  },
);
