//! The table of commands, by name.
//!
//! READ_ONLY is given to commands of the core (Redis 7 and 8, Valkey) that may run twice without visible effect.
//! A wrong one is a bug, a missing one costs a retry, so doubtful ones are left out: PFCOUNT rewrites the cached
//! count in the value and replicates that; TOUCH is there for its side effect; BITFIELD, GETEX and SPOP may write;
//! EVAL and FCALL may do anything (their `_RO` forms cannot write). Commands of modules are not in the table, nor are
//! the vector sets of Redis 8, which are one.

use super::rule::{blocking, reading, refused, writing, Family, Rule};
use super::{Info, Refusal, Shape};

const READ: Rule = Rule::Is(reading(Shape::None));
const NOTHING: Info = writing(Shape::None);

const fn read(shape: Shape) -> Rule {
    Rule::Is(reading(shape))
}

const fn write(shape: Shape) -> Rule {
    Rule::Is(writing(shape))
}

const fn block(shape: Shape) -> Rule {
    Rule::Is(blocking(shape))
}

const fn refuse(refusal: Refusal) -> Rule {
    Rule::Is(refused(refusal))
}

const fn with(word: &'static str, from: u8, then: Shape) -> Rule {
    Rule::With { word, from, then, otherwise: Shape::None }
}

