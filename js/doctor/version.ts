/** The version of the package that this file belongs to. */
import { createRequire } from "node:module";

export const version = read();

function read(): string {
  try {
    return String(createRequire(import.meta.url)("edgis/package.json").version);
  } catch {
    // From a bundle that was moved away from its package.
    return "unknown";
  }
}
