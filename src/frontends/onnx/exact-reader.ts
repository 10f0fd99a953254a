/**
 * A protobufjs reader whose 64-bit integers are exact: numbers up to 2^53, bigints beyond.
 *
 * protobufjs gives Long objects where it finds the package `long` (Node) and rounded doubles where it does not (most
 * browser bundles), so INT64_MAX would decode differently in the two. Overriding the reader, and not protobufjs's
 * global `util.Long`, leaves other users of protobufjs in the same program alone. Relies on the wire guard: at
 * `pos` stands a whole varint.
 *
 * onnx-proto takes only readers of its own protobufjs, which a bundler or a package manager may hand it in another copy than
 * ours. So the reader comes from onnx-proto itself.
 */
import onnxProto from "onnx-proto";
import type { OnnxInteger } from "./model.ts";

const narrowed = (value: bigint): OnnxInteger => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

function readVarint(reader: Reader, truncate: (value: bigint) => bigint): OnnxInteger {
  const { buf } = reader;
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = buf[reader.pos++]!;
    low |= (byte & 127) << shift;
    if (byte < 128) return low;
  }
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = buf[reader.pos++]!;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return narrowed(truncate(value));
  }
  throw new Error("internal: the wire guard let a varint of more than 10 bytes pass");
}

type Reader = Exclude<Parameters<typeof onnxProto.onnx.ModelProto.decode>[0], Uint8Array>;

/** A reader of the protobufjs that onnx-proto loads: its `decodeDelimited` makes one and hands it to `this.decode`. */
function ownReader(bytes: Uint8Array): Reader {
  const caught: Reader[] = [];
  const catcher = { decode: (reader: Reader) => caught.push(reader) };
  onnxProto.onnx.ModelProto.decodeDelimited.call(catcher, Uint8Array.of(0));
  return Object.assign(caught[0]!, { buf: bytes, pos: 0, len: bytes.length });
}

/** A reader over `bytes` (not copied) whose `int64` and `uint64` return an `OnnxInteger`. */
export function exactReader(bytes: Uint8Array): Reader {
  // A Buffer would get protobufjs's BufferReader, and give Buffers, whose `slice` does not copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = ownReader(plain);
  const exact = {
    int64: (): OnnxInteger => readVarint(reader, (value) => BigInt.asIntN(64, value)),
    uint64: (): OnnxInteger => readVarint(reader, (value) => BigInt.asUintN(64, value)),
  };
  return Object.assign(reader, exact as unknown as Pick<Reader, "int64" | "uint64">);
}

/**
 * What the exact reader put in an int64 field, which onnx-proto's types call `number | Long`. A field that is absent
 * shows its prototype's default, a Long where that package is present: it is zero.
 */
export function toInteger(value: unknown): OnnxInteger {
  return typeof value === "number" || typeof value === "bigint" ? value : 0;
}

export const toNumbers = (values: readonly unknown[]): OnnxInteger[] => values.map(toInteger);
