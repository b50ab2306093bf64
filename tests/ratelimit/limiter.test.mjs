// A limiter beside a server that is well: what is asked and what is told.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { RateLimit } from "edgis/ratelimit";
import { startRedis } from "edgis/testing";
import { binaries } from "../cache/servers.mjs";
import { caught } from "../faults/scene.mjs";

const server = await startRedis();
const redis = createClient(server.url);
test.after(async () => {
  await redis.close();
  await server.stop();
});

let names = 0;
/** A limiter of a name that no other test has. */
const limiter = (options, client = redis) => new RateLimit(client, { name: `test${++names}`, ...options });

const times = (count, act) => Promise.all(Array.from({ length: count }, (_, index) => act(index)));
const allowed = (decisions) => decisions.filter((decision) => decision.allowed).length;

for (const algorithm of ["sliding", "fixed", "bucket"]) {
  test(`${algorithm}: so many are allowed, then none until it is said, then again`, async () => {
    const limits = limiter({ algorithm, limit: 3, window: "600ms" });
    const decisions = [];
    for (let i = 0; i < 5; i += 1) decisions.push(await limits.limit("ada"));
    assert.deepEqual(
      decisions.map((decision) => [decision.allowed, decision.remaining, decision.decidedBy]),
      [
        [true, 2, "redis"],
        [true, 1, "redis"],
        [true, 0, "redis"],
        [false, 0, "redis"],
        [false, 0, "redis"],
      ],
    );
    const { retryAfter, resetAfter, resetAt, limit, rule } = decisions[3];
    assert.ok(retryAfter > 0 && retryAfter <= 1200 && resetAfter >= retryAfter, `${retryAfter} of ${resetAfter}`);
    assert.ok(Math.abs(resetAt - Date.now() - resetAfter) < 1000);
    assert.deepEqual([limit, rule], [3, `test${names}`]);
    assert.equal((await limits.limit("grace")).remaining, 2, "another's");
    await sleep(retryAfter + 5);
    assert.equal((await limits.limit("ada")).allowed, true);
  });
}

test("the calls of a tick are one question, in the order of the calls", async () => {
  const limits = limiter({ limit: 5, window: "1m", algorithm: "bucket" });
  await limits.limit("warm");
  const { writes } = redis.stats();
  const before = limits.stats().questions;
  const [ada, grace] = await Promise.all([times(8, () => limits.limit("ada")), times(3, () => limits.limit("grace"))]);
  assert.deepEqual(
    ada.map((decision) => (decision.allowed ? decision.remaining : "denied")),
    [4, 3, 2, 1, 0, "denied", "denied", "denied"],
  );
  assert.deepEqual(
    grace.map(({ remaining }) => remaining),
    [4, 3, 2],
  );
  assert.equal(limits.stats().questions - before, 1);
  assert.equal(redis.stats().writes - writes, 1);
});

test("more keys than one script takes", async () => {
  const limits = limiter({ limit: 1, window: "1m" });
  const decisions = await times(1000, (index) => limits.limit(`user ${index % 500}`));
  assert.equal(allowed(decisions), 500);
  assert.equal(limits.stats().questions, 8);
});

test("costs of a tick are taken one after the other: what is too much for one is left for the next", async () => {
  const limits = limiter({ limit: 10, window: "1m", algorithm: "fixed" });
  const decisions = await Promise.all([7, 7, 3, 1].map((cost) => limits.limit("ada", { cost })));
  assert.deepEqual(
    decisions.map((decision) => [decision.allowed, decision.remaining]),
    [
      [true, 3],
      [false, 3],
      [true, 0],
      [false, 0],
    ],
  );
});

