/** A tiny protobuf writer, so that tests can say what no well-behaved encoder would. Fields by number, in order. */

export type Part = readonly number[] | Uint8Array;

/** Joins parts; the result is a message's payload. */
export function message(...parts: readonly Part[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

export function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

export const tag = (number: number, wireType: number): number[] => varint(number * 8 + wireType);

export const int = (number: number, value: number | bigint): number[] => [
  ...tag(number, 0),
  ...varint(value),
];

/** A length-delimited field: a message, bytes, or packed numbers. */
export const bytes = (number: number, payload: Part): Uint8Array =>
  message(tag(number, 2), varint(payload.length), payload);

export const text = (number: number, value: string): Uint8Array =>
  bytes(number, new TextEncoder().encode(value));

export const float = (number: number, value: number): Uint8Array =>
  message(tag(number, 5), new Uint8Array(Float32Array.of(value).buffer));

// The messages of ONNX, as far as the tests need them.

export const tensorProto = (name: string, dataType: number, dims: readonly number[], ...data: Part[]) =>
  message(...dims.map((extent) => int(1, extent)), int(2, dataType), text(8, name), ...data);

export const valueInfo = (name: string, dims: readonly (number | string)[], elemType = 1) =>
  message(
    text(1, name),
    bytes(2, bytes(1, message(int(1, elemType), bytes(2, message(...dims.map(dimension)))))),
  );

const dimension = (extent: number | string): Uint8Array =>
  bytes(1, typeof extent === "number" ? Uint8Array.from(int(1, extent)) : text(2, extent));

export const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...more: Part[]
) =>
  message(
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, opType),
    ...more,
  );

/** A graph from fields that the helpers below make. */
export const model = (...graphFields: readonly Part[]): Uint8Array =>
  message(int(1, 8), bytes(7, message(...graphFields)), bytes(8, message(text(1, ""), int(2, 13))));

export const graphNode = (payload: Uint8Array): Uint8Array => bytes(1, payload);
export const initializer = (payload: Uint8Array): Uint8Array => bytes(5, payload);
export const input = (payload: Uint8Array): Uint8Array => bytes(11, payload);
export const output = (payload: Uint8Array): Uint8Array => bytes(12, payload);
export const attribute = (name: string, type: number, ...value: readonly Part[]): Uint8Array =>
  bytes(5, message(text(1, name), int(20, type), ...value));

/** y = relu(x + w): small, and with something of everything. */
export function smallModel(): Uint8Array {
  return model(
    text(2, "g"),
    graphNode(node("Add", ["x", "w"], ["sum"], text(3, "add"))),
    graphNode(node("Relu", ["sum"], ["y"], attribute("axes", 7, bytes(8, [...varint(1), ...varint(-2)])))),
    initializer(tensorProto("w", 1, [2], bytes(9, new Uint8Array(Float32Array.of(1, 2).buffer)))),
    input(valueInfo("x", ["batch", 2])),
    output(valueInfo("y", ["batch", 2])),
  );
}
