/**
 * Prints a loop program as C99: NAME.c and NAME.h.
 *
 * The code is freestanding (stdint.h; math.h and float.h only when the program computes in floats), allocates nothing,
 * keeps nothing of its own, and does not recurse: one function a procedure, called in order by `NAME_run`. State of a network that
 * carries some lies in memory of the caller, which `NAME_reset` begins and `NAME_run` carries on.
 *
 * **One arena, many types.** Memory is reused, so the same bytes are an int32_t now and an int8_t later, and the caller
 * may have declared them as anything. C's aliasing rules allow that for character types only. Of the ways out, memcpy
 * needs a library function at -O0, and assembling bytes becomes four loads where the core has no unaligned ones. So
 * elements wider than a byte go through types marked `may_alias`, which GCC, clang and their descendants know, which
 * costs nothing (one load instruction), and which leaves `x[i]` in the text; a compiler without it must be told not to
 * exploit aliasing. Pointer parameters are `restrict` where the plan keeps their memory apart.
 *
 * Overflow of sums and products is not guarded: it is proved absent before (see expression.ts).
 */
import { bufferBytes, laneBytes } from "../../src/loops/loop.ts";
import type { Buffer, LoopProgram, MemoryElement, Procedure } from "../../src/loops/loop.ts";
import type { PortDescription } from "./header.ts";
import { printHeader } from "./header.ts";
import { helperDefinitions, helperNames } from "./helpers.ts";
import type { HelperName } from "./helpers.ts";
import { interfaceOf, offsetOf, runParameters } from "./interface.ts";
import type { CInterface } from "./interface.ts";
import { buffersOf, withoutDeadSets } from "./liveness.ts";
import { dataLiterals } from "./literals.ts";
import { NameScope } from "./names.ts";
import { memoryTypes, printBody } from "./statements.ts";
import { staticAssertions } from "./static-assertions.ts";
import type { StaticAssertion } from "./static-assertions.ts";
import { comment, indented, table, wrapped } from "./text.ts";

export interface EmitOptions {
  /** Names the files and prefixes every external symbol; an identifier. */
  readonly name: string;
  /** For the first lines of both files, for instance who made them from what. */
  readonly summary?: string;
  /** In the program's order. */
  readonly inputs?: readonly PortDescription[];
  readonly outputs?: readonly PortDescription[];
}

export interface EmittedC {
  /** NAME.c */
  readonly source: string;
  /** NAME.h */
  readonly header: string;
}

/** What printing the procedures turned out to need. */
interface Needs {
  readonly helpers: Set<HelperName>;
  readonly assertions: Set<StaticAssertion>;
  readonly aliases: Set<MemoryElement>;
  readonly constants: Set<Buffer>;
  fence: boolean;
}

interface Printer {
  readonly program: LoopProgram;
  readonly c: CInterface;
  readonly globals: NameScope;
  readonly needs: Needs;
}

/** A printed procedure and the buffers it takes, in the order of its parameters. */
interface PrintedProcedure {
  readonly name: string;
  readonly lines: readonly string[];
  readonly parameters: readonly Buffer[];
}

