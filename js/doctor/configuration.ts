/** Layer 1: where the URL comes from, whether the core takes it, and what in it is likely not meant. */
import { networkInterfaces } from "node:os";
import { messageOf } from "../core/errors.js";
import type { Case } from "./case.js";
import type { FindingId } from "./catalog.js";
import { PARAMETERS, parametersOf, readTarget, type Target } from "./target.js";

const VARIABLES = ["REDIS_URI", "REDIS_URL"];
/** Where services and platforms put URLs that edgis does not read unasked. */
const OTHERS = [
  "KV_URL",
  "REDIS_TLS_URL",
  "REDISCLOUD_URL",
  "REDIS_PRIVATE_URL",
  "REDIS_PUBLIC_URL",
  "VALKEY_URL",
  "CACHE_URL",
  "UPSTASH_REDIS_URL",
  "UPSTASH_REDIS_REST_URL",
  "KV_REST_API_URL",
];
/** Characters; shorter values are numbers or words rather than tokens. */
const SECRET = 6;
/** Ports on which services speak TLS. */
const TLS_PORTS = [6380, 16380];

export async function examineConfiguration(c: Case): Promise<void> {
  const { examination, options } = c;
  const text = await examination.check("configuration", "config.source", 1_000, (step) => {
    const { from, url } = source(c);
    hideSecretsOf(c, url);
    step.ok(from);
    return url;
  });
  await examination.check("configuration", "config.client", 5_000, (step) => {
    c.client = c.createClient({ ...options, share: false, logger: false });
    const status = c.client.status();
    c.before = status;
    if (status.state !== "disabled") return step.ok("the client takes the configuration");
    const evidence = examination.redaction.said(status.message);
    step.failed(evidence);
    const id = idOf(status.reason, status.message, text ?? "");
    if (id !== undefined) examination.find(id, "error", evidenceOf(c, id, evidence));
    return undefined;
  });
  if (c.before?.state === "disabled" || c.client === undefined) return;
  if (text === undefined) return;
  const target = readTarget(text.trim(), options);
  c.target = target;
  await examination.check("configuration", "config.url", 1_000, (step) => {
    step.ok(describe(c, target));
    lint(c, text, target);
  });
  if (options.credentials !== undefined) await readCredentials(c, target);
}

function source(c: Case): { from: string; url: string | undefined } {
  const { options } = c;
  if ("url" in options) {
    const { url } = options;
    if (typeof url === "function") return { from: "the url function", url: textOf(() => url()) };
    return { from: url === undefined ? "url: undefined" : "the url that was passed", url: textOf(() => url) };
  }
  const set = VARIABLES.filter((name) => variable(name));
  const [first] = set;
  if (first === undefined) return { from: `neither ${VARIABLES.join(" nor ")} is set`, url: undefined };
  const others = set.slice(1).map((name) => `; ${name} is set, too, and not read`);
  return { from: `${first} of the environment${others.join("")}`, url: variable(first) };
}

/** Reading is refused where a runtime has permissions: that is found in its own layer. */
function variable(name: string): string | undefined {
  return textOf(() => process.env[name]);
}

function textOf(read: () => unknown): string | undefined {
  try {
    const value = read();
    return value === undefined || value === null ? undefined : String(value);
  } catch {
    return undefined;
  }
}

