/** Diagnostics of texts, drawn: spans, notes, hints. (Which texts are refused: test/filetests/syntax.) */
import { describe, expect, test } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";
import { parseGraph } from "../../src/text/parse.ts";
import { textLimits } from "../../src/text/syntax.ts";

function complaint(text: string): string {
  try {
    parseGraph(text, { file: "net.qir" });
  } catch (error) {
    if (error instanceof DiagnosticError)
      return renderDiagnostics(error.diagnostics, new Map([["net.qir", text]]));
    throw error;
  }
  return "";
}

describe("diagnostics", () => {
  test("a type rule's error points to the operation and to its operands", () => {
    const text = `graph @f(%x: tensor<4xf32>) {
  %h = relu %x : tensor<4xf32>
  %y = relu %h : tensor<5xf32> range [0, 1]
  return %y
}`;
    expect(complaint(text))
      .toBe(`net.qir:3:3: error[result-type]: 'relu' is declared tensor<5xf32> but its operands give tensor<4xf32>
  %y = relu %h : tensor<5xf32> range [0, 1]
  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
  note: operand %h is defined at net.qir:2:3`);
  });

  test("misspelt names get a hint, names used too early a note", () => {
    const text = `graph @f(%input: tensor<4xf32>) {
  %a = rellu %inptu : tensor<4xf32>
  %b = relu %c : tensor<4xf32>
  %c = relu %input : tensor<4xf32>
  return %a
}`;
    expect(complaint(text)).toBe(`net.qir:2:8: error[unknown-operator]: there is no operator 'rellu'
  %a = rellu %inptu : tensor<4xf32>
       ^~~~~
  help: did you mean 'relu'?
net.qir:2:14: error[unknown-value]: there is no value %inptu
  %a = rellu %inptu : tensor<4xf32>
             ^~~~~~
  help: did you mean '%input'?
net.qir:3:13: error[unknown-value]: %c is used before its definition
  %b = relu %c : tensor<4xf32>
            ^~
  note: %c is defined at net.qir:4:3`);
  });

  test("the origin of an operation is its subject", () => {
    const text = `graph @f(%x: tensor<4xf32>) {
  %y = relu %x : tensor<5xf32> loc "net/relu_1"
  return %y
}`;
    expect(complaint(text)).toContain("\n  in net/relu_1\n");
  });

  test("syntax errors say what was found and expected, with \\r\\n too", () => {
    expect(complaint("graph @f() {\r\n  %y =\r\n}")).toBe(
      "net.qir:3:1: error[syntax]: found '}', expected an operator\n  }\n  ^",
    );
    expect(complaint("")).toBe(
      "net.qir:1:1: error[graph-count]: the text has 0 graphs, expected one\n  \n  ^",
    );
    expect(complaint("graph")).toContain("found the end of the text, expected a graph name like @main");
  });

  test("keywords end where words end", () => {
    expect(complaint("graphs @f() { return }")).toContain("found 'graphs'");
    expect(complaint("graph @f(%x: tensor<4xf32>) { return%x }")).toBe("");
    expect(complaint("graph @f(%x: tensor<4xf32> range[0,1]) { return %x }")).toBe("");
  });
});

describe("limits", () => {
  test("a text that is too long is refused before it is parsed", () => {
    expect(complaint(" ".repeat(textLimits.length + 1))).toContain("characters, at most");
  });

  test("brackets in strings and comments are no nesting", () => {
    const brackets = "[".repeat(100);
    const text = `// ${brackets}\ngraph @f(%x: tensor<4xf32>) { %y = relu %x : tensor<4xf32> loc "${brackets}\\"${brackets}" return %y }`;
    expect(complaint(text)).toBe("");
    expect(
      complaint(`graph @f() { %y = constant {value = dense<${brackets}>} : tensor<f32> return }`),
    ).toContain("nested more than 64 deep");
  });
});
