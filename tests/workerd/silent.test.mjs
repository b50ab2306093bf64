// Runtimes that tell nothing of a request any more, as one did in 2026: each layer always says that it is the same one, and then
// all of them do.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { generations, startWorker } from "./worker.mjs";

const layers = ["span", "pair", "snapshot"];

async function start(t, options) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const observer = await observe(redis);
  const worker = await startWorker(t, {
    url: redis.url,
    source: "tests/workerd/silent.mjs",
    durableObjects: {},
    ...options,
  });
  return { redis, observer, ...worker };
}

/** Counts what was executed, and by whom each reply was got. */
async function check({ get, observer }, ids, path) {
  const answers = await Promise.all(
    ids.map((id) => get(`/${path}?id=${id}`).catch((error) => ({ failed: error.message }))),
  );
  let rejected = 0;
  for (const [index, answer] of answers.entries()) {
    const id = ids[index];
    assert.equal(answer.failed, undefined);
    assert.ok(answer.milliseconds < 5_000, `${answer.milliseconds} ms`);
    for (const { told, value, error } of answer.done) {
      const times = Number(await observer.ask("GET", `times:${id}:${told}`));
      if (error === undefined) {
        assert.deepEqual([value, times], [`${id}:${told}`, 1], "the reply to another, or more than one execution");
      } else {
        rejected += 1;
        assert.ok(["ConnectionLostError", "TimeoutError"].includes(error.kind), JSON.stringify(error));
        assert.ok(times <= (error.sent === "no" ? 0 : 1), `sent: ${error.sent}, executed ${times} times`);
      }
    }
    assert.notEqual(answer.status.state, "disabled", JSON.stringify(answer.status));
  }
  return rejected;
}

const upTo = (count, from = 0) => Array.from({ length: count }, (_, i) => String(from + i));

for (const generation of generations) {
  const dates = { newest: undefined, pinned: "2026-04-01", oldest: undefined };
  const flags = generation === "pinned" ? { compatibilityFlags: ["nodejs_compat"] } : {};
  const options = { generation, date: dates[generation], ...flags };
  for (const layer of layers) {
    // The oldest has one layer alone.
    const skip = generation === "oldest" && layer === "pair" && "there is no other";
    test(`${generation}: with ${layer} silenced nothing changes`, { skip }, async (t) => {
      const worker = await start(t, { ...options, silenced: [layer] });
      assert.equal(await check(worker, upTo(20), "alone"), 0);
      assert.equal(await check(worker, upTo(100, 1_000), "alone"), 0);
      const { refused } = await worker.get("/stats");
      assert.equal(refused, 0);
      assert.deepEqual(worker.complaints(), []);
    });
  }

  test(`${generation}: with all silenced requests one after the other are served, and it is said once`, async (t) => {
    const worker = await start(t, { ...options, silenced: layers });
    for (const id of upTo(30)) assert.equal(await check(worker, [id], "alone"), 0);
    const { refused, lines } = await worker.get("/stats");
    assert.ok(refused >= 1 && refused <= 2, `${refused} refusals`);
    assert.equal(lines.filter((line) => /cannot tell requests apart/.test(line)).length, 1, lines.join("\n"));
    assert.ok((await worker.get("/explicit?id=900")).value === "OK");
    assert.deepEqual(worker.complaints(), []);
  });

  // Before compatibility dates of October 2024 code goes on in the context of the request that settles its promise, so that a
  // handler may never answer, whatever its commands did.
  const overlaps = { skip: generation === "oldest" && "requests cannot settle each other's promises" };
  test(
    `${generation}: with all silenced requests side by side end within their deadlines, and honestly`,
    overlaps,
    async (t) => {
      const worker = await start(t, { ...options, silenced: layers });
      const rejected = await check(worker, upTo(40), "alone");
      t.diagnostic(`${rejected} commands of 80 were rejected`);
      // Whatever became of these, the others have nothing to do with each other.
      for (const id of upTo(3, 500)) await check(worker, [id], "alone");
      assert.equal(await check(worker, upTo(60, 1_000), "alone"), 0);
      const answers = await Promise.all(upTo(20, 2_000).map((id) => worker.get(`/explicit?id=${id}`)));
      for (const { value } of answers) assert.equal(value, "OK");
      await sleep(100);
      assert.deepEqual(worker.complaints(), []);
    },
  );

  test(`${generation}: at import a silenced client rejects all the same`, async (t) => {
    const worker = await start(t, { ...options, silenced: layers });
    const { early } = await worker.get("/stats");
    assert.equal(early, "EDGIS_DISABLED");
    assert.equal(await check(worker, ["1"], "alone"), 0);
  });
}
