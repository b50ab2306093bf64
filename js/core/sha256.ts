/** SHA-256 (FIPS 180-4), for keys that are too long. Synchronous, which Web Crypto is not, and the same on every runtime. */

/** The first 32 bits of the fraction. */
const fraction = (value: number): number => ((value - Math.floor(value)) * 2 ** 32) | 0;

/** What the rounds add, and the state that they begin with, which is what is asked for: made at first use. */
function constants(): { start: number[]; rounds: number[] } {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return {
    start: primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime))),
    rounds: primes.map((prime) => fraction(Math.cbrt(prime))),
  };
}
let made: ReturnType<typeof constants> | undefined;

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** The hash as 43 characters of base64url. */
export function sha256(message: Uint8Array): string {
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(padded.length - 4, message.length << 3);
  made ??= constants();
  const state = made.start.slice();
  const words = new Int32Array(64);
  for (let at = 0; at < padded.length; at += 64) block(view, at, words, state, made.rounds);
  return base64url(state);
}

function block(view: DataView, at: number, w: Int32Array, state: number[], rounds: number[]): void {
  for (let i = 0; i < 16; i += 1) w[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15] as number;
    const y = w[i - 2] as number;
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i += 1) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (rounds[i] as number) + (w[i] as number)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i] = ((state[i] as number) + value) | 0;
}

function base64url(words: number[]): string {
  let text = "";
  for (let bit = 0; bit < 256; bit += 6) {
    const word = (words[bit >> 5] as number) >>> 0;
    const next = (words[(bit >> 5) + 1] ?? 0) >>> 0;
    const at = bit & 31;
    // The 64 bits of both words hold all six; beyond the end there are zeros.
    const six = at <= 26 ? (word >>> (26 - at)) & 63 : ((word << (at - 26)) | (next >>> (58 - at))) & 63;
    text += digits[six];
  }
  return text;
}
