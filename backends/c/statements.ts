/**
 * Statements of the loop IR as lines of C.
 *
 * A bound is printed in the loop's head when nothing in the body can change it, and evaluated before the loop otherwise
 * (the loop IR evaluates bounds once, C at every turn).
 */
import type { LoopExpression, MemoryElement, Register, Statement } from "../../src/loops/loop.ts";
import { as, elementText, printExpression } from "./expression.ts";
import { scalarElement, scalarTypes } from "./helpers.ts";
import type { ScalarElement } from "./helpers.ts";
import { effectsOf, placeDeclarations, visitExpression } from "./liveness.ts";
import type { Declarations } from "./liveness.ts";
import { enclose, level } from "./printed.ts";
import type { Names, Printed } from "./printed.ts";
import { comment, indented, wrapped } from "./text.ts";

export interface StatementNames extends Names {
  /** A name for a value the printer keeps itself. */
  fresh(text: string): string;
  fence(): string;
}

/** C types of memory as stores truncate to them. */
export const memoryTypes: Readonly<Record<MemoryElement, string>> = {
  i8: "int8_t",
  u8: "uint8_t",
  i16: "int16_t",
  u16: "uint16_t",
  i32: "int32_t",
  u32: "uint32_t",
  i64: "int64_t",
  f32: "float",
  f64: "double",
};

/** The body of a function; `body` as `withoutDeadSets` returns it. */
export function printBody(body: readonly Statement[], names: StatementNames): string[] {
  return printBlock(body, names, placeDeclarations(body));
}

function printBlock(body: readonly Statement[], names: StatementNames, declarations: Declarations): string[] {
  return body.flatMap((statement) => [
    ...(declarations.before.get(statement) ?? []).map(
      (register) => `${registerType(register)} ${names.register(register)} = ${zero(register)};`,
    ),
    ...printStatement(statement, names, declarations),
  ]);
}

function printStatement(statement: Statement, names: StatementNames, declarations: Declarations): string[] {
  switch (statement.kind) {
    case "comment":
      return comment(statement.text);
    case "fence":
      return [`${names.fence()}();`];
    case "set":
      return wrapped(assignment(statement, names, declarations.atSet.has(statement)));
    case "store":
      return wrapped(store(statement, names));
    case "for":
      return loop(statement, names, declarations);
  }
}

const registerType = ({ type }: Register): string => scalarTypes[scalarElement(type.element, type.lanes)];

const zero = ({ type }: Register): string => ({ f32: "0.0f", f64: "0.0" })[type.element as string] ?? "0";

function loop(
  statement: Extract<Statement, { kind: "for" }>,
  names: StatementNames,
  declarations: Declarations,
): string[] {
  const { variable, from, to, step, body } = statement;
  if (!(Number.isInteger(step) && step > 0)) throw new Error(`internal: a loop by steps of ${step}`);
  const name = names.register(variable);
  const type = registerType(variable);
  const end = printExpression(to, names);
  const isFixed = isUnchangedBy(to, [...body, statement]);
  const bound = isFixed ? enclose(end, level.sum) : names.fresh(`${name}_end`);
  const advance = step === 1 ? `${name}++` : `${name} += ${step}`;
  const head = `for (${type} ${name} = ${printExpression(from, names).text}; ${name} < ${bound}; ${advance}) {`;
  return [
    ...(isFixed ? [] : wrapped(`const ${type} ${bound} = ${end.text};`)),
    ...wrapped(head),
    ...indented(printBlock(body, names, declarations)),
    "}",
  ];
}

function isUnchangedBy(bound: LoopExpression, body: readonly Statement[]): boolean {
  const { registers, stores } = effectsOf(body);
  let unchanged = true;
  visitExpression(
    bound,
    (register) => {
      if (registers.has(register)) unchanged = false;
    },
    () => {
      if (stores) unchanged = false;
    },
  );
  return unchanged;
}

const compound = { add: "+=", sub: "-=", mul: "*=" } as const;

function assignment(
  { register, value }: Extract<Statement, { kind: "set" }>,
  names: StatementNames,
  declares: boolean,
): string {
  const name = names.register(register);
  const element = scalarElement(register.type.element, register.type.lanes);
  if (value.type.element !== element) {
    throw new Error(`internal: register "${register.name}" of ${element} is set to ${value.type.element}`);
  }
  const updated = declares ? undefined : update(register, value);
  if (updated !== undefined) {
    const operand = printExpression(updated.operand, names);
    return `${name} ${updated.symbol} ${operand.text};`;
  }
  return `${declares ? `${registerType(register)} ` : ""}${name} = ${printExpression(value, names).text};`;
}

/** `r = r + e` as `r += e`; C computes it in the type of r, which is the loop IR's. */
function update(
  register: Register,
  value: LoopExpression,
): { readonly symbol: string; readonly operand: LoopExpression } | undefined {
  const isItself = (operand: LoopExpression) => operand.kind === "register" && operand.register === register;
  if (value.kind === "dot" && isItself(value.acc)) {
    const { left, right, type } = value;
    return { symbol: "+=", operand: { kind: "binary", operator: "mul", type, left, right } };
  }
  if (value.kind !== "binary" || !isItself(value.left)) return undefined;
  const { operator, right } = value;
  if (operator !== "add" && operator !== "sub" && operator !== "mul") return undefined;
  return { symbol: compound[operator], operand: right };
}

function store(
  { address, value, lanes }: Extract<Statement, { kind: "store" }>,
  names: StatementNames,
): string {
  const { buffer } = address;
  if (buffer.role === "input" || buffer.role === "constant") {
    throw new Error(`internal: a store to the ${buffer.role} "${buffer.name}"`);
  }
  if (lanes !== undefined && lanes !== 1) throw new Error(`internal: a store of ${lanes} lanes`);
  return `${elementText(address, names)} = ${truncated(printExpression(value, names), buffer.element, names)};`;
}

const ranges: Readonly<Partial<Record<MemoryElement, readonly [number, number]>>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
};

function truncated(value: Printed, element: MemoryElement, names: Names): string {
  if (value.copy?.element === element) return value.copy.text;
  const isFloat = element === "f32" || element === "f64";
  if (isFloat || value.type === "f32" || value.type === "f64") {
    if (value.type !== element) throw new Error(`internal: a store of ${value.type} to ${element}`);
    return value.text;
  }
  if (element === "i64") return value.text;
  if (element === "i32" && value.type !== "i64") return value.text;
  const range = ranges[element];
  const isLiteral =
    value.range !== undefined && value.range[0] === value.range[1] && /^-?\d+$/.test(value.text);
  if (isLiteral && range !== undefined && value.range[0] >= range[0] && value.range[1] <= range[1]) {
    return value.text;
  }
  names.assume("wrapping conversion");
  if (element === "i32") return as(value, "i32" satisfies ScalarElement).text;
  return `(${memoryTypes[element]})${enclose(value, level.unary)}`;
}
