// A Worker with every kind of handler, and two clients for all of them: what Durable Objects hold for as long as they live has
// a name of its own. Each handler counts under the key that it is given, and looks at what it counted.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { createClient } from "edgis";

// What a Worker of 2024 knows of its environment it learns from its first event.
const known = { url: undefined };
const timeouts = { connect: "10s", command: "10s" };
const redis = createClient({ url: () => known.url, name: "event", logger: false, timeouts });
const kept = createClient({ url: () => known.url, name: "object", logger: false, timeouts });
const learn = (env) => {
  known.url ??= env.REDIS_URL;
};
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// A read that ends because its socket was closed counts as unhandled for a moment, whatever handles it.
const unhandled = new Map();
addEventListener("unhandledrejection", ({ promise, reason }) => {
  unhandled.set(promise, `${reason?.stack ?? reason}`);
});
addEventListener("rejectionhandled", ({ promise }) => {
  unhandled.delete(promise);
});

/** Two commands, one after the other: the second is a continuation of what the socket delivered. */
async function count(key, client = redis) {
  const counted = await client.incr(key);
  const held = Number(await client.get(key));
  if (!(held >= counted)) throw new Error(`${key} was ${counted}, and is ${held}`);
  return counted;
}

async function streamed(key) {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const written = (async () => {
    for (let i = 0; i < 3; i += 1) {
      await writer.write(new TextEncoder().encode(`${await count(key)} `));
      await sleep(5);
    }
    await writer.close();
  })();
  return { readable, written };
}

const routes = {
  fetch: async (key) => Response.json(await count(key)),
  async streaming(key, _, context) {
    const { readable, written } = await streamed(key);
    context.waitUntil(written);
    return new Response(readable);
  },
  async waitUntil(key, _, context) {
    context.waitUntil(sleep(20).then(() => count(key)));
    return Response.json(null);
  },
  /** Another event of this Worker in the midst of one, in the same isolate. */
  async binding(key, env) {
    await count(key);
    const inner = await env.SELF.fetch(`http://self/fetch?key=${key}`);
    await inner.json();
    return Response.json(await count(key));
  },
  rejections: async () => Response.json([...unhandled.values()]),
};

export class Calls extends WorkerEntrypoint {
  count(key) {
    learn(this.env);
    return count(key);
  }
}

export class Room extends DurableObject {
  async fetch(request) {
    learn(this.env);
    const { pathname, searchParams } = new URL(request.url);
    const key = searchParams.get("key");
    if (pathname === "/alarm") {
      await count(key, kept);
      await this.ctx.storage.put("key", key);
      await this.ctx.storage.setAlarm(Date.now() + 10);
      return Response.json(null);
    }
    const [client, server] = Object.values(new WebSocketPair());
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  async alarm() {
    learn(this.env);
    await count(await this.ctx.storage.get("key"), kept);
  }

  async webSocketMessage(socket, key) {
    learn(this.env);
    socket.send(String(await count(key, kept)));
  }
}

export default {
  async fetch(request, env, context) {
    learn(env);
    const { pathname, searchParams } = new URL(request.url);
    return routes[pathname.slice(1)](searchParams.get("key"), env, context);
  },
  async scheduled(controller, env) {
    learn(env);
    await count(controller.cron);
  },
  async queue(batch, env) {
    learn(env);
    for (const message of batch.messages) {
      await count(message.body);
      message.ack();
    }
  },
  async email(message, env) {
    learn(env);
    const raw = await new Response(message.raw).text();
    if (raw !== "Subject: hello\r\n\r\n") throw new Error(`another message: ${raw}`);
    await count(message.to);
  },
};
