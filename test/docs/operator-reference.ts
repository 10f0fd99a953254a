/**
 * docs/operators.md out of the operators' own definitions. Which ONNX operators become which is read off the converters' source: a
 * row of a table, with the functions of its file that it leads to, names the definitions that it creates.
 */
import { posix } from "node:path";
import ts from "typescript";
import type { AttributeSpec } from "../../src/ir/attributes.ts";
import type { IntegerForm, OpDefinition } from "../../src/ir/operation.ts";
import type { ConverterRow, ConverterTable } from "../../src/frontends/onnx/converters/converter.ts";
import { formatNumber } from "../../src/numerics/shortest.ts";
import { sourceFiles, visitNodes, type SourceFile } from "../architecture/source-files.ts";

const head = `# Operators

One operation set serves all stages: on \`f32\` an operator is real, on integers with a quantization it is stored
([ir.md](ir.md)). This page is generated from the list, \`src/ops/index.ts\`, by \`npm run docs\`;
[add-an-operator.md](add-an-operator.md) tells how to add to it.

`;

export function operatorReference(operators: readonly OpDefinition[], table: ConverterTable): string {
  const onnx = onnxNames();
  const sections = operators.map((operator) => section(operator, onnx.get(operator.name) ?? []));
  const index = operators.map(({ name }) => `[${name}](#${name})`).join(" · ");
  return `${head}${index}\n\n${onnxTable(operators, onnx, table)}\n${sections.join("\n")}`;
}

