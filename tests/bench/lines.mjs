// How the orchestrator and a measured process talk: JSON, one message a line, marked, as a client may log to stdout, too.

import { createInterface } from "node:readline";

const MARK = "edgis-bench ";

export const encode = (message) => `${MARK}${JSON.stringify(message)}\n`;

/** The message of a line, or undefined for a line that is none. */
export const decode = (line) => (line.startsWith(MARK) ? JSON.parse(line.slice(MARK.length)) : undefined);

export const send = (message) => process.stdout.write(encode(message));

/** A measured process from its start on: says that it is ready, and does what it is told until it is told to close. */
export async function obey(tasks) {
  send({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { task, ...options } = decode(line);
    try {
      send({ result: (await tasks[task](options)) ?? null });
    } catch (error) {
      send({ error: String(error?.message ?? error) });
    }
    if (task === "close") break;
  }
  process.exit(0);
}
