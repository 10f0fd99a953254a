/**
 * Typed access to a node's attributes. An attribute of another type than the operator's is a diagnostic; one that is absent
 * is undefined, so that a converter states the default where it reads: `attributes.int("axis") ?? -1`.
 *
 * It remembers what was read, so that an attribute nobody looked at can be reported instead of being dropped in silence.
 */
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { describeNode } from "./decode.ts";
import type { OnnxAttribute, OnnxGraph, OnnxInteger, OnnxNode } from "./model.ts";
import { isOpaque } from "./model.ts";

export interface AttributeReader {
  int(name: string): number | undefined;
  float(name: string): number | undefined;
  string(name: string): string | undefined;
  /** Beyond 2^53 in magnitude they become ±(2^53 - 1): "to the end", as in slices. */
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  strings(name: string): readonly string[] | undefined;
  tensor(name: string): Tensor | undefined;
  graph(name: string): OnnxGraph | undefined;
  /** An int that must be 0 or 1. */
  flag(name: string): boolean | undefined;
  /** The value, or a diagnostic that the attribute is missing. */
  required<T>(name: string, value: T | undefined): T;
  /** Says that attributes need not be read: they do not matter at inference. */
  ignore(...names: readonly string[]): void;
  /** Attributes of the node that nobody has read. */
  unread(): string[];
}

type ValueOf<K extends OnnxAttribute["kind"]> = Extract<OnnxAttribute, { readonly kind: K }>["value"];

/** Diagnostics have the code onnx-attribute. */
export function attributeReader(node: OnnxNode): AttributeReader {
  // Operator set 1 told runtimes which buffers they may overwrite.
  const seen = new Set<string>(["consumed_inputs"]);
  const subject = describeNode(node);

  const refuse = (message: string): never =>
    fail("onnx-attribute", `${subject} ${message}`, {
      subject,
      help: "export the model again, or check it with onnx.checker",
    });

  function read<K extends OnnxAttribute["kind"]>(name: string, kind: K): ValueOf<K> | undefined {
    seen.add(name);
    const attribute = node.attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.kind === kind) return attribute.value as ValueOf<K> | undefined;
    return refuse(`has the attribute '${name}' of type ${attribute.kind}, expected ${kind}`);
  }

  const int = (name: string): number | undefined => {
    const value = read(name, "int");
    if (typeof value === "bigint") refuse(`has the attribute '${name}' = ${value}, which is too large`);
    return value as number | undefined;
  };

  return {
    int,
    float: (name) => read(name, "float"),
    string: (name) => read(name, "string"),
    ints: (name) => read(name, "ints")?.map(saturated),
    floats: (name) => read(name, "floats"),
    strings: (name) => read(name, "strings"),
    tensor(name) {
      const value = read(name, "tensor");
      if (value === undefined || !isOpaque(value)) return value;
      return refuse(`has the attribute '${name}' with elements of type ${value.opaque}, expected numbers`);
    },
    graph: (name) => read(name, "graph"),
    flag(name) {
      const value = int(name);
      if (value !== undefined && value !== 0 && value !== 1)
        refuse(`has the attribute '${name}' = ${value}, expected 0 or 1`);
      return value === undefined ? undefined : value === 1;
    },
    required: (name, value) => value ?? refuse(`lacks the attribute '${name}'`),
    ignore: (...names) => {
      for (const name of names) seen.add(name);
    },
    unread: () => [...node.attributes.keys()].filter((name) => !seen.has(name)),
  };
}

const limit = Number.MAX_SAFE_INTEGER;

const saturated = (value: OnnxInteger): number =>
  typeof value === "number" ? value : value > 0n ? limit : -limit;
