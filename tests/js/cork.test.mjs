// Writes that leave together: each link gathers its own, also when several are written to in between.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import test from "node:test";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";
import { source } from "./source.mjs";

const { nodeRuntime } = await source("transport/node.ts");
const engine = () => globalThis[Symbol.for("edgis.engine.1")];

/** A link of the transport to a server that keeps what it receives. */
async function recorded(t) {
  const chunks = [];
  const server = createServer((socket) => socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  let link;
  await new Promise((resolve) => {
    const events = { opened: resolve, received() {}, drained() {}, lost: resolve };
    link = nodeRuntime.open({ host: "127.0.0.1", port: server.address().port }, events);
  });
  t.after(() => {
    link.destroy();
    server.close();
  });
  return { link, received: () => Buffer.concat(chunks).toString() };
}

async function until(holds, what) {
  const limit = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < limit, `not in time: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until each link's server has what is expected of it, and nothing else. */
async function expectBytes(expected) {
  const received = () => expected.map(([one]) => one.received());
  await until(() => received().join("").length >= expected.map(([, text]) => text).join("").length, received);
  for (const [one, text] of expected) assert.equal(one.received(), text);
}

const write = ({ link }, text) => link.write(text, Buffer.byteLength(text));

test("what a corked link has gathered does not leave on a link that is written to meanwhile", async (t) => {
  const [a, b] = [await recorded(t), await recorded(t)];
  a.link.cork();
  write(a, "first of a;");
  write(b, "first of b;");
  write(a, "second of a;");
  a.link.uncork();
  await expectBytes([
    [a, "first of a;second of a;"],
    [b, "first of b;"],
  ]);
});

test("two links are corked at once, and each writes its own, in order", async (t) => {
  const [a, b] = [await recorded(t), await recorded(t)];
  const long = "x".repeat(700_000);
  a.link.cork();
  b.link.cork();
  for (const part of ["1;", long, "2;", "é;"]) {
    write(a, `a${part}`);
    write(b, `b${part}`);
  }
  b.link.uncork();
  write(a, "last;");
  a.link.uncork();
  await expectBytes([
    [a, `a1;a${long}a2;aé;last;`],
    [b, `b1;b${long}b2;bé;`],
  ]);
});

test("a corked link that is destroyed takes nothing along that another has gathered", async (t) => {
  const [a, b, c] = [await recorded(t), await recorded(t), await recorded(t)];
  a.link.cork();
  b.link.cork();
  write(a, "of a;");
  b.link.destroy();
  a.link.uncork();
  c.link.cork();
  write(c, "of c, which is gone;");
  c.link.destroy();
  write(a, "more of a;");
  await expectBytes([
    [a, "of a;more of a;"],
    [b, ""],
    [c, ""],
  ]);
});

test("the rows of one call write to two links, and each server gets its own", async (t) => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  const clients = servers.map(({ url }) => createClient({ url, logger: false }));
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(servers.map((server) => server.stop()));
  });
  await Promise.all(clients.map((client) => client.ping()));
  const { pending, links, core } = engine();
  const [a, b] = clients.map(({ target }) => [...links.values()].find((link) => link.target === target));
  // Rows that the core gives when it writes to several links: a frame with a gap for an outside argument, and one without.
  const { ROW_TRANSMIT, ROW_EXTERNAL } = await source("core/abi.ts");
  const frames = ["*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n", "\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nof b\r\n"];
  const starts = frames.map((_, index) => frames.slice(0, index).join("").length);
  const values = clients.map((client) => client.get("k"));
  await Promise.all(values);
  const owner = { target: a.target, mode: 0 };
  void pending.add(owner, "SET").catch(() => {});
  const tag = pending.lastTag;
  pending.keepExternal(tag, "of a", 4);
  engine().enter(a.target.scope, undefined, (core) => {
    core.refresh();
    const [rows, text] = [core.chunk >>> 2, core.chunk + 256];
    core.u8.set(Buffer.from(frames.join("")), text);
    const transmit = (link, frame) => [ROW_TRANSMIT, link.id, starts[frame], frames[frame].length];
    const words = [...transmit(a, 0), ROW_EXTERNAL, a.id, tag, 0, ...transmit(b, 2), ...transmit(a, 1)];
    core.u32.set(words, rows);
    Object.defineProperties(core, {
      rows: { get: () => rows, configurable: true },
      rowCount: { get: () => words.length / 4, configurable: true },
      frames: { get: () => text, configurable: true },
    });
  });
  for (const name of ["rows", "rowCount", "frames"]) delete core[name];
  pending.reject(tag, new Error("answered to nobody"), true);
  // The links are no longer of use: each has a reply that the core did not expect.
  const found = () =>
    Promise.all(servers.map(({ url }) => createClient({ url, share: false, logger: false }).get("k")));
  const limit = performance.now() + 10_000;
  let kept = await found();
  while (kept.includes(null) && performance.now() < limit) kept = await found();
  assert.deepEqual(kept, ["of a", "of b"]);
});
