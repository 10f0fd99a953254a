import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { DiagnosticError, diagnostic, fail } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostic, renderDiagnostics } from "../../src/diagnostics/render.ts";

const source = [
  "graph @f {",
  "  %q = requantize %acc {",
  "\t\tmultiplier = [1]",
  "  } : tensor<4xi8, 1:0>",
  "}",
].join("\n");
const sources = new Map([["net.qir", source]]);

function at(line: number, column: number, endLine?: number, endColumn?: number): Diagnostic {
  const end = endLine === undefined || endColumn === undefined ? {} : { endLine, endColumn };
  return diagnostic("error", "some-code", "a message", { span: { file: "net.qir", line, column, ...end } });
}

describe("renderDiagnostic", () => {
  test("the whole form: location, line, carets, notes, help", () => {
    const d = diagnostic("error", "requantize-ratio", "'requantize' rescales channel 0 by 0.00249998", {
      span: { file: "net.qir", line: 2, column: 3, endLine: 2, endColumn: 25 },
      notes: [
        { message: "its types require 0.0001 / 0.04 = 0.0025" },
        { message: "operand %acc is defined", span: { file: "net.qir", line: 1, column: 7 } },
      ],
      help: "run the pass 'requantize'",
    });
    expect(renderDiagnostic(d, sources)).toBe(
      [
        "net.qir:2:3: error[requantize-ratio]: 'requantize' rescales channel 0 by 0.00249998",
        "  %q = requantize %acc {",
        "  ^~~~~~~~~~~~~~~~~~~~~~",
        "  note: its types require 0.0001 / 0.04 = 0.0025",
        "  note: operand %acc is defined at net.qir:1:7",
        "  help: run the pass 'requantize'",
      ].join("\n"),
    );
  });

  test("without a span, the subject says where", () => {
    const d = diagnostic("warning", "onnx-shape", "'Conv' has 3 channels, expected 4", {
      subject: 'node "Conv_3" (Conv) of graph "main"',
    });
    expect(renderDiagnostic(d)).toBe(
      `warning[onnx-shape]: 'Conv' has 3 channels, expected 4\n  in node "Conv_3" (Conv) of graph "main"`,
    );
  });

  test.each([
    ["one caret without an end", at(2, 8), "%q = requantize %acc {", "     ^"],
    ["a word", at(2, 8, 2, 18), "%q = requantize %acc {", "     ^~~~~~~~~~"],
    ["an empty span", at(2, 8, 2, 8), "%q = requantize %acc {", "     ^"],
    [
      "several lines: to the end of the first",
      at(2, 20, 4, 4),
      "%q = requantize %acc {",
      `${" ".repeat(17)}^~~~~`,
    ],
    ["past the end of the line", at(1, 99, 1, 120), "graph @f {", "          ^"],
    ["indented by tabs", at(3, 3, 3, 13), "multiplier = [1]", "^~~~~~~~~~"],
    ["inside the indentation", at(2, 1, 2, 5), "  %q = requantize %acc {", "^~~~"],
  ])("%s", (_, d, line, carets) => {
    expect(renderDiagnostic(d, sources).split("\n").slice(1)).toEqual([`  ${line}`, `  ${carets}`]);
  });

  test("no excerpt without the text or the line", () => {
    const header = "net.qir:9:1: error[some-code]: a message";
    expect(renderDiagnostic(at(9, 1), sources)).toBe(header);
    expect(renderDiagnostic(at(9, 1))).toBe(header);
    expect(renderDiagnostic(at(9, 1), new Map([["other.qir", source]]))).toBe(header);
  });

  test("of a long line, the part around the caret", () => {
    const line = `${"a".repeat(500)}HERE${"b".repeat(500)}`;
    const d = at(1, 501, 1, 505);
    const [, shown, carets] = renderDiagnostic(d, new Map([["net.qir", line]])).split("\n") as [
      string,
      string,
      string,
    ];
    expect(shown.length).toBeLessThan(170);
    expect(shown.slice(carets.indexOf("^"), carets.length)).toBe("HERE");
    expect(carets.trim()).toBe("^~~~");
  });

  test("a span longer than the excerpt is cut with it", () => {
    const line = "x".repeat(5000);
    const [, shown, carets] = renderDiagnostic(at(1, 1, 1, 5001), new Map([["net.qir", line]])).split("\n");
    expect(shown).toBe(`  ${"x".repeat(160)}…`);
    expect(carets).toBe(`  ^${"~".repeat(159)}`);
  });

  test("control characters do not reach the terminal", () => {
    const d = diagnostic("error", "c", "name \u001b[31m\n", { subject: 'node "\u0007"', help: "\r" });
    expect(renderDiagnostic(d)).toBe('error[c]: name \\x1b[31m\\x0a\n  in node "\\x07"\n  help: \\x0d');
  });

  test("several, one after the other", () => {
    expect(renderDiagnostics([at(9, 1), at(8, 2)])).toBe(
      "net.qir:9:1: error[some-code]: a message\nnet.qir:8:2: error[some-code]: a message",
    );
  });
});

describe("DiagnosticError", () => {
  test("fail throws one error with its details", () => {
    let caught: unknown;
    try {
      fail("some-code", "a message", { help: "do this" });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(DiagnosticError);
    expect((caught as DiagnosticError).diagnostics).toEqual([
      { code: "some-code", severity: "error", message: "a message", notes: [], help: "do this" },
    ]);
    expect((caught as DiagnosticError).message).toBe("error[some-code]: a message");
  });

  test("holds several, but not none", () => {
    const error = new DiagnosticError([at(1, 1), diagnostic("warning", "w", "more")]);
    expect(error.message).toBe("error[some-code]: a message\nwarning[w]: more");
    expect(() => new DiagnosticError([])).toThrow("internal");
  });
});
