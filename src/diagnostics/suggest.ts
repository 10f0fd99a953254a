/** "Did you mean …?": the known name closest to a misspelt one. */

/** Graphs have thousands of names; past this many a guess is not worth the time. */
const mostCandidates = 20_000;

/** The known name within a third of the word's length in edits, the first of the closest, or undefined. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.max(1, Math.floor(word.length / 3)) + 1;
  let looked = 0;
  for (const name of known) {
    if (name === "" || name === word) continue;
    if (++looked > mostCandidates) break;
    if (Math.abs(name.length - word.length) >= bestEdits) continue;
    const edits = editDistance(word, name);
    if (edits < bestEdits) [best, bestEdits] = [name, edits];
  }
  return best;
}

/** `{ help: "did you mean 'conv2d'?" }`, or nothing: spread into the details of a diagnostic. */
export function didYouMean(word: string, known: Iterable<string>, prefix = ""): { help?: string } {
  const best = suggest(word, known);
  return best === undefined ? {} : { help: `did you mean '${prefix}${best}'?` };
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let above: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? above[j - 2]! + 1 : Infinity;
      next.push(Math.min(replaced, swapped, row[j]! + 1, next[j - 1]! + 1));
    }
    [above, row] = [row, next];
  }
  return row[b.length]!;
}
