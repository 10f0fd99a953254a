/** Numbers as readers of a report want them; the same on every machine, so nothing follows a locale. */

/** 22604 → `22,604`. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** 532 → `532 B`, 24576 → `24.0 KiB`. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count % 1024 === 0 && count < 1024 * 1024) return `${count / 1024} KiB`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1024 / 1024).toFixed(2)} MiB`;
}

/** 2656768 → `2.66 M`. */
export function short(n: number): string {
  if (n < 10_000) return grouped(n);
  return n < 1e6
    ? `${(n / 1e3).toFixed(1)} k`
    : n < 1e9
      ? `${(n / 1e6).toFixed(2)} M`
      : `${(n / 1e9).toFixed(2)} G`;
}

/** Three significant digits, without an exponent where that is short. */
export function significant(x: number): string {
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size < 1e-4 || size >= 1e6) return x.toExponential(2).replace("+", "");
  return String(Number(x.toPrecision(3)));
}

export const decibels = (db: number | null | undefined): string =>
  db === undefined ? "" : db === null ? "exact" : db.toFixed(1);

export function percent(share: number): string {
  if (share === 0) return "0 %";
  return share < 0.0001 ? "< 0.01 %" : `${(100 * share).toFixed(2)} %`;
}

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${grouped(n)} ${n === 1 ? one : many}`;

/** `1×25×5×64`; one number for a vector. */
export const shape = (extents: readonly number[]): string =>
  extents.length === 0 ? "scalar" : extents.join("×");
