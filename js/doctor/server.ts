/** Layer 6: what the server is, and what in its state and settings will hurt. Reads INFO, and CONFIG where that is allowed. */
import { isIP } from "node:net";
import type { Case } from "./case.js";
import { seconds } from "./examination.js";
import { type Reply, ServerError } from "./resp.js";
import { connectionOptions, openAs, type Target } from "./target.js";
import { codeOf, dial, type Wire } from "./wire.js";

const LIMIT = 2_000;
/** A share of what there is, from which on it is nearly used up. */
const NEAR = 0.9;
/** Nodes of a cluster that are looked at. */
const MOST_NODES = 16;

export async function examineServer(c: Case): Promise<void> {
  const { examination, wire, target } = c;
  if (wire === undefined || target === undefined)
    return examination.skip("server", "server.info", "there is no connection to ask on");
  const isKnown = await readInfo(c, wire);
  const settings = await readSettings(c, wire);
  const get = (name: string): string | undefined => settings.get(name) ?? c.info.get(name);
  if (isKnown) await role(c, target, wire, get);
  if (isKnown) limits(c, get);
  else examination.skip("server", "server.limits", "INFO is not known");
  await reaper(c, target, settings);
  return undefined;
}

async function readInfo(c: Case, wire: Wire): Promise<boolean> {
  const { examination } = c;
  const known = await examination.check("server", "server.info", LIMIT, async (step) => {
    const reply = await wire.ask(LIMIT, "INFO");
    if (typeof reply !== "string") {
      const said = reply instanceof ServerError ? `-${reply.text}` : "no text";
      step.unknown(`INFO: ${examination.redaction.said(said)}`);
      return false;
    }
    for (const line of reply.split(/\r?\n/)) {
      const colon = line.indexOf(":");
      if (colon > 0 && !line.startsWith("#")) c.info.set(line.slice(0, colon), line.slice(colon + 1));
    }
    const { name, version } = versionOf(c.info);
    step.ok(
      examination.redaction.said(
        `${name} ${version}, ${c.info.get("redis_mode") ?? "standalone"}, ${c.info.get("role") ?? "role unknown"}`,
      ),
    );
    if (/^[0-5]\./.test(version))
      examination.find("server.old", "warning", [examination.redaction.said(`${name} ${version}`)]);
    return true;
  });
  return known === true;
}

function versionOf(info: Map<string, string>): { name: string; version: string } {
  const valkey = info.get("valkey_version");
  return valkey === undefined
    ? { name: "Redis", version: info.get("redis_version") ?? "of unknown version" }
    : { name: "Valkey", version: valkey };
}

/** The settings that INFO does not show; where CONFIG is refused none of them is known. */
async function readSettings(c: Case, wire: Wire): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  await c.examination.check("server", "server.config", LIMIT, async (step) => {
    for (const name of ["timeout", "maxclients", "save", "appendonly", "stop-writes-on-bgsave-error"]) {
      const reply = await wire.ask(LIMIT, "CONFIG", "GET", name);
      if (reply instanceof ServerError)
        return step.unknown(`CONFIG GET: ${c.examination.redaction.said(`-${reply.text}`)}`);
      if (Array.isArray(reply))
        for (let i = 0; i + 1 < reply.length; i += 2) settings.set(String(reply[i]), String(reply[i + 1]));
    }
    return undefined;
  });
  return settings;
}

type Get = (name: string) => string | undefined;

async function role(c: Case, target: Target, wire: Wire, get: Get): Promise<void> {
  const { examination } = c;
  const { redaction } = examination;
  await examination.check("server", "server.role", LIMIT, async (step) => {
    const mode = get("redis_mode") ?? get("server_mode");
    if (mode === "sentinel") {
      const masters = await wire.ask(LIMIT, "SENTINEL", "MASTERS").catch(() => null);
      step.failed("a Sentinel");
      return examination.find("server.sentinel", "error", ["redis_mode:sentinel", ...mastersOf(c, masters)]);
    }
    if (get("role") === "slave") {
      const [host = "", port = ""] = [get("master_host"), get("master_port")];
      const link = `master_link_status:${get("master_link_status")}`;
      const primary =
        host === "" ? [] : [`its primary is ${redaction.said(redaction.address(host, Number(port)))}, ${link}`];
      step.failed("a replica");
      return examination.find("server.replica", "warning", ["role:slave", ...primary]);
    }
    return step.ok(`a primary, ${mode ?? "standalone"}`);
  });
  if (get("cluster_enabled") === "1") await cluster(c, target, wire);
}

function mastersOf(c: Case, masters: Reply): string[] {
  const { redaction } = c.examination;
  if (!Array.isArray(masters)) return [];
  return masters.slice(0, MOST_NODES).flatMap((master) => {
    if (!Array.isArray(master)) return [];
    const field = (name: string) => String(master[master.indexOf(name) + 1]);
    const where = redaction.address(field("ip"), Number(field("port")));
    return [redaction.said(`the primary of ${field("name")} is ${where}`)];
  });
}

