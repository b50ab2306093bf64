// The scripts, and the same in TypeScript, decide as the algorithms are defined, for limits from 1 to 10⁹.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";
import { binaries } from "../cache/servers.mjs";
import { Random } from "../faults/random.mjs";
import { source } from "../js/source.mjs";
import { Oracle } from "./oracle.mjs";

const { DECIDE, BLOCK, FIELDS } = await source("ratelimit/scripts.ts");
const { decide, fresh } = await source("ratelimit/rules.ts");

/** More than this, in millionths of a token, is not arithmetic any more. */
const CLOSE = 3;
const SEEDS = Number(process.env.SCHEDULES ?? 250);
const FIRST = Number(process.env.SEED ?? 1);

const kinds = { bucket: "b", fixed: "f", sliding: "s" };

/** Milliseconds. */
const LATER = 3_600_000;

/** The script with a clock that the test sets. */
const script = DECIDE.text
  .replace("redis.call('TIME')", "redis.call('GET', '{k}clock')")
  .replace("clock[1] * 1000000 + clock[2]", "clock + 0")
  // The server's own clock goes on by itself: what it would let expire is kept, and written down.
  .replace("'PX', ceil(life / 1000))", `'PX', ${LATER}) redis.call('SET', KEYS[k] .. ':life', ceil(life / 1000))`);
assert.doesNotMatch(script, /TIME|'PX', ceil/);

const server = await startRedis();
const client = createClient(server.url, { logger: false });
test.after(async () => {
  await client.close();
  await server.stop();
});

async function ask(now, rules, items) {
  await client.set("{k}clock", `${now}`);
  const args = rules.flatMap(({ algorithm, limit, window, capacity }) => [
    kinds[algorithm],
    `${limit}`,
    `${window}`,
    `${capacity}`,
  ]);
  for (const { cost, asked } of items) args.push(`${cost}`, `${asked}`);
  const found = await client.call("EVAL", script, items.length, ...items.map(({ key }) => key), ...args);
  return items.map((_, index) => {
    const [admitted, remaining, tightest, reset, denying, wait] = found.slice(FIELDS * index, FIELDS * (index + 1));
    return { admitted, remaining, tightest, reset, denying, wait };
  });
}

function ruleOf(random) {
  const algorithm = random.one(["bucket", "fixed", "sliding"]);
  const limit = random.weighted([
    [2, 1],
    [3, random.between(2, 5)],
    [3, random.between(6, 1000)],
    [1, random.between(1001, 1e9)],
  ]);
  const window = random.one([1000, 7333, 100_000, 1_000_000, 60_000_000, 86_400_000_000]);
  const capacity = algorithm === "bucket" && random.fraction() < 0.5 ? random.between(1, 2 * limit) : limit;
  return { algorithm, limit, window, capacity };
}

/** Whether `admitted` of the requests is what the oracle says, give or take what is on the edge; counts them there. */
function follow(oracle, now, cost, asked, admitted, told) {
  for (let i = 0; i < admitted; i += 1) {
    assert.ok(oracle.margin(now, cost) >= -CLOSE, `${told}: request ${i + 1} of ${asked} was allowed`);
    oracle.count(now, cost);
  }
  if (admitted < asked) assert.ok(oracle.margin(now, cost) <= CLOSE, `${told}: request ${admitted + 1} was denied`);
}

for (let seed = FIRST; seed < FIRST + SEEDS; seed += 50) {
  test(`schedules ${seed} to ${seed + 49}`, async () => {
    for (let one = seed; one < seed + 50; one += 1) await play(one);
  });
}

