// Every kind of a Worker's handlers, at compatibility dates from the first that wrangler wrote to the runtime's own, with and
// without nodejs_compat. One run of a runtime holds the Workers of all its dates, and one more that makes their events.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../../js/observer.mjs";
import { startWorker, versions } from "../workers.mjs";

const app = (name) => `tests/packaging/handlers-app/${name}.mjs`;
/** A handler is asked so often one after the other, and then so often at once. */
const TURNS = 3;
const AT_ONCE = 8;

/** Durable Objects, which live on with their connections: all of a kind's events are one's, or each is one's own. */
const objects = { alarm: TURNS + AT_ONCE, webSocket: 1 };

/** What an event adds to its key. */
const kinds = {
  fetch: 1,
  cron: 1,
  queue: 1,
  email: 1,
  alarm: 2,
  webSocket: 1,
  rpc: 1,
  binding: 3,
  waitUntil: 1,
  streaming: 3,
};

const node = ["nodejs_compat"];
const matrix = {
  newest: [
    ["2023-03-01"],
    // RPC has just come, the rejection of foreign promises has not.
    ["2024-04-03", node],
    ["2024-05-24"],
    ["2024-10-14", node],
    // From here on a snapshot of AsyncLocalStorage belongs to its request.
    ["2025-06-16", node],
    ["2026-04-01"],
    [undefined],
    [undefined, node],
  ],
  pinned: [["2023-03-01"], ["2024-10-14", node], [undefined], [undefined, node]],
  oldest: [["2023-03-01"], [undefined], [undefined, node]],
};
/** Mail came to be played locally later. */
const unknown = { oldest: ["email"] };

const worlds = new Map();

/** A generation's runtime with all its Workers, and a Redis for them, for all of its cells. */
function world(generation) {
  if (!worlds.has(generation)) worlds.set(generation, begin(generation));
  return worlds.get(generation);
}

async function begin(generation) {
  const redis = await startRedis();
  const observer = await observe(redis);
  const names = matrix[generation].map((_, i) => `worker${i}`);
  const workers = matrix[generation].map(([date, flags = []], i) => ({
    name: names[i],
    main: app("handlers"),
    date,
    flags,
    vars: { REDIS_URL: redis.url },
    objects: { ROOM: "Room" },
    config: { services: [{ binding: "SELF", service: names[i] }] },
  }));
  const caller = {
    name: "caller",
    main: app("caller"),
    flags: ["service_binding_extra_handlers"],
    config: {
      services: names.flatMap((name) => [
        { binding: name, service: name },
        { binding: `${name}_CALLS`, service: name, entrypoint: "Calls" },
      ]),
      durable_objects: {
        bindings: names.map((name) => ({ name: `${name}_ROOM`, class_name: "Room", script_name: name })),
      },
    },
  };
  const runtime = await startWorker(generation, { ...caller, beside: workers });
  return { redis, observer, runtime, objects: 0 };
}

/** Ends what the cells have begun. */
export async function end() {
  for (const begun of worlds.values()) {
    const { redis, observer, runtime } = await begun.catch(() => ({}));
    await runtime?.end();
    if (process.env.SAY) console.log(runtime?.said());
    observer?.close();
    await redis?.stop();
  }
}

async function handles(generation, index, kind) {
  const here = await world(generation);
  const { observer, runtime } = here;
  const before = runtime.complaints().length;
  const key = `worker${index}:${kind}`;
  const event = () => runtime.get(`/${kind}?worker=worker${index}&key=${key}`, { limit: 10_000 });
  here.objects += objects[kind] ?? 0;
  for (let i = 0; i < TURNS; i += 1) assert.equal(await event(), "ok");
  assert.deepEqual(await Promise.all(Array.from({ length: AT_ONCE }, event)), Array(AT_ONCE).fill("ok"));
  const expected = String((TURNS + AT_ONCE) * kinds[kind]);
  for (let i = 0; i < 200 && (await observer.ask("GET", key)) !== expected; i += 1) await sleep(25);
  assert.equal(await observer.ask("GET", key), expected, "counted by its handlers");
  // Requests end with their connections. An object that is not found among the requests of its isolate takes a second one.
  let open;
  for (let i = 0; i < 400; i += 1) {
    const named = (await observer.others()).map(({ name }) => name);
    open = { event: named.filter((name) => name === "event").length, object: named.length };
    if (open.event === 0 && open.object <= 2 * here.objects) break;
    await sleep(25);
  }
  assert.ok(open.event === 0 && open.object <= 2 * here.objects, `still open: ${JSON.stringify(open)}`);
  assert.deepEqual(await runtime.get(`/rejections?worker=worker${index}`), [], "unhandled rejections");
  assert.deepEqual(runtime.complaints().slice(before), []);
}

/** Batches as the local queue makes them, each of which is an event, some of them at once. */
async function consumes(generation, date) {
  const redis = await startRedis();
  const observer = await observe(redis);
  const queues = {
    producers: [{ binding: "JOBS", queue: "jobs" }],
    consumers: [{ queue: "jobs", max_batch_size: 5, max_batch_timeout: 0 }],
  };
  const runtime = await startWorker(generation, {
    main: app("queue"),
    date,
    vars: { REDIS_URL: redis.url },
    config: { queues },
  });
  try {
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await runtime.get("/one"), "sent");
      assert.equal(await runtime.get("/many"), "sent");
    }
    for (let i = 0; i < 400 && (await observer.ask("GET", "done")) !== "63"; i += 1) await sleep(25);
    assert.equal(await observer.ask("GET", "done"), "63", "a message for each that was sent");
    assert.deepEqual(runtime.complaints(), []);
  } finally {
    await runtime.end();
    observer.close();
    await redis.stop();
  }
}

const queueCell = (generation, date) => ({
  name: `${generation} workerd, ${date ?? "today"}, its own queue`,
  version: () => versions(generation).workerd,
  run: () => consumes(generation, date),
});

const cell = (generation, index, kind) => {
  const [date, flags = []] = matrix[generation][index];
  return {
    name: `${generation} workerd, ${date ?? "today"}${flags.length > 0 ? " node" : ""}, ${kind}`,
    version: () => versions(generation).workerd,
    run: () => handles(generation, index, kind),
  };
};

const played = Object.keys(matrix).flatMap((generation) =>
  matrix[generation].flatMap((_, index) =>
    Object.keys(kinds)
      .filter((kind) => !unknown[generation]?.includes(kind))
      .map((kind) => cell(generation, index, kind)),
  ),
);

export const cells = [
  ...played,
  queueCell("newest"),
  queueCell("newest", "2024-05-24"),
  queueCell("pinned"),
  queueCell("oldest"),
];