/** @throws internal, when the program holds vectors, byte addresses or an impossible plan */
export function emitC(program: LoopProgram, options: EmitOptions): EmittedC {
  const { name, summary = `the network "${program.name}".` } = options;
  const c = interfaceOf(program, name);
  const needs: Needs = {
    helpers: new Set(),
    assertions: new Set(),
    aliases: new Set(),
    constants: new Set(),
    fence: false,
  };
  const globals = NameScope.global(
    [
      ...helperNames,
      ...Object.keys(laneBytes).map((element) => `${element}_memory`),
      `${name}_run`,
      ...(c.states.length > 0 ? [`${name}_reset`] : []),
      ...["AFTER", "FENCE", "MAY_ALIAS"].map((macro) => `${c.upper}_${macro}`),
      ...c.ports.map((port) => port.accessor),
    ],
    [...c.ports, ...c.states].map((port) => port.name).concat(c.states.length > 0 ? ["state", "kept"] : []),
  );
  const printer: Printer = { program, c, globals, needs };
  // Constants are named before any local name is given, so that no local hides one.
  for (const buffer of program.buffers) if (buffer.role === "constant") globals.of(buffer, buffer.name);
  const procedures = program.procedures.map((procedure) => guarded(procedure, printer));
  const run = printRun(procedures, printer);
  const constants = program.buffers.filter((buffer) => needs.constants.has(buffer));
  const body = [
    ...constants.flatMap((buffer) => ["", ...printConstant(buffer, globals)]),
    ...procedures.flatMap(({ lines }) => ["", ...lines]),
    "",
    ...run,
    ...(c.states.length > 0 ? ["", ...printReset(printer)] : []),
    "",
  ];
  const descriptions = new Map(
    c.ports.flatMap((port) => {
      const all = (port.role === "input" ? options.inputs : options.outputs) ?? [];
      const siblings = c.ports.filter((other) => other.role === port.role);
      const description = all[siblings.indexOf(port)];
      return description === undefined ? [] : [[port, description] as const];
    }),
  );
  const constantBytes = constants.reduce((sum, buffer) => sum + bufferBytes(buffer), 0);
  return {
    source: [...printPreamble(printer, summary), ...body].join("\n"),
    header: printHeader(c, descriptions, { summary, constantBytes }),
  };
}

function guarded(procedure: Procedure, printer: Printer): PrintedProcedure {
  try {
    return printProcedure(procedure, printer);
  } catch (error) {
    throw new Error(`${(error as Error).message}, in procedure "${procedure.name}"`, { cause: error });
  }
}

function printProcedure(procedure: Procedure, { program, c, globals, needs }: Printer): PrintedProcedure {
  const body = withoutDeadSets(procedure.body);
  const { reads, writes } = buffersOf(body);
  const mentioned = [...reads, ...[...writes].filter((buffer) => !reads.has(buffer))];
  const parameters = mentioned.filter((buffer) => buffer.role !== "constant");
  const name = globals.fresh(`${c.name}_${procedure.name}`);
  const locals = globals.inner();
  const declared = parameters.map((buffer) => {
    const access = writes.has(buffer) ? "" : "const ";
    const restrict = isApart(buffer, parameters, program) ? "restrict " : "";
    return `${access}${pointee(buffer, needs)} *${restrict}${locals.of(buffer, buffer.name)}`;
  });
  const lines = printBody(body, {
    register: (register) => locals.of(register, register.name),
    buffer: (buffer) => {
      if (buffer.role !== "constant") return locals.of(buffer, buffer.name);
      needs.constants.add(buffer);
      return globals.of(buffer, buffer.name);
    },
    helper: (helper) => {
      needs.helpers.add(helper);
      return helper;
    },
    assume: (assertion) => {
      needs.assertions.add(assertion);
    },
    fresh: (text) => locals.fresh(text),
    fence: () => {
      needs.fence = true;
      return `${c.upper}_FENCE`;
    },
  });
  const head = `static void ${name}(${declared.join(", ") || "void"})`;
  return {
    name,
    parameters,
    lines: [...comment(procedure.doc, "/**"), ...wrapped(head), "{", ...indented(lines), "}"],
  };
}

/** The C type of a buffer's elements in reused memory. */
function pointee({ element }: Buffer, needs: Needs): string {
  if (laneBytes[element] === 1) return memoryTypes[element];
  needs.aliases.add(element);
  return `${element}_memory`;
}

/** Whether no other parameter's memory overlaps the buffer's, slack included. */
function isApart(buffer: Buffer, parameters: readonly Buffer[], program: LoopProgram): boolean {
  const start = offsetOf(program, buffer);
  const end = start + bufferBytes(buffer);
  return parameters.every((other) => {
    if (other === buffer) return true;
    const otherStart = offsetOf(program, other);
    return otherStart >= end || otherStart + bufferBytes(other) <= start;
  });
}

