/**
 * The header: how a caller reserves memory, what the bytes of inputs and outputs mean, one function.
 *
 * Scales are real numbers, and integer-only output may not hold a float even in a macro. Being floats, they are dyadic
 * fractions, so the header gives them exactly as NUMERATOR / 2^SHIFT in integers, with the decimal in a comment.
 */
import { stridesOf } from "../../src/tensor/tensor.ts";
import { splitExponent } from "../../src/numerics/float-bits.ts";
import { formatNumber } from "../../src/numerics/shortest.ts";
import type { CInterface, Port } from "./interface.ts";
import { runParameters } from "./interface.ts";
import { comment, filled } from "./text.ts";

/** What the loop program no longer knows about an input or an output. */
export interface PortDescription {
  /** The graph's name for it. */
  readonly name: string;
  /** real = scale · (element − zero), when it is quantized as a whole. */
  readonly scale?: number;
  readonly zero?: number;
}

/** Multiply-accumulates and the like, for the header's first comment. */
export interface HeaderFacts {
  readonly summary: string;
  readonly constantBytes: number;
}

const documentation = (lines: readonly string[]): string[] => comment(lines.join("\n"), "/**");

/** The scale as `numerator / 2^shift`, exact; undefined when that takes more than 53 bits. */
export function dyadicScale(scale: number): { numerator: number; shift: number } | undefined {
  if (!(scale > 0 && scale < Infinity)) return undefined;
  const { mantissa, exponent } = splitExponent(scale);
  let numerator = mantissa;
  let shift = -exponent;
  for (; !Number.isInteger(numerator); shift++) numerator *= 2;
  for (; shift < 0 && numerator < 2 ** 52; shift++) numerator *= 2;
  return shift < 0 ? undefined : { numerator, shift };
}

function portLines(port: Port, description: PortDescription | undefined): string[] {
  const { storage, prefix, type } = port;
  const dense = stridesOf(storage.shape);
  const strided = storage.strides.some((stride, axis) => stride !== dense[axis] && storage.shape[axis]! > 1);
  const { buffer } = storage;
  const { scale, zero } = description ?? {};
  const ratio = scale === undefined ? undefined : dyadicScale(scale);
  const real = isFloat32(scale) ? formatNumber(scale, "f32") : String(scale);
  const shape = storage.shape.length === 0 ? "one element" : storage.shape.join(" x ");
  const text = [
    `${port.role === "input" ? "Input" : "Output"} "${description?.name ?? storage.tensor}": ${shape}, ${type}, ` +
      (strided ? `strides ${storage.strides.join(", ")} elements.` : "row-major."),
    ...(storage.bias === 0 ? [] : [`Element = value - ${storage.bias}.`]),
    ...(scale === undefined ? [] : [`Real value = ${real} * ${centred(zero ?? 0)}.`]),
    ...(buffer.slackBytes === 0
      ? []
      : [`${buffer.slackBytes} bytes past the elements must be readable; their contents do not matter.`]),
  ];
  return [
    ...documentation(text),
    `#define ${prefix}_ELEMENTS ${buffer.count}`,
    `#define ${prefix}_BYTES ${port.sizeBytes}`,
    ...(storage.shape.length === 0 ? [] : [`#define ${prefix}_SHAPE {${storage.shape.join(", ")}}`]),
    ...(scale === undefined || ratio === undefined
      ? []
      : [
          `#define ${prefix}_ZERO_POINT ${zero !== undefined && zero < 0 ? `(${zero})` : (zero ?? 0)}`,
          "/* The scale, exactly: numerator / 2^shift. */",
          `#define ${prefix}_SCALE_NUMERATOR ${ratio.numerator}`,
          `#define ${prefix}_SCALE_SHIFT ${ratio.shift}`,
        ]),
    "/* Its place in the arena. */",
    `#define ${prefix}_OFFSET_BYTES ${port.offsetBytes}`,
    `#define ${port.accessor}(arena) \\`,
    `    ((${type} *)(void *)((unsigned char *)(arena) + ${prefix}_OFFSET_BYTES))`,
    "",
  ];
}

