// The core dies in any call that is made to it, the first time or a later one: everything that was asked for is settled, nothing
// is thrown at a caller, and other clients go on.
import assert from "node:assert/strict";
import test from "node:test";
import { answer } from "./programs.mjs";
import { startRedis } from "./redis-server.mjs";

let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

const program = `
import { createServer } from "node:net";
import { createClient } from "edgis";
const server = createServer(() => {}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const silent = "redis://127.0.0.1:" + server.address().port;
const engine = () => globalThis[Symbol.for("edgis.engine.1")];
const url = process.env.REDIS_URL;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const outcome = (promise) => Promise.race([promise.then(() => "ok", () => "rejected"), sleep(5_000).then(() => "pending")]);
const warm = createClient({ url, logger: false });
await warm.ping();
const own = new Set(["trap", "start"]);
const names = Object.entries(engine().core.calls).filter(([name, call]) => typeof call === "function" && !own.has(name) && !name.startsWith("__"));
let budget = 2_000;
const [fired, faults] = [new Set(), []];
for (const [name] of names) {
  for (const nth of [1, 2, 3, 5]) {
    engine().deaths.length = 0;
    const { calls } = engine().core;
    const real = calls[name];
    let count = 0;
    calls[name] = (...args) => {
      count += 1;
      if (count === nth) {
        fired.add(name);
        calls.trap();
      }
      return real(...args);
    };
    let thrown;
    const other = createClient({ url: url + "/1", logger: false });
    const mine = createClient({ url: url + "/2", logger: false, timeouts: { command: "2s" } });
    const gone = createClient({ url: "redis://127.0.0.1:1", logger: false, timeouts: { connect: 100 } });
    const mute = createClient({ url: silent, logger: false, timeouts: { connect: 10 } });
    const asked = [];
    const ask = (promise) => asked.push(outcome(promise));
    try {
      ask(mine.init());
      ask(mine.ping());
      ask(mine.set("a", 1));
      ask(other.ping());
      ask(gone.get("k"));
      ask(mute.get("k"));
      await sleep(15);
      const controller = new AbortController();
      ask(mine.with({ signal: controller.signal, timeout: (budget += 10) }).get("a"));
      ask(mine.get("a"));
      ask(other.get("b"));
      ask(mine.call("SELECT", 1));
      mine.status();
      mine.stats();
      void mine.isReady;
      ask(mine.with({ timeout: 1 }).call("DEBUG", "SLEEP", "0.02"));
      await new Promise(process.nextTick);
      controller.abort();
      const value = Buffer.alloc(1 << 20, 97);
      for (let i = 0; i < 40; i += 1) ask(mine.set("large", value));
      await sleep(5);
      ask(mine.set("last", 1));
      ask(mine.close({ drain: "1s" }));
      mine.status();
      await sleep(30);
    } catch (error) {
      thrown = String(error);
    }
    calls[name] = real;
    const outcomes = await Promise.all(asked);
    const after = await Promise.all([other, warm, createClient({ url: url + "/3", logger: false })].map((client) => outcome(client.incr("n"))));
    const pending = outcomes.filter((one) => one === "pending").length;
    const left = engine().pending.size;
    if (thrown !== undefined || pending > 0 || left > 0 || after.some((one) => one !== "ok")) faults.push({ name, nth, thrown, pending, left, after });
    await Promise.all([other.close(), gone.close(), mute.close()]);
  }
}
server.close();
console.log(JSON.stringify({ fired: [...fired], faults, unhandled: globalThis.__unhandled, uncaught: globalThis.__uncaught }));
process.exit(0);
`;

test("a death in any call settles everything and harms nobody else", async () => {
  const { fired, ...rest } = await answer(program, { env: { REDIS_URL: server.url }, witnessed: true });
  assert.deepEqual(rest, { faults: [], unhandled: 0, uncaught: 0, stderr: "" });
  const expected = ["submit", "receive", "opened", "lost", "connect", "configure", "release", "advance", "abandon_all"];
  const queries = ["status", "stats", "policy", "keep_connection", "blocked", "refusal_text"];
  assert.deepEqual(
    [...expected, ...queries].filter((name) => !fired.includes(name)),
    [],
  );
});
