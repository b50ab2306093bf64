// Whether the table of places says what servers say of their commands.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { source } from "./source.mjs";

/** Options that only newer servers have; all of them may be given to any. */
const newer = ["IFEQ", "IFNE", "IFDEQ", "IFDNE", "NOVALUES", "NOSCORES", "WITHSCORE"];
/** Words that stand in a place of their own, not in that of options. */
const positional = ["SUM", "MIN", "MAX", "LEFT", "RIGHT", "BEFORE", "AFTER"];

/** The words of a command with how many values follow each, and whether it takes any number of something. */
function read(args, found = { words: new Map(), isVariadic: false, hasPairs: false }, depth = 0) {
  for (const { type, token, flags = [], arguments: within } of args ?? []) {
    const isMany = flags.includes("multiple");
    if (token !== undefined) {
      const values = isMany ? "keys" : type === "pure-token" ? 0 : type === "block" ? within.length : 1;
      found.words.set(token, values);
    } else if (isMany) {
      if (type === "block") found.hasPairs = true;
      else found.isVariadic = true;
    }
    if (within !== undefined) read(within, found, depth + 1);
  }
  return found;
}

test("each method's place takes what its command takes, by the server's own account", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const client = createClient({ url: server.url, logger: false, timeouts: { command: "10s" } });
  t.after(() => client.close());
  const { grammarOf, places } = await source("client/grammar.ts");
  const docs = await client.call("COMMAND", "DOCS").catch(() => undefined);
  if (docs === undefined) return t.skip("servers before 7.0 do not tell");
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(client)).filter((name) => Object.hasOwn(docs, name));
  assert.ok(methods.length > 100, `${methods.length} methods`);
  assert.ok(Object.values(places).every((names) => names.split(" ").every((name) => methods.includes(name))));
  for (const name of methods) {
    const { words, isVariadic, hasPairs } = read(docs[name].arguments);
    const { kind, options = new Map() } = grammarOf(name) ?? {};
    for (const [word, values] of words)
      if (!positional.includes(word)) assert.equal(options.get(word), values, `${name} ${word}`);
    for (const word of options.keys()) assert.ok(words.has(word) || newer.includes(word), `${name} has no ${word}`);
    assert.equal(hasPairs, kind === "fields" || kind === "scores", name);
    if (!hasPairs) assert.equal(isVariadic, kind === "list" || kind === "keys", name);
  }
});
