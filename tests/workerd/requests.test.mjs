// One client for the module, and a link for each request: nobody waits for what another request has begun.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { generations, startWorker } from "./worker.mjs";

async function start(t, generation) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const observer = await observe(redis);
  const worker = await startWorker(t, { url: redis.url, generation });
  /** How many others are connected. */
  const connections = async () =>
    String(await observer.ask("CLIENT", "LIST"))
      .trim()
      .split("\n").length - 1;
  return { redis, observer, connections, ...worker };
}

/** Waits until nobody is connected any more; says whether that came to pass within a second. */
async function empties(connections) {
  for (let i = 0; i < 20; i += 1) {
    if ((await connections()) === 0) return true;
    await sleep(50);
  }
  return false;
}

for (const generation of generations) {
  // There a request is kept alive by its own context alone: background dials end with it.
  const skip = generation === "oldest" && "no waitUntil to import";

  test(`${generation}: a client made while the module is loaded says that it can do nothing there, and works in requests`, async (t) => {
    const { get } = await start(t, generation);
    const { status, code, scope, cached, touched } = await get("/early");
    assert.deepEqual([status.state, status.reason, code], ["disabled", "runtime", "EDGIS_DISABLED"]);
    assert.match(status.hint, /within a handler/);
    assert.match(scope, /there is no request while a module is loaded/);
    assert.deepEqual(cached, ["loaded", "loaded"]);
    assert.deepEqual(touched, [], "chance and clocks at import");
    assert.deepEqual(await get("/page?id=1"), { values: ["1:0", "1:1", "1:2"] });
  });

  test(`${generation}: after 200 cold requests that their clients gave up, all others answer`, async (t) => {
    const { redis, get, complaints, connections } = await start(t, generation);
    // They hang in the middle of the handshake.
    redis.pause();
    const cold = Array.from({ length: 200 }, (_, id) =>
      get(`/page?id=${id}`, { signal: AbortSignal.timeout(50) }).then(
        () => assert.fail("nothing answers"),
        (error) => error.name,
      ),
    );
    assert.deepEqual(new Set(await Promise.all(cold)), new Set(["TimeoutError"]));
    redis.resume();
    const start50 = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => get(`/page?id=${id}`)));
    const took = performance.now() - start50;
    for (const [id, { values }] of answers.entries())
      assert.deepEqual(
        values,
        [0, 1, 2].map((i) => `${id}:${i}`),
      );
    // Within the budget of a dial by far, and within several on a machine that is slow.
    assert.ok(took < 10_000, `${took} ms`);
    assert.deepEqual(complaints(), []);
    assert.ok(await empties(connections), `${await connections()} connections are left`);
  });

  test(`${generation}: 500 requests one after the other and 200 at once: no error, and no connection is left`, async (t) => {
    const { get, complaints, connections } = await start(t, generation);
    for (let id = 0; id < 500; id += 1) {
      const { values } = await get(`/page?id=${id}&rounds=1`);
      assert.deepEqual(values, [`${id}:0`]);
    }
    assert.ok(await empties(connections), `${await connections()} connections are left`);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, id) => get(`/page?id=${id}`)));
    for (const [id, { values }] of answers.entries())
      assert.deepEqual(
        values,
        [0, 1, 2].map((i) => `${id}:${i}`),
      );
    assert.deepEqual(complaints(), []);
    assert.ok(await empties(connections), `${await connections()} connections are left`);
  });

  test(`${generation}: a cache at module level serves 40 requests, one after the other and at once`, async (t) => {
    const { get, complaints, connections } = await start(t, generation);
    for (const near of [0, 1]) {
      for (let id = 0; id < 40; id += 1) {
        const { values, loads, fallbacks } = await get(`/cached?id=${id}&near=${near}`);
        assert.deepEqual(values, ["value of a", `value of b${id}`, "value of a"]);
        assert.ok(loads <= 2, `${loads} loads`);
        // That at import was one.
        assert.deepEqual([fallbacks.disabled, fallbacks.timeout], [1, 0], JSON.stringify(fallbacks));
      }
      const answers = await Promise.all(Array.from({ length: 40 }, (_, id) => get(`/cached?id=${id}&near=${near}`)));
      for (const { loads } of answers) assert.equal(loads, 0);
    }
    assert.deepEqual(complaints(), []);
    assert.ok(await empties(connections), `${await connections()} connections are left`);
  });

  test(`${generation}: a request that waits for something else comes back to its own link`, async (t) => {
    const { get, complaints, observer } = await start(t, generation);
    const before = Number(/total_connections_received:(\d+)/.exec(await observer.ask("INFO", "stats"))[1]);
    const ids = Array.from({ length: 20 }, (_, id) => String(id));
    const answers = await Promise.all(ids.map((id) => get(`/away?id=${id}&milliseconds=${30 + 5 * id}`)));
    assert.deepEqual(
      answers.map(({ value }) => value),
      ids,
    );
    const after = Number(/total_connections_received:(\d+)/.exec(await observer.ask("INFO", "stats"))[1]);
    // A request that a slow machine lets miss its beat is taken for over, and gets another.
    assert.ok(after - before <= 24, `${after - before} connections for 20 requests`);
    assert.deepEqual(complaints(), []);
  });

  test(`${generation}: 200 requests at once that wait for other things go on with the links that they have`, async (t) => {
    const { get, complaints, observer } = await start(t, generation);
    // For as long as each other they are found at once; otherwise they must be searched for.
    // The oldest has only the search, and beats that come late: some are taken for over.
    const slack = generation === "oldest" ? 400 : 0;
    for (const [least, most, links] of [
      [20, 20, 300 + slack],
      [5, 50, generation === "newest" ? 300 : 400 + slack],
    ]) {
      const before = await observer.accepted();
      await Promise.all(
        Array.from({ length: 200 }, () => get(`/nap?${new URLSearchParams({ rounds: 10, least, most })}`)),
      );
      const made = (await observer.accepted()) - before;
      assert.ok(made < links, `${made} connections for 200 requests that wait for ${least} to ${most} ms`);
    }
    assert.deepEqual(complaints(), []);
  });

  test(`${generation}: callers at several depths of promises share a write`, async (t) => {
    const { get } = await start(t, generation);
    const { distinct, writes } = await get("/tick?count=100");
    assert.equal(distinct, 100);
    // The handshake is one more.
    assert.ok(writes <= 2, `${writes} writes`);
  });

  test(`${generation}: large values and text beyond ASCII arrive whole`, async (t) => {
    const { get } = await start(t, generation);
    assert.deepEqual(await get("/large?length=400000"), { same: true, bytes: 800_000 });
    assert.deepEqual(await get("/mixed"), { same: true });
  });

  test(`${generation}: what nobody waits for is done all the same`, { skip }, async (t) => {
    const { get, observer } = await start(t, generation);
    await Promise.all(Array.from({ length: 20 }, (_, id) => get(`/forget?id=${id}`)));
    for (let i = 0; i < 40 && String(await observer.ask("DBSIZE")) !== "20"; i += 1) await sleep(25);
    assert.equal(String(await observer.ask("DBSIZE")), "20");
  });

  test(`${generation}: scope() closes the links when its function has ended`, async (t) => {
    const { get, connections } = await start(t, generation);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, id) => get(`/explicit?id=${id}`)));
    assert.deepEqual(new Set(answers.map(({ value }) => value)), new Set(["OK"]));
    assert.ok(await empties(connections));
  });

  test(`${generation}: while Redis is away requests learn it from each other, and all find it when it is back`, {
    skip,
  }, async (t) => {
    const { redis, get, complaints, observer } = await start(t, generation);
    const port = redis.port;
    observer.socket.destroy();
    await redis.stop();
    const first = await get("/try");
    assert.deepEqual([first.told, first.status.reason], ["EDGIS_DISABLED", "unreachable"], JSON.stringify(first));
    const others = await Promise.all(Array.from({ length: 50 }, () => get("/try")));
    for (const { told, milliseconds, status } of others) {
      assert.deepEqual([told, status.reason], ["EDGIS_DISABLED", "unreachable"]);
      assert.ok(milliseconds < 1_000, `${milliseconds} ms`);
    }
    const median = others.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)[others.length >> 1];
    assert.ok(median < 500, `${median} ms`);
    const attempts = Math.max(...others.map(({ status }) => status.attempts));
    assert.ok(attempts < 10, `${attempts} dials for 50 requests`);
    const again = await startRedis({ port });
    t.after(() => again.stop());
    let told;
    const until = performance.now() + 5_000;
    do {
      ({ told } = await get("/try"));
      await sleep(20);
    } while (told !== "ok" && performance.now() < until);
    assert.equal(told, "ok");
    const all = await Promise.all(Array.from({ length: 20 }, () => get("/try")));
    assert.deepEqual(new Set(all.map((one) => one.told)), new Set(["ok"]));
    assert.deepEqual(complaints(), []);
  });

  test(`${generation}: an object's requests share one connection`, async (t) => {
    const { get, connections, complaints } = await start(t, generation);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, id) => get(`/object/page?id=${id}`)));
    for (const [id, { values }] of answers.entries())
      assert.deepEqual(
        values,
        [0, 1, 2].map((i) => `${id}:${i}`),
      );
    assert.equal(await connections(), 1);
    assert.deepEqual(complaints(), []);
  });

  test(`${generation}: thousands of requests, many of them given up, leave nothing behind`, async (t) => {
    const { get, complaints } = await start(t, generation);
    const worker = async (from) => {
      for (let id = from; id < from + 100; id += 1) {
        const signal = id % 7 === 0 ? AbortSignal.timeout(2) : undefined;
        await get(`/page?id=${id}&rounds=1`, { signal }).catch((error) => {
          if (signal === undefined) throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, lane) => worker(lane * 1_000)));
    await sleep(1_000);
    await get("/page?id=1");
    const left = await get("/engine");
    // Those that were given up in the middle of a command may be waited for a while.
    assert.ok(left.requests < 400 && left.links < 400 && left.pending < 400, JSON.stringify(left));
    assert.deepEqual(complaints(), []);
  });

  test(`${generation}: TLS with a certificate that the runtime trusts; another is named as a possible cause`, async (t) => {
    const redis = await startRedis({ tls: true });
    t.after(() => redis.stop());
    const url = redis.url.replace("127.0.0.1", "localhost");
    const trusted = { tlsOptions: { trustBrowserCas: true, trustedCertificates: [redis.tls.ca] } };
    const outboundService = { network: { allow: ["public", "private", "local"], ...trusted } };
    const good = await startWorker(t, { generation, url, outboundService });
    assert.deepEqual(await good.get("/page?id=1&rounds=1"), { values: ["1:0"] });
    const bad = await startWorker(t, { generation, url });
    const { told, status } = await bad.get("/try");
    assert.deepEqual([told, status.reason], ["EDGIS_DISABLED", "unreachable"], JSON.stringify(status));
    assert.match(status.message, /its certificate is not trusted/);
  });
}
