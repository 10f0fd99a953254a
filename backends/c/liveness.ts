/**
 * What a procedure body really uses, for a listing without warnings: assignments to registers that nothing reads are left
 * out (expressions are pure), and each register is declared as far inside as its life allows.
 *
 * A register may be declared by an assignment in a block when that block holds all its mentions and the assignment comes
 * first and does not read it. Otherwise its value may come from before (an earlier iteration, no iteration at all), and
 * it is declared further outside, in the end with the 0 it starts with.
 */
import type { Address, Buffer, LoopExpression, Register, Statement } from "../../src/loops/loop.ts";

const ignore = (): void => undefined;

/** Calls back for every register and address in an expression. */
export function visitExpression(
  expression: LoopExpression,
  onRegister: (register: Register) => void,
  onAddress: (address: Address) => void = ignore,
): void {
  const visit = (operand: LoopExpression) => {
    visitExpression(operand, onRegister, onAddress);
  };
  switch (expression.kind) {
    case "register":
      onRegister(expression.register);
      return;
    case "constant":
      return;
    case "load":
      visitAddress(expression.address, onRegister, onAddress);
      return;
    case "build":
      expression.parts.forEach(visit);
      return;
    case "select":
      [expression.condition, expression.whenTrue, expression.whenFalse].forEach(visit);
      return;
    case "dot":
      [expression.acc, expression.left, expression.right].forEach(visit);
      return;
    case "unary":
    case "convert":
    case "splat":
    case "widen":
    case "extract":
      visit(expression.operand);
      return;
    default:
      [expression.left, expression.right].forEach(visit);
  }
}

function visitAddress(
  address: Address,
  onRegister: (register: Register) => void,
  onAddress: (address: Address) => void,
): void {
  onAddress(address);
  for (const { register } of address.index.terms) onRegister(register);
  if (address.dynamic) visitExpression(address.dynamic, onRegister, onAddress);
}

/** Calls back for every register and address a statement reads, those of its body included. */
function visitReads(
  statement: Statement,
  onRegister: (register: Register) => void,
  onAddress?: (address: Address) => void,
): void {
  switch (statement.kind) {
    case "for":
      visitExpression(statement.from, onRegister, onAddress);
      visitExpression(statement.to, onRegister, onAddress);
      for (const inner of statement.body) visitReads(inner, onRegister, onAddress);
      return;
    case "set":
      visitExpression(statement.value, onRegister, onAddress);
      return;
    case "store":
      visitAddress(statement.address, onRegister, (address) => {
        if (address !== statement.address) onAddress?.(address);
      });
      visitExpression(statement.value, onRegister, onAddress);
      return;
    default:
  }
}

function* flattened(body: readonly Statement[]): Generator<Statement> {
  for (const statement of body) {
    yield statement;
    if (statement.kind === "for") yield* flattened(statement.body);
  }
}

/** The body without assignments to registers that no store or bound depends on; no statement object occurs in it twice. */
export function withoutDeadSets(body: readonly Statement[]): readonly Statement[] {
  const live = new Set<Register>();
  const all = [...flattened(body)];
  for (let before = -1; before !== live.size;) {
    before = live.size;
    for (const statement of all) {
      if (statement.kind === "for") {
        visitExpression(statement.from, (register) => live.add(register));
        visitExpression(statement.to, (register) => live.add(register));
      } else if (statement.kind !== "set" || live.has(statement.register)) {
        visitReads(statement, (register) => live.add(register));
      }
    }
  }
  const pruned = (statements: readonly Statement[]): readonly Statement[] =>
    statements.flatMap((statement): Statement[] => {
      if (statement.kind === "for") return [{ ...statement, body: pruned(statement.body) }];
      return statement.kind === "set" && !live.has(statement.register) ? [] : [{ ...statement }];
    });
  return pruned(body);
}

