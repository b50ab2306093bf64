/** Handles find their targets here, and targets find a new core when the old one has died. */
import type { Registered } from "../core/core.js";
import { type DisabledStatus, hopeless, type Status } from "../core/status.js";
import { closedStatus, renew, settle } from "./actions.js";
import type { Engine } from "./engine.js";
import type { Scope } from "./scope.js";
import { endpointOf, type Policy, Target, type TargetSettings } from "./target.js";
import { watch } from "./watchers.js";

/** A core that dies more often than this within a minute is not started again for a while… */
const DEATHS = 5;
const MINUTE = 60_000;
/** In so many ways of writing it a target is found without the core. */
const SPELLINGS = 16;
/** …of so many milliseconds, which doubles with each time in a row. */
const FIRST_PAUSE = 5_000;
const LONGEST_PAUSE = MINUTE;
/** Numbers that no core gives begin here, downwards: of targets that the next core does not know yet. */
const UNKNOWN = -(2 ** 40);

/** The target of these settings: the one that others hold already, or a new one. */
export function attach(engine: Engine, scope: Scope, settings: TargetSettings, key: string, share: boolean): Target {
  const { byKey } = scope;
  // Only where there are several scopes the core must tell what it cannot compare.
  const kind = scope.request === undefined ? "" : key.slice(key.indexOf("\n") + 1);
  const known = share ? byKey.get(key) : undefined;
  if (known !== undefined) return hold(known);
  // Where there is no core: no number that one will give.
  let registered: Registered = { target: -engine.identify({}) };
  // A core that dies of it may only have been the last to be called: the next one is asked, too.
  for (let tries = 0; tries < 2 && registered.target < 0 && (!engine.isDown || recover(engine)); tries += 1) {
    engine.enter(scope, undefined, (core, now) => {
      registered = core.configure(settings.options, scope.id, kind, now);
    });
  }
  // The same server may be written in several ways.
  const identity = `${registered.identity} ${key.slice(key.indexOf("\n"))}`;
  const same = share && registered.identity !== undefined ? byKey.get(identity) : undefined;
  if (same !== undefined) {
    const superfluous = registered.target;
    engine.enter(scope, undefined, (core, now) => core.calls.release(superfluous, now));
    // Whoever writes it in a hundred ways pays for each with a call into the core, and not with memory.
    if (same.keys.length < SPELLINGS) {
      byKey.set(key, same);
      same.keys.push(key);
    }
    return hold(same);
  }
  // Held from the start: what nobody holds does not outlive a death of the core.
  const target = hold(new Target(settings, registered, scope, kind));
  engine.targets.set(registered.target, target);
  scope.targets.add(target);
  if (registered.target < 0) target.dead = internalStatus(engine);
  target.stateNumber = engine.statusOf(target).state === "disabled" ? 3 : 0;
  if (share) {
    target.keys.push(key, identity);
    for (const name of target.keys) byKey.set(name, target);
  }
  return target;
}

/** One handle more. */
export function hold(target: Target): Target {
  target.handles += 1;
  return target;
}

/** One handle less. With the last one the link drains and closes; `closed` is called once nothing is left. */
export function release(engine: Engine, target: Target, closed: () => void): void {
  target.handles -= 1;
  if (target.handles > 0) {
    closed();
    return;
  }
  for (const key of target.keys) target.scope.byKey.delete(key);
  if (target.dead !== undefined) {
    if (engine.targets.get(target.id) === target) engine.targets.delete(target.id);
    target.scope.targets.delete(target);
    closed();
    return;
  }
  target.closers.push(closed);
  // What was staged before the close is sent before it.
  engine.leave(target);
}

/** A request has no more use for what it has: links drain and close. */
export function releaseAll(engine: Engine, scope: Scope): void {
  scope.request?.seats.clear();
  for (const target of [...scope.targets]) {
    if (target.dead !== undefined) continue;
    target.handles = 1;
    release(engine, target, () => {});
  }
}

/** The core's number for a policy. */
export function policyOf(engine: Engine, settings: Omit<Policy, "id">): Policy {
  const { waits, total } = settings;
  const [connect, command] = [coarse(settings.connect), coarse(settings.command)];
  const key = `${connect} ${command} ${waits} ${total}`;
  let policy = engine.policies.get(key);
  if (policy === undefined) {
    const id = engine.query((core) => core.policy(connect, command, waits, total)) ?? 0;
    policy = { connect, command, waits, total, id };
    engine.policies.set(key, policy);
  }
  return policy;
}

/** Rounded up to three digits: the core remembers each pair of durations, and a program may compute its budgets. */
function coarse(duration: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(duration)) - 2);
  return Math.ceil(duration / step) * step;
}

/** THE connection promise of a target: begins a dial where one may begin, and joins where one is under way. */
export function connect(engine: Engine, target: Target, client: number): Promise<Status> {
  engine.join(target, client);
  if (isDead(engine, target)) return Promise.resolve(engine.statusOf(target));
  if (target.settle === undefined && target.stateNumber !== READY) {
    engine.enterFor(target, (core, now) => core.calls.connect(target.id, now));
  }
  if (target.connection === undefined) renew(engine, target);
  // No dial began: it is disabled, and says so at once.
  if (target.settle !== undefined && target.dial === 0) settle(engine, target, engine.statusOf(target));
  if (target.settle !== undefined && !target.awaited) {
    target.awaited = true;
    engine.awaited += 1;
    engine.balance();
  }
  return ownPromise(engine, target);
}