test("rules are decided together: what one denies the others do not count", async () => {
  const limits = limiter({
    rules: {
      burst: { limit: 2, window: "300ms", algorithm: "bucket" },
      day: { limit: 5, window: "1d", algorithm: "fixed" },
    },
  });
  const decisions = await times(4, () => limits.limit("ada"));
  assert.deepEqual(
    decisions.map((decision) => [decision.allowed, decision.rule]),
    [
      [true, "burst"],
      [true, "burst"],
      [false, "burst"],
      [false, "burst"],
    ],
  );
  await sleep(320);
  await times(2, () => limits.limit("ada"));
  await sleep(320);
  assert.equal((await limits.limit("ada")).allowed, true, "the fifth of the day");
  const last = await limits.limit("ada");
  assert.deepEqual([last.allowed, last.rule, last.limit], [false, "day", 5]);
  assert.ok(last.retryAfter > 86_000_000);
});

test("a request that costs more than there ever is says so", async () => {
  const limits = limiter({ limit: 10, window: "1s", algorithm: "bucket", burst: 4 });
  const decision = await limits.limit("ada", { cost: 5 });
  assert.deepEqual([decision.allowed, decision.retryAfter, decision.remaining], [false, null, 4]);
  assert.equal((await limits.limit("ada", { cost: 4 })).allowed, true, "and is remembered for that cost only");
});

test("who is known to be denied costs no question", async () => {
  const limits = limiter({ limit: 1, window: "400ms", algorithm: "bucket" });
  await limits.limit("ada");
  const first = await limits.limit("ada");
  const { questions } = limits.stats();
  const { crossings } = redis.stats();
  for (let i = 0; i < 1000; i += 1) assert.equal((await limits.limit("ada")).allowed, false);
  assert.equal(limits.stats().questions, questions);
  assert.equal(redis.stats().crossings, crossings);
  assert.equal(limits.stats().remembered, 1000);
  await sleep(first.retryAfter + 1);
  assert.equal((await limits.limit("ada")).allowed, true, "and no longer than that");
});

test("peek counts nothing; reset forgets; block denies until then", async () => {
  const limits = limiter({ limit: 2, window: "1m", algorithm: "fixed" });
  await limits.limit("ada");
  for (let i = 0; i < 5; i += 1) assert.equal((await limits.peek("ada")).remaining, 1);
  assert.equal((await limits.peek("ada", { cost: 2 })).allowed, false);
  await limits.limit("ada");
  assert.equal((await limits.limit("ada")).allowed, false);
  await limits.reset("ada");
  assert.equal((await limits.limit("ada")).remaining, 1);
  await limits.block("ada", "300ms");
  const blocked = await limits.limit("ada");
  assert.deepEqual([blocked.allowed, blocked.reason, blocked.retryAfter <= 300], [false, "blocked", true]);
  await sleep(320);
  assert.deepEqual((({ allowed, remaining }) => [allowed, remaining])(await limits.limit("ada")), [true, 0]);
  await limits.block("new", "10s");
  assert.equal((await limits.limit("new")).allowed, false);
  await limits.reset("new");
  assert.equal((await limits.limit("new")).allowed, true);
});

test("other processes see a block, a reset and what was used", async (t) => {
  const other = createClient({ url: server.url, share: false });
  t.after(() => other.close());
  const [one, two] = [redis, other].map(
    (client) => new RateLimit(client, { name: "seen", limit: 2, window: "1m", algorithm: "bucket" }),
  );
  await one.limit("ada");
  assert.equal((await two.limit("ada")).remaining, 0);
  assert.equal((await two.limit("ada")).allowed, false);
  await one.reset("ada");
  await sleep(1050);
  assert.equal((await two.limit("ada")).allowed, true, "a denial is believed for a second");
  await one.block("grace", "1m");
  assert.equal((await two.limit("grace")).reason, "blocked");
});

test("a raised limit takes effect on what was used; another window begins anew", async () => {
  const name = `test${++names}`;
  const of = (options) => new RateLimit(redis, { name, algorithm: "fixed", ...options });
  await times(3, () => of({ limit: 2, window: "1m" }).limit("ada"));
  assert.equal((await of({ limit: 5, window: "1m" }).limit("ada")).remaining, 2);
  assert.equal((await of({ limit: 5, window: "2m" }).limit("ada")).remaining, 4);
});