/** Every ONNX operator that has a row: operator sets, what it may become, which of that has no integer form, and what else its row says. */
function onnxTable(
  operators: readonly OpDefinition[],
  onnx: ReadonlyMap<string, readonly string[]>,
  table: ConverterTable,
): string {
  const lines = Object.entries(table)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, row]) => {
      const becomes = operators.filter((operator) => onnx.get(operator.name)?.includes(name) === true);
      const links = becomes.map(linkTo).join(", ");
      return `| ${name} | ${operatorSets(name, row)} | ${links || "-"} | ${integersText(becomes, row)} | ${row.remark ?? ""} |`;
    });
  return [
    "## ONNX operators",
    "",
    `Operator sets 1 to ${newestOpset}, each with its own meaning of attributes and inputs. In reals (\`f32\`, and other plain elements where ONNX has`,
    "them) everything here runs in every engine. What is computed of shapes and other known integers needs no operator: it is evaluated when",
    "the model is read. Shapes must be static; RNN, GRU and LSTM are unrolled, so that code grows with the number of steps. Constant means",
    "an initializer, or what is computed of such.",
    "",
    "| ONNX | operator sets | may become | in integers | remarks |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}

/** The newest that the cases of ONNX's own suite are of. */
const newestOpset = 27;

const linkTo = ({ name }: OpDefinition): string => `[${name}](#${name})`;

const operatorSets = (name: string, { since, until }: ConverterRow): string =>
  name.includes("::") ? "its domain's" : `${since}-${until ?? newestOpset}`;

function integersText(becomes: readonly OpDefinition[], { recognizedAs }: ConverterRow): string {
  if (recognizedAs !== undefined) return `as ${linkTo(recognizedAs)}`;
  const without = becomes
    .filter(({ integer, rewrite }) => integer === undefined && rewrite !== undefined)
    .map(({ name }) => name);
  return without.length === 0 ? "yes" : `not where it needs ${without.join(", ")}`;
}

function section(
  { name, doc, operands, attrs, integer, rewrite, example, given }: OpDefinition,
  onnx: string[],
): string {
  const types = Object.entries(given).map(([value, type]) => `// ${value}: ${type}\n`);
  const facts = [
    `**Operands:** ${operands.length === 0 ? "none" : operands.map(operandText).join(", ")}`,
    ...(Object.keys(attrs).length === 0
      ? []
      : [`**Attributes:** ${Object.entries(attrs).map(attributeText).join(", ")}`]),
    `**In integers:** ${integerText(integer, rewrite)}`,
    ...(onnx.length === 0 ? [] : [`**From ONNX:** ${onnx.join(", ")}`]),
  ];
  return [
    `## ${name}`,
    "",
    escaped(doc),
    "",
    `\`\`\`\n${types.join("")}${example}\n\`\`\``,
    "",
    ...facts.map((fact) => `* ${fact}`),
    "",
  ].join("\n");
}

/** What Markdown would read as emphasis or a link. */
const escaped = (doc: string): string =>
  doc
    .split("\n")
    .map((line) => line.replaceAll(/[*_[\]<>|]/g, "\\$&"))
    .join("\\\n");

const operandText = (operand: string): string => {
  if (operand.endsWith("?")) return `\`${operand.slice(0, -1)}\` (may be absent)`;
  return operand.endsWith("*") ? `\`${operand.slice(0, -1)}\` (any number)` : `\`${operand}\``;
};

function attributeText([name, { kind, length, choices, default: fallback }]: [
  string,
  AttributeSpec,
]): string {
  const plural = kind === "ints" || kind === "floats";
  const type = choices === undefined ? kindTexts[kind] : choices.map((word) => `"${word}"`).join(" or ");
  const count = plural && length !== undefined ? `${length} ` : "";
  return `\`${name}\` (${count}${type}${fallback === undefined ? "" : `; ${valueText(fallback)} unless given`})`;
}

const kindTexts: Readonly<Record<AttributeSpec["kind"], string>> = {
  int: "integer",
  ints: "integers",
  float: "number",
  floats: "numbers",
  string: "text",
  bool: "true or false",
  tensor: "tensor",
};

function valueText(value: NonNullable<AttributeSpec["default"]>): string {
  if (typeof value === "number") return formatNumber(value);
  if (typeof value !== "object") return String(value);
  return "element" in value ? "a tensor" : `[${value.join(", ")}]`;
}

function integerText(form: IntegerForm | undefined, rewrite: string | undefined): string {
  switch (form?.kind) {
    case undefined:
      return rewrite === undefined ? "no form of its own" : `no form of its own: ${rewrite}`;
    case "accumulator": {
      const { weight, bias } = form;
      const parts = [
        ...(weight === undefined ? [] : [`\`${weight}\` symmetric i8 with a scale per output channel`]),
        ...(bias === undefined ? [] : [`\`${bias}\` i32 at the accumulator's scale`]),
      ];
      return `gives an i32 accumulator that a requantization brings back to i8${parts.length === 0 ? "" : `; ${parts.join(", ")}`}`;
    }
    case "same":
      return "works on the stored integers as they are; result and operands share one quantization";
    case "plain":
      return "works on the stored integers as they are, of one quantization; the result means itself";
    case "clamp":
      return "the clamp of the requantization that feeds it";
    case "table":
      return `a table of 256 entries${form.result === undefined ? "" : `, whose result has ${quantizationText(form.result)}`}`;
    case "wide":
      return "what its operand is, in 16 bits";
    case "fixed":
      return `stored integers in, and out with ${quantizationText(form.result)}`;
    case "rescaled":
      return `each operand is rescaled into the result's scale: [${form.stored.name}](#${form.stored.name}), or as TensorFlow Lite does: [${form.aligned.name}](#${form.aligned.name})`;
  }
}

const quantizationText = ({
  scale,
  zero,
}: {
  readonly scale: readonly number[];
  readonly zero: readonly number[];
}) => `scale ${formatNumber(scale[0]!)} and zero point ${zero[0]!}`;

/** By operator: the ONNX operators whose conversion may create it, sorted. */
function onnxNames(): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  const definitions = operatorNames();
  for (const file of sourceFiles(converters))
    for (const { onnx, row } of rowsOf(file))
      for (const name of namesReached(file, row, new Set())) {
        const operator = definitions.get(name);
        if (operator !== undefined) found.set(operator, (found.get(operator) ?? new Set()).add(onnx));
      }
  return new Map([...found].map(([operator, names]) => [operator, [...names].toSorted()]));
}

const converters = "src/frontends/onnx/converters";

/** What a node's view creates itself. */
const viewMethods: Readonly<Record<string, string>> = {
  reshape: "src/ops/reshape.ts#reshape",
  transpose: "src/ops/transpose.ts#transpose",
};

/** What the words of terms.ts create, as `t.plus(…)` in a formula. */
function termMethods(): Map<string, string[]> {
  const file = sourceFiles(converters).find(({ path }) => path.endsWith("/terms.ts"))!;
  const methods = new Map<string, string[]>();
  visitNodes(file.syntax, (node) => {
    if (!ts.isReturnStatement(node) || node.expression === undefined) return;
    if (!ts.isObjectLiteralExpression(node.expression)) return;
    for (const property of node.expression.properties) {
      const name = property.name?.getText(file.syntax);
      if (name !== undefined) methods.set(name, namesReached(file, property, new Set()));
    }
  });
  return methods;
}

