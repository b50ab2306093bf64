// Servers of several versions, pairs of primary and replica, and addresses that lead now to one and now to the other.

import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { faultProxy, startRedis } from "edgis/testing";
import { until } from "../faults/scene.mjs";
import { observe } from "../js/observer.mjs";

const folder = fileURLToPath(new URL("../../target/setup/servers/", import.meta.url));

/** By version, the one that all tests use first; the setup brings others where it can (scripts/setup.sh, `servers`). */
export const binaries = [
  ["redis-server", undefined],
  ...(existsSync(folder) ? readdirSync(folder).map((name) => [name, `${folder}${name}`]) : []),
];

/** An address. What stands behind it can change, with or without those who are connected hearing of it. */
export async function junction(port) {
  const state = { port };
  const sockets = new Set();
  const ports = new Map();
  const front = createServer({ noDelay: true }, (socket) => {
    const behind = connect({ port: state.port, host: "127.0.0.1", noDelay: true });
    ports.set(behind, state.port);
    for (const [from, to] of [
      [socket, behind],
      [behind, socket],
    ]) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        ports.delete(from);
        to.destroy();
      });
      from.unref();
      from.pipe(to);
    }
  });
  front.unref();
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  /** Those that lead elsewhere than new ones do. */
  const cutOld = () => {
    for (const [socket, port] of ports) if (port !== state.port) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${front.address().port}`,
    turn(port) {
      state.port = port;
    },
    cut,
    cutOld,
    close() {
      front.close();
      cut();
    },
  };
}

/** A server that is asked past the clients. */
export async function startAsked(options = {}) {
  const server = await startRedis(options);
  let observer = await observe(server);
  return {
    server,
    port: server.port,
    url: server.url,
    async ask(...command) {
      if (observer.socket.destroyed) observer = await observe(server);
      return observer.ask(...command);
    },
    async stop() {
      server.resume();
      observer.close();
      await server.stop();
    },
  };
}

const replicating = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];

/** Makes a server the replica of what stands at a port, and waits until it has what that has. */
export async function follow(replica, port) {
  await replica.ask("REPLICAOF", "127.0.0.1", String(port));
  await until(async () => /master_link_status:up/.test(await replica.ask("INFO", "replication")));
}

/** A primary and a replica of it, gone at the end of the test. What is written passes `between` them. */
export async function startPair(t, binary) {
  const options = { args: replicating, binary };
  const [primary, replica] = await Promise.all([startAsked(options), startAsked(options)]);
  const between = await faultProxy(primary.url);
  t.after(async () => {
    await Promise.all([primary.stop(), replica.stop()]);
    await between.close();
  });
  await follow(replica, between.port);
  return { primary, replica, between };
}
