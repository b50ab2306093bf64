// What every Worker of the measurement does: so many GETs, one after the other.

/** `open(url)` gives what has `get(key)`; `close` is called with it at the end, where a client lives for one request. */
export function serve(open, close) {
  return {
    async fetch(request, env) {
      const gets = Number(new URL(request.url).searchParams.get("gets") ?? 1);
      const client = open(env.REDIS_URL);
      let value;
      for (let i = 0; i < gets; i += 1) value = await client.get("k");
      close?.(client);
      return new Response(value);
    },
  };
}
