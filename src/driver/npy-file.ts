/** An npy file that is read piece by piece, whatever holds it: bytes in memory, or a file (node/npy-on-disk.ts). */
import { fail } from "../diagnostics/diagnostic.ts";
import { tensorOfBytes } from "../tensor/bytes.ts";
import { npyPrefixBytes, parseNpyHeader, writeNpy, type NpyHeader } from "../tensor/npy.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";
import { elementSizeBytes } from "../tensor/element-type.ts";
import { sha256 } from "./hash.ts";

export interface NpyFile {
  readonly file: string;
  readonly header: NpyHeader;
  readonly read: (offsetBytes: number, sizeBytes: number) => Uint8Array;
  readonly sha256: () => Promise<string>;
}

/** @throws DiagnosticError for what is no npy file, or one that is too short or too long */
export function npyFromBytes(bytes: Uint8Array, file: string): NpyFile {
  const header = checkedHeader(bytes.subarray(0, npyPrefixBytes), bytes.length, file);
  return {
    file,
    header,
    read: (offsetBytes, sizeBytes) => bytes.subarray(offsetBytes, offsetBytes + sizeBytes),
    sha256: () => sha256(bytes),
  };
}

/** Samples that are in memory already: a tensor with N samples along its first axis. The name is for messages and reports. */
export const npyFromTensor = (samples: Tensor, file = "samples.npy"): NpyFile =>
  npyFromBytes(writeNpy(samples), file);

/** The header, once the file's size is what it says. */
export function checkedHeader(prefix: Uint8Array, fileBytes: number, file: string): NpyHeader {
  const header = parseNpyHeader(prefix, file);
  const found = fileBytes - header.dataOffsetBytes;
  const subject = `file "${file}"`;
  if (found < header.dataSizeBytes)
    fail("npy-truncated", `${found} bytes of elements, expected ${header.dataSizeBytes}`, {
      subject,
      help: "write or copy the file again",
    });
  if (found > header.dataSizeBytes)
    fail("npy-trailing", `${found - header.dataSizeBytes} bytes after the elements, expected none`, {
      subject,
      help: "write the file again, with one array in it (numpy.save)",
    });
  return header;
}

/** The n-th slice along the first axis, without that axis. */
export function sliceOf({ header, read }: NpyFile, n: number): Tensor {
  const shape = header.shape.slice(1);
  const sizeBytes = elementCount(shape) * elementSizeBytes(header.element);
  return tensorOfBytes(header.element, shape, read(header.dataOffsetBytes + n * sizeBytes, sizeBytes));
}
