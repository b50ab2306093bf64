// Passwords, users' names and tokens, made up from a seed, written into URLs and options rightly and wrongly, and repeated
// by servers: none is in anything that a log, an error tracker or a careless console.log would show. SECRETS_SEED repeats
// a run.
import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";
import { listen, nobody, saying, scripted, silent } from "../js/peers.mjs";
import { Random, seedOf } from "./random.mjs";
import { caught } from "./scene.mjs";

const ROUNDS = Number(process.env.SECRETS_ROUNDS ?? 250);
const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/** What means something in a URL, to a shell, in JSON, in a reply, or in a format. */
const signs = "@:/?#%[]&=+;,'\"\\ `$(){}<>|^~!*äß€😀\t\0%41%2F%zz";

/** A text of which no part is said by chance. */
function secret(random) {
  const word = () => Array.from({ length: 8 }, () => random.one([...letters])).join("");
  const words = [word()];
  for (let i = random.between(0, 3); i > 0; i -= 1) words.push(random.one([...signs, "%41", "%2F", "%zz"]), word());
  return words.join("");
}

const encoded = (text) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");

/** How the secrets get into a URL, rightly and wrongly. */
const urls = [
  ({ user, password }, address) => `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${address}`,
  ({ user, password }, address) => `redis://${encoded(user)}:${encoded(password)}@${address}`,
  ({ password }, address) => `redis://:${encodeURIComponent(password)}@${address}/3`,
  ({ user, password }, address) => `redis://${user}:${password}@${address}`,
  ({ password }, address) => `redis://:${password}@${address}/${password}`,
  ({ user, password }, address) => `rediss://${user}:${encodeURIComponent(password)}@${address}?token=${password}`,
  ({ password }, address) => `http://:${password}@${address}`,
  ({ password }, address) => `${password}@${address}`,
  ({ password }) => password,
  ({ password }, address) => `redis://${address}/${encodeURIComponent(password)}`,
  ({ password }, address) => `redis://${address}?db=${encodeURIComponent(password)}`,
  ({ user, password }, address) => `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}%zz@${address}`,
  ({ user, password }) => `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h:port`,
  ({ user, password }) => `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@`,
];

/** The options that hold them; `address` is where a server is, or nobody. */
const places = [
  ({ random, address, ...secrets }) => ({ url: random.one(urls)(secrets, address) }),
  ({ address, user, password }) => ({ url: `redis://${address}`, username: user, password }),
  ({ address, password }) => ({ url: `redis://${address}`, password, protocol: 2 }),
  ({ address, user, password }) => ({ url: `redis://${address}`, username: user, password, protocol: 2, db: 3 }),
  ({ address, user, password }) => ({ url: `redis://${address}`, credentials: () => ({ username: user, password }) }),
  ({ address, password }) => ({ url: `redis://${address}`, credentials: async () => ({ password, token: password }) }),
  ({ address, password }) => ({ url: `redis://${address}`, credentials: () => password }),
  ({ address, password }) => ({ url: `redis://${address}`, password: { password } }),
  ({ address, password }) => ({ url: `redis://${address}`, password, db: password }),
  ({ address, password }) => ({ url: `redis://${address}`, tls: { key: password, cert: password, ca: password } }),
  ({ address, password }) => ({ url: `rediss://${address}`, tls: { key: Buffer.from(password) } }),
  ({ address, password }) => ({ url: `redis://${address}`, timeouts: password }),
  ({ address, password }) => ({ url: () => `redis://${address}/${password}` }),
  ({ address, password }) => ({ url: { href: `redis://${address}`, password } }),
  ({ address, password }) => ({ url: `redis://${address}`, name: password, password }),
];

const repeating = (args) =>
  `-ERR unknown command '${args[0]}', with args beginning with: ${args
    .slice(1)
    .map((arg) => `'${arg}' `)
    .join("")}\r\n`;
const oneLine = (text) => text.replace(/[\r\n]/g, " ");

/** Servers that repeat what they are told, each in its way, and some that say nothing of it. */
function peers() {
  const introduced = ([name]) => name === "HELLO" || name === "AUTH";
  const isGreeting = ([name]) => ["HELLO", "CLIENT", "PING", "SELECT", "AUTH"].includes(name);
  return Promise.all([
    scripted((args) => (introduced(args) ? `-WRONGPASS ${oneLine(args.join(" "))}\r\n` : undefined)),
    scripted((args) => (introduced(args) ? oneLine(repeating(args)).trimEnd().concat("\r\n") : undefined)),
    scripted((args) => (introduced(args) ? `-ERR I do not like ${oneLine(args.slice(2).join(", "))}\r\n` : undefined)),
    scripted((args) => (introduced(args) ? `-MOVED 1 ${oneLine(args.join(":"))}\r\n` : undefined)),
    // It accepts us, and in the same breath says what nobody has asked for.
    scripted((args, socket) => {
      if (introduced(args)) socket.told = args.slice(1).join(" ");
      return args[0] === "PING" ? `+PONG\r\n-ERR by the way: ${oneLine(socket.told)}\r\n` : undefined;
    }),
    scripted((args, socket) => (isGreeting(args) ? undefined : void socket.destroy())),
    scripted((args) => (isGreeting(args) ? undefined : "")),
    saying("HTTP/1.1 400 Bad Request\r\n\r\n"),
    listen((socket) => void socket.destroy()),
    silent(),
  ]);
}

