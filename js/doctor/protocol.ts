/** Layer 5: the handshake, said as the client says it, and what the user may do. */
import { randomBytes } from "node:crypto";
import { type Address, type Case, isRedis } from "./case.js";
import type { FindingId } from "./catalog.js";
import { fieldOf, type Reply, ServerError } from "./resp.js";
import { credentialsOf, limitOf, open, openAs, type Target } from "./target.js";
import { codeOf, isNotResp, SILENT, type Wire } from "./wire.js";

export async function examineProtocol(c: Case): Promise<void> {
  const { examination, target } = c;
  const { redaction } = examination;
  const address = c.addresses.find((one) => isRedis(one) && !refusal(one.reply)) ?? c.addresses.find(isRedis);
  if (target === undefined || address === undefined)
    return examination.skip("protocol", "protocol.hello", "no address speaks the Redis protocol");
  if (examination.has("option.credentials"))
    return examination.skip("protocol", "protocol.hello", "there are no credentials to greet it with");
  const refused = refusal(address.reply);
  if (refused !== undefined) {
    examination.skip("protocol", "protocol.hello", "the server turns every connection away");
    return examination.find(refused, "error", [`${address.label} says ${redaction.said(address.line ?? "")}`]);
  }
  const { user, password } = target;
  // It was asked without credentials, as the default user.
  const isOpen = !(address.reply instanceof ServerError);
  if (password !== undefined && (user === "" || user === "default") && isOpen)
    examination.find("auth.unneeded", "warning", [`${address.label} answers without a password`]);
  const begun = performance.now();
  const limit = limitOf(target);
  let wire = await hello(c, target, address, limit);
  if (wire === null) wire = await auth(c, target, address, limit);
  if (!wire) return undefined;
  if (!(await select(c, target, wire, limit))) {
    wire.close();
    return undefined;
  }
  c.wire = wire;
  c.handshake = performance.now() - begun;
  await trials(c, target, address, limit);
  return undefined;
}

/** Errors that every connection gets, whatever it asks. */
function refusal(reply: Reply | undefined): FindingId | undefined {
  if (!(reply instanceof ServerError)) return undefined;
  const { code, text } = reply;
  if (/max(imum)? number of clients/i.test(text)) return "server.maxclients";
  if (code === "DENIED") return "server.protected-mode";
  return undefined;
}

/** Errors that a server gives to whatever it is asked while it does not serve. */
function stateOf({ code }: ServerError): FindingId | undefined {
  if (code === "LOADING") return "server.loading";
  if (code === "MASTERDOWN") return "server.masterdown";
  if (code === "BUSY") return "server.busy";
  return undefined;
}

/** HELLO 3 with the credentials. Gives null where RESP2 is to be spoken, and undefined where nothing can. */
async function hello(c: Case, target: Target, address: Address, limit: number): Promise<Wire | null | undefined> {
  const { examination } = c;
  const { redaction } = examination;
  if (target.protocol === 2) {
    examination.skip("protocol", "protocol.hello", "the configuration asks for RESP2");
    return null;
  }
  return examination.check("protocol", "protocol.hello", 2 * limit, async (step) => {
    const wire = await open(target, address.address, limit);
    const { user, password } = target;
    const credentials = password === undefined ? [] : ["AUTH", user || "default", password];
    let reply: Reply;
    try {
      reply = await wire.ask(limit, "HELLO", "3", ...credentials);
    } catch (error) {
      wire.close();
      const code = codeOf(error) ?? "EPROTO";
      const how = isNotResp(error) ? "answers with no RESP" : code === SILENT ? "does not answer" : "hangs up";
      step.failed(`${address.label} ${how} on HELLO`);
      examination.find("proto.hello-denied", "warning", [`${address.label} answers PING, and ${how} on HELLO`]);
      return null;
    }
    if (!(reply instanceof ServerError)) {
      const version = fieldOf(reply, "version");
      step.ok(`RESP3${typeof version === "string" ? `, version ${redaction.said(version)}` : ""}`);
      return wire;
    }
    const said = redaction.said(`-${reply.text}`);
    step.failed(said);
    const id = stateOf(reply);
    if (id !== undefined) {
      examination.find(id, "error", [said]);
      wire.close();
      return undefined;
    }
    if (reply.code === "WRONGPASS" || reply.code === "NOAUTH") {
      wire.close();
      await credentialsFailed(c, target, address, limit, reply, said);
      return undefined;
    }
    wire.close();
    examination.find("proto.hello-denied", "warning", [`HELLO: ${said}`]);
    return null;
  });
}

