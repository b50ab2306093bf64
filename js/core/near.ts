/** Which word was meant. */

/** Edits that a word may be away from what was meant, and no more than half of its letters. */
const MOST = 2;

/** Of some words the one that was meant by another, whatever its case; undefined when it is like none of them. */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  const given = word.toLowerCase();
  let [best, least] = [undefined as string | undefined, Number.POSITIVE_INFINITY];
  for (const candidate of words) {
    const distance = distanceOf(given, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Names an option that there is not, and the one that was meant. Data that came in a name's place is not repeated. */
export function unknownOption(name: string, names: Iterable<string>, prefix = ""): string {
  const near = nearest(name, names);
  const shown = /^\w{1,40}$/.test(name) ? name : "?";
  return `unknown option ${prefix}${shown}${near === undefined ? "" : `; did you mean ${prefix}${near}?`}`;
}

function distanceOf(a: string, b: string): number {
  const edits = editsBetween(a, b);
  if (edits <= MOST && 2 * edits <= Math.max(a.length, b.length)) return edits;
  // Of those that one holds the other of, the longest shared part is the nearest.
  const shared = Math.min(a.length, b.length);
  return shared > 2 && (a.includes(b) || b.includes(a)) ? MOST + 1 / shared : Number.POSITIVE_INFINITY;
}

/** Letters to insert, delete, replace, or swap with the next one. */
function editsBetween(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const replaced = (row[j - 1] as number) + (isSame ? 0 : 1);
      let edits = Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      if (!isSame && i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, (before[j - 2] as number) + 1);
      next.push(edits);
    }
    [before, row] = [row, next];
  }
  return row[b.length] as number;
}