const isTerms = (expression: string): boolean =>
  expression === "t" || expression === "terms" || expression.startsWith("termsOf(");

/** `src/ops/avg-pool.ts#avgPool` → `avg_pool`. */
function operatorNames(): Map<string, string> {
  const names = new Map<string, string>();
  for (const { path, syntax } of sourceFiles("src/ops"))
    visitNodes(syntax, (node) => {
      if (!ts.isVariableDeclaration(node) || !ts.isIdentifier(node.name) || node.initializer === undefined)
        return;
      const name = /^\w+\(\s*(?:\{\s*name: )?"(\w+)"/.exec(node.initializer.getText(syntax))?.[1];
      if (name !== undefined) names.set(`${path}#${node.name.text}`, name);
    });
  return names;
}

/** The rows of the tables in a file: properties of what is declared a ConverterTable. */
function rowsOf({ syntax }: SourceFile): { onnx: string; row: ts.Node }[] {
  const rows: { onnx: string; row: ts.Node }[] = [];
  visitNodes(syntax, (node) => {
    if (!ts.isVariableDeclaration(node) || node.type?.getText(syntax) !== "ConverterTable") return;
    if (node.initializer === undefined || !ts.isObjectLiteralExpression(node.initializer)) return;
    for (const property of node.initializer.properties) {
      const name = property.name;
      if (name === undefined || !(ts.isIdentifier(name) || ts.isStringLiteral(name))) continue;
      rows.push({ onnx: name.text, row: property });
    }
  });
  return rows;
}

let termWords: Map<string, string[]> | undefined;
const words = (): Map<string, string[]> => (termWords ??= termMethods());

/**
 * `FILE#NAME` of every definition of src/ops that is named in a node of the syntax tree or in the functions it leads to, in this
 * file and, for conversions that have a file of their own (`convertX`), in others.
 */
function namesReached(file: SourceFile, node: ts.Node, seen: Set<string>): string[] {
  const declarations = functionsOf(file);
  const found: string[] = [];
  visitNodes(node, (inner) => {
    if (!ts.isIdentifier(inner)) return;
    const { text, parent } = inner;
    if (ts.isPropertyAccessExpression(parent) && parent.name === inner) {
      const receiver = parent.expression.getText(file.syntax);
      const created = receiver === "node" ? viewMethods[text] : undefined;
      if (created !== undefined) found.push(created);
      if (isTerms(receiver)) found.push(...(words().get(text) ?? []));
      return;
    }
    if (seen.has(`${file.path}#${text}`)) return;
    seen.add(`${file.path}#${text}`);
    const imported = importOf(file, text);
    if (imported?.startsWith("src/ops/") === true) found.push(imported);
    const declared = declarations.get(text);
    if (declared !== undefined) found.push(...namesReached(file, declared, seen));
    const [path, name = ""] = imported?.split("#") ?? [];
    const other = name.startsWith("convert")
      ? sourceFiles(converters).find((f) => f.path === path)
      : undefined;
    const elsewhere = other && functionsOf(other).get(name);
    if (elsewhere !== undefined) found.push(...namesReached(other!, elsewhere, seen));
  });
  return found;
}

/** What a file declares at its top, tables aside: a table's name may also be a variable's. */
function functionsOf({ syntax }: SourceFile): Map<string, ts.Node> {
  const declarations = new Map<string, ts.Node>();
  for (const statement of syntax.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name !== undefined)
      declarations.set(statement.name.text, statement);
    if (ts.isVariableStatement(statement))
      for (const declaration of statement.declarationList.declarations)
        if (ts.isIdentifier(declaration.name) && declaration.type?.getText(syntax) !== "ConverterTable")
          declarations.set(declaration.name.text, declaration);
  }
  return declarations;
}

/** `FILE#NAME` of an identifier imported from a file of ours. */
function importOf({ path, syntax }: SourceFile, identifier: string): string | undefined {
  for (const statement of syntax.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    for (const { name, propertyName } of bindings.elements)
      if (name.text === identifier)
        return `${posix.join(posix.dirname(path), statement.moduleSpecifier.text)}#${(propertyName ?? name).text}`;
  }
  return undefined;
}
