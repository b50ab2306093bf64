// The phases of a run. Within each, the clients take turns, so that what the machine does meanwhile hits all of them.

import { describe } from "./loads.mjs";
import { startGate } from "./server.mjs";
import { median, summarise } from "./statistics.mjs";
import { coldStart, startSubject } from "./subject.mjs";

/** Where the next round begins moves on, so that nobody always runs behind the same neighbour. */
export const turns = (items, round) => items.map((_, i) => items[(i + round) % items.length]);

async function startAll(context, what) {
  const running = [];
  for (const client of context.clients) {
    try {
      running.push({ client, subject: await startSubject(client, context) });
    } catch (error) {
      context.fail(client, what, error);
    }
  }
  return running;
}

/** One process a client for the whole group; each load: a warm-up of everybody, then rounds A B C … A B C …. */
export async function measureGroup(group, context) {
  const running = await startAll(context, group.name);
  const measured = {};
  try {
    for (const [i, load] of group.loads.entries()) {
      context.progress(describe(load));
      measured[load.id] = await measureLoad(
        load,
        running,
        context,
        i === 0 ? context.settings.heat : context.settings.warm,
      );
    }
  } finally {
    for (const { subject } of running) await subject.stop();
  }
  return measured;
}

async function measureLoad(load, running, { settings, fail }, warm) {
  const entrants = running
    .filter(({ client }) => !(load.kind === "closed" && client.name === "raw"))
    .map((entrant) => ({ ...entrant, rounds: [], failed: false }));
  const take = async (entrant, ms, verify) => {
    if (entrant.failed) return;
    try {
      const round = await entrant.subject.ask("run", { load, ms, verify });
      if (!verify) entrant.rounds.push(round);
    } catch (error) {
      entrant.failed = true;
      fail(entrant.client, load.id, error);
    }
  };
  for (const entrant of entrants) await take(entrant, warm, true);
  for (let round = 0; round < settings.rounds; round++) {
    for (const entrant of turns(entrants, round)) await take(entrant, settings.round, false);
  }
  const complete = entrants.filter(({ failed }) => !failed);
  return Object.fromEntries(complete.map(({ client, rounds }) => [client.name, summarise(rounds)]));
}

export async function measureCold(context) {
  context.progress(`cold starts, ${context.settings.cold} of each`);
  const starts = new Map(context.clients.map((client) => [client, []]));
  for (let round = -1; round < context.settings.cold; round++) {
    for (const client of turns(context.clients, Math.max(round, 0))) {
      if (!starts.has(client)) continue;
      try {
        const start = await coldStart(client, context);
        // the first reads the files from disk: not what a second process on the machine meets
        if (round >= 0) starts.get(client).push(start);
      } catch (error) {
        starts.delete(client);
        context.fail(client, "cold", error);
      }
    }
  }
  const summary = (runs) => ({
    import: median(runs.map((run) => run.import)),
    connect: median(runs.map((run) => run.connect)),
    total: median(runs.map((run) => run.total)),
    totals: runs.map((run) => run.total),
  });
  return Object.fromEntries([...starts].map(([client, runs]) => [client.name, summary(runs)]));
}

/** Clients of which every single command can be told apart: all but the raw socket. */
const real = ({ clients }) => clients.filter(({ name }) => name !== "raw");

async function eachAlone(context, what, hints, measure) {
  const measured = {};
  for (const client of real(context)) {
    let subject;
    try {
      subject = await startSubject(client, { ...context, hints });
      measured[client.name] = await measure(subject);
    } catch (error) {
      context.fail(client, what, error);
    } finally {
      await subject?.stop();
    }
  }
  return measured;
}

/** Memory of commands that are sent and unanswered; their replies wait in a gate while the heap is looked at. */
export async function measureInFlight(context) {
  const count = context.settings.flight;
  context.progress(`heap of ${count.toLocaleString("en")} commands in flight`);
  const gate = await startGate(context.port);
  try {
    const through = { ...context, port: gate.port };
    const hints = { patience: 30_000, flight: 2 * count };
    return await eachAlone(through, "heap", hints, async (subject) => {
      try {
        return await subject.ask("inFlight", { count }, (note) => (note === "warm" ? gate.hold() : gate.release()));
      } finally {
        gate.release();
      }
    });
  } finally {
    gate.stop();
  }
}

export async function measureRetained(context) {
  const { kept } = context.settings;
  context.progress(`keeping 1 reply of 1,000 of ${(kept * 1000).toLocaleString("en")}`);
  return eachAlone(context, "retained", {}, (subject) => subject.ask("retained", { kept }));
}
