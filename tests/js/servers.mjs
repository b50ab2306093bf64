// A throwaway server for the time of a test, and a look at it past the client.
import { startRedis } from "edgis/testing";
import { observe } from "./observer.mjs";

export async function startWatched(t, options) {
  const server = await startRedis(options);
  const observer = await observe(server);
  t.after(async () => {
    // A test that failed may have left it paused.
    server.resume();
    observer.close();
    await server.stop();
  });
  return { server, observer };
}
