/** The codes of the diagnostics that `action` throws, "" for none; anything else it throws goes through. */
import { DiagnosticError } from "../../../src/diagnostics/diagnostic.ts";
import type { Diagnostic } from "../../../src/diagnostics/diagnostic.ts";

export function diagnosticsOf(action: () => unknown): readonly Diagnostic[] {
  try {
    action();
    return [];
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
}

export const codesOf = (action: () => unknown): string =>
  diagnosticsOf(action)
    .map(({ code }) => code)
    .join(" ");
