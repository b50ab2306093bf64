/** What no other process gives either. Nothing is drawn before there is a use for it: an import must draw no random number. */

let seed: string | undefined;
let given = 0;

/** A text that no other call gives. */
export function unique(): string {
  seed ??= Array.from(crypto.getRandomValues(new Uint32Array(3)), (word) => word.toString(36)).join("");
  given += 1;
  return `${seed}.${given.toString(36)}`;
}

const words = new Uint32Array(128);
let next = words.length;

/**
 * A generation, of 53 random bits. Generations are only ever compared for equality, so one that is removed and made anew is
 * another one, whatever the clocks of servers do.
 */
export function newGeneration(): string {
  if (next === words.length) {
    crypto.getRandomValues(words);
    next = 0;
  }
  const high = (words[next] as number) & 0x1fffff;
  const low = words[next + 1] as number;
  next += 2;
  return `${high * 2 ** 32 + low}`;
}
