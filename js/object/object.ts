/** The object's end of a relay: a Durable Object that holds the connection of many Workers. */
import { DurableObject } from "cloudflare:workers";
import type { CreateClient } from "../client/api.js";
import type { BaseClient } from "../client/client.js";
import { type Duration, milliseconds } from "../client/duration.js";
import { Place } from "../client/scope.js";
import type { ClientOptions } from "../client/types.js";
import { isRedisError, messageOf, ProtocolError } from "../core/errors.js";
import { commandsOf } from "./frames.js";
import { type Answer, LARGEST_CALL, type Relay, repliesOf, type Trouble, trouble, troubleOf, Writer } from "./wire.js";

/** Settings of the connection that an object holds. */
export interface ObjectOptions extends ClientOptions {
  /** Closes the connection after this long without use. Default 60 s. */
  idle?: Duration | undefined;
}

/** Of options as TypeScript infers them from a function that gives them: text, where the option is one of a few texts. */
type Widened<T> = T extends string ? string : T extends number ? number : T;
type AllWidened<T> = { [K in keyof T]: Widened<T[K]> };

/** `ObjectOptions` as an untyped function returns them: wrong options are found when they are used. */
export type GivenObjectOptions = AllWidened<Omit<ObjectOptions, "timeouts" | "retry">> & {
  timeouts?: AllWidened<NonNullable<ObjectOptions["timeouts"]>> | undefined;
  retry?: AllWidened<NonNullable<ObjectOptions["retry"]>> | undefined;
};

/** A class of objects, for `durable_objects` in wrangler.jsonc. */
export interface RedisObjectClass {
  new <Env = unknown>(ctx: ConstructorParameters<typeof DurableObject>[0], env: Env): DurableObject<Env> & Relay;
  /**
   * The settings of an object's connection, from the bindings of the object. Override it to change them; without a `url`
   * it is `env.REDIS_URI` or `env.REDIS_URL`. It is static because methods of an object can be called by every Worker
   * that has it bound, and what this gives holds secrets.
   */
  options(env: unknown): GivenObjectOptions;
}

/** The longest wait for a reply: callers have their own deadlines, usually shorter ones. */
const LONGEST = "60s";
const IDLE = 60_000;

/** The connection of an object. */
interface Connection {
  /** On the object's own terms. */
  readonly own: BaseClient;
  /** On the callers'. */
  readonly theirs: BaseClient;
  readonly idle: number;
  readonly place: Place;
}

/** @internal `RedisObject`, whose clients are made by `createClient`. */
export function objectClass(createClient: CreateClient): RedisObjectClass {
  return class RedisObject<Env = unknown> extends DurableObject<Env> implements Relay {
    #known: Connection | undefined;

    static options(_env: unknown): GivenObjectOptions {
      return {};
    }

    get #connection(): Connection {
      this.#known ??= connectionOf(
        createClient,
        this.env,
        (this.constructor as typeof RedisObject).options(this.env) as ObjectOptions,
      );
      return this.#known;
    }

    async greet(): Promise<Trouble | null> {
      const { own, place, idle } = this.#connection;
      place.enter();
      const connecting = own.init();
      place.used(idle);
      const status = await connecting;
      if (status.state !== "ready") return troubleOf(status);
      place.enter();
      return own.call("PING").then(() => null, troubleBehind);
    }

    async relay(frames: Uint8Array): Promise<Answer> {
      const { own, theirs, place, idle } = this.#connection;
      place.enter();
      const sent = commandsOf(frames).map((command) => theirs.send(command));
      place.used(idle);
      const writer = new Writer();
      for (const one of await Promise.allSettled(sent)) {
        if (one.status === "fulfilled") writer.value(one.value);
        else writer.failure(one.reason);
      }
      place.enter();
      const written = writer.bytes();
      const replies = written.length > LARGEST_CALL ? repliesOf(tooMuch(), sent.length) : written;
      return { replies, trouble: troubleOf(own.status()) };
    }
  };
}

function connectionOf(createClient: CreateClient, env: unknown, { idle, ...options }: ObjectOptions): Connection {
  const closes = idle === undefined ? IDLE : milliseconds(idle);
  if (closes === undefined) throw new Error('idle must be a positive number of milliseconds or a duration like "60s"');
  const { REDIS_URI, REDIS_URL } = Object(env) as Record<string, unknown>;
  const client = createClient({ url: String(REDIS_URI || REDIS_URL || ""), ...options });
  const theirs = client.with({ timeouts: { command: LONGEST }, integers: "bigint" }).bytes;
  return {
    own: client as unknown as BaseClient,
    theirs: theirs as unknown as BaseClient,
    idle: closes,
    place: new Place(),
  };
}

function tooMuch(): ProtocolError {
  const text =
    "a tick's replies have more than the 32 MiB that a call to a Durable Object carries: ask for less at once";
  return new ProtocolError(text, { sent: "yes" });
}

/** The state of the connection that a failed PING reveals. */
function troubleBehind(error: unknown): Trouble | null {
  if (!isRedisError(error)) return trouble("internal", messageOf(error));
  // A user without permission to PING is served anyway.
  if (error.kind === "ReplyError")
    return /^(?:LOADING|MASTERDOWN)$/.test(error.code) ? trouble("loading", error.message) : null;
  const { reason = "timeout" } = error as { reason?: string };
  return trouble(reason, error.message);
}
