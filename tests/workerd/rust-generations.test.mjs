// The Workers in Rust on three generations of the runtime: whose request it is, as each of them tells. In a file of its own:
// a miniflare in the process would lend its runtime to the others.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildWorkers } from "../../scripts/worker-rs.mjs";
import { observe } from "../js/observer.mjs";
import { startRedis } from "../js/redis-server.mjs";
import { generations, startWorker } from "../packaging/workers.mjs";

const sorted = (texts) => texts.map(Number).sort((a, b) => a - b);
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);

/** Connections besides the observer's own. */
const connections = async (observer) =>
  String(await observer.ask("CLIENT", "LIST"))
    .trim()
    .split("\n").length - 1;

for (const generation of ["newest", "oldest"])
  test(`requests have a connection each and a Durable Object has one for all of its own: ${generation}`, async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const observer = await observe(redis);
    t.after(() => observer.socket.destroy());
    const { example } = await buildWorkers();
    const objects = { COUNTER: "Counter" };
    const worker = await startWorker(generation, { main: example, vars: { REDIS_URL: redis.url }, objects });
    t.after(() => worker.end());
    const get = async (path) => (await fetch(new URL(path, worker.base))).text();
    assert.deepEqual(sorted(await Promise.all(upTo(50).map(() => get("/visits/home")))), upTo(50));
    for (const until = performance.now() + 10_000; performance.now() < until && (await connections(observer)) > 0; )
      await sleep(25);
    assert.equal(await connections(observer), 0);
    for (const round of [0, 1, 2]) {
      const answers = await Promise.all(upTo(50).map(() => get("/shared/home")));
      const expected = upTo(50).map((index) => 50 * round + index + 50);
      assert.deepEqual(sorted(answers), expected);
      assert.equal(await connections(observer), 1);
    }
    assert.deepEqual(worker.complaints(), []);
  });

// On the newest also without what came with later compatibility dates.
for (const [generation, date] of [...generations.map((generation) => [generation]), ["newest", "2024-05-01"]])
  test(`a client that is kept for the next request says whose it is at once: ${generation} ${date ?? ""}`, async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const observer = await observe(redis);
    t.after(() => observer.socket.destroy());
    const { kept } = await buildWorkers();
    const vars = { REDIS_URL: redis.url };
    const worker = await startWorker(generation, { main: kept, date, vars });
    t.after(() => worker.end());
    const get = async (path) => {
      const response = await fetch(new URL(path, worker.base), { headers: { "MF-Disable-Pretty-Error": "true" } });
      return { status: response.status, text: await response.text() };
    };
    const theirs = async (path) => {
      const before = performance.now();
      const { status, text } = await get(path);
      assert.equal(status, 500, text);
      assert.match(text, /this client was made in another request/);
      assert.ok(performance.now() - before < 5_000, "it was not told at once");
    };
    // Before any is kept, so that no other request has been here.
    await theirs("/early");
    const owner = get("/owner");
    while (String(await observer.ask("GET", "visits")) !== "1") await sleep(5);
    const all = upTo(60).map((index) => theirs(["/", "/beside", "/early"][index % 3]));
    await Promise.all(all);
    assert.deepEqual(await owner, { status: 200, text: "2" });
    // Once it has ended, too.
    await Promise.all(upTo(30).map((index) => theirs(["/", "/beside", "/owner"][index % 3])));
    assert.deepEqual(worker.complaints(), []);
  });