/** Keeps what may be a secret out of the report, also where the URL is none. */
export function hideSecretsOf(c: Case, url: string | undefined): void {
  const { redaction } = c.examination;
  const { password, tls } = c.options;
  for (const text of [url, ...VARIABLES.map(variable), ...OTHERS.map(variable)]) {
    if (text === undefined) continue;
    const userinfo = /^[^:/?#]*:\/\/(.*)@/s.exec(text)?.[1];
    const parts = userinfo === undefined ? [] : [userinfo, userinfo.slice(userinfo.indexOf(":") + 1)];
    for (const part of parts) {
      redaction.hide(part);
      redaction.hide(textOf(() => decodeURIComponent(part)));
    }
    // Other clients take passwords and tokens there.
    for (const [name, value] of parametersOf(text))
      if (!PARAMETERS.includes(name) && value.length >= SECRET) redaction.hide(value);
  }
  if (typeof password === "string") redaction.hide(password);
  if (typeof tls !== "object" || tls === null) return;
  if (typeof tls.passphrase === "string") redaction.hide(tls.passphrase);
  const key = tls.key instanceof Uint8Array ? Buffer.from(tls.key).toString("latin1") : tls.key;
  if (typeof key !== "string") return;
  redaction.hide(key);
  for (const line of key.split(/\r?\n|\\n/)) if (!line.startsWith("-----")) redaction.hide(line);
}

/** Maps the reason and message of a refused configuration to a finding. */
function idOf(reason: string, message: string, url: string): FindingId | undefined {
  if (reason === "unconfigured") return "url.unset";
  if (reason === "wasm") return "runtime.wasm";
  if (reason === "bad-option") return message.includes("unknown parameter") ? "url.parameter" : "option.bad";
  if (reason !== "bad-url") return undefined;
  if (/^\s|\s$|^["'`<]|["'`>]$|^\w+=/.test(url)) return "url.quoted";
  if (message.includes("HTTP endpoint")) return "url.rest";
  if (message.includes("percent-encoded") || message.includes("write it as %")) return "url.password";
  if (message.includes("scheme") && !message.includes("TLS")) return "url.scheme";
  if (message.includes("zone")) return "url.ipv6-zone";
  return "url.bad";
}

function evidenceOf(c: Case, id: FindingId, said: string): string[] {
  if (id !== "url.unset") return [said];
  const lines = ["url" in c.options ? "url: undefined was passed: the environment is not read" : said];
  const others = OTHERS.filter(variable);
  if (others.length > 0) lines.push(`set, but not read unasked: ${others.join(", ")}`);
  return lines;
}

function describe(c: Case, target: Target): string {
  const { redaction } = c.examination;
  const { host, port, path, tls, db, password } = target;
  const where = path === undefined ? redaction.address(host as string, port) : `the socket ${redaction.path(path)}`;
  const rest = [tls === undefined ? "plain" : "TLS", password === undefined ? "no password" : "a password"];
  return `${where}, ${rest.join(", ")}, database ${db}`;
}

/** Finds settings that are valid and probably not intended. */
function lint(c: Case, text: string, target: Target): void {
  const { examination, options } = c;
  const { redaction } = examination;
  const strangers = parametersOf(text).flatMap(([name]) => (PARAMETERS.includes(name) ? [] : [redaction.said(name)]));
  if (strangers.length > 0) examination.find("url.parameter", "warning", [`not read: ${strangers.join(", ")}`]);
  if (!("url" in options)) {
    const [uri, url] = VARIABLES.map((name) => variable(name)?.trim());
    if (uri && url && uri !== url)
      examination.find("url.two-variables", "warning", [
        "REDIS_URI and REDIS_URL are both set, and differ; REDIS_URI is read",
      ]);
  }
  const zone = target.host?.split("%")[1];
  if (zone !== undefined && !/^\d+$/.test(zone) && !(zone in networkInterfaces())) {
    const there = Object.keys(networkInterfaces()).join(", ");
    examination.find("url.ipv6-zone", "error", [`${redaction.said(zone)} is not among the interfaces: ${there}`]);
  }
  if (target.tls === undefined && TLS_PORTS.includes(target.port))
    examination.find("url.scheme-port", "note", [`redis:// with port ${target.port}`]);
}

async function readCredentials(c: Case, target: Target): Promise<void> {
  const { examination, options } = c;
  const given = await examination.check("configuration", "config.credentials", target.connect, async (step) => {
    try {
      const credentials = await options.credentials?.();
      if (typeof credentials?.password !== "string") throw new Error("it gave no password");
      examination.redaction.hide(credentials.password);
      step.ok("the credentials function gave some");
      return credentials;
    } catch (error) {
      const said = examination.redaction.said(messageOf(error));
      step.failed(said);
      examination.find("option.credentials", "error", [said]);
      return null;
    }
  });
  if (given === undefined)
    examination.find("option.credentials", "error", [`it gave nothing within ${target.connect} ms`]);
  if (!given) return;
  target.password = given.password;
  target.user = given.username ?? "";
}
