// A worker to which bad things happen.
import { createClient } from "edgis";

let env;

const passwords = { given: 0, current: "first" };
const clients = {
  plain: createClient({ url: () => env.REDIS_URL, logger: false }),
  secret: createClient({
    url: () => env.REDIS_URL,
    logger: false,
    credentials: async () => {
      passwords.given += 1;
      await sleep(1);
      return { password: passwords.current };
    },
  }),
  throwing: createClient({
    url: () => env.REDIS_URL,
    logger: false,
    credentials: () => {
      throw new Error("the vault is closed");
    },
  }),
};
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
let unhandled = 0;
addEventListener("unhandledrejection", () => {
  unhandled += 1;
});
let foreign;

const told = (error) => ({ kind: error.kind, code: error.code, message: error.message, reason: error.reason });

const routes = {
  async call({ client = "plain", command, timeout = 1_000 }) {
    const redis = clients[client].with({ timeout: Number(timeout) });
    const start = Date.now();
    const value = await redis.call(...JSON.parse(command)).catch(told);
    return { value, milliseconds: Date.now() - start, given: passwords.given, status: redis.status() };
  },
  /** The core dies, as by a bug, while a command of this request is under way. */
  async trap() {
    const engine = globalThis[Symbol.for("edgis.engine.1")];
    const own = clients.plain.get("k").catch(told);
    await sleep(5);
    engine.core.calls.submit = () => engine.core.calls.trap();
    const died = await clients.plain.get("k").catch(told);
    return { died, own: await own, after: await clients.plain.set("k", "v").catch(told) };
  },
  async rotate({ password }) {
    passwords.current = password;
    return {};
  },
  /** Keeps a signal for another request, which may not touch it. */
  async keep() {
    foreign = new AbortController().signal;
    await sleep(2_000);
    return {};
  },
  async use() {
    let thrown = "nothing";
    let rejected;
    try {
      const view = clients.plain.with({ signal: foreign });
      rejected = await view.get("k").catch((error) => ({ ...told(error), cause: error.cause.message }));
    } catch (error) {
      thrown = error.message;
    }
    return { thrown, rejected, after: await clients.plain.set("k", "v").catch(told) };
  },
  state: async () => ({ unhandled }),
  waiting: async () => ({ pending: globalThis[Symbol.for("edgis.engine.1")].pending.size }),
};

export default {
  async fetch(request, bindings) {
    env = bindings;
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await routes[pathname.slice(1)](Object.fromEntries(searchParams)));
  },
};
