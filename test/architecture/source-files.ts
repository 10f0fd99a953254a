/**
 * The sources as TypeScript's own parser sees them, for tests about what the code may say: comments are no tokens there, and
 * an import is an import however it is written.
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const repository = fileURLToPath(new URL("../../", import.meta.url));

export interface SourceFile {
  /** From the repository's root, with slashes: `src/ops/relu.ts`. */
  readonly path: string;
  readonly syntax: ts.SourceFile;
}

export interface Import {
  /** The path of a file of ours, or a module's name. */
  readonly to: string;
  readonly external: boolean;
  /** Erased when compiled. */
  readonly typeOnly: boolean;
}

/** Every `.ts` file below the folders, in a fixed order. */
export function sourceFiles(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(repository + folder, { recursive: true, encoding: "utf8" })
      .map((file) => `${folder}/${file.replaceAll("\\", "/")}`)
      .filter((path) => path.endsWith(".ts"))
      .toSorted()
      .map((path) => parseSource(path, readFileSync(repository + path, "utf8"))),
  );
}

export const parseSource = (path: string, text: string): SourceFile => ({
  path,
  syntax: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true),
});

export function visitNodes(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => {
    visitNodes(child, visit);
  });
}

/** `path:line`, from 1. */
export const placeOf = ({ path, syntax }: SourceFile, node: ts.Node): string =>
  `${path}:${syntax.getLineAndCharacterOfPosition(node.getStart(syntax)).line + 1}`;

/** Static, dynamic and type imports, and exports from elsewhere. */
export function importsOf({ path, syntax }: SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const external = !specifier.text.startsWith(".");
    const to = external ? specifier.text : posix.join(posix.dirname(path), specifier.text);
    found.push({ to, external, typeOnly });
  };
  visitNodes(syntax, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
  });
  return found;
}

/** `import type …`; under verbatimModuleSyntax, `import { type x }` still loads the module. */
const isTypeOnly = (clause: ts.ImportClause | undefined): boolean =>
  clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
