/**
 * Says where a command takes more than one scalar. That follows from its grammar, not from what a caller happens to pass:
 * user input may turn out to be an array or an object, and must then be an error, never an option or a field.
 */

/** The number of values after the name of an option: none, one, two, or one for each key. */
export type Arity = 0 | 1 | 2 | "keys";

export interface Grammar {
  /**
   * The kind of the place. `list`: any number of scalars and of arrays of them. `fields`: alternating scalars, one object, or
   * one array. `options`: words, or one object. `scores`: scalars, behind one object of options or not, or one array.
   * `keys`: a count, as many scalars or an array of them, `more` scalars, and options.
   */
  readonly kind: "list" | "fields" | "options" | "scores" | "keys";
  /** The index at which it begins; the command's name is at 0. */
  readonly at: number;
  readonly more: number;
  /** By name, in upper case. */
  readonly options: ReadonlyMap<string, Arity>;
}

const kinds = { "+": "list", "=": "fields", "?": "options", "~": "scores", "#": "keys", "&": "keys" } as const;
const arities: Record<string, Arity> = { "!": 0, "2": 2, "*": "keys" };

/**
 * How many scalars come first, the kind, and the options with a sign for their arity, if it is not one. Of commands that
 * are not here every argument is a scalar, and so is every argument of those that are here but in that place.
 */
export const places: Readonly<Record<string, string>> = {
  "0+": "del exists info mget sdiff sinter sunion touch unlink",
  "1+": "hdel hmget lpush lpushx rpush rpushx sadd sdiffstore sinterstore smismember srem sunionstore zmscore zrem",
  "0=": "mset msetnx",
  "1=": "hmset hset",
  "2?EX PX EXAT PXAT IFEQ IFNE IFDEQ IFDNE KEEPTTL! NX! XX! GET!": "set",
  "1?EX PX EXAT PXAT PERSIST!": "getex",
  "2?NX! XX! GT! LT!": "expire expireat pexpire pexpireat",
  "2?DB REPLACE!": "copy",
  "3?IDLETIME FREQ REPLACE! ABSTTL!": "restore",
  "1?MATCH COUNT TYPE": "scan",
  "2?MATCH COUNT NOVALUES!": "hscan",
  "2?MATCH COUNT NOSCORES!": "zscan",
  "2?MATCH COUNT": "sscan",
  "2?WITHVALUES!": "hrandfield",
  "2?RANK COUNT MAXLEN": "lpos",
  "2?MINMATCHLEN LEN! IDX! WITHMATCHLEN!": "lcs",
  "1~NX! XX! GT! LT! CH! INCR!": "zadd",
  "3?LIMIT2 BYSCORE! BYLEX! REV! WITHSCORES!": "zrange",
  "4?LIMIT2 BYSCORE! BYLEX! REV!": "zrangestore",
  "3?LIMIT2 WITHSCORES!": "zrangebyscore zrevrangebyscore",
  "3?LIMIT2": "zrangebylex zrevrangebylex",
  "3?WITHSCORES!": "zrevrange",
  "2?WITHSCORES!": "zrandmember",
  "2?WITHSCORE!": "zrank zrevrank",
  "0#WEIGHTS* AGGREGATE WITHSCORES!": "zinter zunion",
  "1#WEIGHTS* AGGREGATE": "zinterstore zunionstore",
  "0#WITHSCORES!": "zdiff",
  "1#": "zdiffstore",
  "0#LIMIT": "sintercard zintercard",
  "0&COUNT": "lmpop zmpop",
};
/** The same of subcommands, whose names are arguments. */
const ofClient = "1?ID TYPE USER ADDR LADDR SKIPME MAXAGE";

let byName: ReadonlyMap<string, string> | undefined;
const read = new Map<string, Grammar>();

function placesByName(): ReadonlyMap<string, string> {
  const found = new Map([
    ["client kill", ofClient],
    ["client list", ofClient],
  ]);
  for (const [place, names] of Object.entries(places)) for (const name of names.split(" ")) found.set(name, place);
  return found;
}

/** The grammar of a method's command; undefined where all arguments are scalars. */
export function grammarOf(name: string): Grammar | undefined {
  byName ??= placesByName();
  const place = byName.get(name);
  if (place === undefined) return undefined;
  let grammar = read.get(place);
  if (grammar === undefined) {
    const options = place.slice(2).split(" ").filter(Boolean);
    grammar = {
      kind: kinds[place[1] as keyof typeof kinds],
      at: Number(place[0]) + 1,
      more: place[1] === "&" ? 1 : 0,
      options: new Map(options.map((option) => [option.replace(/[!2*]$/, ""), arities[option.at(-1) as string] ?? 1])),
    };
    read.set(place, grammar);
  }
  return grammar;
}
