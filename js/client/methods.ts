/** Gives a client class its commands. A method is the command's name and its arguments; no reply is changed here. */
import { SEPARATOR } from "../loop/stage.js";
import { type Grammar, grammarOf, places } from "./grammar.js";

/** All their arguments are scalars; those of others are in `places`. */
const plain =
  "append dbsize decrby dump echo expiretime getrange getset hexists hincrby hincrbyfloat hkeys hlen hsetnx hstrlen " +
  "hvals incrby incrbyfloat keys lindex linsert llen lmove lpop lrange lrem lset ltrim pexpiretime ping psetex randomkey " +
  "rename renamenx rpop rpoplpush scard setex setnx setrange sismember smembers smove spop srandmember time zcard " +
  "zcount zincrby zlexcount zpopmax zpopmin zremrangebylex zremrangebyrank zremrangebyscore zscore";
/** Their whole life is one argument: they have a shorter path. */
const ofOne = "decr del get getdel hgetall incr persist pttl strlen ttl type";
/** The same with two. */
const ofTwo = "hget set";
const clientNames = "getname id info kill list no-evict pause setname unblock unpause";

/** Their last argument may be given as undefined. */
const optional = new Set("lpop ping rpop spop srandmember zpopmax zpopmin".split(" "));

/** How a class sends what its methods are called with. */
export interface Sender {
  /** With a grammar it may change `args`. */
  callAll(args: readonly unknown[], grammar?: Grammar): Promise<unknown>;
  /** A command of one text; `staged` is its name with the separator. */
  send1(name: string, staged: string, a: string): Promise<unknown>;
  /** A command of two texts. */
  send2(name: string, staged: string, a: string, b: string): Promise<unknown>;
}

/** Apart from the methods, whose short paths are only inlined while they are small. */
const line = (command: string, args: readonly unknown[]): unknown[] => [command, ...args];

type Method = (this: Sender, ...args: unknown[]) => Promise<unknown>;

/** Grammars are read when they are needed: a cold start needs none of them. */
export function defineCommands(prototype: Sender): void {
  const property: PropertyDescriptor = { writable: true, configurable: true };
  const define = (name: string, method: Method) => {
    property.value = method;
    Object.defineProperty(prototype, name, property);
  };
  const each = (list: string, method: (command: string, name: string) => Method) => {
    for (const name of list.split(" ")) define(name, method(name.toUpperCase(), name));
  };

  each(plain, (command, name) => {
    const isOptional = optional.has(name);
    return function (...args) {
      if (isOptional && args.at(-1) === undefined) args.pop();
      return this.callAll(line(command, args));
    };
  });

  each(Object.values(places).join(" "), (command, name) => {
    let grammar: Grammar | undefined;
    return function (...args) {
      grammar ??= grammarOf(name);
      return this.callAll(line(command, args), grammar);
    };
  });

  each(ofOne, (command, name) => {
    const staged = command + SEPARATOR;
    return function (...args) {
      const a = args[0];
      if (args.length === 1 && typeof a === "string") return this.send1(command, staged, a);
      return this.callAll(line(command, args), grammarOf(name));
    };
  });

  each(ofTwo, (command, name) => {
    const staged = command + SEPARATOR;
    return function (...args) {
      const a = args[0];
      const b = args[1];
      if (args.length === 2 && typeof a === "string" && typeof b === "string") return this.send2(command, staged, a, b);
      return this.callAll(line(command, args), grammarOf(name));
    };
  });

  for (const name of clientNames.split(" ")) {
    const method = `client${name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
    define(method, function (...args) {
      return this.callAll(["CLIENT", name.toUpperCase(), ...args], grammarOf(`client ${name}`));
    });
  }
}
