// Rooms of the package that have no entry of their own, for tests of what they do alone: bundled on the spot.
import * as esbuild from "esbuild";

/** The names that a file of js/ exports. */
export async function source(file) {
  const entryPoints = [new URL(`../../js/${file}`, import.meta.url).pathname];
  const external = ["node:*"];
  const options = { bundle: true, external, format: "esm", platform: "neutral", target: "es2023", write: false };
  const { outputFiles } = await esbuild.build({ entryPoints, ...options });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}
