// Servers set no limit to the line of a status or an error, and a script may make it as long as it likes.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";

let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

const repeat = (kind) => `return redis.${kind}_reply(ARGV[1] .. string.rep(ARGV[2], ARGV[3]))`;

for (const protocol of [3, 2])
  test(`statuses and errors of any length, and all others get their own, in RESP${protocol}`, async (t) => {
    const client = createClient({ url: server.url, logger: false, share: false, protocol });
    t.after(() => client.close());
    // Around the lengths at which a line comes in parts, and of characters that chunks cut.
    for (const length of [4_000, 32_767, 32_768, 65_536, 600_000, 5_000_000]) {
      for (const part of ["x", "\u00e9", "\u{1f600}"]) {
        const count = Math.ceil(length / Buffer.byteLength(part));
        const all = await Promise.allSettled([
          client.call("ECHO", "before"),
          client.call("EVAL", repeat("status"), 0, "S", part, count),
          client.call("EVAL", repeat("error"), 0, "MINE ", part, count),
          client.call(
            "EVAL",
            `return { {${JSON.stringify("a")}}, redis.status_reply(ARGV[1]), 3 }`,
            0,
            part.repeat(count),
          ),
          client.call("ECHO", "behind"),
        ]);
        const text = part.repeat(count);
        assert.equal(all[0].value, "before");
        assert.ok(all[1].value === `S${text}`, `status of ${length}`);
        assert.deepEqual([all[2].reason.kind, all[2].reason.code], ["ReplyError", "MINE"]);
        assert.ok(all[2].reason.message === `MINE ${text}`, `error of ${length}`);
        assert.ok(all[3].value[1] === text && all[3].value[2] === 3, `in a list, of ${length}`);
        assert.equal(all[4].value, "behind");
      }
    }
    assert.equal(client.stats().dials, 1);
    assert.ok(client.stats().memoryBytes < 8 << 20);
  });

test("an assertion of a script that repeats its argument ends nobody's connection", async (t) => {
  const client = createClient({ url: server.url, logger: false, share: false });
  t.after(() => client.close());
  for (let i = 0; i < 5; i += 1) {
    const said = client.call("EVAL", "assert(false, ARGV[1])", 0, "y".repeat(100_000));
    const [{ reason }, after] = await Promise.allSettled([said, client.incr("after")]);
    assert.equal(reason.kind, "ReplyError");
    assert.equal(after.value, i + 1);
  }
  assert.equal(client.stats().dials, 1);
});

test("a big number of any length", async (t) => {
  const client = createClient({ url: server.url, logger: false, share: false });
  t.after(() => client.close());
  const script = "redis.setresp(3) return { big_number = '-' .. string.rep('7', 40000) }";
  assert.equal(await client.call("EVAL", script, 0), BigInt(`-${"7".repeat(40_000)}`));
});

test("one that nobody waits for any more is dropped", async (t) => {
  const client = createClient({ url: server.url, logger: false, share: false });
  t.after(() => client.close());
  await client.ping();
  for (let i = 0; i < 20; i += 1) {
    const controller = new AbortController();
    const given = client.with({ signal: controller.signal });
    const long = given.call("EVAL", repeat("error"), 0, "MINE ", "z", 3_000_000).catch(({ name }) => name);
    setTimeout(() => controller.abort(), i);
    const [ended, after] = await Promise.all([long, client.call("ECHO", i)]);
    assert.match(ended, /AbortError|ReplyError/);
    assert.equal(after, String(i));
  }
  assert.equal(client.stats().dials, 1);
});
