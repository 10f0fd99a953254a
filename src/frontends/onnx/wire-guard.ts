/**
 * Walks the protobuf bytes of an ONNX file before the decoder sees them.
 *
 * onnx-proto's decoder recurses without a limit (2,250 nested subgraphs overflow its stack) and spends some 100 bytes
 * for each byte of an empty node. So this walk, iterative and in constant memory, first proves that decoding will
 * be cheap and safe:
 *
 *   - every field lies within its message, every message within its parent, nested at most `depth` deep;
 *   - each kind of thing the decoder allocates stays under a count;
 *   - each known field has the wire type the schema gives it, since the decoder looks at the number alone;
 *   - every varint has a length that the decoder's reader takes as this walk does (a tag or length in at most 5
 *     bytes, an int32 in 1-5 or exactly 10): else the two would part ways and the proof would be worth nothing.
 *
 * Unknown fields are skipped, as the decoder does; groups (wire types 3 and 4) are refused, known or not.
 */
import { DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import { lookAlike } from "./look-alike.ts";
import { isWireMessageName, wireField } from "./wire-schema.ts";
import type { WireField, WireMessageName, WireScalar } from "./wire-schema.ts";

/** What an ONNX file may hold at most; all counts are totals over the file except `dimensions`. */
export interface WireLimits {
  readonly totalBytes: number;
  /** Messages within messages; a subgraph costs three (graph, node, attribute). */
  readonly depth: number;
  /** Every field, known or not: bounds the time of the walk. */
  readonly fields: number;
  readonly nodes: number;
  readonly attributes: number;
  /** Initializers and tensor attributes. */
  readonly tensors: number;
  /** Messages of every kind, and strings of lists. */
  readonly messages: number;
  /** Numbers in lists (ints, float_data, …) without raw_data: each costs the decoder up to 32 bytes. */
  readonly listElements: number;
  /** Of one tensor or shape. */
  readonly dimensions: number;
  /** Of one string or byte string, raw_data aside. */
  readonly stringBytes: number;
}

export const defaultWireLimits: WireLimits = {
  totalBytes: 512 * 2 ** 20,
  depth: 64,
  fields: 10_000_000,
  nodes: 200_000,
  attributes: 1_000_000,
  tensors: 200_000,
  messages: 2_000_000,
  listElements: 2 ** 24,
  dimensions: 64,
  stringBytes: 16 * 2 ** 20,
};

interface Frame {
  readonly message: WireMessageName;
  readonly tagOffset: number;
  readonly start: number;
  readonly end: number;
  /** Numbers of the singular message fields met so far, one bit each: the decoder would drop all but the last. */
  seen: number;
  dimensions: number;
}

type Counted = "fields" | "nodes" | "attributes" | "tensors" | "messages" | "listElements";

const countedNames: Readonly<Record<Counted, readonly [code: string, noun: string]>> = {
  fields: ["onnx-too-many-fields", "fields"],
  nodes: ["onnx-too-many-nodes", "nodes"],
  attributes: ["onnx-too-many-attributes", "attributes"],
  tensors: ["onnx-too-many-tensors", "tensors"],
  messages: ["onnx-too-many-messages", "messages"],
  listElements: ["onnx-too-many-list-elements", "numbers in lists (raw_data aside)"],
};

const notAModelHelp = "give the path of a .onnx file, as torch.onnx.export or tf2onnx write it";

const wireTypeNames = ["varint", "8 bytes", "length-delimited", "start of group", "end of group", "4 bytes"];

function expectedWireType(type: WireScalar | WireMessageName): number {
  if (type === "int32" || type === "int64") return 0;
  if (type === "double") return 1;
  return type === "float" ? 5 : 2;
}

const countedMessages: Partial<Readonly<Record<WireMessageName, Counted>>> = {
  NodeProto: "nodes",
  AttributeProto: "attributes",
  TensorProto: "tensors",
};

/** Reads the varint at `offset`; NaN when the bytes end within it or it has more than ten. Inexact above 2^53. */
function varintAt(bytes: Uint8Array, offset: number): readonly [value: number, end: number] {
  let value = 0;
  let factor = 1;
  for (let position = offset; position < offset + 10; position++) {
    const byte = bytes[position] ?? Number.NaN;
    value += (byte & 127) * factor;
    if (!(byte >= 128)) return [Number.isNaN(byte) ? byte : value, position + 1];
    factor *= 128;
  }
  return [Number.NaN, offset + 10];
}

/** What a diagnostic may have to name; spelt out only then, for the walk must be fast. */
type FieldName = WireField | number | string;

function named(role: string, field: FieldName): string {
  const name =
    typeof field === "string" ? field : typeof field === "number" ? `field ${field}` : `'${field[0]}'`;
  return role === "" ? name : `${role} ${name}`;
}

/** `graph.node[3].attribute[0]`: indices are counted anew, since only a failing walk needs them. */
function fieldPath(bytes: Uint8Array, stack: readonly Frame[]): string {
  const parts: string[] = [];
  for (let level = 1; level < stack.length; level++) {
    const parent = stack[level - 1]!;
    const wantedOffset = stack[level]!.tagOffset;
    const number = varintAt(bytes, wantedOffset)[0] >>> 3;
    const field = wireField(parent.message, number);
    let index = 0;
    for (let position = parent.start; position < wantedOffset;) {
      const [tag, afterTag] = varintAt(bytes, position);
      if (tag >>> 3 === number) index++;
      const [value, afterValue] = varintAt(bytes, afterTag);
      const skip = [afterValue, afterTag + 8, afterValue + value, 0, 0, afterTag + 4][tag & 7]!;
      position = skip;
    }
    const name = field?.[0] ?? `field ${number}`;
    parts.push(field?.[2] === "*" ? `${name}[${index}]` : name);
  }
  return parts.join(".");
}

/**
 * Proves that `bytes` can be decoded as an ONNX model within `limits`.
 * @throws DiagnosticError onnx-not-a-model, onnx-truncated, onnx-malformed, onnx-too-large, onnx-too-deep,
 *   onnx-too-many-{nodes,attributes,tensors,messages,fields,list-elements,dimensions}, onnx-string-too-long; the
 *   message names the byte offset and the path of the field.
 */
export function guardOnnxBytes(bytes: Uint8Array, limits: Partial<WireLimits> = {}): void {
  const merged = { ...defaultWireLimits, ...limits };
  if (bytes.length > merged.totalBytes) {
    fail(
      "onnx-too-large",
      `the file has ${bytes.length} bytes, more than the limit of ${merged.totalBytes}`,
      {
        help: "quern compiles networks for small machines; raise the limit 'totalBytes' if this one is meant",
      },
    );
  }
  try {
    walk(bytes, merged);
  } catch (error) {
    const appearance = error instanceof DiagnosticError ? lookAlike(bytes) : undefined;
    if (appearance === undefined) throw error;
    fail("onnx-not-a-model", `not an ONNX model: this looks like ${appearance}`, { help: notAModelHelp });
  }
}

function walk(bytes: Uint8Array, limits: WireLimits): void {
  const counts: Record<Counted, number> = {
    fields: 0,
    nodes: 0,
    attributes: 0,
    tensors: 0,
    messages: 0,
    listElements: 0,
  };
  const root: Frame = {
    message: "ModelProto",
    tagOffset: 0,
    start: 0,
    end: bytes.length,
    seen: 0,
    dimensions: 0,
  };
  const stack: Frame[] = [root];
  let position = 0;

  function place(offset: number): string {
    const path = fieldPath(bytes, stack);
    return `at byte ${offset}${path === "" ? "" : ` in '${path}'`}`;
  }

  function malformed(offset: number, what: string): never {
    if (counts.fields <= 1) {
      fail("onnx-not-a-model", `not an ONNX model: ${what} at byte ${offset}`, { help: notAModelHelp });
    }
    fail("onnx-malformed", `malformed ONNX file: ${what} ${place(offset)}`, {
      help: "the file is damaged or was written by a faulty exporter: export it again",
    });
  }

  /** Past the file's end it was cut; past its parent's end it lies about a length. */
  function overrun(offset: number, what: string, end: number): never {
    if (end < bytes.length) malformed(offset, `${what} passes the end of its message (byte ${end})`);
    fail("onnx-truncated", `truncated ONNX file: ${what} passes the end (byte ${end}) ${place(offset)}`, {
      help: "download or export the file again, and compare its size with the original",
    });
  }

  function count(what: Counted, amount: number, offset: number): void {
    counts[what] += amount;
    if (counts[what] <= limits[what]) return;
    const [code, noun] = countedNames[what];
    fail(code, `more than ${limits[what]} ${noun} ${place(offset)}`, {
      help: `no network for a small machine needs so many; raise the limit '${what}' if this one is meant`,
    });
  }

  /** Moves past a varint of at most `most` bytes. */
  function readVarint(end: number, most: number, role: string, field: FieldName): number {
    const start = position;
    let value = 0;
    let factor = 1;
    for (;;) {
      if (position >= end) overrun(start, named(role, field), end);
      const byte = bytes[position++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      if (position - start >= most) malformed(start, `${named(role, field)} has more than ${most} bytes`);
      factor *= 128;
    }
  }

  function readInteger(type: WireScalar, end: number, field: FieldName): void {
    const start = position;
    readVarint(end, 10, "a number of", field);
    const length = position - start;
    if (type === "int32" && length > 5 && length < 10)
      malformed(start, `${named("an int32 of", field)} has ${length} bytes`);
  }

  function addDimensions(frame: Frame, field: WireField, amount: number, offset: number): void {
    if (field[0] !== "dims" && field[0] !== "dim") return;
    frame.dimensions += amount;
    if (frame.dimensions <= limits.dimensions) return;
    fail("onnx-too-many-dimensions", `more than ${limits.dimensions} dimensions ${place(offset)}`, {
      help: "the file is damaged: no operator takes tensors of such a rank",
    });
  }

  function packed(frame: Frame, field: WireField, tagOffset: number, end: number): void {
    const [name, type] = field;
    const width = type === "float" ? 4 : type === "double" ? 8 : 1;
    const before = counts.listElements;
    if (width > 1) {
      if ((end - position) % width !== 0)
        malformed(tagOffset, `packed '${name}' is no multiple of ${width} bytes`);
      count("listElements", (end - position) / width, tagOffset);
      position = end;
    }
    while (position < end) {
      readInteger(type as WireScalar, end, field);
      count("listElements", 1, tagOffset);
    }
    addDimensions(frame, field, counts.listElements - before, tagOffset);
  }

  function enter(frame: Frame, number: number, field: WireField, tagOffset: number, end: number): void {
    const message = field[1] as WireMessageName;
    const bit = 1 << number;
    if (field[2] !== "*" && (frame.seen & bit) !== 0) malformed(tagOffset, `a second '${field[0]}'`);
    frame.seen |= bit;
    addDimensions(frame, field, 1, tagOffset);
    count("messages", 1, tagOffset);
    const counted = countedMessages[message];
    if (counted !== undefined) count(counted, 1, tagOffset);
    if (stack.length > limits.depth) {
      fail("onnx-too-deep", `messages nest more than ${limits.depth} deep ${place(tagOffset)}`, {
        help: "subgraphs this deep are not written by exporters; flatten the control flow",
      });
    }
    stack.push({ message, tagOffset, start: position, end, seen: 0, dimensions: 0 });
  }

  function lengthDelimited(frame: Frame, number: number, tagOffset: number): void {
    const field = wireField(frame.message, number);
    const length = readVarint(frame.end, 5, "the length of", field ?? number);
    const end = position + length;
    if (end > frame.end) overrun(tagOffset, `${named("", field ?? number)} of ${length} bytes`, frame.end);
    if (field === undefined) {
      position = end;
      return;
    }
    const [name, type, repeated] = field;
    if (isWireMessageName(type)) {
      enter(frame, number, field, tagOffset, end);
      return;
    }
    if (type !== "string" && type !== "bytes") {
      packed(frame, field, tagOffset, end);
      return;
    }
    if (repeated === "*") count("messages", 1, tagOffset);
    if (length > limits.stringBytes && name !== "raw_data") {
      fail(
        "onnx-string-too-long",
        `'${name}' has ${length} bytes, more than ${limits.stringBytes} ${place(tagOffset)}`,
        {
          help: "remove it from the model, or raise the limit 'stringBytes'",
        },
      );
    }
    position = end;
  }

  /** A varint, 4 or 8 bytes: known ones are counted where they belong to a list. */
  function scalar(frame: Frame, number: number, wireType: number, tagOffset: number): void {
    const field = wireField(frame.message, number);
    if (wireType === 0) {
      readInteger((field?.[1] as WireScalar | undefined) ?? "int64", frame.end, field ?? number);
    } else position += wireType === 1 ? 8 : 4;
    if (position > frame.end) overrun(tagOffset, named("", field ?? number), frame.end);
    if (field?.[2] !== "*") return;
    count("listElements", 1, tagOffset);
    addDimensions(frame, field, 1, tagOffset);
  }

  function checkWireType(message: WireMessageName, number: number, wireType: number, offset: number): void {
    const field = wireField(message, number);
    if (field === undefined) return;
    const wanted = expectedWireType(field[1]);
    if (wireType === wanted || (wireType === 2 && field[2] === "*")) return;
    const found = wireTypeNames[wireType] ?? wireType;
    malformed(offset, `'${field[0]}' comes as ${found}, expected ${wireTypeNames[wanted]!},`);
  }

  while (stack.length > 0) {
    const frame = stack[stack.length - 1]!;
    if (position >= frame.end) {
      stack.pop();
      continue;
    }
    const tagOffset = position;
    count("fields", 1, tagOffset);
    const tag = readVarint(frame.end, 5, "the tag of", "a field");
    if (tag >= 2 ** 32 || tag < 8) malformed(tagOffset, `tag ${tag} names no field`);
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 3 || wireType === 4) malformed(tagOffset, "a group, which ONNX does not use,");
    if (wireType > 5) malformed(tagOffset, `wire type ${wireType}, which does not exist,`);
    checkWireType(frame.message, number, wireType, tagOffset);
    if (wireType === 2) lengthDelimited(frame, number, tagOffset);
    else scalar(frame, number, wireType, tagOffset);
    if (frame === root && number === 1) root.seen |= 2;
  }
  if ((root.seen & (2 | (1 << 7))) === 0) {
    fail("onnx-not-a-model", "not an ONNX model: it has neither 'ir_version' nor 'graph'", {
      help: notAModelHelp,
    });
  }
}
