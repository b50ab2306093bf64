// The world around the app: a throwaway Redis that takes snapshots, and what answers on the other loopback address.
import { createServer } from "node:net";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";

const SNAPSHOT_EVERY = 4_000;

export async function createWorld() {
  const server = await startRedis({ args: ["--save", ""] });
  const decoy = await acceptAndClose(server.port);
  // Not the app's connection: what an administrator would use.
  const admin = createClient({ url: server.url, logger: false, share: false });
  let snapshot = Date.now();
  await admin.call("SAVE");
  const timer = setInterval(async () => {
    if (!server.running || !admin.isReady) return;
    await admin.call("SAVE").then(
      () => {
        snapshot = Date.now();
      },
      () => {},
    );
  }, SNAPSHOT_EVERY);
  return {
    url: `redis://localhost:${server.port}`,
    decoy: decoy !== undefined,
    /** As a power cut would: what came after the last snapshot is gone. */
    kill: () => server.kill(),
    /** With the data of the last snapshot, also with what was deleted since. */
    async restore() {
      if (!server.running) await server.restart();
      return Date.now() - snapshot;
    },
    async close() {
      clearInterval(timer);
      decoy?.close();
      await admin.close();
      await server.stop();
    },
  };
}

/** Accepts and closes connections on ::1, like a container's port forward with nothing behind it; undefined without ::1. */
function acceptAndClose(port) {
  return new Promise((resolve) => {
    const decoy = createServer((socket) => socket.destroy());
    decoy.once("error", () => resolve(undefined));
    decoy.listen(port, "::1", () => resolve(decoy));
  });
}
