// No client at all: replies come from memory, one turn later. Not on the roster; it shows what the load generators cost:
//   node tests/bench/run.mjs --only loads --with none=tests/bench/clients/none.mjs

import { KEYS, keys, values } from "../loads.mjs";

export async function open() {
  const stored = new Map(Object.keys(KEYS).flatMap((size) => pairs(Number(size))));
  let waiting = [];
  const answer = () => {
    const replies = waiting;
    waiting = [];
    for (let i = 0; i < replies.length; i += 2) replies[i](replies[i + 1]);
  };
  const command = (reply) =>
    new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(answer);
      waiting.push(resolve, reply);
    });
  return {
    get: (key) => command(stored.get(key)),
    set: () => command("OK"),
    ping: () => command("PONG"),
    close() {},
  };
}

function pairs(size) {
  const contents = values(size);
  return keys(size).map((key, i) => [key, contents[i]]);
}
