// What edgis must reach where others hang or hide the cause. The bounds are the goals; a machine that is busy gets some
// attempts. `FULL_FAULTS=1 node --test tests/faults/bounds.test.mjs` plays the last one with 50 processes.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { freePort } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { best, caught, isFull, scene, startSteady, until } from "./scene.mjs";

test("an address that accepts and hangs: disabled within the connect budget and 50 ms", async (t) => {
  const { proxy } = await scene(t);
  await proxy.script({ toServer: { do: "drop" } });
  const connect = 300;
  const over = await best(4, async () => {
    const client = createClient({ url: proxy.url, logger: false, share: false, timeouts: { connect } });
    const start = performance.now();
    const [status, error] = await Promise.all([client.init(), caught(client.set("k", "v"))]);
    const took = performance.now() - start;
    assert.deepEqual([status.state, status.reason, error.kind], ["disabled", "timeout", "DisabledError"]);
    assert.match(status.message, new RegExp(`127\\.0\\.0\\.1:${proxy.port}`), "the address is named");
    assert.ok(took >= connect - 5 && took < connect + 2_000, `${took} ms`);
    await client.close();
    return took - connect;
  });
  t.diagnostic(`disabled ${over.toFixed(1)} ms after the budget of ${connect} ms`);
  assert.ok(over <= 50, `${over} ms over the budget`);
});

test("a written command on a stalled server: TimeoutError at the deadline and 50 ms", async (t) => {
  const { server, client: make } = await scene(t);
  const command = 200;
  const over = await best(4, async () => {
    const client = make({ share: false, timeouts: { command } });
    await client.ping();
    server.pause();
    const start = performance.now();
    const error = await caught(client.set("k", "v"));
    const took = performance.now() - start;
    server.resume();
    assert.deepEqual([error.kind, error.phase, error.sent], ["TimeoutError", "reply", "maybe"]);
    assert.ok(took >= command - 5 && took < command + 2_000, `${took} ms`);
    await client.close();
    return took - command;
  });
  t.diagnostic(`told ${over.toFixed(1)} ms after the deadline of ${command} ms`);
  assert.ok(over <= 50, `${over} ms over the deadline`);
});

test("a default command while Redis is down: 5 ms at the most, and from cold within the connect budget", async (t) => {
  const port = await freePort();
  const cold = await best(3, async () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, logger: false, share: false });
    t.after(() => client.close());
    const start = performance.now();
    assert.equal((await caught(client.get("k"))).reason, "refused");
    return performance.now() - start;
  });
  const client = createClient({ url: `redis://127.0.0.1:${port}`, logger: false });
  t.after(() => client.close());
  await client.init();
  const disabled = await best(50, async () => {
    const start = performance.now();
    assert.equal((await caught(client.set("k", "v"))).kind, "DisabledError");
    return performance.now() - start;
  });
  t.diagnostic(`${cold.toFixed(1)} ms from cold, ${disabled.toFixed(2)} ms once it is disabled`);
  assert.ok(cold < 2_000 && disabled <= 5, `${cold} and ${disabled} ms`);
});

test("an INCR that was executed and whose reply is lost is done once", async (t) => {
  const { proxy, client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make({ url: proxy.url, timeouts: { command: 300 }, retry: { base: 1, cap: 5 } });
  let told = 0;
  for (const toClient of [{ after: 1, do: "reset" }, { after: 2, do: "close" }, { do: "drop" }]) {
    for (let i = 0; i < 5; i += 1) {
      await client.ready();
      const { connects } = client.stats();
      proxy.strike({ toClient });
      const error = await caught(client.incr("n"));
      assert.ok(["ConnectionLostError", "TimeoutError"].includes(error.kind), String(error));
      assert.equal(error.sent, "maybe");
      told += 1;
      await proxy.heal();
      await until(() => client.isReady && client.stats().connects > connects);
    }
  }
  assert.equal(Number(await observer.ask("GET", "n")), told);
});

test("restarts under many processes: each is answered within 3 s, and none has two connections", async (t) => {
  const [processes, restarts] = isFull ? [50, 20] : [12, 5];
  const { server } = await scene(t);
  const settings = { options: { url: server.url, name: "steady" } };
  const all = await Promise.all(Array.from({ length: processes }, () => startSteady(t, settings)));
  let slowest = 0;
  let most = 0;
  let accepted = 0;
  for (let round = 0; round < restarts; round += 1) {
    for (const steady of all) steady.well.length = 0;
    await (round % 2 === 0 ? server.kill() : server.stop());
    await sleep(round % 3 === 0 ? 50 : 400);
    await server.restart();
    const up = Date.now();
    const observer = await observe(server);
    await until(
      async () => {
        const open = (await observer.others()).filter(({ name }) => name === "steady");
        most = Math.max(most, open.length);
        return all.every(({ well }) => well.length > 0);
      },
      30_000,
      "everybody's recovery",
    );
    slowest = Math.max(slowest, ...all.map(({ well }) => well[0] - up));
    // The observer, and whoever asked whether the server is up, are no processes of the app.
    accepted = Math.max(accepted, (await observer.accepted()) - 2);
    observer.close();
  }
  const reports = await Promise.all(all.map((steady) => steady.ask("report")));
  const unexpected = reports.flatMap((report) => report.unexpected);
  t.diagnostic(
    `${processes} processes, ${restarts} restarts: answered after ${slowest} ms at the most, ` +
      `${most} connections at once, ${accepted} a restart`,
  );
  assert.deepEqual(unexpected, []);
  assert.ok(slowest < 3_000, `${slowest} ms`);
  assert.ok(most <= processes, `${most} connections of ${processes} processes`);
  assert.ok(accepted <= processes + 2, `${accepted} connections were made by ${processes} processes`);
});