/** Where another request may have made the promise, one that is settled here as well once a dial has had its time. */
function ownPromise(engine: Engine, target: Target): Promise<Status> {
  const connection = target.connection as Promise<Status>;
  if (engine.requests === undefined || !(engine.requests.isDoubtful || engine.requests.isApart)) return connection;
  return new Promise((resolve) => {
    const timer = engine.runtime.setTimer(() => resolve(engine.statusOf(target)), PATIENCE);
    connection.then((status) => {
      timer.clear();
      resolve(status);
    });
  });
}

/** Somebody would use the target if it were ready: begins a dial where one may begin, and waits for nothing. */
export function nudge(engine: Engine, target: Target, client: number): void {
  if (isDead(engine, target)) return;
  const { state } = target;
  const due = state === "idle" || (state === "disabled" && engine.now() >= target.retryAt);
  if (!due || target.settle !== undefined || target.nudged) return;
  target.nudged = true;
  engine.runtime.defer(() => {
    target.nudged = false;
    engine.join(target, client);
    engine.enterFor(target, (core, now) => core.calls.connect(target.id, now));
  });
}

const READY = 2;
/** As long as a dial takes, with what comes before and after it. */
const PATIENCE = 3_000;
const DISABLED = 3;

/** After the death of a core: a new one, with the same targets. Their links are dialled when somebody needs them. */
export function revive(engine: Engine): void {
  const now = engine.now();
  const { deaths } = engine;
  while ((deaths[0] ?? now) < now - MINUTE) deaths.shift();
  // Those of the last pause are not counted again.
  if (now - engine.downUntil > MINUTE) engine.pauses = 0;
  const alive = deaths.length <= DEATHS && startAnew(engine);
  if (!alive) {
    engine.downUntil = now + Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** engine.pauses);
    engine.pauses += 1;
  }
  engine.isDown = !alive;
  move(engine);
}

/** Whether nothing can come of a target: it was closed, or the core is down and it is too soon for another. */
export function isDead(engine: Engine, target: Target): boolean {
  return target.dead !== undefined && !(engine.isDown && recover(engine) && target.dead === undefined);
}

/** Starts a core after the pause that followed too many deaths. One more death begins the next pause. */
function recover(engine: Engine): boolean {
  const { deaths } = engine;
  if (engine.now() < engine.downUntil) return false;
  deaths.splice(0, deaths.length - DEATHS);
  revive(engine);
  return !engine.isDown;
}

/** Makes the targets known to the new core; or dead, where there is none. */
function move(engine: Engine): void {
  const now = engine.now();
  const { epoch } = engine;
  const targets = [...engine.targets.values()];
  // Under numbers that no core gives, until the new one knows them.
  engine.targets.clear();
  targets.forEach((target, index) => void engine.targets.set(UNKNOWN - index, target));
  for (const [index, target] of targets.entries()) {
    engine.targets.delete(UNKNOWN - index);
    if (target.scope.isOver) continue;
    target.connection = undefined;
    if (target.handles === 0) {
      // It was draining: there is nothing left to drain.
      target.scope.targets.delete(target);
      target.dead = closedStatus(engine);
      settle(engine, target, target.dead);
      for (const closed of target.closers.splice(0)) closed();
      continue;
    }
    if (engine.isDown) {
      target.dead = internalStatus(engine);
      target.stateNumber = DISABLED;
    } else {
      let registered: Registered;
      try {
        registered = engine.core.configure(target.settings.options, target.scope.id, target.kind, now);
        for (const prefix of target.prefixes) engine.core.track(registered.target, prefix, now);
      } catch (cause) {
        // Another death: its successor begins with the targets that are left, this one included.
        engine.targets.set(UNKNOWN - index, target);
        engine.replace(cause);
        return;
      }
      target.id = registered.target;
      target.endpoint = endpointOf(registered, target.settings);
      target.dead = undefined;
      target.stateNumber = 0;
      target.dial = 0;
    }
    engine.targets.set(target.id, target);
    const status = engine.statusOf(target);
    // Its successor has been told of all targets.
    if (engine.epoch !== epoch) return;
    settle(engine, target, status);
    watch(target, (watcher) => watcher.moved(target));
  }
}

/** Says whether there is a new core: where memory has run out there may be none. */
function startAnew(engine: Engine): boolean {
  try {
    engine.core = engine.newCore();
    for (const policy of engine.policies.values()) {
      const { connect, command, waits, total } = policy;
      policy.id = engine.core.policy(connect, command, waits, total);
    }
    return true;
  } catch {
    return false;
  }
}

function internalStatus(engine: Engine): DisabledStatus {
  const { deaths, downUntil, runtime } = engine;
  const origin = runtime.timeOrigin();
  const what =
    deaths.length > DEATHS
      ? `the core of edgis failed more than ${DEATHS} times within a minute`
      : "the core of edgis cannot be started: there is not enough memory for it";
  const hint = "please report it with the errors before this; edgis tries again after a pause";
  const status = hopeless("internal", what, hint, origin + engine.now());
  return { ...status, retryable: true, retryAt: origin + downUntil };
}