async function play(seed) {
  const random = new Random(seed);
  const rules = Array.from(
    {
      length: random.weighted([
        [3, 1],
        [1, 2],
        [1, 3],
      ]),
    },
    () => ruleOf(random),
  );
  const shortest = Math.min(...rules.map(({ window }) => window));
  const keys = ["a", "b", "c"].map((name) => `{k}${seed}:${name}`);
  const oracles = new Map(keys.map((key) => [key, new Oracle(rules)]));
  const states = new Map(keys.map((key) => [key, fresh(rules)]));
  const locals = new Map(keys.map((key) => [key, new Oracle(rules)]));
  let now = 1_800_000_000_000_000 + random.between(0, 1e9);
  for (let step = 0; step < 40; step += 1) {
    now += random.weighted([
      [3, 0],
      [3, random.between(1, Math.ceil(shortest / 10))],
      [2, random.between(1, shortest)],
      [1, random.between(shortest, 3 * shortest)],
    ]);
    const items = Array.from({ length: random.between(1, 4) }, () => {
      const cost = random.weighted([
        [4, 1],
        [2, random.between(1, Math.max(1, Math.ceil(rules[0].capacity / 3)))],
        [1, rules[0].capacity + 1],
      ]);
      return {
        key: random.one(keys),
        cost,
        asked: random.weighted([
          [4, 1],
          [2, random.between(2, 9)],
          [1, 0],
        ]),
      };
    });
    const told = `seed ${seed}, step ${step}, ${JSON.stringify(rules)}`;
    const answers = await ask(now, rules, items);
    for (const [index, { key, cost, asked }] of items.entries()) {
      const answer = answers[index];
      const oracle = oracles.get(key);
      follow(oracle, now, cost, asked, answer.admitted, told);
      const bound = rules.every(({ capacity }) => cost <= capacity);
      const isDenied = asked === 0 ? oracle.margin(now, cost) < -CLOSE : answer.admitted < asked;
      if (isDenied) {
        assert.ok(answer.denying > 0, `${told}: no rule is named`);
        if (!bound) assert.equal(answer.wait, -1, told);
        else {
          assert.ok(answer.wait > 0, told);
          assert.ok(
            oracle.margin(now + answer.wait * 1000, cost) >= -CLOSE,
            `${told}: ${answer.wait} ms are too short`,
          );
          const earlier = now + (answer.wait - 1) * 1000 - 2;
          if (earlier > now)
            assert.ok(oracle.margin(earlier, cost) <= CLOSE, `${told}: ${answer.wait} ms are too long`);
        }
      }
      const local = decide(rules, states.get(key), now, cost, asked);
      follow(locals.get(key), now, cost, asked, local.admitted, `${told}, in TypeScript`);
      if (local.admitted === answer.admitted) {
        const { denying, tightest, ...same } = answer;
        const { denying: ours, tightest: least, ...others } = local;
        for (const [name, value] of Object.entries(others))
          assert.ok(Math.abs(value - same[name]) <= 1, `${told}: ${name} is ${same[name]}, and ${value} in TypeScript`);
        assert.equal(ours + 1, denying, told);
        if (rules.length === 1) assert.equal(least + 1, tightest, told);
      }
    }
    for (const key of keys.filter((one) =>
      items.some(({ key }, index) => key === one && answers[index].admitted > 0),
    )) {
      const life = Number(await client.get(`${key}:life`));
      assert.ok(life > 0 && oracles.get(key).isUntouched(now + life * 1000), `${told}: expires after ${life} ms`);
    }
  }
}

test("a clock that was set back holds nobody up, whatever has been used", async () => {
  for (const algorithm of ["bucket", "fixed", "sliding"]) {
    const rules = [{ algorithm, limit: 2, window: 1_000_000, capacity: 2 }];
    const key = `{k}back:${algorithm}`;
    const noon = 1_900_000_000_000_000;
    const [before] = await ask(noon, rules, [{ key, cost: 1, asked: 3 }]);
    assert.equal(before.admitted, 2);
    const hourBefore = noon - 3_600_000_000;
    const [then] = await ask(hourBefore, rules, [{ key, cost: 1, asked: 1 }]);
    assert.ok(then.wait <= 2000, `${algorithm}: ${then.wait} ms`);
    const [later] = await ask(hourBefore + 2_000_000, rules, [{ key, cost: 1, asked: 1 }]);
    assert.equal(later.admitted, 1, algorithm);
  }
});

test("hashes are those of the scripts, and all servers run them", async (t) => {
  for (const { sha, text } of [DECIDE, BLOCK]) assert.equal(sha, createHash("sha1").update(text).digest("hex"));
  for (const [name, binary] of binaries) {
    await t.test(name, async () => {
      const other = await startRedis({ binary });
      const asker = createClient(other.url, { logger: false });
      try {
        const args = ["b", 2, 60_000_000, 2, "f", 9, 1_000_000, 9, "s", 9, 1_000_000, 9];
        const found = await asker.call("EVAL", DECIDE.text, 2, "{a}1", "{a}2", ...args, 1, 3, 1, 1);
        const [first, second] = [found.slice(0, FIELDS), found.slice(FIELDS)];
        assert.deepEqual([first[0], first[1], first[4], second[0], second[1]], [2, 0, 1, 1, 1]);
        assert.equal(await asker.call("EVAL", BLOCK.text, 1, "{a}1", 5000, 56), 1);
        const [blocked] = await asker.call("EVAL", DECIDE.text, 1, "{a}1", ...args, 1, 1);
        assert.equal(blocked, 0);
      } finally {
        await asker.close();
        await other.stop();
      }
    });
  }
});