/** Everything that a log, an error tracker or a careless console.log would show. */
function shown(thing, depth = 0) {
  // What is too large at one depth is left out altogether, and shown at another.
  const text = [1, 4].map((levels) => inspect(thing, { depth: levels, showHidden: true, getters: true }));
  text.push(String(thing?.stack ?? ""));
  try {
    text.push(JSON.stringify(thing, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? "");
  } catch {
    // Not everything has a JSON form.
  }
  if (thing instanceof Error) {
    text.push(thing.message, JSON.stringify({ ...thing }), ...Object.values(thing).map(String));
    if (thing.cause !== undefined && depth < 5) text.push(shown(thing.cause, depth + 1));
  }
  return text.join("\n");
}

/** The forms in which a secret, or a telling part of it, would be known. */
function forms(text) {
  const parts = text.match(/[a-zA-Z0-9]{8}/g);
  return [...new Set([text, encodeURIComponent(text), encoded(text), JSON.stringify(text).slice(1, -1), ...parts])];
}

const seed = seedOf("SECRETS_SEED");

test(`no secret is in any error, status, log line, or inspection, in whatever form (SECRETS_SEED=${seed})`, async (t) => {
  const random = new Random(seed);
  const server = await startRedis({ args: ["--requirepass", "right"] });
  // To its default user every password is the right one.
  const open = await startRedis();
  const all = await peers();
  t.after(async () => {
    await Promise.all(all.map((peer) => peer.close()));
    await Promise.all([server.stop(), open.stop()]);
  });
  const addresses = [server.url, open.url, open.url, await nobody(), ...all.map((peer) => peer.url)].map((url) =>
    url.slice("redis://".length),
  );
  addresses.push("no-such-host.invalid:6379");
  const counts = {};
  const play = async (round, patience = 1) => {
    const secrets = { user: secret(random), password: secret(random) };
    const place = random.between(0, places.length - 1);
    const options = places[place]({ ...secrets, random, address: random.one(addresses) });
    const seen = [];
    const logger = { info: (line) => seen.push(line), warn: (line) => seen.push(line) };
    const timeouts = { connect: 60 * patience, command: 40 * patience };
    const client = createClient({ logger, timeouts, share: false, ...options });
    client.on("state", (status) => seen.push(shown(status)));
    const outcomes = [
      client.set("k", secrets.password),
      client.get(secrets.password),
      client.call("AUTH", secrets.user, secrets.password),
      client.call("NOSUCH", secrets.password),
      client.call("ACL", "SETUSER", "x", secrets.password),
      client.set("k", { [secrets.password]: { nested: secrets.password } }),
      client.set("k", Symbol(secrets.password)),
      client.with({ timeout: secrets.password }).get("k"),
      client.ready({ timeout: 80 * patience }),
    ].map(caught);
    for (const outcome of await Promise.all(outcomes)) {
      seen.push(shown(outcome));
      const name = outcome?.reason ?? outcome?.kind ?? "answered";
      counts[name] = (counts[name] ?? 0) + 1;
    }
    seen.push(
      ...[client, client.bytes, client.status(), client.stats(), await client.init()].map((thing) => shown(thing)),
    );
    await client.close();
    seen.push(shown(client.status()));
    const text = seen.join("\n");
    for (const [name, value] of Object.entries(secrets)) {
      const found = forms(value).find((form) => text.includes(form));
      const at = text.indexOf(found);
      assert.equal(
        found,
        undefined,
        `round ${round}, place ${place}, ${inspect(options)}: the ${name} ${value} is in …` +
          text.slice(Math.max(0, at - 300), at + 100),
      );
    }
  };
  // Side by side, since most of it is waiting. What is made up must not depend on who comes first.
  for (let round = 0; round < ROUNDS; ) {
    const together = Array.from({ length: Math.min(25, ROUNDS - round) }, () => round++);
    await Promise.all(together.map(play));
  }
  // They went through everything that can be said. On a machine that is busy not every server has answered in so short a time.
  const reasons = ["auth", "bad-url", "bad-option", "refused", "protocol", "dns", "timeout", "UsageError"];
  const missing = () => reasons.filter((reason) => counts[reason] === undefined);
  let rounds = ROUNDS;
  for (let patience = 4; missing().length > 0 && patience <= 32; patience *= 2)
    await Promise.all(Array.from({ length: 25 }, () => play(rounds++, patience)));
  t.diagnostic(`${rounds} rounds: ${JSON.stringify(counts)}`);
  assert.deepEqual(missing(), [], "nobody was told these");
});
