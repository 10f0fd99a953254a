/** Files as the driver wants them; what goes wrong is the user's to know, as a diagnostic. */
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { diagnostic, DiagnosticError, fail } from "../../diagnostics/diagnostic.ts";
import { npyPrefixBytes } from "../../tensor/npy.ts";
import { checkedHeader, type NpyFile } from "../npy-file.ts";
import { extensionOf, safetensorsBeside, type ModelOptions, type ModelSource } from "../model.ts";
import { openBundle, parseReport, reportFile, type Bundle } from "../bundle.ts";
import { parseRanges } from "../ranges.ts";
import { given } from "./given.ts";

/** Larger model files are refused before memory is spent. */
const largestFileBytes = 2 ** 31;

/** @throws DiagnosticError `no-file`, `not-a-file`, `file-size`, `file-access` */
export function readBytes(path: string): Uint8Array {
  return access(path, () => {
    const { size } = statSync(path);
    if (size > largestFileBytes)
      fail("file-size", `'${path}' has ${size} bytes, expected at most ${largestFileBytes}`);
    return readFileSync(path);
  });
}

/** @throws DiagnosticError as `readBytes` and `parseRanges` do */
export const readRanges = (path: string): ReturnType<typeof parseRanges> =>
  parseRanges(new TextDecoder().decode(readBytes(path)), path);

/** An npy file that is read a sample at a time; it stays open until the process ends. */
export function npyOnDisk(path: string): NpyFile {
  return access(path, () => {
    const handle = openSync(path, "r");
    try {
      const { size } = fstatSync(handle);
      const read = (offsetBytes: number, sizeBytes: number): Uint8Array => {
        const bytes = new Uint8Array(sizeBytes);
        let done = 0;
        while (done < sizeBytes) {
          const found = readSync(handle, bytes, done, sizeBytes - done, offsetBytes + done);
          if (found === 0) fail("npy-truncated", `'${path}' became shorter while it was read`);
          done += found;
        }
        return bytes;
      };
      const header = checkedHeader(read(0, Math.min(size, npyPrefixBytes)), size, path);
      return { file: path, header, read, sha256: () => hashFile(path) };
    } catch (error) {
      closeSync(handle);
      throw error;
    }
  });
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** A model file, with the tensors beside a text. */
export function readModel(path: string, { shape, fix, state }: ModelOptions = {}): ModelSource {
  const beside = safetensorsBeside(path);
  const hasTensors = extensionOf(path) === "qir" && existsSync(beside);
  return {
    file: path,
    bytes: readBytes(path),
    ...given({
      externals: hasTensors ? readBytes(beside) : undefined,
      shapes: shape,
      fixed: fix,
      states: state,
    }),
  };
}

export const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** A folder that `compile` wrote; of other folders nothing but `report.json` is read. */
export function readBundle(folder: string): Bundle {
  const files = new Map<string, Uint8Array>();
  const take = (name: string): void => {
    const path = join(folder, name);
    if (existsSync(path)) files.set(name, readBytes(path));
  };
  take(reportFile);
  const report = parseReport(new TextDecoder().decode(files.get(reportFile) ?? new Uint8Array()));
  const name = report?.name ?? "";
  if (/^\w+$/.test(name))
    for (const extension of ["qir", "safetensors", "c", "h", "wasm", "mjs", "d.mts", "d.ts"])
      take(`${name}.${extension}`);
  return openBundle(folder, files);
}

/** Turns the operating system's errors into diagnostics. */
export function access<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof DiagnosticError || typeof code !== "string" || !/^E[A-Z]+$/.test(code)) throw error;
    throw new DiagnosticError([accessDiagnostic(path, code, error as Error)]);
  }
}

function accessDiagnostic(path: string, code: string, error: Error) {
  if (code === "ENOENT")
    return diagnostic("error", "no-file", `'${path}' does not exist`, { help: "check the path" });
  if (code === "EISDIR")
    return diagnostic("error", "not-a-file", `'${path}' is a folder, expected a file`, {
      help: "give a file of that folder",
    });
  return diagnostic("error", "file-access", `'${path}' cannot be accessed: ${error.message}`);
}
