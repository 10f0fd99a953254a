/**
 * Attribute kinds. An operator lists its attributes as `{ strides: ints(2) }`; the TypeScript type of a value follows
 * from its specification, so a misspelt or ill-typed attribute does not compile.
 */
import type { Tensor } from "../tensor/tensor.ts";

export type AttributeValue = number | readonly number[] | string | boolean | Tensor;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface AttributeSpec<T extends AttributeValue = AttributeValue> {
  readonly kind: "int" | "ints" | "float" | "floats" | "string" | "bool" | "tensor";
  /** Exact number of entries of a list. */
  readonly length?: number;
  /** Allowed strings. */
  readonly choices?: readonly string[];
  /** Taken, and not printed, when the attribute is absent. */
  readonly default?: T;
}

export const int = (fallback?: number): AttributeSpec<number> => spec("int", fallback);
export const float = (fallback?: number): AttributeSpec<number> => spec("float", fallback);
export const bool = (fallback?: boolean): AttributeSpec<boolean> => spec("bool", fallback);
export const text = (fallback?: string): AttributeSpec<string> => spec("string", fallback);
export const tensorAttribute = (fallback?: Tensor): AttributeSpec<Tensor> => spec("tensor", fallback);

export const ints = (length?: number, fallback?: readonly number[]): AttributeSpec<readonly number[]> => ({
  ...spec("ints", fallback),
  ...(length === undefined ? {} : { length }),
});
export const floats = (length?: number, fallback?: readonly number[]): AttributeSpec<readonly number[]> => ({
  ...spec("floats", fallback),
  ...(length === undefined ? {} : { length }),
});

export const choice = <const C extends readonly string[]>(
  choices: C,
  fallback?: C[number],
): AttributeSpec<C[number]> => ({ ...spec<C[number]>("string", fallback), choices });

function spec<T extends AttributeValue>(kind: AttributeSpec["kind"], fallback?: T): AttributeSpec<T> {
  return fallback === undefined ? { kind } : { kind, default: fallback };
}

export type AttributesOf<A extends Record<string, AttributeSpec>> = {
  readonly [K in keyof A]: A[K] extends AttributeSpec<infer T> ? T : never;
};

/** What is given when an operation is built: attributes with a default may be left out. */
export type AttributeInput<A extends Record<string, AttributeSpec>> = Partial<AttributesOf<A>>;

const isTensor = (value: AttributeValue): value is Tensor => typeof value === "object" && "element" in value;
const isList = (value: AttributeValue): value is readonly number[] => Array.isArray(value);

/** Why `value` does not fit, or undefined. */
export function attributeMismatch(spec: AttributeSpec, value: AttributeValue): string | undefined {
  switch (spec.kind) {
    case "int":
      return Number.isInteger(value) ? undefined : "expected an integer";
    case "float":
      return typeof value === "number" ? undefined : "expected a number";
    case "bool":
      return typeof value === "boolean" ? undefined : "expected true or false";
    case "tensor":
      return isTensor(value) ? undefined : "expected a tensor";
    case "string":
      if (typeof value !== "string") return "expected a string";
      return spec.choices === undefined || spec.choices.includes(value)
        ? undefined
        : `'${value}' is none of ${spec.choices.join(", ")}`;
    case "ints":
    case "floats":
      if (!isList(value)) return "expected a list of numbers";
      if (spec.kind === "ints" && !value.every(Number.isInteger)) return "expected integers";
      if (spec.length !== undefined && value.length !== spec.length)
        return `has ${value.length} entries, expected ${spec.length}`;
      return undefined;
  }
}

/** Whether two attribute values are the same; tensors by their contents. */
export function sameAttribute(a: AttributeValue, b: AttributeValue): boolean {
  if (isList(a) && isList(b)) return a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
  if (isTensor(a) && isTensor(b)) {
    if (a.data === b.data) return true;
    if (a.element !== b.element || a.shape.join() !== b.shape.join()) return false;
    return a.data.every((x: number | bigint, i: number) => Object.is(x, b.data[i]));
  }
  return Object.is(a, b);
}