const fn family(reads: &'static str, of: &'static [(&'static str, Rule)]) -> Family {
    Family { bare: NOTHING, reads, of }
}

// The subcommands.
static OBJECT: Family = family("ENCODING FREQ IDLETIME REFCOUNT HELP", &[]);
static XINFO: Family = family(
    "HELP",
    &[
        ("STREAM", Rule::With { word: "FULL", from: 2, then: Shape::StreamInfo, otherwise: Shape::Map }),
        ("GROUPS", read(Shape::Maps)),
        ("CONSUMERS", read(Shape::Maps)),
    ],
);
static SCRIPT: Family = family("EXISTS HELP", &[("DEBUG", refuse(Refusal::Debugger))]);
static FUNCTION: Family =
    family("DUMP HELP", &[("LIST", read(Shape::Libraries)), ("STATS", read(Shape::FunctionStats))]);
static CLIENT: Family = family(
    "ID INFO LIST GETNAME GETREDIR HELP",
    &[
        ("TRACKINGINFO", read(Shape::Map)),
        ("REPLY", refuse(Refusal::ClientReply)),
        ("TRACKING", refuse(Refusal::Tracking)),
        ("CACHING", refuse(Refusal::Tracking)),
    ],
);
static CONFIG: Family = family("HELP", &[("GET", read(Shape::Map))]);
static COMMAND: Family = Family {
    bare: reading(Shape::Commands),
    reads: "COUNT LIST GETKEYS GETKEYSANDFLAGS HELP",
    of: &[("INFO", read(Shape::Commands)), ("DOCS", read(Shape::Docs))],
};
static MEMORY: Family = family("USAGE DOCTOR MALLOC-STATS HELP", &[("STATS", read(Shape::MemoryStats))]);
static ACL: Family =
    family("WHOAMI LIST USERS CAT HELP", &[("GETUSER", read(Shape::AclUser)), ("LOG", Rule::AclLog)]);
static MODULE: Family = family("HELP", &[("LIST", read(Shape::Maps))]);
static SLOWLOG: Family = family("GET LEN HELP", &[]);
static LATENCY: Family =
    family("LATEST HISTORY GRAPH DOCTOR HELP", &[("HISTOGRAM", read(Shape::Histograms))]);
static PUBSUB: Family = family("CHANNELS NUMSUB NUMPAT SHARDCHANNELS SHARDNUMSUB HELP", &[]);
static CLUSTER: Family = family(
    "INFO NODES MYID MYSHARDID KEYSLOT COUNTKEYSINSLOT GETKEYSINSLOT REPLICAS HELP",
    &[("SLOTS", read(Shape::Slots)), ("SHARDS", read(Shape::Shards)), ("LINKS", read(Shape::Maps))],
);

/// Names in upper case, each once, at most [`LONGEST`] bytes. Used at compile time only, to make the lookup tables.
const TABLE: &[(&str, Rule)] = &[
    // Strings and keys
    ("GET", READ),
    ("MGET", READ),
    ("EXISTS", READ),
    ("TTL", READ),
    ("PTTL", READ),
    ("TYPE", READ),
    ("STRLEN", READ),
    ("GETRANGE", READ),
    ("SUBSTR", READ),
    ("LCS", with("IDX", 2, Shape::Map)),
    ("GETBIT", READ),
    ("BITCOUNT", READ),
    ("BITPOS", READ),
    ("BITFIELD_RO", READ),
    ("EXPIRETIME", READ),
    ("PEXPIRETIME", READ),
    ("DUMP", READ),
    ("KEYS", READ),
    ("SCAN", READ),
    ("RANDOMKEY", READ),
    ("DBSIZE", READ),
    ("SORT", Rule::Sort),
    ("SORT_RO", READ),
    ("OBJECT", Rule::Sub(&OBJECT)),
    // Hashes
    ("HGET", READ),
    ("HMGET", READ),
    ("HGETALL", read(Shape::Map)),
    ("HEXISTS", READ),
    ("HLEN", READ),
    ("HKEYS", READ),
    ("HVALS", READ),
    ("HSTRLEN", READ),
    ("HSCAN", READ),
    ("HRANDFIELD", with("WITHVALUES", 2, Shape::FieldPairs)),
    ("HTTL", READ),
    ("HPTTL", READ),
    ("HEXPIRETIME", READ),
    ("HPEXPIRETIME", READ),
    // Lists
    ("LLEN", READ),
    ("LINDEX", READ),
    ("LRANGE", READ),
    ("LPOS", READ),
    // Sets
    ("SCARD", READ),
    ("SISMEMBER", READ),
    ("SMISMEMBER", READ),
    ("SMEMBERS", READ),
    ("SRANDMEMBER", READ),
    ("SDIFF", READ),
    ("SINTER", READ),
    ("SINTERCARD", READ),
    ("SUNION", READ),
    ("SSCAN", READ),
    // Sorted sets
    ("ZCARD", READ),
    ("ZCOUNT", READ),
    ("ZLEXCOUNT", READ),
    ("ZSCORE", read(Shape::Double)),
    ("ZMSCORE", read(Shape::Doubles)),
    ("ZRANK", with("WITHSCORE", 2, Shape::RankScore)),
    ("ZREVRANK", with("WITHSCORE", 2, Shape::RankScore)),
    ("ZRANGE", with("WITHSCORES", 3, Shape::Pairs)),
    ("ZREVRANGE", with("WITHSCORES", 3, Shape::Pairs)),
    ("ZRANGEBYSCORE", with("WITHSCORES", 3, Shape::Pairs)),
    ("ZREVRANGEBYSCORE", with("WITHSCORES", 3, Shape::Pairs)),
    ("ZRANGEBYLEX", READ),
    ("ZREVRANGEBYLEX", READ),
    ("ZRANDMEMBER", with("WITHSCORES", 2, Shape::Pairs)),
    ("ZDIFF", Rule::SetOperation),
    ("ZINTER", Rule::SetOperation),
    ("ZUNION", Rule::SetOperation),
    ("ZINTERCARD", READ),
    ("ZSCAN", READ),
    ("ZADD", Rule::Zadd),
    ("ZINCRBY", write(Shape::Double)),
    ("ZPOPMIN", Rule::Zpop),
    ("ZPOPMAX", Rule::Zpop),
    ("ZMPOP", write(Shape::Popped)),
    // Streams
    ("XLEN", READ),
    ("XRANGE", READ),
    ("XREVRANGE", READ),
    ("XPENDING", READ),
    ("XREAD", Rule::StreamRead { read_only: true }),
    ("XREADGROUP", Rule::StreamRead { read_only: false }),
    ("XINFO", Rule::Sub(&XINFO)),
    // Places
    ("GEODIST", READ),
    ("GEOHASH", READ),
    ("GEOPOS", read(Shape::Positions)),
    ("GEOSEARCH", with("WITHCOORD", 1, Shape::Places)),
    ("GEORADIUS", Rule::GeoRadius),
    ("GEORADIUSBYMEMBER", Rule::GeoRadius),
    ("GEORADIUS_RO", with("WITHCOORD", 1, Shape::Places)),
    ("GEORADIUSBYMEMBER_RO", with("WITHCOORD", 1, Shape::Places)),
    // Scripts and functions
    ("EVAL_RO", READ),
    ("EVALSHA_RO", READ),
    ("FCALL_RO", READ),
    ("SCRIPT", Rule::Sub(&SCRIPT)),
    ("FUNCTION", Rule::Sub(&FUNCTION)),
    // The server
    ("PING", READ),
    ("ECHO", READ),
    ("INFO", READ),
    ("TIME", READ),
    ("ROLE", READ),
    ("LASTSAVE", READ),
    ("LOLWUT", READ),
    ("CLIENT", Rule::Sub(&CLIENT)),
    ("CONFIG", Rule::Sub(&CONFIG)),
    ("COMMAND", Rule::Sub(&COMMAND)),
    ("MEMORY", Rule::Sub(&MEMORY)),
    ("ACL", Rule::Sub(&ACL)),
    ("MODULE", Rule::Sub(&MODULE)),
    ("SLOWLOG", Rule::Sub(&SLOWLOG)),
    ("LATENCY", Rule::Sub(&LATENCY)),
    ("PUBSUB", Rule::Sub(&PUBSUB)),
    ("CLUSTER", Rule::Sub(&CLUSTER)),
    // Refused on a shared link
    ("SUBSCRIBE", refuse(Refusal::Subscription)),
    ("PSUBSCRIBE", refuse(Refusal::Subscription)),
    ("SSUBSCRIBE", refuse(Refusal::Subscription)),
    ("UNSUBSCRIBE", refuse(Refusal::Subscription)),
    ("PUNSUBSCRIBE", refuse(Refusal::Subscription)),
    ("SUNSUBSCRIBE", refuse(Refusal::Subscription)),
    ("MONITOR", refuse(Refusal::Monitor)),
    ("MULTI", refuse(Refusal::Transaction)),
    ("EXEC", refuse(Refusal::Transaction)),
    ("DISCARD", refuse(Refusal::Transaction)),
    ("WATCH", refuse(Refusal::Transaction)),
    ("UNWATCH", refuse(Refusal::Transaction)),
    ("SELECT", refuse(Refusal::Select)),
    ("AUTH", refuse(Refusal::Auth)),
    ("HELLO", refuse(Refusal::Hello)),
    ("RESET", refuse(Refusal::Reset)),
    ("QUIT", refuse(Refusal::Quit)),
    ("SYNC", refuse(Refusal::Replication)),
    ("PSYNC", refuse(Refusal::Replication)),
    ("REPLCONF", refuse(Refusal::Replication)),
    ("READONLY", refuse(Refusal::ReadMode)),
    ("READWRITE", refuse(Refusal::ReadMode)),
    ("ASKING", refuse(Refusal::Asking)),
    ("BLPOP", block(Shape::None)),
    ("BRPOP", block(Shape::None)),
    ("BLMOVE", block(Shape::None)),
    ("BLMPOP", block(Shape::None)),
    ("BRPOPLPUSH", block(Shape::None)),
    ("BZPOPMIN", block(Shape::Member)),
    ("BZPOPMAX", block(Shape::Member)),
    ("BZMPOP", block(Shape::Popped)),
    ("WAIT", block(Shape::None)),
    ("WAITAOF", block(Shape::None)),
];

/// The longest name that is looked up: three machine words.
const LONGEST: usize = 24;
/// A power of two, sparse enough that a search ends after one or two steps.
const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

/// The entry of [`TABLE`] in each slot. Made at compile time.
static INDEX: [u8; SLOTS] = index();
/// The folded names of [`TABLE`], compared word by word.
static NAMES: [[u64; 3]; TABLE.len()] = names();
static RULES: [Rule; TABLE.len()] = rules();

/// The rule of the command `name`, in any case.
#[inline]
pub(super) fn find(name: &[u8]) -> Option<&'static Rule> {
    // Folding pads with zeros, so a name that ends with zero bytes folds like the one without.
    if name.len() > LONGEST || name.last() == Some(&0) {
        return None;
    }
    let folded = fold(name);
    let mut slot = slot(folded);
    loop {
        let entry = usize::from(INDEX[slot]);
        let known = NAMES.get(entry)?;
        // Word by word: comparing the arrays loads them wider than `fold` has just stored them, which stalls.
        if known[0] == folded[0] && known[1] == folded[1] && known[2] == folded[2] {
            return RULES.get(entry);
        }
        slot = (slot + 1) % SLOTS;
    }
}

const fn fold(name: &[u8]) -> [u64; 3] {
    [fold_word(name, 0), fold_word(name, 8), fold_word(name, 16)]
}

const fn fold_word(name: &[u8], from: usize) -> u64 {
    let mut word = 0;
    let mut at = from;
    while at < name.len() && at < from + 8 {
        word |= (name[at].to_ascii_uppercase() as u64) << ((at - from) * 8);
        at += 1;
    }
    word
}

const fn slot(words: [u64; 3]) -> usize {
    let mixed = words[0].wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ words[1].wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ words[2].wrapping_mul(0x1656_67b1_9e37_79f9);
    (mixed >> 32) as usize % SLOTS
}

const fn names() -> [[u64; 3]; TABLE.len()] {
    let mut names = [[0; 3]; TABLE.len()];
    let mut entry = 0;
    while entry < TABLE.len() {
        names[entry] = fold(TABLE[entry].0.as_bytes());
        entry += 1;
    }
    names
}

const fn rules() -> [Rule; TABLE.len()] {
    let mut rules = [READ; TABLE.len()];
    let mut entry = 0;
    while entry < TABLE.len() {
        rules[entry] = TABLE[entry].1;
        entry += 1;
    }
    rules
}

const fn index() -> [u8; SLOTS] {
    assert!(TABLE.len() < EMPTY as usize);
    let mut index = [EMPTY; SLOTS];
    let mut entry = 0;
    while entry < TABLE.len() {
        let mut at = slot(fold(TABLE[entry].0.as_bytes()));
        while index[at] != EMPTY {
            at = (at + 1) % SLOTS;
        }
        index[at] = entry as u8;
        entry += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_stands_there_once() {
        for (at, (name, _)) in TABLE.iter().enumerate() {
            assert_eq!(*name, name.to_ascii_uppercase());
            assert!(name.len() <= LONGEST, "{name}");
            assert!(std::ptr::eq(find(name.as_bytes()).unwrap(), &RULES[at]), "{name} stands there twice");
            assert!(find(name.to_ascii_lowercase().as_bytes()).is_some());
        }
    }

    #[test]
    fn names_that_are_not_there_are_not_found() {
        for name in
            ["", "G", "GETS", "SET", "GET\0", "\0GET", "GE\u{141}", "GEORADIUSBYMEMBER_ROGEORADIUS", "get "]
        {
            assert!(find(name.as_bytes()).is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_search_takes_few_steps() {
        let longest = (0..SLOTS)
            .map(|from| (0..SLOTS).take_while(|step| INDEX[(from + step) % SLOTS] != EMPTY).count())
            .max();
        assert!(longest < Some(16), "{longest:?}: choose other multipliers or more slots");
    }
}