/** Buffers a body reads and writes, in order of first mention. */
export function buffersOf(body: readonly Statement[]): { reads: Set<Buffer>; writes: Set<Buffer> } {
  const reads = new Set<Buffer>();
  const writes = new Set<Buffer>();
  for (const statement of body) visitReads(statement, ignore, (address) => reads.add(address.buffer));
  for (const statement of flattened(body)) {
    if (statement.kind === "store") writes.add(statement.address.buffer);
  }
  return { reads, writes };
}

/** What running the statements may change, as far as a bound could see it. */
export function effectsOf(body: readonly Statement[]): { registers: Set<Register>; stores: boolean } {
  const registers = new Set<Register>();
  let stores = false;
  for (const statement of flattened(body)) {
    if (statement.kind === "set") registers.add(statement.register);
    if (statement.kind === "for") registers.add(statement.variable);
    if (statement.kind === "store") stores = true;
  }
  return { registers, stores };
}

type Mentions = ReadonlyMap<Statement, ReadonlySet<Register>>;

/** Of every statement the registers it or its body reads or assigns, loop variables aside. */
function mentionsIn(body: readonly Statement[]): Mentions {
  const result = new Map<Statement, Set<Register>>();
  for (const statement of flattened(body)) {
    const mentioned = new Set<Register>();
    visitReads(statement, (register) => mentioned.add(register));
    for (const inner of flattened([statement])) {
      if (inner.kind === "set") mentioned.add(inner.register);
    }
    result.set(statement, mentioned);
  }
  return result;
}

/** Where registers are declared: at an assignment, or with 0 before a statement. */
export interface Declarations {
  readonly atSet: ReadonlySet<Statement>;
  readonly before: ReadonlyMap<Statement, readonly Register[]>;
}

/**
 * Of a body as `withoutDeadSets` returns it.
 *
 * @throws internal, when a loop variable is assigned or outlives its loop
 */
export function placeDeclarations(body: readonly Statement[]): Declarations {
  const atSet = new Set<Statement>();
  const before = new Map<Statement, Register[]>();
  const variables = new Set<Register>();
  for (const statement of flattened(body)) {
    if (statement.kind === "for") variables.add(statement.variable);
  }
  checkLoopVariables(body, variables, new Set());
  const mentions = mentionsIn(body);
  const registers = new Set(body.flatMap((statement) => [...mentions.get(statement)!]));
  for (const register of registers) {
    if (variables.has(register)) continue;
    const set = declaringSet(body, register, mentions);
    if (set !== undefined) {
      atSet.add(set);
      continue;
    }
    const first = body.find((statement) => mentions.get(statement)!.has(register))!;
    before.set(first, [...(before.get(first) ?? []), register]);
  }
  return { atSet, before };
}

function declaringSet(
  block: readonly Statement[],
  register: Register,
  mentions: Mentions,
): Statement | undefined {
  const mentioning = block.filter((statement) => mentions.get(statement)!.has(register));
  const first = mentioning[0]!;
  if (first.kind === "set" && first.register === register) {
    return readsRegister(first.value, register) ? undefined : first;
  }
  if (first.kind !== "for" || mentioning.length > 1) return undefined;
  if (readsRegister(first.from, register) || readsRegister(first.to, register)) return undefined;
  return declaringSet(first.body, register, mentions);
}

function readsRegister(expression: LoopExpression, register: Register): boolean {
  let found = false;
  visitExpression(expression, (read) => {
    if (read === register) found = true;
  });
  return found;
}

function checkLoopVariables(
  body: readonly Statement[],
  variables: ReadonlySet<Register>,
  open: ReadonlySet<Register>,
): void {
  const check = (register: Register) => {
    if (variables.has(register) && !open.has(register)) {
      throw new Error(`internal: loop variable "${register.name}" is read outside its loop`);
    }
  };
  for (const statement of body) {
    if (statement.kind === "set" && variables.has(statement.register)) {
      throw new Error(`internal: loop variable "${statement.register.name}" is assigned`);
    }
    if (statement.kind !== "for") {
      visitReads(statement, check);
      continue;
    }
    visitReads({ ...statement, body: [] }, check);
    checkLoopVariables(statement.body, variables, new Set([...open, statement.variable]));
  }
}
