/**
 * An output folder appears whole or not at all: files go into a temporary sibling, which then takes the folder's name. An
 * earlier folder is replaced only when quern wrote it, for its contents are lost.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fail } from "../../diagnostics/diagnostic.ts";
import { parseReport, reportFile } from "../bundle.ts";
import { access, isFolder } from "./files.ts";

/** @throws DiagnosticError `output-exists` before any work is done for nothing */
export function checkOutputFolder(folder: string, force: boolean): void {
  const path = resolve(folder);
  if (!existsSync(path)) return;
  if (!isFolder(path))
    fail("output-exists", `'${folder}' is a file, expected a folder or nothing`, {
      help: "give another folder with --out",
    });
  const inside = relative(path, process.cwd());
  if (inside === "" || !inside.startsWith(".."))
    fail("output-exists", `'${folder}' holds the current folder and cannot be replaced`, {
      help: "give a folder of its own with --out",
    });
  if (force || isOurs(path)) return;
  fail("output-exists", `'${folder}' exists and was not written by quern`, {
    help: "give another folder with --out, or replace it and all it holds with --force",
  });
}

function isOurs(path: string): boolean {
  if (readdirSync(path).length === 0) return true;
  const report = join(path, reportFile);
  return existsSync(report) && parseReport(readFileSync(report, "utf8")) !== undefined;
}

export function writeOutputFolder(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  force: boolean,
): void {
  checkOutputFolder(folder, force);
  const path = resolve(folder);
  prepareParent(folder, dirname(path));
  access(folder, () => {
    const made = mkdtempSync(join(dirname(path), `.${basename(path)}-quern-`));
    const fresh = join(made, "new");
    try {
      for (const [name, bytes] of files) {
        mkdirSync(dirname(join(fresh, name)), { recursive: true });
        writeFileSync(join(fresh, name), bytes);
      }
      if (existsSync(path)) renameSync(path, join(made, "old"));
      try {
        renameSync(fresh, path);
      } catch (error) {
        if (existsSync(join(made, "old"))) renameSync(join(made, "old"), path);
        throw error;
      }
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  });
}

/** @throws DiagnosticError `output-folder` */
function prepareParent(folder: string, parent: string): void {
  try {
    makeFolders(parent);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
    cannotBeMade(folder);
  }
  if (!isFolder(parent)) cannotBeMade(folder);
}

const cannotBeMade = (folder: string): never =>
  fail("output-folder", `'${folder}' cannot be made there`, {
    help: "give a folder with --out that may be written",
  });

/** One by one: where a file system refuses new folders with "no such file" (/proc), Node's `recursive` never returns. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  mkdirSync(path);
}

/** One file, whole or not at all. */
export function writeOutputFile(file: string, bytes: Uint8Array | string): void {
  const path = resolve(file);
  access(file, () => {
    if (isFolder(path)) fail("output-exists", `'${file}' is a folder, expected a file`);
    makeFolders(dirname(path));
    const made = mkdtempSync(join(dirname(path), `.${basename(path)}-quern-`));
    try {
      writeFileSync(join(made, "new"), bytes);
      renameSync(join(made, "new"), path);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  });
}
