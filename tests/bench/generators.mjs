// The two kinds of load: batches behind one Promise.all, and independent callers that never wait for one another.

/** Batches: `flight` commands in one turn, then all their replies, then the next batch. */
export function batches(client, { op, flight }, { keys, values }, verify) {
  const turn = client.prepare ? client.prepare(op, keys, values) : () => Promise.all(issue());
  const issue = () => {
    const replies = new Array(flight);
    if (op === "get") for (let i = 0; i < flight; i++) replies[i] = client.get(keys[i]);
    else for (let i = 0; i < flight; i++) replies[i] = client.set(keys[i], values[i]);
    return replies;
  };
  return async (ms) => {
    if (verify && !client.prepare) check(await Promise.all(issue()), op, values);
    const end = performance.now() + ms;
    let commands = 0;
    do {
      await turn();
      commands += flight;
    } while (performance.now() < end);
    return commands;
  };
}

const DEPTHS = 10;

/**
 * Closed loops: every caller sends its next command when its own reply is there. Callers stand behind 0 to 9 more
 * awaits, as behind the layers of an application, so that the replies of one chunk do not all come back in one microtask.
 */
export function closedLoops(client, { op, flight }, { keys, values }, verify) {
  if (client.prepare) return undefined;
  return async (ms) => {
    let commands = 0;
    let open = true;
    const command = op === "get" ? (i) => client.get(keys[i]) : (i) => client.set(keys[i], values[i]);
    const caller = async (i) => {
      while (open) {
        const reply = await command(i);
        if (verify) check([reply], op, [values[i]]);
        for (let depth = i % DEPTHS; depth > 0; depth--) await undefined;
        commands++;
      }
    };
    const timer = setTimeout(() => {
      open = false;
    }, ms);
    await Promise.all(Array.from({ length: flight }, (_, i) => caller(i)));
    clearTimeout(timer);
    return commands;
  };
}

/** A client that is fast because it is wrong must not win. */
function check(replies, op, values) {
  replies.forEach((reply, i) => {
    const expected = op === "get" ? values[i] : "OK";
    if (reply !== expected)
      throw new Error(`wrong reply ${i}: ${String(reply).slice(0, 40)}, not ${expected.slice(0, 40)}`);
  });
}
