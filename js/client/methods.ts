/** Gives a client class its commands. A method is the command's name and its arguments; no reply is changed here. */
import { SEPARATOR } from "../loop/stage.js";

const names =
  "append copy dbsize decrby dump echo exists expire expireat expiretime getex getrange getset hdel hexists hincrby " +
  "hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incrby incrbyfloat info keys lcs lindex " +
  "linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim mget mset msetnx pexpire pexpireat pexpiretime " +
  "ping psetex randomkey rename renamenx restore rpop rpoplpush rpush rpushx sadd scan scard sdiff sdiffstore setex setnx " +
  "setrange sinter sintercard sinterstore sismember smembers smismember smove spop srandmember srem sscan sunion " +
  "sunionstore time touch unlink zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop " +
  "zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex " +
  "zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore";
/** Their whole life is one argument: they have a shorter path. */
const ofOne = "decr del get getdel hgetall incr persist pttl strlen ttl type";
/** The same with two. */
const ofTwo = "hget set";
const clientNames = "getname id info kill list no-evict pause setname unblock unpause";

/** Their last argument may be given as undefined. */
const optional = new Set("lpop ping rpop spop srandmember zpopmax zpopmin".split(" "));

/** How a class sends what its methods are called with. */
export interface Sender {
  callAll(args: readonly unknown[]): Promise<unknown>;
  /** A command of one argument; `staged` is its name with the separator. */
  send1(name: string, staged: string, a: unknown): Promise<unknown>;
  /** A command of two arguments. */
  send2(name: string, staged: string, a: unknown, b: unknown): Promise<unknown>;
}

type Method = (this: Sender, ...args: unknown[]) => Promise<unknown>;

export function defineCommands(prototype: Sender): void {
  const define = (name: string, value: Method) =>
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  const each = (list: string, method: (command: string, name: string, staged: string) => Method) => {
    for (const name of list.split(" ")) {
      const command = name.toUpperCase();
      define(name, method(command, name, command + SEPARATOR));
    }
  };

  each(
    names,
    (command, name) =>
      function (...args) {
        if (args.at(-1) === undefined && optional.has(name)) args.pop();
        return this.callAll([command, ...args]);
      },
  );

  each(
    ofOne,
    (command, _, staged) =>
      function (...args) {
        return args.length === 1 ? this.send1(command, staged, args[0]) : this.callAll([command, ...args]);
      },
  );

  each(
    ofTwo,
    (command, _, staged) =>
      function (...args) {
        return args.length === 2 ? this.send2(command, staged, args[0], args[1]) : this.callAll([command, ...args]);
      },
  );

  for (const name of clientNames.split(" ")) {
    const method = `client${name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
    define(method, function (...args) {
      return this.callAll(["CLIENT", name.toUpperCase(), ...args]);
    });
  }
}