test("no key becomes another's, and every one has a time to live", async () => {
  const limits = limiter({ limit: 1, window: "1m" });
  const keys = [
    "a",
    "a}",
    "{a",
    "#a",
    "é".repeat(100),
    "é".repeat(101),
    "\ud800",
    "\udfff",
    "\ufffd",
    "a\r\nb",
    " ",
    "x".repeat(1e6),
  ];
  assert.equal(allowed(await Promise.all(keys.map((key) => limits.limit(key)))), keys.length);
  assert.equal(allowed(await Promise.all(keys.map((key) => limits.limit(key)))), 0);
  const stored = await redis.keys(`rl:{test${names}:*`);
  assert.equal(stored.length, keys.length);
  for (const key of stored) {
    assert.ok(Buffer.byteLength(key) < 220, "in bounds");
    assert.ok((await redis.pttl(key)) > 0, "a key for ever");
    assert.match(key, /^rl:\{[^{}]*\}[^{}]*$/, "one slot");
  }
});

test("denied by the policy costs nothing; a key that is wrong, or an option, is told at once", async () => {
  const limits = limiter({ limit: 1, window: "1s", deny: ["mallory"] });
  const { questions } = limits.stats();
  const decision = await limits.limit("mallory");
  assert.deepEqual(
    [decision.allowed, decision.decidedBy, decision.reason, decision.retryAfter],
    [false, "policy", "denied", null],
  );
  assert.equal(limits.stats().questions, questions);
  const byFunction = limiter({ limit: 1, window: "1s", deny: (key) => key.startsWith("bot") });
  assert.equal((await byFunction.limit("bot 1")).decidedBy, "policy");
  for (const key of ["", undefined, null, 5, {}, ["a"]]) {
    const error = await caught(limits.limit(key));
    assert.equal(error.kind, "UsageError", `${key}`);
  }
  for (const options of [null, { cost: 0 }, { cost: -1 }, { cost: 1.5 }, { cost: "1" }, { costs: 1 }, { signal: {} }]) {
    const error = await caught(limits.limit("a", options));
    assert.equal(error.kind, "UsageError", JSON.stringify(options));
  }
  assert.match((await caught(limits.limit("a", { costs: 1 }))).message, /did you mean cost/);
  assert.equal((await caught(limits.block("a", -1))).kind, "UsageError");
});

test("options that make no sense are thrown, with what would", () => {
  const good = { name: "a", limit: 1, window: "1s" };
  for (const [options, text] of [
    [{ ...good, name: undefined }, /name must be/],
    [{ ...good, name: "a{b" }, /name must be/],
    [{ ...good, limit: 0 }, /limit must be a whole number/],
    [{ ...good, limit: "5" }, /limit must be a whole number/],
    [{ ...good, limit: 1.5 }, /limit must be a whole number/],
    [{ ...good, window: undefined }, /window must be a positive number/],
    [{ ...good, window: "10y" }, /window must be a positive number/],
    [{ ...good, window: 0.5 }, /from 1 ms/],
    [{ ...good, algorithm: "slidign" }, /did you mean "sliding"/],
    [{ ...good, burst: 2 }, /burst is an option of algorithm "bucket"/],
    [{ ...good, windw: 1 }, /did you mean window/],
    [{ ...good, rules: { a: { limit: 1, window: 1 } } }, /either rules or limit/],
    [{ name: "a", rules: {} }, /1 to 16 rules/],
    [{ name: "a", rules: { "a b": { limit: 1, window: 1 } } }, /name of a rule/],
    [{ name: "a", rules: { a: { limit: 1, window: 1, x: 1 } } }, /rules\.a: unknown option x/],
    [{ ...good, whenUnavailable: "open" }, /whenUnavailable must be/],
    [{ ...good, deny: "x" }, /deny must be/],
    [{ ...good, approximate: { share: 1 } }, /share must be/],
    [{ ...good, timeout: -1 }, /timeout must be/],
    [null, /object of options/],
  ]) {
    assert.throws(() => new RateLimit(redis, options), { kind: "ConfigError", message: text }, JSON.stringify(options));
  }
  assert.throws(() => new RateLimit({}, good), { kind: "ConfigError", message: /createClient/ });
});

