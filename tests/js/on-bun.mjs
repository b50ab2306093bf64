// How Bun runs a test file, and what it says in the end.
import { executable } from "./runtimes.mjs";

export const command = (file) => [executable("bun"), "--expose-gc", "test", "--timeout", "120000", file];
export const counts = { passed: /^ *(\d+) pass$/m, failed: /^ *(\d+) fail$/m, skipped: /^ *(\d+) skip$/m };
