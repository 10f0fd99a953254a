/** A bar on a terminal, nothing in a pipe. It stands on standard error, so that output can be piped away meanwhile. */

export interface Progress {
  readonly report: (stage: string, done: number, total: number) => void;
  /** Wipes the bar. */
  readonly clear: () => void;
}

const width = 30;
const leastIntervalMs = 50;

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { report: () => undefined, clear: () => undefined };
  let shownAtMs = 0;
  return {
    report(stage, done, total) {
      const nowMs = performance.now();
      if (done < total && nowMs - shownAtMs < leastIntervalMs) return;
      shownAtMs = nowMs;
      const filled = Math.round((width * done) / Math.max(1, total));
      stream.write(`\r${stage} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${done}/${total}\x1b[K`);
      if (done >= total) stream.write("\r\x1b[K");
    },
    clear() {
      stream.write("\r\x1b[K");
    },
  };
}
