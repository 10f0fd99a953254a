/** A cursor over a WebAssembly binary: bytes and LEB128 integers, every read checked against the end. */
export class ByteReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.at];
    if (value === undefined) throw this.fault("the end of the module");
    this.at++;
    return value;
  }

  skip(sizeBytes: number): void {
    if (this.at + sizeBytes > this.#bytes.length) throw this.fault("the end of the module");
    this.at += sizeBytes;
  }

  u32Little(): number {
    return this.byte() + this.byte() * 2 ** 8 + this.byte() * 2 ** 16 + this.byte() * 2 ** 24;
  }

  /** An unsigned LEB128 integer. Signed ones have the same length, so that this also skips them; beyond 2^53 the value is rounded. */
  unsigned(): number {
    let value = 0;
    for (let place = 1; ; place *= 2 ** 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * place;
      if (byte < 0x80) return value;
    }
  }

  fault(what: string): Error {
    return new Error(`internal: wasm: the reader met ${what} at byte ${this.at}`);
  }
}
