// What happens while nobody asks anything: servers that close what is idle, processes that are suspended, connections that
// are forgotten on the way. Most of it is waiting, so the tests wait together.
// `FULL_FAULTS=1 node --test tests/faults/idle.test.mjs` waits for a minute.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isFull, scene, startSteady } from "./scene.mjs";

const drop = { toServer: { do: "drop" }, toClient: { do: "drop" } };

describe("idleness", { concurrency: true }, () => {
  test("a process that sleeps while its connection is forgotten: the first command in a second, one new connection", async (t) => {
    // A link is asked for a sign of life after 10 s.
    const seconds = isFull ? 60 : 11;
    const { proxy } = await scene(t);
    const steady = await startSteady(t, { options: { url: proxy.url } });
    await steady.ask("pause");
    await steady.ask("once");
    const before = proxy.accepted;
    steady.freeze();
    proxy.strike(drop);
    await sleep(seconds * 1_000);
    steady.thaw();
    const { took, outcome, stats } = await steady.ask("once");
    t.diagnostic(`${seconds} s of sleep: the first command took ${Math.round(took)} ms`);
    assert.equal(outcome, "OK");
    assert.ok(took < 1_000, `${took} ms`);
    assert.deepEqual([proxy.accepted - before, stats.dials, stats.timeouts], [1, 2, 0]);
  });

  test("a server that closes what is idle for a second costs nobody an error", async (t) => {
    const { client: make, observer: look } = await scene(t, ["--timeout", "1"]);
    const client = make();
    let states = 0;
    client.on("state", ({ state }) => {
      states += state === "disabled" ? 1 : 0;
    });
    for (let round = 1; round <= 3; round += 1) {
      assert.deepEqual(await Promise.all([client.incr("n"), client.get("n"), client.echo("x")]), [
        round,
        `${round}`,
        "x",
      ]);
      await sleep(2_300);
    }
    const observer = await look();
    await observer.othersBecome(0, 10_000);
    const { connects, dials, timeouts, resent } = client.stats();
    await sleep(2_300);
    assert.equal(client.stats().dials, dials, "a link that nobody uses is not made again and again");
    assert.ok(connects >= 3, `${connects} connections`);
    assert.deepEqual([dials, timeouts, resent, states], [connects, 0, 0, 0]);
  });

  test("a process that is suspended under load gets the replies that came meanwhile, however late it is", async (t) => {
    const { server } = await scene(t);
    const timeouts = { connect: "1s", command: "500ms" };
    const steady = await startSteady(t, { workers: 50, every: 1, options: { url: server.url, timeouts } });
    for (let round = 0; round < 3; round += 1) {
      await sleep(100);
      steady.freeze();
      await sleep(1_500);
      steady.thaw();
    }
    await sleep(100);
    const { answered, failed, unexpected, stats } = await steady.ask("report");
    assert.deepEqual([failed, unexpected, stats.connects], [{}, [], 1]);
    assert.ok(answered > 100, `${answered} were answered`);
  });

  test("a connection that is forgotten while it is idle costs a write nothing", async (t) => {
    const { proxy, client: make, observer: look } = await scene(t);
    const observer = await look();
    const client = make({ url: proxy.url });
    await client.set("k", "before");
    proxy.strike(drop);
    await sleep(10_500);
    const start = performance.now();
    const outcomes = await Promise.all([client.set("k", "after"), client.incr("n"), client.get("k")]);
    const took = performance.now() - start;
    assert.deepEqual(outcomes, ["OK", 1, "after"]);
    assert.ok(took < 1_000, `${took} ms`);
    assert.equal(client.stats().dials, 2);
    assert.equal(await observer.ask("GET", "n"), "1");
  });
});
