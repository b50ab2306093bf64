// A machine that sleeps and a function that is suspended: the monotonic clock stands still, the wall clock does not.
import assert from "node:assert/strict";
import test from "node:test";
import { answer, asleep, wakeToDeadLink } from "./programs.mjs";
import { startWatched } from "./servers.mjs";

test("the first command after an hour of sleep is preceded by a PING, the next ones are not", async (t) => {
  const { server, observer } = await startWatched(t);
  const before = await observer.calls("ping");
  const { since, woken, replies } = await answer(
    `${asleep}
     const redis = createClient({ logger: false });
     await redis.set("k", "v");
     const { since } = redis.status();
     slept = 3_600_000;
     const replies = [];
     for (let i = 0; i < 3; i += 1) replies.push(await redis.get("k"));
     console.log(JSON.stringify({ since, woken: redis.status().since, replies }));
     await redis.close();`,
    { env: { REDIS_URL: server.url } },
  );
  assert.deepEqual([replies, woken], [["v", "v", "v"], since]);
  assert.equal((await observer.calls("ping")) - before, 2, "one of the handshake, one after the sleep");
});

test("a link that died in its sleep is replaced once, and costs nobody an error", async (t) => {
  const { server } = await startWatched(t);
  const { took, value, dials, connections } = await answer(wakeToDeadLink(server.port));
  assert.deepEqual([value, dials, connections], ["w", 2, 2]);
  assert.ok(took < 1_000, `${took} ms`);
});

test("a clock that is set back, or right by a little, is no sleep", async (t) => {
  const { server, observer } = await startWatched(t);
  const before = await observer.calls("ping");
  await answer(
    `${asleep}
     const redis = createClient({ logger: false });
     for (const change of [0, -3_600_000, 500, 400, -20_000]) {
       slept += change;
       await redis.incr("n");
     }
     console.log("{}");
     await redis.close();`,
    { env: { REDIS_URL: server.url } },
  );
  assert.equal((await observer.calls("ping")) - before, 1, "that of the handshake");
});
