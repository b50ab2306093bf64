// RESP2 gives what RESP3 gives, command by command, over the same data.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { observe } from "./observer.mjs";

let server;
let observer;
let clients;

before(async () => {
  server = await startRedis({ args: ["--enable-debug-command", "yes"] });
  observer = await observe(server);
  clients = [2, 3].map((protocol) => createClient({ url: server.url, logger: false, protocol }));
  await Promise.all(clients.map((client) => client.init()));
});
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  observer.close();
  await server.stop();
});
beforeEach(() => observer.ask("FLUSHALL"));

const seed = [
  ["SET", "s", "value"],
  ["SET", "n", "41"],
  ["SET", "t", "valve"],
  ["HSET", "h", "a", "1", "b", "2"],
  ["HSET", "h1", "only", "field"],
  ["RPUSH", "l", "a", "b", "c", "a"],
  ["SADD", "set", "m"],
  ["SADD", "set2", "m", "o"],
  ["ZADD", "z", "1", "a", "2.5", "b", "inf", "c", "-inf", "d"],
  ["ZADD", "z1", "7", "one"],
  ["ZADD", "lex", "0", "a", "0", "b", "0", "c"],
  ["XADD", "x", "1-1", "f", "v", "g", "w"],
  ["XADD", "x", "2-1", "f", "v2"],
  ["XGROUP", "CREATE", "x", "g", "0"],
  ["GEOADD", "geo", "13.361389", "38.115556", "Palermo"],
  ["PFADD", "pf", "a"],
];