/** RESP2: AUTH, as before there was HELLO. */
async function auth(c: Case, target: Target, address: Address, limit: number): Promise<Wire | undefined> {
  const { examination } = c;
  const { redaction } = examination;
  return examination.check("protocol", "protocol.auth", 2 * limit, async (step) => {
    const wire = await open(target, address.address, limit);
    const { user, password } = target;
    let reply: Reply = "OK";
    const credentials = credentialsOf(target);
    if (credentials !== undefined) reply = await wire.ask(limit, "AUTH", ...credentials);
    // Before Redis 6 there is one user, without a name.
    if (reply instanceof ServerError && /wrong number of arguments/i.test(reply.text) && password !== undefined) {
      reply = await wire.ask(limit, "AUTH", password);
      if (!(reply instanceof ServerError) && user !== "" && user !== "default")
        examination.find("auth.placeholder-user", "warning", [
          "AUTH takes the password alone: the server knows no users",
        ]);
    }
    if (!(reply instanceof ServerError)) reply = await wire.ask(limit, "PING");
    if (!(reply instanceof ServerError)) {
      step.ok(password === undefined ? "RESP2, no password" : "RESP2, authenticated");
      return wire;
    }
    const said = redaction.said(`-${reply.text}`);
    step.failed(said);
    const state = stateOf(reply);
    if (state !== undefined) examination.find(state, "error", [said]);
    else if (/without any password|no password is set/i.test(reply.text)) {
      examination.find("auth.unneeded", "error", [said]);
    } else if (reply.code === "NOPERM") {
      examination.find("acl.commands", "error", [said]);
    } else await credentialsFailed(c, target, address, limit, reply, said);
    wire.close();
    return undefined;
  });
}

async function credentialsFailed(
  c: Case,
  target: Target,
  address: Address,
  limit: number,
  reply: ServerError,
  said: string,
): Promise<void> {
  const { examination } = c;
  const { user, password } = target;
  if (password === undefined || reply.code === "NOAUTH") return examination.find("auth.required", "error", [said]);
  if (user !== "" && user !== "default") {
    const alone = await open(target, address.address, limit)
      .then(async (wire) => {
        const answer = await wire.ask(limit, "AUTH", password);
        wire.close();
        return !(answer instanceof ServerError);
      })
      .catch(() => false);
    if (alone)
      return examination.find("auth.placeholder-user", "error", [
        said,
        "the password alone is accepted, for the default user",
      ]);
  }
  return examination.find("auth.wrong", "error", [said]);
}

/** The database, and that the server serves. */
async function select(c: Case, target: Target, wire: Wire, limit: number): Promise<boolean> {
  const { examination } = c;
  const { redaction } = examination;
  const done = await examination.check("protocol", "protocol.select", 2 * limit, async (step) => {
    const selected = target.db === 0 ? "OK" : await wire.ask(limit, "SELECT", String(target.db));
    const reply = selected instanceof ServerError ? selected : await wire.ask(limit, "PING");
    if (!(reply instanceof ServerError)) {
      step.ok(`database ${target.db} serves`);
      return true;
    }
    const said = redaction.said(`-${reply.text}`);
    step.failed(said);
    const state = stateOf(reply);
    if (state !== undefined) examination.find(state, "error", [said]);
    else if (reply.code === "NOPERM") examination.find("acl.commands", "error", [said]);
    else if (reply.code === "NOAUTH") examination.find("auth.required", "error", [said]);
    else examination.find("db.unknown", "error", [`database ${target.db}: ${said}`]);
    return false;
  });
  return done === true;
}

/** Tries what the user may do. Nothing of it writes; ACLs themselves few users may read. */
async function trials(c: Case, target: Target, address: Address, limit: number): Promise<void> {
  const { examination } = c;
  const { redaction } = examination;
  const name = `edgis:doctor:${randomBytes(8).toString("hex")}`;
  await examination.check("protocol", "protocol.permissions", 3 * limit, async (step) => {
    const wire = c.wire as Wire;
    const denied: string[] = [];
    const tried = async (...args: string[]): Promise<string | undefined> => {
      const reply = await wire.ask(limit, ...args);
      if (!(reply instanceof ServerError) || reply.code !== "NOPERM") return undefined;
      denied.push(args[0] as string);
      return redaction.said(`${args[0]}: -${reply.text}`);
    };
    const get = await tried("GET", name);
    // Keys that the user may not touch are not the command's fault.
    if (get !== undefined && /\bcommand\b/i.test(get)) examination.find("acl.commands", "warning", [get]);
    const evaluated = await tried("EVAL", "return 1", "0");
    if (evaluated !== undefined) examination.find("acl.scripts", "warning", [evaluated]);
    const published = await tried("PUBLISH", name, "");
    if (published !== undefined) examination.find("acl.channels", "warning", [published]);
    const subscribed = await subscribes(target, address, limit, name);
    if (subscribed !== undefined)
      examination.find("acl.channels", "warning", [redaction.said(`SUBSCRIBE: -${subscribed.text}`)]);
    if (denied.length > 0 || subscribed !== undefined)
      step.failed(`not allowed: ${[...denied, ...(subscribed ? ["SUBSCRIBE"] : [])].join(", ")}`);
    else step.ok("GET, EVAL, PUBLISH and SUBSCRIBE are allowed");
  });
}

/** On a connection of its own: in RESP2 it can do nothing else any more. */
async function subscribes(
  target: Target,
  address: Address,
  limit: number,
  channel: string,
): Promise<ServerError | undefined> {
  const wire = await openAs(target, address.address, limit);
  try {
    const reply = await wire.ask(limit, "SUBSCRIBE", channel);
    return reply instanceof ServerError && reply.code === "NOPERM" ? reply : undefined;
  } finally {
    wire.close();
  }
}
