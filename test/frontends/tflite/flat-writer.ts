/** Builds small FlatBuffers from plain data: tables of scalars, vectors and tables, each child behind its parent. */

export type FlatValue =
  | { readonly kind: "i8" | "u8" | "i32" | "u32" | "f32" | "i64"; readonly value: number }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "i32s" | "f32s" | "i64s"; readonly value: readonly number[] }
  | { readonly kind: "table"; readonly value: FlatFields }
  | { readonly kind: "tables"; readonly value: readonly FlatFields[] };

/** By field number. */
export type FlatFields = Readonly<Record<number, FlatValue>>;

export const i8 = (value: number): FlatValue => ({ kind: "i8", value });
export const u8 = (value: number): FlatValue => ({ kind: "u8", value });
export const i32 = (value: number): FlatValue => ({ kind: "i32", value });
export const u32 = (value: number): FlatValue => ({ kind: "u32", value });
export const i64 = (value: number): FlatValue => ({ kind: "i64", value });
export const f32 = (value: number): FlatValue => ({ kind: "f32", value });
export const bytes = (value: Uint8Array): FlatValue => ({ kind: "bytes", value });
export const text = (value: string): FlatValue => bytes(new TextEncoder().encode(value));
export const i32s = (value: readonly number[]): FlatValue => ({ kind: "i32s", value });
export const f32s = (value: readonly number[]): FlatValue => ({ kind: "f32s", value });
export const i64s = (value: readonly number[]): FlatValue => ({ kind: "i64s", value });
export const table = (value: FlatFields): FlatValue => ({ kind: "table", value });
export const tables = (value: readonly FlatFields[]): FlatValue => ({ kind: "tables", value });

class Writer {
  #data = new Uint8Array(2 ** 20);
  #view = new DataView(this.#data.buffer);
  size = 0;

  take(count: number): number {
    const at = this.size;
    this.size += count;
    return at;
  }
  set(at: number, kind: "i8" | "u8" | "u16" | "i32" | "u32" | "f32" | "i64", value: number): void {
    if (kind === "i8") this.#view.setInt8(at, value);
    else if (kind === "u8") this.#view.setUint8(at, value);
    else if (kind === "u16") this.#view.setUint16(at, value, true);
    else if (kind === "i32") this.#view.setInt32(at, value, true);
    else if (kind === "u32") this.#view.setUint32(at, value, true);
    else if (kind === "f32") this.#view.setFloat32(at, value, true);
    else this.#view.setBigInt64(at, BigInt(value), true);
  }
  put(at: number, data: Uint8Array): void {
    this.#data.set(data, at);
  }
  result(): Uint8Array {
    return this.#data.slice(0, this.size);
  }
}

const inlineBytes = { i8: 1, u8: 1, i32: 4, u32: 4, f32: 4, i64: 8 } as const;
const elementBytes = { i32s: 4, f32s: 4, i64s: 8 } as const;
const elementKinds = { i32s: "i32", f32s: "f32", i64s: "i64" } as const;

export function flatFile(identification: string, root: FlatFields): Uint8Array {
  const writer = new Writer();
  writer.take(8);
  writer.put(4, new TextEncoder().encode(identification));
  writer.set(0, "u32", writeTable(writer, root));
  return writer.result();
}

function writeTable(writer: Writer, fields: FlatFields): number {
  const numbers = Object.keys(fields).map(Number);
  const count = numbers.length === 0 ? 0 : Math.max(...numbers) + 1;
  const vtable = writer.take(4 + 2 * count);
  const position = writer.take(4);
  const places = new Map<number, number>();
  for (const number of numbers) {
    const value = fields[number]!;
    places.set(number, writer.take(value.kind in inlineBytes ? inlineBytes[value.kind as "i8"] : 4));
  }
  writer.set(vtable, "u16", 4 + 2 * count);
  writer.set(vtable + 2, "u16", writer.size - position);
  writer.set(position, "i32", position - vtable);
  for (const [number, at] of places) {
    writer.set(vtable + 4 + 2 * number, "u16", at - position);
    writeValue(writer, at, fields[number]!);
  }
  return position;
}

function writeValue(writer: Writer, at: number, field: FlatValue): void {
  switch (field.kind) {
    case "bytes": {
      const start = writer.take(4 + field.value.length);
      writer.set(at, "u32", start - at);
      writer.set(start, "u32", field.value.length);
      writer.put(start + 4, field.value);
      return;
    }
    case "i32s":
    case "f32s":
    case "i64s": {
      const size = elementBytes[field.kind];
      const start = writer.take(4 + size * field.value.length);
      writer.set(at, "u32", start - at);
      writer.set(start, "u32", field.value.length);
      field.value.forEach((x, i) => {
        writer.set(start + 4 + i * size, elementKinds[field.kind], x);
      });
      return;
    }
    case "table": {
      writer.set(at, "u32", writeTable(writer, field.value) - at);
      return;
    }
    case "tables": {
      const start = writer.take(4 + 4 * field.value.length);
      writer.set(at, "u32", start - at);
      writer.set(start, "u32", field.value.length);
      field.value.forEach((fields, i) => {
        const slot = start + 4 + 4 * i;
        writer.set(slot, "u32", writeTable(writer, fields) - slot);
      });
      return;
    }
    default:
      writer.set(at, field.kind, field.value);
  }
}
