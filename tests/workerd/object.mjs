// A Durable Object with a client of its own.
import { connect } from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";
import { createClient } from "edgis/workerd";

let env;
const redis = createClient({ url: () => env.REDIS_URL, logger: false });
const sleepy = createClient({ url: () => env.REDIS_URL, idleTimeout: "1s", name: "sleepy", logger: false });
let born = 0;

const routes = {
  async gate({ id }, ctx) {
    await redis.set(`gate:${id}`, id);
    const values = [];
    await ctx.blockConcurrencyWhile(async () => {
      values.push(await redis.get(`gate:${id}`));
      values.push(await redis.incr("gates"));
    });
    await ctx.storage.transaction(async () => {
      values.push(await redis.get(`gate:${id}`));
    });
    values.push(await redis.get(`gate:${id}`));
    return { values, born };
  },
  /** Something else waits for a reply when the gate is shut. */
  async beside({ id }, ctx) {
    const outside = redis.with({ timeout: "5s" }).call("DEBUG", "SLEEP", "0.5");
    await new Promise((resolve) => setTimeout(resolve, 50));
    let told;
    await ctx.blockConcurrencyWhile(async () => {
      told = await redis.set(`beside:${id}`, id).catch(({ kind }) => kind);
    });
    return { told, outside: await outside.catch(({ kind }) => kind), after: await redis.get(`beside:${id}`), born };
  },
  async born() {
    return { born };
  },
};

export default {
  async fetch(request, bindings) {
    env = bindings;
    return env.OBJECT.get(env.OBJECT.idFromName("one")).fetch(request);
  },
};

/** What a message of a hibernating WebSocket does. */
const messages = {
  nothing: async () => "nothing",
  async closed() {
    const own = createClient({ url: () => env.REDIS_URL, logger: false });
    const value = await own.set("k", "v");
    await own.close();
    return value;
  },
  idle: async () => sleepy.set("k", "v"),
  async bare() {
    const { port } = new URL(env.REDIS_URL);
    const socket = connect({ hostname: "127.0.0.1", port: Number(port) });
    await socket.writable.getWriter().write(new TextEncoder().encode("PING\r\n"));
    await socket.readable.getReader().read();
    await socket.close();
    return "bare";
  },
};

export class Counter extends DurableObject {
  constructor(ctx, bindings) {
    super(ctx, bindings);
    env = bindings;
    born += 1;
  }

  async fetch(request) {
    if (request.headers.get("Upgrade") === "websocket") {
      const [client, server] = Object.values(new WebSocketPair());
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await routes[pathname.slice(1)](Object.fromEntries(searchParams), this.ctx));
  }

  async webSocketMessage(socket, message) {
    socket.send(JSON.stringify({ told: await messages[message](), born }));
  }
}