async function cluster(c: Case, target: Target, wire: Wire): Promise<void> {
  const { examination } = c;
  const { redaction } = examination;
  const slots = await examination.check("server", "server.cluster", LIMIT, async (step) => {
    const reply = await wire.ask(LIMIT, "CLUSTER", "SLOTS");
    step.failed(Array.isArray(reply) ? `cluster mode, ${reply.length} ranges of slots` : "cluster mode");
    return reply;
  });
  examination.find("topology.moved", "error", ["cluster_enabled:1"]);
  const nodes = new Map<string, { host: string; port: number }>();
  for (const range of Array.isArray(slots) ? slots : []) {
    for (const node of Array.isArray(range) ? range.slice(2) : []) {
      if (!Array.isArray(node) || typeof node[0] !== "string" || node[0] === "" || node[0] === "?") continue;
      const place = { host: node[0], port: Number(node[1]) };
      nodes.set(`${place.host} ${place.port}`, place);
    }
  }
  await Promise.all(
    [...nodes.values()].slice(0, MOST_NODES).map((node) => {
      const label = redaction.said(redaction.address(node.host, node.port));
      return examination.check(
        "server",
        "cluster.node",
        LIMIT + 500,
        async (step) => {
          const tls = target.tls === undefined ? undefined : connectionOptions(target);
          try {
            const other = await dial(node, Math.min(LIMIT, target.connect), tls);
            other.close();
            step.ok(isIP(node.host) === 0 ? "reachable by name" : "reachable");
          } catch (error) {
            step.failed(codeOf(error) ?? "unreachable");
            examination.find("cluster.announce", "warning", [`${label}: ${codeOf(error)}`]);
          }
        },
        label,
      );
    }),
  );
}

/** Memory, clients and persistence. */
function limits(c: Case, get: Get): void {
  const { examination } = c;
  const number = (name: string): number => Number(get(name) ?? Number.NaN);
  const [used, most, policy] = [number("used_memory"), number("maxmemory"), get("maxmemory_policy")];
  const [clients, maxclients] = [number("connected_clients"), number("maxclients")];
  const memory = most > 0 ? `${megabytes(used)} of ${megabytes(most)}, ${policy}` : `${megabytes(used)}, no maxmemory`;
  const room = maxclients > 0 ? `${clients} of ${maxclients} clients` : `${clients} clients`;
  void examination.check("server", "server.limits", LIMIT, (step) => step.ok(`${memory}; ${room}`));
  if (most > 0 && policy === "noeviction" && used >= NEAR * most)
    examination.find("server.oom", used >= most ? "error" : "warning", [memory]);
  if (most > 0 && policy !== undefined && policy !== "noeviction") {
    const evicted = number("evicted_keys");
    examination.find("server.evicts-locks", evicted > 0 ? "warning" : "note", [
      `${policy}, ${evicted} keys evicted so far`,
    ]);
  }
  if (clients >= NEAR * maxclients) examination.find("server.maxclients-near", "warning", [room]);
  const saves = get("save");
  const failed = [
    get("rdb_last_bgsave_status") === "err" && saves !== "" && get("stop-writes-on-bgsave-error") !== "no"
      ? "rdb_last_bgsave_status:err"
      : "",
    get("aof_last_write_status") === "err" ? "aof_last_write_status:err" : "",
  ].filter((line) => line !== "");
  if (failed.length > 0) examination.find("server.misconf", "error", failed);
  if (saves === "" && get("appendonly") === "no")
    examination.find("server.no-persistence", "note", ['save "", appendonly no']);
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 10_485.76) / 100} MB`;

/** Whether connections that are not used are closed, by the server or on the way to it. */
async function reaper(c: Case, target: Target, settings: Map<string, string>): Promise<void> {
  const { examination, idle } = c;
  const timeout = settings.get("timeout");
  await examination.check("server", "server.timeout", LIMIT, (step) => {
    if (timeout === undefined) return step.unknown("CONFIG GET timeout is not allowed");
    if (timeout === "0") return step.ok("the server closes no idle connection");
    step.ok(`timeout ${timeout}`);
    return examination.find("net.idle-reaper", "note", [
      `timeout ${timeout}: the server closes what is idle for ${timeout} s`,
    ]);
  });
  if (idle === 0) return;
  await examination.check("server", "server.idle", idle + 2 * LIMIT, async (step) => {
    const address = c.addresses.find((one) => one.reply !== undefined)?.address;
    const wire = await openAs(target, address, LIMIT, idle + 3 * LIMIT);
    try {
      await wire.until(() => false, idle);
      const gone = wire.end?.code ?? (await wire.ask(LIMIT, "PING").then(() => undefined, codeOf));
      if (gone === undefined) return step.ok(`a connection was unused for ${seconds(idle)}, and works`);
      step.failed(`${gone} within ${seconds(idle)}`);
      return examination.find("net.idle-reaper", "warning", [
        `a connection that was unused for ${seconds(idle)} is gone: ${gone}`,
      ]);
    } finally {
      wire.close();
    }
  });
}
