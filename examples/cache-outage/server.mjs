// The two incidents as a small shop. Kill its Redis, restore it with old data, and watch what visitors see.
//   node server.mjs [port]
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createWorld } from "./world.mjs";

const world = await createWorld();
process.env.REDIS_URL = world.url;
const { createTraffic, SAMPLE_EVERY } = await import("./traffic.mjs");
const traffic = createTraffic();

const page = readFileSync(new URL("page.html", import.meta.url));
const watchers = new Set();
const samples = [];
const KEPT = 120;

const sampling = setInterval(() => {
  const sample = traffic.sample();
  samples.push(sample);
  if (samples.length > KEPT) samples.shift();
  for (const watcher of watchers) watcher.write(`data: ${JSON.stringify(sample)}\n\n`);
}, SAMPLE_EVERY);

let copies = 0;

/** A burst of cold starts: each import with another query is a copy of the module, as other bundles and workers make them. */
async function importCopies(count) {
  const imported = Array.from({ length: count }, async () => {
    copies += 1;
    const { redis } = await import(`./app/redis.mjs?copy=${copies}`);
    await redis.init();
    return redis;
  });
  const clients = await Promise.all(imported);
  const { dials, joins } = clients[0].stats();
  await Promise.all(clients.map((client) => client.close()));
  return `${count} copies of the module were imported: ${dials} dials in all, ${joins} joined`;
}

const actions = {
  kill: async () => {
    await world.kill();
    return "Redis was killed";
  },
  restore: async () => `Redis is back, with a snapshot that is ${((await world.restore()) / 1_000).toFixed(1)} s old`,
  change: async () => `A price has changed; its invalidation: ${await traffic.change()}`,
  import: () => importCopies(100),
};

function watch(response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(`event: past\ndata: ${JSON.stringify({ decoy: world.decoy, samples })}\n\n`);
  watchers.add(response);
  response.on("close", () => watchers.delete(response));
}

const server = createServer(async ({ method, url }, response) => {
  const action = method === "POST" && Object.hasOwn(actions, url.slice(1)) ? actions[url.slice(1)] : undefined;
  if (action !== undefined) {
    const [status, text] = await action().then(
      (done) => [200, done],
      (error) => [500, String(error)],
    );
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
  } else if (url === "/samples") watch(response);
  else if (url === "/") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  else response.writeHead(404).end();
});

server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`Open http://127.0.0.1:${server.address().port}/ and kill Redis. Ctrl+C ends it all.`);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    clearInterval(sampling);
    server.close();
    server.closeAllConnections();
    await traffic.close();
    await world.close();
  });
}
