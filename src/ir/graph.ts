/**
 * The graph: operations in an order of execution over SSA values. It changes only through its own methods, which keep
 * users, producers and inferred types consistent; passes iterate over snapshots.
 */
import { DiagnosticError, type SourceSpan } from "../diagnostics/diagnostic.ts";
import type { AttributeInput, Attributes, AttributeSpec, AttributeValue } from "./attributes.ts";
import { attributeMismatch } from "./attributes.ts";
import {
  nameOperands,
  operandCountMismatch,
  operandSpecs,
  type OpDefinition,
  type OperandsOf,
  type TypedOp,
} from "./operation.ts";
import { formatType, sameType, type TensorType } from "./types.ts";

/** The real values a calibration saw. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What a real value can be stored as in the place of i8. */
export type WideElement = "i16";

export interface Value {
  readonly name: string;
  readonly type: TensorType;
  readonly producer: Operation | undefined;
  /** Every operation that reads it, once each, in no particular order. */
  readonly users: ReadonlySet<Operation>;
  readonly range: Range | undefined;
  /** The element that its integers shall have, where somebody asked for more than eight bits. */
  readonly storedAs: WideElement | undefined;
}

export interface Operation {
  readonly definition: OpDefinition;
  readonly operands: readonly Value[];
  readonly attributes: Attributes;
  readonly result: Value;
  /** The node of the source model it came from: what a user knows it by. */
  readonly origin: string | undefined;
  readonly span: SourceSpan | undefined;
}

interface MutableValue extends Value {
  name: string;
  type: TensorType;
  producer: MutableOperation | undefined;
  users: Set<Operation>;
  range: Range | undefined;
  storedAs: WideElement | undefined;
}

interface MutableOperation extends Operation {
  operands: MutableValue[];
  result: MutableValue;
  attributes: Attributes;
}

export interface CreateOptions {
  /** Wished name of the result; made unique. */
  readonly name?: string;
  /** Result type where `infer` cannot know all of it; must agree with what it infers. */
  readonly type?: TensorType;
  readonly origin?: string | undefined;
  readonly span?: SourceSpan | undefined;
  /** Insert before this operation instead of at the end. */
  readonly before?: Operation;
  readonly after?: Operation;
}

/** State: what the output gives, the input gets at the next run; real zeros at the first. */
export interface Carried {
  readonly input: Value;
  readonly output: Value;
}

