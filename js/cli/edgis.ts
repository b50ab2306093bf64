#!/usr/bin/env node
/** The `bin` of the package. */
import { inspect } from "node:util";
import { main } from "./main.js";

const { stdout, stderr, env, argv } = process;

// A reader that has gone, as `head` does, is no error.
for (const stream of [stdout, stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const code = await main(argv.slice(2), {
  out: (text) => void stdout.write(text),
  error: (text) => void stderr.write(text),
  terminal: { out: stdout.isTTY === true, error: stderr.isTTY === true },
  env,
  columns: stderr.columns ?? 80,
}).catch((error) => {
  stderr.write(`edgis: a bug of its own, please report it: ${inspect(error?.stack ?? error)}\n`);
  return 1;
});
process.exitCode = code;
// Exits, since a probe may leave a connection half open; the output is flushed first.
stdout.write("", () => process.exit(code));
