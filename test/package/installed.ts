/**
 * An empty project with the package installed: what its users see, without packing and downloading. The sources are transpiled
 * one by one, which takes a second or two and checks no types.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const repository = fileURLToPath(new URL("../../", import.meta.url));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

/** The new project's folder. `tools` are further modules of the repository that it uses. */
export function installedProject(...tools: readonly string[]): string {
  const project = mkdtempSync(join(tmpdir(), "quern-project-"));
  const installed = join(project, "node_modules", "quern");
  const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as Manifest;
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
  put(join(installed, "package.json"), readFileSync(join(repository, "package.json"), "utf8"));
  for (const path of manifest.files)
    if (path !== "dist") cpSync(join(repository, path), join(installed, path), { recursive: true });
  for (const folder of ["src", "passes", "backends"])
    for (const file of readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" }))
      if (file.endsWith(".ts"))
        put(join(installed, "dist", folder, file.replace(/ts$/, "js")), transpile(folder, file));
  for (const module of [...Object.keys(manifest.dependencies), ...tools]) {
    mkdirSync(dirname(join(project, "node_modules", module)), { recursive: true });
    symlinkSync(join(repository, "node_modules", module), join(project, "node_modules", module), "junction");
  }
  return project;
}

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const transpile = (folder: string, file: string): string =>
  ts.transpileModule(readFileSync(join(repository, folder, file), "utf8"), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  }).outputText;
