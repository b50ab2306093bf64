// Whatever a file of tests has done: at its end the linear memory of the core is at most 8 MiB. It never shrinks.
import process from "node:process";

const MOST = 8 << 20;

process.on("exit", () => {
  const bytes = globalThis[Symbol.for("edgis.engine.1")]?.core.memoryBytes ?? 0;
  if (bytes <= MOST) return;
  console.error(`linear memory has grown to ${bytes} bytes, more than ${MOST}`);
  process.exitCode = 1;
});
