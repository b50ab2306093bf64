// The figures in README.md and docs/cache.md: the few that most readers ask for, from the same results as this folder's page.
import { ratio } from "./statistics.mjs";
import { number, times } from "./table.mjs";

const LOADS = {
  "GET 32 B, 1 in flight": "get-1",
  "GET 32 B, 100 in flight": "get-100",
  "GET 32 B, 1,000 in flight": "get-1000",
  "SET 32 B, 1,000 in flight": "set-1000",
  "GET 100 KB, 10 in flight": "get-10-100KB",
  "SET 100 KB, 10 in flight": "set-10-100KB",
};
/** Names of the results, and how a reader would say them. */
const CLIENTS = {
  "node-redis": (version) => `node-redis ${version}`,
  ioredis: (version) => `ioredis ${version}`,
  "ioredis-auto": () => "the same with auto-pipelining",
  iovalkey: (version) => `iovalkey ${version}`,
  bun: (version) => `Bun ${version}, built in`,
};

const quotient = ({ loads }, load, name) => times(ratio(loads[load]?.edgis?.rates, loads[load]?.[name]?.rates));

function throughput(results) {
  const { versions } = results.machine;
  const names = Object.keys(CLIENTS);
  const head = ["edgis ÷ client", ...names.map((name) => CLIENTS[name](versions[name]))];
  const rows = Object.entries(LOADS).map(([title, load]) => [
    title,
    ...names.map((name) => quotient(results, load, name)),
  ]);
  return { head, rows };
}

function costs({ cold, size }) {
  const names = ["edgis", "node-redis", "ioredis", "iovalkey"];
  const cell = (source, name, figure) => (source?.[name] ? figure(source[name]) : "–");
  return {
    head: ["", ...names],
    rows: [
      [
        "cold start: import, connect, first PING",
        ...names.map((name) => cell(cold, name, (it) => `${number(it.total)} ms`)),
      ],
      ["in a bundle, minified, gzip", ...names.map((name) => cell(size, name, (it) => `${number(it.gzip / 1000)} KB`))],
    ],
  };
}

/** On Bun and Deno. */
function elsewhere({ runs }) {
  const peers = {
    bun: { bun: (version) => `Bun ${version}, built in` },
    deno: { ioredis: (version) => `ioredis on Deno ${version}`, "ioredis-auto": CLIENTS["ioredis-auto"] },
  };
  const columns = runs.flatMap((run) =>
    Object.entries(peers[run.runtime]).map(([name, title]) => ({ run, name, title: title(run.version) })),
  );
  const titles = ["GET 32 B, 100 in flight", "GET 32 B, 1,000 in flight", "SET 32 B, 1,000 in flight"];
  return {
    head: ["edgis on the same runtime ÷ client", ...columns.map(({ title }) => title)],
    rows: titles.map((title) => [title, ...columns.map(({ run, name }) => quotient(run, LOADS[title], name))]),
  };
}

/** For README.md, as Markdown; `markdown` writes a table. */
export function front({ results, runtimes }, markdown) {
  const { cpu, cores, node, redis, date } = results.machine;
  const parts = [throughput(results), costs(results), elsewhere(runtimes)];
  return [
    `${cpu}, ${cores} cores, Node ${node}, Redis ${redis}, ${date}.`,
    ...parts.map(({ head, rows }) => markdown(head, rows)),
  ].join("\n\n");
}

/** For docs/cache.md. */
export function cacheFront({ tables }, markdown) {
  const [, quotients, single] = tables;
  const call = single.rows.find(([title]) => title.startsWith("a later call with Redis away"));
  const away = single.head.slice(1).map((name, i) => `${name} ${call[i + 1]}`);
  return [
    markdown(["edgis ÷ cache", ...quotients.head.slice(1)], quotients.rows),
    `A call while Redis is away, in ms: ${away.join(", ")}.`,
  ].join("\n\n");
}
