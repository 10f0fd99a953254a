/**
 * A Cortex-M4 board (mps2-an386) under QEMU, without an operating system: startup code, linker script and semihosting are all that
 * emitted C needs around it.
 *
 * With `-icount shift=0` SysTick advances one tick in 40 executed instructions on these boards, the same on every run.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCompiler, type CompilerCommand } from "../../src/driver/node/c-compiler.ts";

export const cortexM4 = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-Os", "-ffreestanding"];

const instructionsPerTick = 40;

const linkerScript = `ENTRY(reset)
MEMORY {
  FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4M
  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M
}
stack_top = ORIGIN(RAM) + LENGTH(RAM);
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .data : { . = ALIGN(4); data_start = .; *(.data*) . = ALIGN(4); data_end = .; } > RAM AT > FLASH
  data_load = LOADADDR(.data);
  .bss (NOLOAD) : { . = ALIGN(4); bss_start = .; *(.bss*) *(COMMON) . = ALIGN(4); bss_end = .; } > RAM
}
`;

const startup = `#include <stdint.h>
extern uint32_t stack_top[], data_start[], data_end[], data_load[], bss_start[], bss_end[];
int main(void);

static int semihost(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_print(const char *text) { semihost(0x04, text); }

static void leave(uint32_t status)
{
    const uint32_t block[2] = {0x20026, status};
    for (;;) semihost(0x20, block);
}

static void fault(void)
{
    board_print("fault\\n");
    leave(99);
}

void reset(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
    leave((uint32_t)main());
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {stack_top, {reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault}};
`;

/** One inference on a sample that is part of the firmware. Prints the output's bytes in hexadecimal, then the ticks it took. */
const firmwareMain = (name: string, input: Uint8Array): string => {
  const upper = name.toUpperCase();
  return `#include <string.h>
#include "${name}.h"
void board_print(const char *text);
static const unsigned char sample[] = {${input.join(", ")}};
static int32_t arena[(${upper}_ARENA_BYTES + 3) / 4];
static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010;

static void print_hexadecimal(uint32_t value, int digits)
{
    char text[9] = {0};
    for (int i = 0; i < digits; i++) text[i] = "0123456789abcdef"[value >> (4 * (digits - 1 - i)) & 15];
    board_print(text);
}

int main(void)
{
    memset(arena, 0xA5, sizeof arena);
    memcpy(${name}_input(arena), sample, sizeof sample);
    systick[1] = 0xFFFFFF;
    systick[2] = 0;
    systick[0] = 5;
    const uint32_t before = systick[2];
    ${name}_run(${name}_input(arena), ${name}_output(arena), arena);
    const uint32_t after = systick[2];
    const unsigned char *output = (const unsigned char *)${name}_output(arena);
    for (int i = 0; i < ${upper}_OUTPUT_BYTES; i++) print_hexadecimal(output[i], 2);
    board_print(" ");
    print_hexadecimal((before - after) & 0xFFFFFF, 8);
    board_print("\\n");
    return 0;
}
`;
};

export interface Inference {
  readonly output: Uint8Array;
  /** To within the 40 of a tick. */
  readonly instructions: number;
}

/** Builds NAME.c of the folder, which has one input and one output, into firmware, and runs it. */
export function runOnBoard(
  compiler: CompilerCommand,
  folder: string,
  name: string,
  input: Uint8Array,
): Inference {
  writeFileSync(join(folder, "board.ld"), linkerScript);
  writeFileSync(join(folder, "startup.c"), startup);
  writeFileSync(join(folder, "firmware.c"), firmwareMain(name, input));
  const sources = ["startup.c", "firmware.c", `${name}.c`];
  const link = ["-nostartfiles", "-T", "board.ld", "-o", "firmware.elf"];
  runCompiler(compiler, ["-std=gnu99", ...cortexM4, ...sources, ...link], folder);
  const { status, stdout, stderr, error } = spawnSync(
    "qemu-system-arm",
    [
      ...["-M", "mps2-an386", "-cpu", "cortex-m4", "-icount", "shift=0"],
      ...["-display", "none", "-monitor", "none", "-serial", "none"],
      ...["-semihosting-config", "enable=on,target=native", "-kernel", join(folder, "firmware.elf")],
    ],
    { encoding: "utf8", timeout: 300_000 },
  );
  const found = /^([0-9a-f]*) ([0-9a-f]{8})$/m.exec(`${stdout}${stderr}`);
  if (status !== 0 || found === null)
    throw new Error(`the firmware ended with ${status ?? error?.message ?? "nothing"}: ${stdout}${stderr}`);
  return {
    output: Uint8Array.from(Buffer.from(found[1]!, "hex")),
    instructions: Number.parseInt(found[2]!, 16) * instructionsPerTick,
  };
}
