/**
 * Loops as text, for reading and for tests of schedules:
 *
 *     for y < 25 {
 *       acc0 = dot(acc0, x0, load.i16x8 w[p3 + 8])
 *     }
 *
 * A scalar load of the element's natural register is written as the element alone, `b[o]`; every other says what it loads.
 * `splat2` repeats two elements over the vector.
 */
import { formatNumber } from "../numerics/shortest.ts";
import { formatRegisterType } from "./build.ts";
import {
  bufferBytes,
  type Address,
  type Buffer,
  type LoopAffine,
  type LoopBinary,
  type LoopCompare,
  type LoopExpression,
  type LoopProgram,
  type MemoryElement,
  type Procedure,
  type RegisterType,
  type Statement,
  type TensorStorage,
} from "./loop.ts";

/** [symbol, how tightly it binds] */
const infix: Partial<Record<LoopBinary | LoopCompare, readonly [string, number]>> = {
  eq: ["==", 1],
  ne: ["!=", 1],
  lt: ["<", 1],
  le: ["<=", 1],
  gt: [">", 1],
  ge: [">=", 1],
  or: ["|", 2],
  xor: ["^", 3],
  and: ["&", 4],
  shl: ["<<", 5],
  shr: [">>", 5],
  shru: [">>>", 5],
  add: ["+", 6],
  sub: ["-", 6],
  mul: ["*", 7],
  div: ["/", 7],
};

export function printProgram(program: LoopProgram): string {
  const buffers = program.buffers.map((buffer) => printBuffer(buffer, program.offsetsBytes.get(buffer)));
  const storages = [
    ...program.inputs.map((s) => `input ${printStorage(s)}`),
    ...program.outputs.map((s) => `output ${printStorage(s)}`),
  ];
  return [
    `program ${program.name}, arena ${program.arenaBytes} bytes`,
    ...buffers,
    ...storages,
    ...program.procedures.map((procedure) => `\n${printProcedure(procedure)}`),
  ].join("\n");
}

export function printProcedure({ name, doc, body }: Procedure): string {
  const comments = doc === "" ? [] : doc.split("\n").map((line) => `// ${line}`);
  return [...comments, `procedure ${name} {`, ...printStatements(body, "  "), "}"].join("\n");
}

export function printStatements(statements: readonly Statement[], indent = ""): string[] {
  return statements.flatMap((statement) => printStatement(statement, indent));
}

function printBuffer(buffer: Buffer, offsetBytes: number | undefined): string {
  const place = offsetBytes === undefined ? "" : ` at ${offsetBytes}`;
  const slack = buffer.slackBytes === 0 ? "" : `, slack ${buffer.slackBytes}`;
  const { role, name, element, count, alignBytes } = buffer;
  return `${role} ${name}: ${element}[${count}]${place}, ${bufferBytes(buffer)} bytes, align ${alignBytes}${slack}`;
}

function printStorage({ tensor, element, buffer, shape, strides, start, bias }: TensorStorage): string {
  const biased = bias === 0 ? "" : `, bias ${bias}`;
  return `${tensor}: ${element}[${shape.join(", ")}] in ${buffer.name} from ${start} by [${strides.join(", ")}]${biased}`;
}

function printStatement(statement: Statement, indent: string): string[] {
  switch (statement.kind) {
    case "for": {
      const { variable, from, to, step, body } = statement;
      const plain = from.kind === "constant" && from.value === 0;
      const start = plain ? "" : ` = ${printLoopExpression(from)},`;
      const end = plain ? ` < ${printLoopExpression(to)}` : ` ${variable.name} < ${printLoopExpression(to)}`;
      const by = step === 1 ? "" : ` step ${step}`;
      const head = `${indent}for ${variable.name}${start}${end}${by} {`;
      return [head, ...printStatements(body, `${indent}  `), `${indent}}`];
    }
    case "set":
      return [`${indent}${statement.register.name} = ${printLoopExpression(statement.value)}`];
    case "store": {
      const lanes = statement.lanes === undefined ? "" : ` (${statement.lanes} lanes)`;
      return [
        `${indent}${printAddress(statement.address)} = ${printLoopExpression(statement.value)}${lanes}`,
      ];
    }
    case "fence":
      return [`${indent}fence ${statement.registers.map((r) => r.name).join(", ")}`.trimEnd()];
    case "comment":
      return statement.text.split("\n").map((line) => `${indent}// ${line}`);
  }
}

