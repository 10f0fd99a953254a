/**
 * The name a user may have meant: of the candidates within a small edit distance (insert, delete, replace; about a
 * fifth of the length, at most 3), the nearest, the first of equals. Only distances up to that bound are computed,
 * in a band around the diagonal, and only so many candidates are looked at, because graphs have thousands of names.
 */

const maxCandidates = 20_000;

/** The edit distance of two texts, or `bound + 1` if it is larger than `bound`. */
export function editDistance(left: string, right: string, bound: number): number {
  if (Math.abs(left.length - right.length) > bound) return bound + 1;
  let above = Array.from({ length: right.length + 1 }, (_, column) => Math.min(column, bound + 1));
  for (let row = 1; row <= left.length; row++) {
    const first = Math.max(1, row - bound);
    const last = Math.min(right.length, row + bound);
    const current = new Array<number>(right.length + 1).fill(bound + 1);
    if (row <= bound) current[0] = row;
    let least = current[0]!;
    for (let column = first; column <= last; column++) {
      const replace = above[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      const distance = Math.min(replace, above[column]! + 1, current[column - 1]! + 1, bound + 1);
      current[column] = distance;
      least = Math.min(least, distance);
    }
    if (least > bound) return bound + 1;
    above = current;
  }
  return above[right.length]!;
}

/** The candidate nearest to `name`, or `undefined` if none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let bound = Math.min(3, Math.max(1, Math.floor(name.length / 5)));
  let nearest: string | undefined;
  let looked = 0;
  for (const candidate of candidates) {
    if (candidate === "" || candidate === name) continue;
    if (++looked > maxCandidates) break;
    const distance = editDistance(name, candidate, bound);
    if (distance > bound) continue;
    nearest = candidate;
    bound = distance - 1;
    if (bound === 0) break;
  }
  return nearest;
}
