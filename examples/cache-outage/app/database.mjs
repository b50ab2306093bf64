// Stands for a database: slow, and always right.
import { setTimeout as sleep } from "node:timers/promises";

const QUERY = 25;
const versions = new Map();

export let loads = 0;

export async function load(id) {
  loads += 1;
  const version = versions.get(id) ?? 1;
  await sleep(QUERY);
  return { id, name: `Product ${id}`, version, price: 10 + version };
}

export async function changePrice(id) {
  await sleep(1);
  versions.set(id, version(id) + 1);
}

/** How often the price was changed: what an answer must not be older than. */
export const version = (id) => versions.get(id) ?? 1;