/** Each on freshly seeded data, so that what changes it is comparable too. */
const calls = {
  strings: [
    ["get", "s"],
    ["get", "none"],
    ["getdel", "s"],
    ["getex", "s", { EX: 5 }],
    ["getrange", "s", 0, 2],
    ["getset", "s", "x"],
    ["append", "s", "x"],
    ["incr", "n"],
    ["incrby", "n", 5],
    ["incrbyfloat", "n", "0.5"],
    ["decr", "n"],
    ["decrby", "n", 2],
    ["strlen", "s"],
    ["setrange", "s", 1, "XX"],
    ["set", "s", "x"],
    ["set", "s", "x", "NX"],
    ["set", "s", "x", { GET: true }],
    ["setex", "e", 5, "x"],
    ["psetex", "e", 5000, "x"],
    ["setnx", "s", "x"],
    ["setnx", "new", "x"],
    ["mget", "s", "none", "n"],
    ["mset", { a: 1, b: 2 }],
    ["msetnx", { s: 1, b: 2 }],
    ["lcs", "s", "t"],
    ["lcs", "s", "t", "LEN"],
    ["lcs", "s", "t", "IDX"],
    ["lcs", "s", "t", "IDX", "WITHMATCHLEN"],
  ],
  keys: [
    ["exists", "s", "none"],
    ["del", "s", "none"],
    ["unlink", "s"],
    ["copy", "s", "c"],
    ["type", "z"],
    ["type", "none"],
    ["ttl", "s"],
    ["pttl", "none"],
    ["expire", "s", 100],
    ["expire", "s", 100, "XX"],
    ["pexpire", "s", 100000],
    ["expireat", "s", 33177117420],
    ["expiretime", "s"],
    ["pexpiretime", "s"],
    ["persist", "s"],
    ["touch", "s", "h"],
    ["rename", "s", "r"],
    ["renamenx", "s", "n"],
    ["dump", "none"],
    ["scan", 0, "MATCH", "nothing*", "COUNT", 1000],
    ["scan", 0, "MATCH", "geo", "COUNT", 1000],
    ["dbsize"],
    ["keys", "h1"],
  ],
  hashes: [
    ["hgetall", "h"],
    ["hgetall", "none"],
    ["hget", "h", "a"],
    ["hget", "h", "z"],
    ["hmget", "h", "a", "z"],
    ["hkeys", "h"],
    ["hvals", "h"],
    ["hlen", "h"],
    ["hexists", "h", "a"],
    ["hdel", "h", "a", "z"],
    ["hset", "h", { c: 3 }],
    ["hsetnx", "h", "a", 9],
    ["hmset", "h", { c: 3 }],
    ["hincrby", "h", "a", 4],
    ["hincrbyfloat", "h", "a", 0.25],
    ["hstrlen", "h", "a"],
    ["hscan", "h", 0],
    ["hrandfield", "h1"],
    ["hrandfield", "none"],
    ["hrandfield", "h1", 1],
    ["hrandfield", "h1", -3],
    ["hrandfield", "h1", 1, "WITHVALUES"],
    ["hrandfield", "h1", -2, "WITHVALUES"],
    ["hrandfield", "none", 2, "WITHVALUES"],
  ],
  lists: [
    ["lrange", "l", 0, -1],
    ["lrange", "none", 0, -1],
    ["llen", "l"],
    ["lindex", "l", 1],
    ["lindex", "l", 9],
    ["linsert", "l", "BEFORE", "b", "x"],
    ["lpos", "l", "a"],
    ["lpos", "l", "z"],
    ["lpos", "l", "a", "COUNT", 0],
    ["lpush", "l", "x", "y"],
    ["lpushx", "none", "x"],
    ["rpush", "l", ["x", "y"]],
    ["rpushx", "l", "x"],
    ["lpop", "l"],
    ["lpop", "none"],
    ["lpop", "l", 2],
    ["lpop", "none", 2],
    ["rpop", "l", 9],
    ["lrem", "l", 0, "a"],
    ["lset", "l", 0, "x"],
    ["ltrim", "l", 1, 2],
    ["rpoplpush", "l", "l2"],
    ["lmove", "l", "l2", "LEFT", "RIGHT"],
    ["lmove", "none", "l2", "LEFT", "RIGHT"],
    ["lmpop", 1, "l", "LEFT"],
    ["lmpop", 2, "none", "l", "LEFT", "COUNT", 2],
    ["lmpop", 1, "none", "LEFT"],
  ],
  sets: [
    ["smembers", "set"],
    ["smembers", "none"],
    ["sadd", "set", "n", "m"],
    ["scard", "set2"],
    ["sismember", "set", "m"],
    ["smismember", "set", "m", "q"],
    ["srem", "set", "m"],
    ["spop", "set"],
    ["spop", "none"],
    ["spop", "set", 1],
    ["spop", "none", 1],
    ["srandmember", "set"],
    ["srandmember", "none"],
    ["srandmember", "set", 3],
    ["srandmember", "set", -2],
    ["smove", "set2", "set", "o"],
    ["sdiff", "set2", "set"],
    ["sinter", "set", "set2"],
    ["sunion", "set", "none"],
    ["sintercard", 2, "set", "set2"],
    ["sdiffstore", "d", "set2", "set"],
    ["sinterstore", "d", "set", "set2"],
    ["sunionstore", "d", "set", "set2"],
    ["sscan", "set", 0],
  ],
  "sorted sets": [
    ["zscore", "z", "b"],
    ["zscore", "z", "c"],
    ["zscore", "z", "d"],
    ["zscore", "z", "none"],
    ["zmscore", "z", "a", "none", "c"],
    ["zincrby", "z", 1.25, "a"],
    ["zadd", "z", 3, "e"],
    ["zadd", "z", { INCR: true }, 2, "a"],
    ["zadd", "z", "NX", "INCR", 2, "a"],
    ["zadd", "z", "GT", "CH", 9, "a"],
    ["zcard", "z"],
    ["zcount", "z", "-inf", "(2"],
    ["zrange", "z", 0, -1],
    ["zrange", "z", 0, -1, "WITHSCORES"],
    ["zrange", "z", 0, -1, { WITHSCORES: true }],
    ["zrange", "none", 0, -1, "WITHSCORES"],
    ["zrange", "z", 0, -1, "REV"],
    ["zrange", "z", "-inf", "+inf", "BYSCORE", "LIMIT", 0, 2, "WITHSCORES"],
    ["zrange", "lex", "[a", "(c", "BYLEX"],
    ["zrevrange", "z", 0, 1, "WITHSCORES"],
    ["zrangebyscore", "z", 1, 3],
    ["zrangebyscore", "z", 1, 3, "WITHSCORES"],
    ["zrevrangebyscore", "z", 3, 1, "withscores"],
    ["zrangebylex", "lex", "-", "+"],
    ["zrevrangebylex", "lex", "+", "-"],
    ["zlexcount", "lex", "-", "+"],
    ["zrank", "z", "b"],
    ["zrank", "z", "none"],
    ["zrevrank", "z", "b"],
    ["zpopmin", "z"],
    ["zpopmax", "z"],
    ["zpopmin", "none"],
    ["zpopmin", "z", 2],
    ["zpopmax", "none", 2],
    ["zmpop", 1, "z", "MIN"],
    ["zmpop", 1, "z", "MAX", "COUNT", 3],
    ["zmpop", 1, "none", "MIN"],
    ["zrandmember", "z1"],
    ["zrandmember", "none"],
    ["zrandmember", "z1", 1],
    ["zrandmember", "z1", -2, "WITHSCORES"],
    ["zrandmember", "none", 2, "WITHSCORES"],
    ["zrangestore", "d", "z", 0, 1],
    ["zrem", "z", "a"],
    ["zremrangebyrank", "z", 0, 1],
    ["zremrangebyscore", "z", 1, 2],
    ["zremrangebylex", "lex", "[a", "[b"],
    ["zdiff", 2, "z", "z1"],
    ["zdiff", 2, "z", "z1", "WITHSCORES"],
    ["zunion", 2, "z1", "lex", "WITHSCORES"],
    ["zunion", 2, "z1", "lex", "WEIGHTS", 2, 1],
    ["zinter", 2, "z", "z", "WITHSCORES"],
    ["zintercard", 2, "z", "z"],
    ["zdiffstore", "d", 2, "z", "z1"],
    ["zunionstore", "d", 2, "z", "z1"],
    ["zinterstore", "d", 2, "z", "z"],
    ["zscan", "z1", 0],
  ],
  server: [
    ["ping"],
    ["ping", "hello"],
    ["echo", "hi"],
    ["clientGetname"],
    ["clientSetname", "me"],
    ["clientNoEvict", "OFF"],
    ["clientUnpause"],
    ["clientUnblock", 999999],
    ["clientKill", "ID", 999999],
    ["clientKill", { ID: 999999, TYPE: "normal" }],
    ["call", "CONFIG", "GET", "maxmemory*"],
    ["call", "CONFIG", "GET", "no-such"],
    ["call", "COMMAND", "INFO", "GET", "XGROUP"],
    ["call", "COMMAND", "COUNT"],
    ["call", "COMMAND", "DOCS", "GET", "XGROUP"],
    ["call", "COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v"],
    ["call", "ACL", "GETUSER", "default"],
    ["call", "ACL", "WHOAMI"],
    ["call", "ACL", "CAT", "geo"],
    ["call", "MODULE", "LIST"],
    ["call", "LATENCY", "LATEST"],
    ["call", "SLOWLOG", "GET"],
    ["call", "FUNCTION", "LIST"],
    ["call", "FUNCTION", "STATS"],
    ["call", "PUBSUB", "NUMSUB", "a"],
    ["call", "OBJECT", "ENCODING", "n"],
  ],
  "streams and others": [
    ["call", "XRANGE", "x", "-", "+"],
    ["call", "XREVRANGE", "x", "+", "-", "COUNT", 1],
    ["call", "XREAD", "STREAMS", "x", "0"],
    ["call", "XREAD", "COUNT", 1, "STREAMS", "x", "none", "0", "0"],
    ["call", "XREAD", "STREAMS", "none", "0"],
    ["call", "XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">"],
    ["call", "XINFO", "STREAM", "x"],
    ["call", "XINFO", "GROUPS", "x"],
    ["call", "XINFO", "CONSUMERS", "x", "g"],
    ["call", "XPENDING", "x", "g"],
    ["call", "XLEN", "x"],
    ["call", "XAUTOCLAIM", "x", "g", "c", 0, "0"],
    ["call", "GEOPOS", "geo", "Palermo", "none"],
    ["call", "GEODIST", "geo", "Palermo", "Palermo"],
    ["call", "GEOSEARCH", "geo", "FROMMEMBER", "Palermo", "BYRADIUS", 1, "km", "ASC", "WITHCOORD", "WITHDIST"],
    ["call", "PFCOUNT", "pf"],
    ["call", "EVAL", "return {1, 'a', false, {2}}", 0],
    ["call", "EVAL", "return redis.call('HGETALL', 'none')", 0],
    ["call", "BITFIELD", "n", "GET", "u8", 0],
    ["call", "SORT", "l", "ALPHA"],
    ["call", "OBJECT", "HELP"],
  ],
};

for (const [group, list] of Object.entries(calls)) {
  test(`${group}: RESP2 and RESP3 agree on ${list.length} calls, as text and as bytes`, async () => {
    for (const [method, ...args] of list) {
      for (const view of ["text", "bytes"]) {
        const replies = [];
        for (const client of clients) {
          await observer.ask("FLUSHALL");
          await observer.ask("SLOWLOG", "RESET");
          for (const command of seed) await observer.ask(...command);
          const reader = view === "bytes" ? client.bytes : client;
          replies.push(await reader[method](...args).catch((error) => `${error.kind}: ${error.message}`));
        }
        assert.deepEqual(replies[0], replies[1], `${method} ${args.join(" ")} as ${view}`);
      }
    }
  });
}

test("what the types promise holds for a few of each shape", async () => {
  for (const command of seed) await observer.ask(...command);
  for (const client of clients) {
    assert.deepEqual(await client.hgetall("h"), { a: "1", b: "2" });
    assert.equal(await client.zscore("z", "c"), Number.POSITIVE_INFINITY);
    assert.deepEqual(await client.zrange("z", 0, 1, "WITHSCORES"), [
      ["d", Number.NEGATIVE_INFINITY],
      ["a", 1],
    ]);
    assert.deepEqual(await client.zmscore("z", "b", "none"), [2.5, null]);
    assert.deepEqual(await client.hrandfield("h1", 1, "WITHVALUES"), [["only", "field"]]);
    assert.deepEqual(await client.zpopmin("z1"), ["one", 7]);
    assert.deepEqual(await client.zpopmin("z1"), []);
    await observer.ask("ZADD", "z1", "7", "one");
    assert.deepEqual(await client.call("XREAD", "COUNT", 1, "STREAMS", "x", "0"), {
      x: [["1-1", ["f", "v", "g", "w"]]],
    });
    assert.equal(await client.call("XREAD", "STREAMS", "none", "0"), null);
    assert.deepEqual(await client.time().then((time) => time.map((part) => typeof part)), ["string", "string"]);
    assert.equal(typeof (await client.clientId()), "number");
    assert.match(await client.info("server"), /redis_version/);
  }
});

test("RESP3's own types arrive as their JavaScript ones", async () => {
  const [, resp3] = clients;
  const debug = (type) => resp3.call("DEBUG", "PROTOCOL", type);
  assert.equal(String(await debug("double")), "3.141");
  assert.equal(await debug("true"), true);
  assert.equal(await debug("false"), false);
  assert.equal(await debug("null"), null);
  assert.equal(await debug("bignum"), 1234567999999999999999999999999999999n);
  assert.deepEqual(await debug("map"), { 0: false, 1: true, 2: false });
  assert.deepEqual(await debug("set"), [0, 1, 2]);
  assert.equal(await debug("verbatim"), "This is a verbatim\nstring");
  assert.equal(await debug("attrib"), "Some real reply following the attribute");
  assert.equal(await resp3.ping(), "PONG");
});
