/** Tables for a terminal: columns as wide as their widest cell, numbers to the right. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const isNumber = head.map((_, column) =>
    rows.every((row) => /^[-–\d]/.test(row[column] ?? "") || row[column] === ""),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (isNumber[i] === true ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((w) => "-".repeat(w))), ...rows.map(line)].join("\n");
}

/** 22604 → `22,604`. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** 24576 → `24.0 KiB`. */
export const kibibytes = (sizeBytes: number): string => `${(sizeBytes / 1024).toFixed(1)} KiB`;

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