function printRun(
  procedures: readonly PrintedProcedure[],
  { program, c, globals, needs }: Printer,
): string[] {
  const used = new Set(procedures.flatMap(({ parameters }) => parameters));
  const locals = globals.inner();
  for (const port of [...c.ports, ...c.states]) locals.fresh(port.name);
  if (c.states.length > 0) for (const name of ["state", "kept"]) locals.fresh(name);
  const pointers = new Map(c.ports.map((port) => [port.storage.buffer, port.name]));
  const declarations: string[] = [];
  const isPort = (buffer: Buffer) => buffer.role === "input" || buffer.role === "output";
  for (const port of c.ports) {
    const { buffer } = port.storage;
    if (!used.has(buffer)) declarations.push(`(void)${port.name};`);
  }
  for (const { input, name, offsetBytes } of c.states) {
    pointers.set(input.buffer, name);
    const type = `const ${pointee(input.buffer, needs)}`;
    if (used.has(input.buffer))
      declarations.push(`${type} *const ${name} = (${type} *)(const void *)(kept + ${offsetBytes});`);
  }
  const carriedOut = new Set(c.states.map(({ output }) => output.buffer));
  const placed = program.buffers.filter((buffer) => used.has(buffer) && !pointers.has(buffer));
  for (const buffer of placed) {
    if (isPort(buffer) && !carriedOut.has(buffer))
      throw new Error(`internal: the ${buffer.role} buffer "${buffer.name}" is no parameter`);
    const type = pointee(buffer, needs);
    const pointer = locals.of(buffer, buffer.name);
    pointers.set(buffer, pointer);
    const through = laneBytes[buffer.element] === 1 ? "" : "(void *)";
    declarations.push(
      `${type} *const ${pointer} = (${type} *)${through}(memory + ${offsetOf(program, buffer)});`,
    );
  }
  const memory = [
    ...(c.states.length > 0 ? ["unsigned char *const kept = state;"] : []),
    placed.length > 0 ? "unsigned char *const memory = arena;" : "(void)arena;",
  ];
  const argument = (buffer: Buffer): string => {
    const pointer = pointers.get(buffer);
    if (pointer === undefined)
      throw new Error(`internal: buffer "${buffer.name}" is not listed in the program`);
    return isPort(buffer) && laneBytes[buffer.element] > 1
      ? `(${buffer.role === "input" ? "const " : ""}${pointee(buffer, needs)} *)${pointer}`
      : pointer;
  };
  const calls = procedures.flatMap(({ name, parameters }, index) => [
    ...wrapped(`${name}(${parameters.map(argument).join(", ")});`),
    `${c.upper}_AFTER(${index});`,
  ]);
  return [
    ...wrapped(`void ${c.name}_run(${runParameters(c)})`),
    "{",
    ...indented([
      ...memory,
      ...declarations,
      "",
      ...calls,
      ...c.states.flatMap(({ output: { buffer }, offsetBytes }) => [
        `for (int32_t i = 0; i < ${buffer.count * laneBytes[buffer.element]}; i++) {`,
        `    kept[${offsetBytes} + i] = memory[${offsetOf(program, buffer)} + i];`,
        "}",
      ]),
    ]),
    "}",
  ];
}

/** Every state to real zero. */
function printReset({ c, needs }: Printer): string[] {
  return [
    `void ${c.name}_reset(void *state)`,
    "{",
    ...indented([
      "unsigned char *const kept = state;",
      ...c.states.flatMap(({ input: { buffer }, name, offsetBytes, initial }) => {
        const type = pointee(buffer, needs);
        return [
          `${type} *const ${name} = (${type} *)(void *)(kept + ${offsetBytes});`,
          `for (int32_t i = 0; i < ${buffer.count}; i++) {`,
          `    ${name}[i] = ${initial};`,
          "}",
        ];
      }),
    ]),
    "}",
  ];
}

