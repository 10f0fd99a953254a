/**
 * numpy's `.npz`: a zip of `.npy` files, named by their keys.
 *
 * The sizes that the zip declares are added up before anything is unpacked, and fflate unpacks each entry into a
 * buffer of its declared size, so a zip bomb costs no more than the limit. Entries that are no `.npy` are ignored.
 * The zip's checksums are not compared.
 */
import { unzipSync, zipSync } from "fflate";
import { DiagnosticError, fail } from "../diagnostics/diagnostic.ts";
import { largestTensorBytes } from "./bytes.ts";
import { parseNpy, writeNpy } from "./npy.ts";
import type { Tensor } from "./tensor.ts";

const mostEntries = 4096;

/** @throws DiagnosticError when it is no zip, is beyond the limits, or holds a bad npy */
export function parseNpz(
  bytes: Uint8Array,
  file: string,
  limitBytes: number = largestTensorBytes,
): Map<string, Tensor> {
  const subject = `file "${file}"`;
  let totalBytes = 0;
  let entries = 0;
  const names = new Set<string>();
  const unzipped = attempt(subject, () =>
    unzipSync(bytes, {
      filter({ name, originalSize, compression }) {
        if (++entries > mostEntries) {
          fail("npz-limit", `more than ${mostEntries} entries in the npz file`, { subject });
        }
        if (!name.endsWith(".npy")) return false;
        if (names.has(name)) fail("npz-duplicate", `two entries are called '${name}'`, { subject });
        names.add(name);
        if (compression !== 0 && compression !== 8) {
          fail("npz-compression", `'${name}' uses the zip compression ${compression}, expected 0 or 8`, {
            subject,
          });
        }
        totalBytes += originalSize;
        if (totalBytes > limitBytes) {
          fail("npz-limit", `the npz file unpacks to more than ${limitBytes} bytes`, { subject });
        }
        return true;
      },
    }),
  );
  return new Map(
    Object.entries(unzipped).map(([name, content]) => [
      name.slice(0, -".npy".length),
      parseNpy(content, `${file}/${name}`),
    ]),
  );
}

/** Writes the tensors uncompressed, in the map's order, with a fixed date: the same tensors give the same bytes. */
export function writeNpz(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const entries = [...tensors].map(([name, value]) => [`${name}.npy`, writeNpy(value)] as const);
  return zipSync(Object.fromEntries(entries), { level: 0, mtime: "1980-01-01T00:00:00" });
}

function attempt<T>(subject: string, unzip: () => T): T {
  try {
    return unzip();
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return fail("npz-zip", `the npz file is no valid zip: ${reason}`, { subject });
  }
}