const centred = (zero: number): string =>
  zero === 0 ? "element" : zero < 0 ? `(element + ${-zero})` : `(element - ${zero})`;

const isFloat32 = (scale: number | undefined): scale is number =>
  scale !== undefined && Math.fround(scale) === scale;

const arenaTypes: Readonly<Record<number, string>> = {
  1: "uint8_t",
  2: "int16_t",
  4: "int32_t",
  8: "int64_t",
};

const stateArray = ({ upper, stateAlignBytes: align }: CInterface): string =>
  align === 1
    ? `uint8_t state[${upper}_STATE_BYTES];`
    : `${arenaTypes[align]!} state[(${upper}_STATE_BYTES + ${align - 1}) / ${align}];`;

export function printHeader(
  c: CInterface,
  descriptions: ReadonlyMap<Port, PortDescription>,
  facts: HeaderFacts,
): string {
  const { name, upper, ports, arenaAlignBytes: align } = c;
  const example =
    align === 1
      ? `static uint8_t arena[${upper}_ARENA_BYTES];`
      : `static ${arenaTypes[align]!} arena[(${upper}_ARENA_BYTES + ${align - 1}) / ${align}];`;
  const guard = `${upper}_H`;
  const pointers = ports.map((port) => `${port.accessor}(arena)`);
  return [
    ...documentation([
      `${name}.h: ${facts.summary}`,
      "",
      `Memory: an arena of ${c.arenaBytes} bytes holds inputs, outputs and everything between; ${facts.constantBytes} ` +
        `bytes of constants stay in flash. Nothing else is allocated, and ${
          c.states.length > 0
            ? `the ${c.stateBytes} bytes of state that runs carry on are the caller's too: several streams may take turns with one ` +
              "arena, and threads run at once with one each."
            : "no state is kept between runs, so that threads may run the network at once, each with an arena of its own."
        }`,
      "",
      `    ${example}`,
      ...(c.states.length > 0
        ? [`    static ${stateArray(c)}`, `    ${name}_reset(state); /* and again where a stream begins */`]
        : []),
      ...ports
        .filter((port) => port.role === "input")
        .map((port) => `    ${port.type} *${port.name} = ${port.accessor}(arena);`),
      `    ${name}_run(${[...pointers, ...(c.states.length > 0 ? ["state"] : []), "arena"].join(", ")});`,
      "",
      "Inputs and outputs may also be buffers of the caller's own, which then overlap neither the arena nor each other. " +
        "Inside the arena a run overwrites its inputs.",
    ]),
    `#ifndef ${guard}`,
    `#define ${guard}`,
    "",
    "#include <stdint.h>",
    "",
    "#ifdef __cplusplus",
    'extern "C" {',
    "#endif",
    "",
    `#define ${upper}_ARENA_BYTES ${c.arenaBytes}`,
    "/* What the arena's address must be a multiple of. */",
    `#define ${upper}_ARENA_ALIGN_BYTES ${align}`,
    "",
    ...ports.flatMap((port) => portLines(port, descriptions.get(port))),
    ...(c.states.length === 0
      ? []
      : [
          "/* State: what a run leaves to the next. */",
          `#define ${upper}_STATE_BYTES ${c.stateBytes}`,
          `#define ${upper}_STATE_ALIGN_BYTES ${c.stateAlignBytes}`,
          "",
          ...documentation(["Begins a stream: all state is real zero."]),
          `void ${name}_reset(void *state);`,
          "",
        ]),
    ...documentation([c.states.length === 0 ? "One inference." : "One step of a stream."]),
    ...filled(`void ${name}_run(${runParameters(c)});`, 100).map((line, index) =>
      index === 0 ? line : `    ${line}`,
    ),
    "",
    "#ifdef __cplusplus",
    "}",
    "#endif",
    "",
    `#endif /* ${guard} */`,
    "",
  ].join("\n");
}
