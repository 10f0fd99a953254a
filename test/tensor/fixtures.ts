/** What the tests of the three file formats share. */
import fc from "fast-check";
import { expect } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { elementSizeBytes, wholeElementTypes } from "../../src/tensor/element-type.ts";
import { tensorOfBytes } from "../../src/tensor/bytes.ts";
import { elementCount } from "../../src/tensor/tensor.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** Tensors of every type that files have, with random bytes (bools 0 or 1), NaN payloads included. */
export const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...wholeElementTypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
  .chain(([element, shape]) => {
    const sizeBytes = elementCount(shape) * elementSizeBytes(element);
    const max = element === "bool" ? 1 : 255;
    return fc
      .uint8Array({ minLength: sizeBytes, maxLength: sizeBytes, max })
      .map((bytes) => tensorOfBytes(element, shape, bytes));
  });

/** The codes of the diagnostics that `act` throws; anything else it throws fails the test. */
export function codesOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    for (const { message, help } of error.diagnostics) {
      expect(message).not.toMatch(/\.$|^[A-Z]/);
      expect(help ?? "").not.toMatch(/\.$|^[A-Z]/);
    }
    return error.diagnostics.map((d) => d.code);
  }
  return [];
}

/** The tensor, compared by its bytes, since NaN payloads matter. */
export function contentsOf(t: Tensor): unknown {
  const { buffer, byteOffset, byteLength } = t.data;
  return { element: t.element, shape: t.shape, bytes: [...new Uint8Array(buffer, byteOffset, byteLength)] };
}