export const printLoopExpression = (e: LoopExpression): string => print(e, 0);

/** `least`: how tightly the place binds; what binds less is put in parentheses. */
function print(e: LoopExpression, least: number): string {
  const call = (name: string, ...args: readonly LoopExpression[]): string =>
    `${name}(${args.map((arg) => print(arg, 0)).join(", ")})`;
  const within = (text: string, strength: number): string => (strength < least ? `(${text})` : text);
  const type = formatRegisterType(e.type);

  switch (e.kind) {
    case "register":
      return e.register.name;
    case "constant":
      return printConstant(e.type, e.value);
    case "load":
      return printLoad(e);
    case "unary":
      return e.operator === "neg" ? within(`-${print(e.operand, 9)}`, 8) : call(e.operator, e.operand);
    case "binary":
    case "compare": {
      if (e.operator === "min" && e.left.kind === "binary" && e.left.operator === "max")
        return call("clamp", e.left.left, e.left.right, e.right);
      const symbol = infix[e.operator];
      if (symbol === undefined) return call(e.operator, e.left, e.right);
      const [sign, strength] = symbol;
      const left = print(e.left, strength + (e.kind === "compare" ? 1 : 0));
      return within(`${left} ${sign} ${print(e.right, strength + 1)}`, strength);
    }
    case "select":
      return call("select", e.condition, e.whenTrue, e.whenFalse);
    case "convert":
      return call(type, e.operand);
    case "splat":
      return call(`splat.${type}`, e.operand);
    case "dot":
      return call("dot", e.acc, e.left, e.right);
    case "mulhi":
      return call("mulhi", e.left, e.right);
    case "widen":
      return call(`widen.${e.part}`, e.operand);
    case "narrow":
      return call(e.unsigned === true ? "narrow.u" : "narrow", e.left, e.right);
    case "zip":
      return call(`zip.${e.part}`, e.left, e.right);
    case "build":
      return call(`build.${type}`, ...e.parts);
    case "extract":
      return `${print(e.operand, 9)}.${e.lane}`;
  }
}

function printLoad({ type, address, splat }: Extract<LoopExpression, { kind: "load" }>): string {
  const text = printAddress(address);
  if (splat === undefined && formatRegisterType(type) === natural(address.buffer.element)) return text;
  return `load.${formatRegisterType(type)}${splat === undefined ? "" : `.splat${splat}`} ${text}`;
}

/** The scalar register an element is usually loaded into. */
const natural = (element: MemoryElement): string =>
  element === "f32" || element === "f64" || element === "i64" ? element : "i32";

function printAddress({ buffer, index, dynamic }: Address): string {
  const affine = printLoopAffine(index);
  if (dynamic === undefined) return `${buffer.name}[${affine}]`;
  const computed = print(dynamic, 6);
  return affine === "0" ? `${buffer.name}[${computed}]` : `${buffer.name}[${affine} + ${print(dynamic, 7)}]`;
}

/** `16*y + k - 3` */
export function printLoopAffine({ constant, terms }: LoopAffine): string {
  const parts: [boolean, string][] = terms.map(({ register: { name }, factor }) => [
    factor < 0,
    Math.abs(factor) === 1 ? name : `${Math.abs(factor)}*${name}`,
  ]);
  if (constant !== 0 || parts.length === 0) parts.push([constant < 0, String(Math.abs(constant))]);
  return parts
    .map(([minus, text], i) => `${i === 0 ? (minus ? "-" : "") : minus ? " - " : " + "}${text}`)
    .join("");
}

/** i32 bare, f32 with a point or exponent, everything else with its type: `i16x8(3)`. */
function printConstant(type: RegisterType, value: number): string {
  const name = formatRegisterType(type);
  if (name === "i32") return String(value);
  const single = type.element === "f32";
  const text = single ? formatNumber(Math.fround(value), "f32") : formatNumber(value);
  if (name !== "f32") return `${name}(${text})`;
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
