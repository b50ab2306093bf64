// What strikes a client at work: faults of the network, by the proxy, and of the server itself; from a seed.
import { setTimeout as sleep } from "node:timers/promises";
import { observe } from "../js/observer.mjs";

const silent = { toServer: { do: "drop" }, toClient: { do: "drop" } };

/** Cuts a flow after some bytes: in the middle of a command, or of a reply. */
const cut = (flow, how) => async (place, random) =>
  place.proxy.strike({ [flow]: { after: random.between(0, 300), do: how } });

/** Ends what open connections suffer, after a while. */
const forAWhile = (fault, longest) => async (place, random) => {
  const hit = place.proxy.strike(fault(random));
  await sleep(random.between(5, longest));
  place.proxy.strike({});
  return hit;
};

/** What happens to all connections, new ones too, for a while. */
const mode =
  (name, longest) =>
  async ({ proxy }, random) => {
    await proxy[name]();
    await sleep(random.between(10, longest));
    await proxy.heal();
    return 1;
  };

/** The open connections are reset, and the next ones suffer this; all is well after these. */
const nextOnes =
  (fault) =>
  async ({ proxy }, random) => {
    const healthyFrom = proxy.accepted + random.between(2, 3);
    await proxy.script(({ number }) => (number < healthyFrom ? fault(random) : undefined));
    await proxy.reset();
    return 1;
  };

async function clientKill({ server }) {
  const observer = await observe(server);
  const killed = await observer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  observer.close();
  return killed;
}

async function clientPause({ server }, random) {
  const observer = await observe(server);
  await observer.ask("CLIENT", "PAUSE", random.between(10, 300), "ALL");
  observer.close();
  return 1;
}

async function frozen({ server }, random) {
  server.pause();
  await sleep(random.between(10, 400));
  server.resume();
  return 1;
}

async function crash({ server }, random) {
  await server.kill();
  await sleep(random.between(0, 200));
  await server.restart();
  return 1;
}

/** `[weight, [name, act]]`; an act gives how many connections, or servers, it hit. */
const kinds = [
  [8, ["reset in a reply", cut("toClient", "reset")]],
  [8, ["reset in a command", cut("toServer", "reset")]],
  [6, ["close in a reply", cut("toClient", "close")]],
  [4, ["half-close by the server", cut("toClient", "end")]],
  [4, ["half-close before the server", cut("toServer", "end")]],
  [3, ["silent drop", async ({ proxy }) => proxy.strike(silent)]],
  [2, ["replies dropped", cut("toClient", "drop")]],
  [2, ["commands dropped", cut("toServer", "drop")]],
  [8, ["every byte by itself", forAWhile(() => ({ toClient: { split: 1 }, toServer: { split: 1 } }), 150)]],
  [4, ["trickle", forAWhile(() => ({ toClient: { split: 1, pace: 1 } }), 120)]],
  [6, ["delay", forAWhile((random) => ({ toClient: { delay: random.between(1, 200) } }), 200)]],
  [5, ["stalled replies", forAWhile(() => ({ toClient: { do: "stall" } }), 250)]],
  [5, ["stalled commands", forAWhile(() => ({ toServer: { do: "stall" } }), 250)]],
  [6, ["CLIENT KILL", clientKill]],
  [3, ["CLIENT PAUSE", clientPause]],
  [5, ["SIGSTOP and SIGCONT", frozen]],
  [2, ["kill -9 and restart", crash]],
  [4, ["down", mode("down", 250)]],
  [4, ["accept then close", mode("acceptThenClose", 250)]],
  [4, ["hang", mode("hang", 350)]],
  [
    4,
    ["resets in the handshake", nextOnes((random) => ({ toClient: { after: random.between(0, 150), do: "reset" } }))],
  ],
  [
    3,
    ["garbage in the handshake", nextOnes(() => ({ toClient: { do: { say: "HTTP/1.1 400 Bad Request\r\n\r\n" } } }))],
  ],
  [2, ["silence in the handshake", nextOnes((random) => ({ toClient: { after: random.between(0, 20), do: "drop" } }))]],
];

/**
 * Strikes as long as it is to go on, and leaves all in order.
 *
 * @param {object} place
 * @param {import("edgis/testing").FaultProxy} place.proxy
 * @param {import("edgis/testing").RedisServer} place.server which must keep what it acknowledged over a crash
 * @param {import("./random.mjs").Random} random
 * @param {object} limits
 * @param {(faults: number) => boolean} limits.goesOn told how many faults have struck
 * @param {number} limits.pause milliseconds between two strikes at the most
 * @returns {Promise<Map<string, number>>} how often each kind struck something
 */
export async function strike(place, random, { goesOn, pause }) {
  const struck = new Map();
  let faults = 0;
  while (goesOn(faults)) {
    const [name, act] = random.weighted(kinds);
    // Each has choices of its own: how long one takes must not change the next.
    if ((await act(place, random.fork())) > 0) {
      faults += 1;
      struck.set(name, (struck.get(name) ?? 0) + 1);
    }
    await sleep(random.between(0, pause));
  }
  place.proxy.strike({});
  await place.proxy.heal();
  return struck;
}
