/**
 * Streams as samples: a row of T frames gives a window of `frames` consecutive ones at every `hop`-th place, as a network sees them that
 * runs along a recording. Nothing is copied: a window is a run of bytes of its row, read when it is asked for.
 *
 *     windows of a row = floor((T - frames) / hop) + 1        window w = frames w·hop … w·hop + frames - 1
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { elementSizeBytes } from "../tensor/element-type.ts";
import { elementCount } from "../tensor/tensor.ts";
import type { NpyFile } from "./npy-file.ts";

export interface SampleWindow {
  readonly frames: number;
  readonly hop: number;
}

/**
 * The windows of a file [N, T, …], row after row: [N · windows of a row, frames, …], or flattened for an input that is a vector.
 *
 * @param inputShape of the network's input
 * @throws DiagnosticError `sample-window`
 */
export function windowsOf(
  file: NpyFile,
  { frames, hop }: SampleWindow,
  inputShape: readonly number[],
): NpyFile {
  const { header } = file;
  const [rows = 0, length, ...frame] = header.shape;
  const subject = `file "${file.file}"`;
  if (frames < 1 || hop < 1)
    fail("sample-window", `a window of ${frames} frames at every ${hop}th, expected at least 1`);
  if (length === undefined || length < frames)
    fail("sample-window", `rows are [${header.shape.slice(1).join(", ")}], too few for ${frames} frames`, {
      subject,
      help: "give an array of shape [N, T, …], with the frames of each recording along the second axis",
    });
  const perRow = windowsPerRow(length, { frames, hop });
  const frameBytes = elementCount(frame) * elementSizeBytes(header.element);
  const windowBytes = frames * frameBytes;
  const whole = [frames, ...frame];
  const isVector = inputShape.length === 1 || (inputShape.length === 2 && inputShape[0] === 1);
  const shape = [rows * perRow, ...(isVector ? [elementCount(whole)] : whole)];
  return {
    file: file.file,
    sha256: file.sha256,
    header: { ...header, shape },
    // Readers ask for whole samples: see sliceOf.
    read: (offsetBytes, sizeBytes) => {
      const n = (offsetBytes - header.dataOffsetBytes) / windowBytes;
      const [row, place] = [Math.floor(n / perRow), n % perRow];
      return file.read(header.dataOffsetBytes + (row * length + place * hop) * frameBytes, sizeBytes);
    },
  };
}

export const windowsPerRow = (length: number, { frames, hop }: SampleWindow): number =>
  Math.floor((length - frames) / hop) + 1;
