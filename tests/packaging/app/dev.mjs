// Runs main.mjs in Vite's dev server, the package bundled or not, after a second copy of it was loaded as by a hot
// reload: node dev.mjs bundled|external
import { createServer } from "vite";

const [how] = process.argv.slice(2);
const ssr = how === "bundled" ? { noExternal: ["edgis"] } : {};
const server = await createServer({
  configFile: false,
  appType: "custom",
  logLevel: "warn",
  ssr,
  server: { middlewareMode: true, ws: false, watch: null },
});
const { createClient } = await server.ssrLoadModule("edgis");
await createClient({ url: process.env.REDIS_URL, name: "cell", logger: false }).ping();
server.moduleGraph.invalidateAll();
await server.ssrLoadModule("/main.mjs");
await server.close();
