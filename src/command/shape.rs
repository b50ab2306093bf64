//! How a RESP2 reply must be reshaped so that a caller gets the same from both protocols.
//!
//! RESP2 has no maps and no doubles: a map arrives as a flat array `[key, value, key, value, …]`, a double as text.
//! The shell reshapes such replies by the variant named here, **only** when the link speaks RESP2. Written below:
//!
//! * `num(x)`: the text as a number; `inf`, `-inf` and `nan` are numbers too. Other types stay as they are.
//! * `map(x)`: the flat array as a map; an odd last element is dropped. Other types stay as they are.
//! * `[S]`: `S` applied to each element of an array. `map{ field: S }`: `map`, then `S` applied to that field.
//!
//! For every variant: null and errors stay as they are, and so does any value of another form than described.
//!
//! No shape is needed where the shell gives the same for both: sets and arrays; `INFO`, `CLIENT LIST` and other
//! texts that RESP3 marks as verbatim; scores inside `ZSCAN`, distances, `INCRBYFLOAT` and `HINCRBYFLOAT`, which are
//! text in both. No reply of the Redis 7 core is a boolean in RESP3; only scripts that call `redis.setresp(3)` give some
//! (1 and 0, maps flat, doubles as text in RESP2), and the vector sets of Redis 8. Neither is reshaped: the form of a
//! script's reply is up to the script.

/// See each variant for its meaning and the module for the notation. The numbers are part of the boundary to the
/// shell.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shape {
    /// As it is.
    #[default]
    None = 0,
    /// `map`. HGETALL, CONFIG GET, LCS IDX, XINFO STREAM, CLIENT TRACKINGINFO.
    Map = 1,
    /// `num`. ZSCORE, ZINCRBY, ZADD INCR.
    Double = 2,
    /// `[num]`. ZMSCORE.
    Doubles = 3,
    /// Flat `[member, score, …]` to `[[member, num(score)], …]`. ZRANGE WITHSCORES and kin, ZPOPMIN with a count.
    Pairs = 4,
    /// Flat `[field, value, …]` to `[[field, value], …]`. HRANDFIELD WITHVALUES.
    FieldPairs = 5,
    /// `[…, score]`: the last element to `num(score)`; an empty array stays. ZPOPMIN and ZPOPMAX without a count,
    /// BZPOPMIN and BZPOPMAX (which have the key in front).
    Member = 6,
    /// `[rank, score]` to `[rank, num(score)]`. ZRANK and ZREVRANK WITHSCORE.
    RankScore = 7,
    /// `[[name, entries], …]` to a map `{ name: entries, … }`. XREAD, XREADGROUP.
    Streams = 8,
    /// `[map]`. XINFO GROUPS, XINFO CONSUMERS, MODULE LIST, CLUSTER LINKS.
    Maps = 9,
    /// `[key, [[member, score], …]]` to `[key, [[member, num(score)], …]]`. ZMPOP, BZMPOP.
    Popped = 10,
    /// `[[num]]`: `[[longitude, latitude] | null, …]`. GEOPOS.
    Positions = 11,
    /// In each element that is an array: `[num]` on its last element, the coordinates. GEOSEARCH, GEORADIUS and
    /// GEORADIUSBYMEMBER WITHCOORD.
    Places = 12,
    /// `map{ groups: [map{ consumers: [map] }] }`. XINFO STREAM FULL.
    StreamInfo = 13,
    /// `map`, then each value: `map` when it is an array, `num` when it is text. MEMORY STATS.
    MemoryStats = 14,
    /// `map{ selectors: [map] }`. ACL GETUSER. (Redis 6 has no `selectors`.)
    AclUser = 15,
    /// `[map{ age-seconds: num }]`. ACL LOG.
    AclLog = 16,
    /// `[map{ functions: [map] }]`. FUNCTION LIST.
    Libraries = 17,
    /// `map{ running_script: map, engines: map, then map on each of its values }`. FUNCTION STATS.
    FunctionStats = 18,
    /// `map`, and each value is a *doc*: `map{ subcommands: Docs again, arguments: [argument] }`, where *argument* is
    /// `map{ arguments: [argument] }`. COMMAND DOCS.
    Docs = 19,
    /// Each element that is an array is a *command*: its element 8 (if there) is `[spec]`, its element 9 (if there)
    /// is Commands again; *spec* is `map{ begin_search: map{ spec: map }, find_keys: map{ spec: map } }`.
    /// COMMAND, COMMAND INFO.
    Commands = 20,
    /// `map`, and each value is `map{ histogram_usec: map }`; the keys of the inner map are integers.
    /// LATENCY HISTOGRAM.
    Histograms = 21,
    /// `[map{ nodes: [map] }]`. CLUSTER SHARDS.
    Shards = 22,
    /// Each element is `[from, to, node, …]`: in every node (elements from 2 on), `map` on its element 3 (if there).
    /// CLUSTER SLOTS.
    Slots = 23,
}
