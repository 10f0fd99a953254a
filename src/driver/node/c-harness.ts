/**
 * The main program around emitted C: a loop that reads the inputs of one sample after another from standard input and
 * writes what the host wants to know to standard output. All frames have fixed sizes, so neither side sends lengths.
 *
 *     in    the bytes of every input buffer, in order
 *     out   with the argument `observe`: after each step i (and before the first, i = -1) the bytes of the buffers whose
 *           tensors step i completes; then always the bytes of every output buffer
 *
 * Inputs and outputs lie in the arena where the memory plan put them, and the arena is filled with 0xA5 before each sample:
 * a plan that counts too little, or code that relies on zeros or on an earlier run, then shows.
 */
import { bufferBytes, type Buffer, type LoopProgram } from "../../loops/loop.ts";
import { interfaceOf } from "../../../backends/c/interface.ts";

/** The buffers dumped after step `after` (-1: before the first), in the order of their bytes. */
export interface Dump {
  readonly after: number;
  readonly buffers: readonly Buffer[];
}

/** What an observer gets to see and when, constants aside (they need no run). */
export function dumpsOf(program: LoopProgram): Dump[] {
  const byStep = new Map<number, Set<Buffer>>();
  for (const { buffer, after } of program.tensors) {
    if (buffer.role === "constant") continue;
    if (!byStep.has(after)) byStep.set(after, new Set());
    byStep.get(after)!.add(buffer);
  }
  return [...byStep].sort(([a], [b]) => a - b).map(([after, buffers]) => ({ after, buffers: [...buffers] }));
}

/** The text of main.c, which includes NAME.c. */
export function printHarness(program: LoopProgram, name: string): string {
  const { upper, ports } = interfaceOf(program, name);
  const inputs = ports.filter((port) => port.role === "input");
  const outputs = ports.filter((port) => port.role === "output");
  const dumps = dumpsOf(program).flatMap(({ after, buffers }) => [
    `    case ${after}:`,
    ...buffers.map(
      (buffer) =>
        `        harness_send(arena + ${program.offsetsBytes.get(buffer)!}, ${bufferBytes(buffer)});`,
    ),
    "        break;",
  ]);
  return `#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void harness_observe(int step, const void *memory);
#define ${upper}_AFTER(i) harness_observe(i, arena)
#include "${name}.c"

static int harness_observing;

static void harness_send(const void *from, size_t size)
{
    if (size != 0 && fwrite(from, size, 1, stdout) != 1) exit(2);
}

static int harness_receive(void *to, size_t size)
{
    return size == 0 || fread(to, size, 1, stdin) == 1;
}

static void harness_observe(int step, const void *memory)
{
    const unsigned char *arena = memory;
    if (!harness_observing) return;
    switch (step) {
${dumps.join("\n")}
    default:
        break;
    }
    (void)arena;
}

int main(int count, char **arguments)
{
    unsigned char *arena = malloc(${Math.max(1, program.arenaBytes)});
    long samples = count > 1 ? atol(arguments[1]) : 0;
    if (arena == NULL) return 3;
    harness_observing = count > 2 && strcmp(arguments[2], "observe") == 0;
    while (samples-- > 0) {
        memset(arena, 0xA5, ${upper}_ARENA_BYTES);
${inputs.map((port) => `        if (!harness_receive(${port.accessor}(arena), ${port.sizeBytes})) return 4;`).join("\n")}
        harness_observe(-1, arena);
        ${name}_run(${[...ports.map((port) => `${port.accessor}(arena)`), "arena"].join(", ")});
${outputs.map((port) => `        harness_send(${port.accessor}(arena), ${port.sizeBytes});`).join("\n")}
    }
    free(arena);
    return fflush(stdout) == 0 ? 0 : 2;
}
`;
}
