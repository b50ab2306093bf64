// A tick's commands go over in pieces. Wherever the pieces end, every command arrives whole and every reply finds its owner.
// SEED repeats a run.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/** xorshift32: numbers below `limit`. */
function numbers(state) {
  let x = state | 1;
  return (limit) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % limit;
  };
}

const alphabets = ["a", "äß", "日本語", "🙂", "\ud800", "x\n", "\0"];

test(`ticks of all sizes arrive whole (SEED=${seed})`, async (t) => {
  const server = await startRedis();
  const client = createClient({ url: server.url, logger: false, timeouts: { command: "60s", connect: "60s" } });
  t.after(async () => {
    await client.close();
    await server.stop();
  });
  await client.ping();
  const below = numbers(seed);
  const lengths = [0, 1, 5, 30, 255, 256, 257, 1_000, 16_384, 16_385];
  const text = () => {
    const alphabet = alphabets[below(alphabets.length)];
    return alphabet.repeat(1 + below(lengths[below(below(20) === 0 ? lengths.length : 6)] + 1));
  };
  const bytes = () => Uint8Array.from({ length: lengths[below(7)] }, () => below(256));
  const wellFormed = (value) =>
    typeof value === "string" ? (value.toWellFormed?.() ?? Buffer.from(value).toString()) : value;
  for (let round = 0; round < 8; round += 1) {
    // The short path of `get` ends pieces in a way of its own: some rounds go without it.
    const kinds = round % 2 === 0 ? 3 : 6;
    const expected = [];
    const replies = [];
    for (let i = 0, count = 1_000 + below(6_000); i < count; i += 1) {
      const kind = below(kinds);
      if (kind === 0) {
        const values = Array.from({ length: below(40) }, text);
        replies.push(client.call("EVAL", "return ARGV", 0, ...values));
        expected.push(values.map(wellFormed));
      } else if (kind === 1) {
        const value = bytes();
        replies.push(client.bytes.call("ECHO", value).then((reply) => Buffer.from(reply).toString("hex")));
        expected.push(Buffer.from(value).toString("hex"));
      } else if (kind === 2) {
        replies.push(client.set(`k${i}`, i));
        expected.push("OK");
      } else if (kind === 3) {
        replies.push(client.get(`none ${i}`));
        expected.push(null);
      } else {
        const value = text();
        replies.push(client.call("ECHO", value));
        expected.push(wellFormed(value));
      }
    }
    assert.deepEqual(await Promise.all(replies), expected, `round ${round}`);
  }
  assert.equal(client.stats().dials, 1);
});
