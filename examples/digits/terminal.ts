/** How the demo prints: emphasis and a status line on a terminal, plain text in a pipe. */

const isTerminal = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const styled = (code: number, text: string): string => (isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text);

export const bold = (text: string): string => styled(1, text);
export const dim = (text: string): string => styled(2, text);

/** 22604 → `22,604`. */
export const grouped = (n: number): string => n.toLocaleString("en-US");

export function milliseconds(timeMs: number): string {
  if (timeMs >= 1000) return `${(timeMs / 1000).toFixed(1)} s`;
  return timeMs >= 1 ? `${timeMs.toFixed(0)} ms` : `${(timeMs * 1000).toFixed(0)} µs`;
}

/** `98.70 % (98.10 – 99.11)`, with Wilson's interval at 95 %. */
export function share({ value, interval }: { value: number; interval: readonly [number, number] }): string {
  const [low, high] = interval.map((end) => (100 * end).toFixed(2));
  return `${(100 * value).toFixed(2)} % ${dim(`(${low} – ${high})`)}`;
}

/** One line that is written over, and wiped when its stage is done. */
export function status(stage: string, done: number, total: number): void {
  if (isTerminal) process.stdout.write(done < total ? `\r${stage} ${done} of ${total}\x1b[K` : "\r\x1b[K");
}