function printConstant(buffer: Buffer, globals: NameScope): string[] {
  const { data, element, count, slackBytes } = buffer;
  if (data?.length !== count) {
    throw new Error(`internal: constant "${buffer.name}" holds ${data?.length ?? 0} of ${count} elements`);
  }
  const length = count + Math.ceil(slackBytes / laneBytes[element]);
  const items = table(dataLiterals(data));
  return [
    `static const ${memoryTypes[element]} ${globals.of(buffer, buffer.name)}[${length}] = {`,
    ...indented(items),
    "};",
  ];
}

const storesFloats = (program: LoopProgram): boolean =>
  program.buffers.some((buffer) => buffer.element === "f32" || buffer.element === "f64");

function printPreamble({ program, c, needs }: Printer, summary: string): string[] {
  const usesFloats = storesFloats(program) || [...needs.helpers].some((helper) => /f32|f64/.test(helper));
  return [
    ...comment(
      [
        `${c.name}.c: ${summary}`,
        "",
        usesFloats
          ? "C99 with math.h. Every operation rounds to its type, so compile with -ffp-contract=off (GCC ignores the pragma " +
            "below) and without -ffast-math; link with -lm."
          : "Freestanding C99, integers only.",
        ...(needs.aliases.size === 0
          ? []
          : [
              "",
              "Arena memory is reused by elements of different types, through pointers marked may_alias. A compiler that " +
                "lacks this attribute must be told not to exploit aliasing rules.",
            ]),
        "",
        `${c.upper}_AFTER(i) is called after each step i of ${c.name}_run, where the parameters of ${c.name}_run are in scope: ` +
          "define it on the command line or before including this file, to read a cycle counter or to look into the arena.",
      ].join("\n"),
      "/**",
    ),
    `#include "${c.name}.h"`,
    ...(usesFloats ? ["", "#include <float.h>", "#include <math.h>"] : []),
    ...(usesFloats ? floatGuards(c) : []),
    "",
    `#ifndef ${c.upper}_AFTER`,
    `#define ${c.upper}_AFTER(i) ((void)0)`,
    "#endif",
    ...(needs.fence ? ["", ...fence(c)] : []),
    ...blockOf(staticAssertions(c.name, needs.assertions)),
    ...(needs.aliases.size === 0 ? [] : ["", ...aliasTypes(c, needs.aliases)]),
    ...helperDefinitions(needs.helpers).flatMap((definition) => ["", definition]),
  ];
}

const blockOf = (lines: readonly string[]): string[] => (lines.length === 0 ? [] : ["", ...lines]);

const floatGuards = (c: CInterface): string[] => [
  "",
  "#if defined(__clang__) || !defined(__GNUC__)",
  "#pragma STDC FP_CONTRACT OFF",
  "#endif",
  "",
  "#if FLT_EVAL_METHOD != 0",
  `#error "${c.name}.c needs floats that round to their own type (on x86: -msse2 -mfpmath=sse)"`,
  "#endif",
];

const fence = (c: CInterface): string[] => [
  "/* Keeps the compiler from moving memory accesses, and so from undoing the blocking of registers. */",
  "#if defined(__GNUC__)",
  `#define ${c.upper}_FENCE() __asm__ volatile("" ::: "memory")`,
  "#else",
  `#define ${c.upper}_FENCE() ((void)0)`,
  "#endif",
];

function aliasTypes(c: CInterface, aliases: ReadonlySet<MemoryElement>): string[] {
  const elements = (Object.keys(laneBytes) as MemoryElement[]).filter((element) => aliases.has(element));
  const attribute = `${c.upper}_MAY_ALIAS`;
  return [
    "/* Elements of reused memory. */",
    "#if defined(__GNUC__)",
    `#define ${attribute} __attribute__((__may_alias__))`,
    "#else",
    `#define ${attribute}`,
    "#endif",
    ...elements.map((element) => `typedef ${memoryTypes[element]} ${attribute} ${element}_memory;`),
  ];
}
