// A worker that speaks to its object past the client, and one whose object answers nonsense.
import { DurableObject, env } from "cloudflare:workers";
import { createClient } from "edgis";
import { RedisObject } from "edgis/durable-object";

const client = createClient({ via: env.ODD, timeouts: { command: 300 }, logger: false });
const stub = () => env.REDIS.get(env.REDIS.idFromName("edgis"));
const told = async (promise) => {
  try {
    const { replies, trouble } = await promise;
    return { replies: new TextDecoder().decode(replies), trouble };
  } catch (error) {
    return { error: error.message };
  }
};
const odd = { undefined, text: "*1\r\n$4\r\nPING\r\n", number: 5 };

const routes = {
  say: ({ text }) => told(stub().relay(new TextEncoder().encode(text))),
  odd: ({ kind }) => told(stub().relay(odd[kind])),
  async through({ answer }) {
    await env.ODD.get(env.ODD.idFromName("edgis")).becomes(answer);
    const error = await client.set("k", "v").catch((error) => error);
    return { kind: error.kind, reason: error.reason };
  },
};

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await routes[pathname.slice(1)](Object.fromEntries(searchParams)));
  },
};

export class Redis extends RedisObject {
  static options = () => ({ logger: false });
}

/** It speaks the language, in a way. */
export class Odd extends DurableObject {
  #answer;

  becomes(answer) {
    this.#answer = answer;
  }

  greet() {
    return null;
  }

  async relay() {
    const answers = {
      fewer: { replies: new Uint8Array(0), trouble: null },
      more: { replies: new TextEncoder().encode("+OK\r\n+OK\r\n"), trouble: null },
      text: { replies: "+OK\r\n", trouble: null },
    };
    if (this.#answer === "hangs") await new Promise((resolve) => setTimeout(resolve, 20_000));
    return answers[this.#answer];
  }
}