test("nobody adds a rule by way of Object.prototype", async (t) => {
  Object.prototype.burst = 1_000_000;
  Object.prototype.whenUnavailable = "allow";
  t.after(() => {
    delete Object.prototype.burst;
    delete Object.prototype.whenUnavailable;
  });
  const limits = limiter({ limit: 1, window: "1m", algorithm: "bucket" });
  assert.equal(allowed(await times(5, () => limits.limit("ada"))), 1);
});

test("a signal ends the wait", async () => {
  const limits = limiter({ limit: 5, window: "1m" });
  const reason = new Error("enough");
  assert.equal(await caught(limits.limit("a", { signal: AbortSignal.abort(reason) })), reason);
  const controller = new AbortController();
  const asked = limits.limit("a", { signal: controller.signal });
  controller.abort(reason);
  assert.equal(await caught(asked), reason);
  assert.equal((await limits.limit("b", { signal: new AbortController().signal })).allowed, true);
});

test("headers and a response, in whole seconds that are never too short", async () => {
  const limits = limiter({
    rules: { perSecond: { limit: 1, window: "1500ms", algorithm: "bucket" }, perDay: { limit: 100, window: "1d" } },
  });
  const first = limits.headers(await limits.limit("ada"));
  assert.deepEqual(first, {
    "RateLimit-Policy": '"perSecond";q=1;w=2, "perDay";q=100;w=86400',
    RateLimit: '"perSecond";r=0;t=2',
  });
  const decision = await limits.limit("ada");
  const response = limits.response(decision);
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "2");
  assert.equal(response.headers.get("ratelimit"), '"perSecond";r=0;t=2');
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const body = await response.json();
  assert.deepEqual(body["violated-policies"], ["perSecond"]);
  assert.match(body.type, /quota-exceeded$/);
});

test("bigints, RESP2 and other servers decide the same", async (t) => {
  for (const [name, binary] of binaries) {
    for (const options of [{}, { integers: "bigint" }, { protocol: 2 }]) {
      await t.test(`${name} ${JSON.stringify(options)}`, async () => {
        const other = await startRedis({ binary });
        const client = createClient({ url: other.url, ...options });
        try {
          const limits = limiter({ limit: 2, window: "1m" }, client);
          const decisions = await times(3, () => limits.limit("ada"));
          assert.deepEqual(
            decisions.map(({ allowed, remaining }) => [allowed, remaining]),
            [
              [true, 1],
              [true, 0],
              [false, 0],
            ],
          );
        } finally {
          await client.close();
          await other.stop();
        }
      });
    }
  }
});

test("a server that forgets scripts is given them again", async () => {
  const limits = limiter({ limit: 100, window: "1m", algorithm: "fixed" });
  for (let i = 0; i < 20; i += 1) {
    await redis.call("SCRIPT", "FLUSH");
    assert.equal((await limits.limit("ada")).remaining, 99 - i);
  }
});

test("approximate: no more than there are, and few questions", async (t) => {
  const others = Array.from({ length: 4 }, () => createClient({ url: server.url, share: false }));
  t.after(() => Promise.all(others.map((client) => client.close())));
  const name = `test${++names}`;
  const limiters = others.map(
    (client) =>
      new RateLimit(client, { name, limit: 1000, window: "1m", algorithm: "fixed", approximate: { share: 0.02 } }),
  );
  let sum = 0;
  for (let round = 0; round < 100; round += 1)
    for (const one of limiters) sum += allowed(await times(4, () => one.limit("hot")));
  assert.ok(sum <= 1000, `${sum} of 1000`);
  // Unspent tokens are lost: up to a batch of 20 less one each time that a process drops it.
  assert.ok(sum >= 700, `${sum} of 1000`);
  const { questions, approximated } = limiters.reduce(
    (all, one) => {
      const { questions, approximated } = one.stats();
      return { questions: all.questions + questions, approximated: all.approximated + approximated };
    },
    { questions: 0, approximated: 0 },
  );
  assert.ok(approximated > questions, `${approximated} without, ${questions} with a question`);
});
