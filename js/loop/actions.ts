/** What the core wants done that is rare: dials, links that come and go, state changes. */
import * as abi from "../core/abi.js";
import { messageOf } from "../core/errors.js";
import { bare, own } from "../core/own.js";
import type { Status } from "../core/status.js";
import type { Credentials } from "../transport/security.js";
import type { Endpoint } from "../transport/stream.js";
import type { Engine } from "./engine.js";
import { rejectStaged } from "./held.js";
import { Link } from "./link.js";
import type { Target } from "./target.js";
import { watch } from "./watchers.js";

/** `[kind | detail << 8, a, b, c]`, see src/connection/output.rs. */
export type Row = [number, number, number, number];

const settled = Promise.resolve();
const CONNECTING = 1;
const READY = 2;
const DISABLED = 3;
const CLOSED = 4;

export function act(engine: Engine, rows: Row[]): void {
  for (const [head, a, b, c] of rows) {
    switch (head & 0xff) {
      case abi.ROW_CLOSE:
        close(engine, a, b === 1);
        break;
      case abi.ROW_OPEN:
        open(engine, a, engine.targets.get(b), c);
        break;
      case abi.ROW_PREPARE:
        prepare(engine, engine.targets.get(a), b);
        break;
      case abi.ROW_DIAL:
        dialling(engine, engine.targets.get(a), b, c === 1);
        break;
      case abi.ROW_LINK:
        tellOfLink(engine, engine.targets.get(a));
        break;
      default:
        changed(engine, engine.targets.get(a), b);
    }
  }
}

function close(engine: Engine, id: number, gracefully: boolean): void {
  const link = engine.links.get(id);
  engine.links.delete(id);
  engine.linksChanged();
  if (link === undefined) return;
  link.target.scope.links.delete(link);
  link.close(gracefully);
  const { target } = link;
  engine.requests?.emptied(target.scope);
  if (target.link !== link) return;
  target.link = undefined;
  handOverLater(engine, target);
}

/** What a link did not take waits for the next one, or is told why not; but first the other rows have their turn. */
function handOverLater(engine: Engine, target: Target): void {
  if (!target.stage.isEmpty) engine.runtime.defer(() => engine.submitAll(target));
}

function open(engine: Engine, id: number, target: Target | undefined, candidate: number): void {
  if (target === undefined) return;
  const link = new Link(engine, target, id);
  engine.links.set(id, link);
  target.scope.links.add(link);
  const host = target.addresses[candidate];
  const endpoint: Endpoint = host === undefined ? target.endpoint : bare(target.endpoint, { host });
  try {
    link.stream = target.settings.via?.open(link) ?? engine.runtime.open(named(endpoint, target), link);
    link.stream.hold(engine.isBusy);
  } catch (error) {
    // A certificate that cannot be read, for one.
    const { code, message } = coded(error, "ERUNTIME");
    engine.runtime.defer(() => link.lost(code, message));
  }
  engine.linksChanged();
}

/** The certificate must carry the name of the URL, not the address that it was found at. */
function named(endpoint: Endpoint, target: Target): Endpoint {
  if (endpoint.tls === undefined || endpoint.tls.servername !== undefined) return endpoint;
  const { host } = target.endpoint;
  // An address is no server name (RFC 6066, section 3); the certificate is checked against it all the same.
  return host === undefined || isAddress(host)
    ? endpoint
    : bare(endpoint, { tls: bare(endpoint.tls, { servername: host }) });
}

