// Asks each layer that tells requests apart about a request from within another.
import { pairProbe } from "../../js/transport/requests/pair.ts";
import { snapshotProbe } from "../../js/transport/requests/snapshot.ts";
import { activeSpan, spanProbe } from "../../js/transport/requests/span.ts";

const probes = { pair: pairProbe, span: spanProbe, snapshot: snapshotProbe };
let first;

const ask = ({ token, made }) => ({
  token: token === undefined ? "none" : token === activeSpan() ? "own" : "another's",
  ...Object.fromEntries(
    Object.entries(made).map(([name, probe]) => [name, probe === undefined ? "none" : probe() ? "own" : "another's"]),
  ),
});
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const routes = {
  /** Stays for a while. */
  async stay() {
    const mark = { token: activeSpan(), made: {} };
    for (const [name, make] of Object.entries(probes)) mark.made[name] = make();
    first = mark;
    const told = [ask(mark)];
    for (let i = 0; i < 5; i += 1) {
      await sleep(100);
      told.push(ask(mark));
    }
    return told;
  },
  /** Comes while that one is here, or when it has gone. */
  look: async () => ask(first),
};

export default {
  async fetch(request) {
    return Response.json(await routes[new URL(request.url).pathname.slice(1)]());
  },
};