export class Graph {
  readonly name: string;
  readonly #inputs: MutableValue[] = [];
  #operations: MutableOperation[] = [];
  #outputs: MutableValue[] = [];
  /** Inputs, each with the place of an output. */
  readonly #carried = new Map<Value, number>();
  readonly #names = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  get inputs(): readonly Value[] {
    return this.#inputs;
  }
  /** A snapshot: safe to iterate while the graph changes. */
  get operations(): readonly Operation[] {
    return [...this.#operations];
  }
  get outputs(): readonly Value[] {
    return this.#outputs;
  }
  /** Inputs and results, in order. */
  get values(): readonly Value[] {
    return [...this.#inputs, ...this.#operations.map((op) => op.result)];
  }

  get carried(): readonly Carried[] {
    return [...this.#carried].map(([input, place]) => ({ input, output: this.#outputs[place]! }));
  }
  /** What a caller gives, state apart. */
  get callerInputs(): readonly Value[] {
    return this.#inputs.filter((input) => !this.#carried.has(input));
  }

  addInput(name: string, type: TensorType): Value {
    const value: MutableValue = {
      name: this.#unique(name),
      type,
      producer: undefined,
      users: new Set(),
      range: undefined,
      storedAs: undefined,
    };
    this.#inputs.push(value);
    return value;
  }

  /** Builds an operation from named operands: names, attributes and their types are checked by the compiler. */
  create<const O extends readonly string[], const A extends Record<string, AttributeSpec>>(
    definition: TypedOp<O, A>,
    operands: OperandsOf<O, Value>,
    attributes: AttributeInput<A>,
    options: CreateOptions = {},
  ): Operation {
    const named = operands as Readonly<Record<string, Value | readonly Value[] | undefined>>;
    const list = operandSpecs(definition).flatMap(({ name }) => named[name] ?? []);
    return this.createGeneric(definition, list, attributes as Attributes, options);
  }

  /** The same with operands in order: for parsers, converters and passes that know no operator by name. Throws DiagnosticError. */
  createGeneric(
    definition: OpDefinition,
    operands: readonly Value[],
    attributes: Attributes,
    options: CreateOptions = {},
  ): Operation {
    const completed = completeAttributes(definition, attributes, options);
    const type = inferType(
      definition,
      operands.map((v) => v.type),
      completed,
      options.type,
      options,
    );
    const result: MutableValue = {
      name: this.#unique(options.name ?? definition.name),
      type,
      producer: undefined,
      users: new Set(),
      range: undefined,
      storedAs: undefined,
    };
    const operation: MutableOperation = {
      definition,
      operands: [...operands] as MutableValue[],
      attributes: completed,
      result,
      origin: options.origin,
      span: options.span,
    };
    result.producer = operation;
    for (const operand of operation.operands) operand.users.add(operation);
    const anchor = options.before ?? options.after;
    const place =
      anchor === undefined ? this.#operations.length : this.#indexOf(anchor) + (options.before ? 0 : 1);
    this.#operations.splice(place, 0, operation);
    return operation;
  }

  setOutputs(values: readonly Value[]): void {
    this.#outputs = [...values] as MutableValue[];
  }

  /** Makes an output, by its place, the next run's input. */
  carry(input: Value, place: number): void {
    this.#carried.set(input, place);
  }

  setRange(value: Value, range: Range | undefined): void {
    (value as MutableValue).range = range;
  }

  storeAs(value: Value, element: WideElement | undefined): void {
    (value as MutableValue).storedAs = element;
  }

  /** Renames a value, making the name unique. */
  rename(value: Value, name: string): void {
    this.#names.delete(value.name);
    (value as MutableValue).name = this.#unique(name);
  }

  /** Every use of `old`, outputs included, becomes a use of `replacement`, which takes its range, and the element asked for, when it has none better. */
  replaceAllUses(old: Value, replacement: Value): void {
    if (old === replacement) return;
    for (const user of old.users) this.#redirect(user as MutableOperation, old, replacement);
    this.#outputs = this.#outputs.map((v) => (v === old ? (replacement as MutableValue) : v));
    if (replacement.range === undefined && old.range !== undefined) this.setRange(replacement, old.range);
    if (replacement.storedAs === undefined) this.storeAs(replacement, old.storedAs);
  }

  /** Makes one operation read `replacement` where it read `old`. Its result type must stay what it is. */
  replaceOperand(operation: Operation, old: Value, replacement: Value): void {
    this.#redirect(operation as MutableOperation, old, replacement);
  }

  /** The same at one place of its list of operands, however often it reads the value. */
  replaceOperandAt(operation: Operation, place: number, replacement: Value): void {
    const user = operation as MutableOperation;
    const old = user.operands[place]!;
    user.operands = user.operands.with(place, replacement as MutableValue);
    if (!user.operands.includes(old)) old.users.delete(user);
    (replacement as MutableValue).users.add(user);
  }

  /** Replaces an operation by `replacement`, which takes over its name, and erases it. */
  replace(operation: Operation, replacement: Value): void {
    const { name } = operation.result;
    this.replaceAllUses(operation.result, replacement);
    this.erase(operation);
    if (replacement.producer !== undefined) this.rename(replacement, name);
  }

  /** Gives an input another type: only while nothing reads it. */
  retypeInput(input: Value, type: TensorType): void {
    if (input.users.size > 0)
      throw new Error(`internal: input ${input.name} is read and cannot change its type`);
    (input as MutableValue).type = type;
  }

  /** Removes an operation nobody reads. */
  erase(operation: Operation): void {
    if (operation.result.users.size > 0 || this.#outputs.includes(operation.result as MutableValue))
      throw new Error(`internal: ${operation.definition.name} %${operation.result.name} is still read`);
    this.#operations.splice(this.#indexOf(operation), 1);
    this.#names.delete(operation.result.name);
    for (const operand of operation.operands) (operand as MutableValue).users.delete(operation);
  }

  #redirect(user: MutableOperation, old: Value, replacement: Value): void {
    user.operands = user.operands.map((v) => (v === old ? (replacement as MutableValue) : v));
    (old as MutableValue).users.delete(user);
    (replacement as MutableValue).users.add(user);
  }

  #indexOf(operation: Operation): number {
    const index = this.#operations.indexOf(operation as MutableOperation);
    if (index < 0) throw new Error(`internal: ${operation.definition.name} is not in graph ${this.name}`);
    return index;
  }

  #unique(wish: string): string {
    const base = wish.replaceAll(/[^A-Za-z0-9_.]/g, "_") || "v";
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }
}

function completeAttributes(definition: OpDefinition, given: Attributes, options: CreateOptions): Attributes {
  const problems: string[] = [];
  const completed: Record<string, AttributeValue> = {};
  for (const [name, spec] of Object.entries(definition.attrs)) {
    const value = given[name] ?? spec.default;
    if (value === undefined) problems.push(`attribute '${name}' is missing`);
    else {
      const mismatch = attributeMismatch(spec, value);
      if (mismatch !== undefined) problems.push(`attribute '${name}' ${mismatch}`);
      completed[name] = value;
    }
  }
  const known = Object.keys(definition.attrs);
  for (const name of Object.keys(given))
    if (!known.includes(name))
      problems.push(`has no attribute '${name}'${known.length > 0 ? ` (it has ${known.join(", ")})` : ""}`);
  if (problems.length > 0)
    throw new DiagnosticError(
      problems.map((problem) => ({
        code: "attribute",
        severity: "error" as const,
        message: `'${definition.name}' ${problem}`,
        notes: [],
        ...place(options),
      })),
    );
  return completed;
}

/** Runs the type rule; `declared` must agree with what it says. Throws DiagnosticError. */
export function inferType(
  definition: OpDefinition,
  operands: readonly TensorType[],
  attributes: Attributes,
  declared: TensorType | undefined,
  where: Pick<CreateOptions, "origin" | "span"> = {},
): TensorType {
  const raise = (code: string, message: string, ...notes: string[]): never => {
    throw new DiagnosticError([
      {
        code,
        severity: "error",
        message: `'${definition.name}' ${message}`,
        notes: notes.map((note) => ({ message: note })),
        ...place(where),
      },
    ]);
  };
  const count = operandCountMismatch(definition, operands.length);
  if (count !== undefined) raise("operand-count", count);
  const inferred = definition.infer(nameOperands(definition, operands), attributes, raise, declared);
  if (declared !== undefined && !sameType(inferred, declared))
    raise("result-type", `is declared ${formatType(declared)} but its operands give ${formatType(inferred)}`);
  return inferred;
}

const place = (where: Pick<CreateOptions, "origin" | "span">): { span?: SourceSpan; subject?: string } => ({
  ...(where.span === undefined ? {} : { span: where.span }),
  ...(where.origin === undefined ? {} : { subject: where.origin }),
});