/** Finds the addresses of a dial, and its credentials where a function gives them; both at once. */
function prepare(engine: Engine, target: Target | undefined, dial: number): void {
  if (target === undefined) return;
  const { settings, endpoint } = target;
  const { epoch, runtime } = engine;
  const { host, port } = endpoint;
  const addresses =
    host !== undefined && runtime.lookup !== undefined && !isAddress(host)
      ? runtime.lookup(host, settings.family)
      : Promise.resolve(host === undefined ? [] : [host]);
  // The function is a user's: it runs once the core's rows have been acted upon, for it may use the client itself.
  const credentials = settled
    .then(() => settings.credentials?.())
    .then((secret) => (settings.credentials === undefined ? undefined : checked(secret)))
    .catch((error) => {
      throw unusable(messageOf(error));
    });
  Promise.all([addresses, credentials]).then(
    ([found, secret]) => {
      if (engine.epoch !== epoch || engine.targets.get(target.id) !== target) return;
      target.addresses = found;
      const names = found.map((address) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`));
      const shown = endpoint.path === undefined ? names : [endpoint.path];
      engine.enter(target.scope, undefined, (core, now) => core.prepared(target.id, dial, shown, secret, now));
    },
    (error) => {
      if (engine.epoch !== epoch || engine.targets.get(target.id) !== target) return;
      const { code, message } = coded(error, "EDNS");
      engine.enter(target.scope, undefined, (core, now) => core.unprepared(target.id, dial, code, message, now));
    },
  );
}

const ofCredentials = ["username", "password"];

/** What a credentials function gave, if that is what it should be. */
function checked(secret: Credentials | undefined): Credentials {
  const given = own(Object(secret) as { username?: unknown; password?: unknown }, ofCredentials);
  const { username, password } = given;
  if (typeof password === "string" && (username === undefined || typeof username === "string"))
    return given as Credentials;
  throw new Error("it must give { username?, password }, and both must be strings");
}

const unusable = (text: string): Error =>
  Object.assign(new Error(`the credentials function failed: ${text}`), { code: "ECREDENTIALS" });

const isAddress = (host: string): boolean => host.includes(":") || /^\d+(\.\d+){3}$/.test(host);

function coded(error: unknown, otherwise: string): { code: string; message: string } {
  try {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    const name = typeof code === "string" ? code : undefined;
    // An error about several addresses has no words of its own.
    return { code: name ?? otherwise, message: message === "" && name !== undefined ? name : messageOf(error) };
  } catch {
    return { code: otherwise, message: messageOf(error) };
  }
}

/** Replies come from another link, or it has begun to tell of changes. Counted before any of them is delivered. */
export function linked(target: Target | undefined, link: Link | undefined, isAnother: boolean, tracks: boolean): void {
  if (target === undefined) return;
  if (isAnother) {
    target.epoch += 1;
    target.link = link;
  }
  target.tracks = tracks;
}

function tellOfLink(engine: Engine, target: Target | undefined): void {
  if (target === undefined) return;
  watch(target, (watcher) => watcher.linked(target));
  // The link before it may not have taken all.
  handOverLater(engine, target);
}

function dialling(engine: Engine, target: Target | undefined, dial: number, inBackground: boolean): void {
  if (target === undefined) return;
  target.dial = dial;
  target.dialStarted = engine.now();
  // A ready link that is only doubted keeps its promise.
  if (!(inBackground && target.stateNumber === READY)) renew(engine, target);
}

/** Makes the connection promise anew, unless it is still pending. */
export function renew(engine: Engine, target: Target): void {
  if (target.settle !== undefined) return;
  const make = () =>
    new Promise<Status>((settle) => {
      target.settle = settle;
    });
  // It lives as long as the link, and would keep the context of whoever came first.
  target.connection = engine.runtime.outside?.(make) ?? make();
  target.scope.request?.begun();
  const { connection } = target;
  engine.query((core) => core.calls.keep_connection(target.id, connection));
}

/** Settles the connection promise. It never rejects. */
export function settle(engine: Engine, target: Target, status: Status): void {
  const { settle } = target;
  target.settle = undefined;
  if (target.awaited) {
    target.awaited = false;
    engine.awaited -= 1;
  }
  if (settle === undefined) return;
  settle(status);
  target.scope.request?.ended();
}

function changed(engine: Engine, target: Target | undefined, state: number): void {
  if (target === undefined) return;
  target.stateNumber = state;
  const status = state === CLOSED ? closedStatus(engine) : engine.statusOf(target);
  // Not only a dial leads to these: a link may be lost and not be dialled again at once, and a dial that was to replace
  // it may go on and succeed.
  if (state === CONNECTING || state === READY || state === DISABLED) renew(engine, target);
  if (state === READY || state === DISABLED || state === CLOSED) settle(engine, target, status);
  if (state === CLOSED) {
    engine.targets.delete(target.id);
    target.scope.targets.delete(target);
    // The core has forgotten it.
    target.dead = status;
    rejectStaged(engine, target);
    for (const closed of target.closers.splice(0)) engine.rejections.afterwards(closed);
    target.scope.rest();
    // close() leaves no timer behind, and no line that is still to be written.
    engine.runtime.defer(() => engine.news.flush());
    engine.requests?.emptied(target.scope);
  }
  if (status.state === "disabled")
    target.retryAt = (status.retryAt ?? Number.POSITIVE_INFINITY) - engine.runtime.timeOrigin();
  watch(target, (watcher) => watcher.moved(target));
  const story = state === READY ? ` in ${Math.round(engine.now() - target.dialStarted)} ms` : "";
  // Another dial that failed for the same reason is no change.
  const told = `${status.state} ${"reason" in status ? status.reason : ""}`;
  if (target.told === told) return;
  target.told = told;
  tell(engine, target, status, story);
}

export function closedStatus(engine: Engine): Status {
  return { state: "closed", attempts: 0, since: engine.runtime.timeOrigin() + engine.now() };
}

/** Every request finds out for itself how Redis is; what another has logged already is not logged again. */
export function isNews(engine: Engine, target: Target, status: Status): boolean {
  if (engine.requests === undefined) return true;
  if (status.state !== "ready" && status.state !== "disabled") return false;
  const key = `${target.display}\n${target.kind}`;
  const told = `${status.state} ${"reason" in status ? status.reason : ""}`;
  if (engine.told.get(key) === told) return false;
  if (engine.told.size > 1_000) engine.told.clear();
  engine.told.set(key, told);
  return true;
}

/** Milliseconds between what happened and its line that the line tells of. */
const NOTICEABLE = 20;

/** Loggers and listeners are users' code: they run later, and what they throw is theirs. */
function tell(engine: Engine, target: Target, status: Status, story: string): void {
  const { subscribers, logs, dial, cause } = target;
  const { news, runtime } = engine;
  if (subscribers.size + logs.size === 0) return;
  const told = logs.size > 0 && isNews(engine, target, status) ? [...logs.values()] : [];
  // Who closes meanwhile still hears of it.
  const hearers = [...subscribers];
  const isGood = status.state === "ready" || (status.state === "connecting" && status.reason === undefined);
  // A request may end before its timers fire: there, nothing waits.
  const waits = isGood && engine.requests === undefined;
  const now = engine.now();
  for (const { log } of told) {
    const write = () => {
      const ago = Math.round(engine.now() - now);
      const late = ago > NOTICEABLE ? `, ${ago} ms ago` : "";
      log.changed(status, target.display, `${runtime.identity()}, client ${cause}`, `dial ${dial}${story}${late}`);
    };
    // Others than the console are running already, and put the time to what they are given.
    if (log.waits || !waits) news.add(write);
    else runtime.defer(write);
  }
  if (waits && told.some(({ log }) => log.waits)) news.wait(runtime);
  runtime.defer(() => {
    if (!waits) news.flush();
    for (const hearer of hearers) hearer.deref()?.changed(status);
  });
}
