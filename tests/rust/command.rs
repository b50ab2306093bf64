//! What the client knows about commands, as a caller writes them.

use edgis::command::{classify, Info, Refusal, Shape};

fn info(line: &str) -> Info {
    let words: Vec<&str> = line.split(' ').collect();
    classify(words[0].as_bytes(), &words[1..])
}

#[test]
fn reads_may_be_sent_again() {
    for line in [
        "GET k",
        "get k",
        "GeT k",
        "MGET a b",
        "HGETALL h",
        "SCAN 0",
        "SORT l",
        "SORT l BY w_* GET # ALPHA",
        "GEORADIUS g 1 2 3 km",
        "GEORADIUSBYMEMBER_RO g m 1 km",
        "XREAD COUNT 1 STREAMS s 0",
        "EVAL_RO s 0",
        "CLIENT list",
        "CONFIG GET *",
        "OBJECT ENCODING k",
        "MEMORY USAGE k",
        "COMMAND",
        "ACL LOG",
        "ACL LOG 5",
        "PING",
    ] {
        assert!(info(line).is_read_only(), "{line}");
        assert_eq!(info(line).refusal, None, "{line}");
    }
}

#[test]
fn what_may_write_is_never_sent_again() {
    for line in [
        "SET k v",
        "GETDEL k",
        "GETEX k EX 1",
        "GETSET k v",
        "SPOP s",
        "LPOP l",
        "ZPOPMIN z",
        "ZADD z INCR 1 m",
        "TOUCH k",
        "PFCOUNT h",
        "BITFIELD k GET u8 0",
        "SORT l STORE k",
        "SORT l by nosort store k",
        "GEORADIUS g 1 2 3 km STORE k",
        "GEORADIUSBYMEMBER g m 3 km storedist k",
        "XREADGROUP GROUP g c STREAMS s >",
        "EVAL s 0",
        "EVALSHA s 0",
        "FCALL f 0",
        "ACL LOG RESET",
        "ACL SETUSER u",
        "CONFIG SET a b",
        "CONFIG RESETSTAT",
        "CLIENT KILL ID 1",
        "CLIENT",
        "MEMORY PURGE",
        "LATENCY RESET",
        "SLOWLOG RESET",
        "SCRIPT FLUSH",
        "FUNCTION LOAD x",
        "CLUSTER RESET",
        "XGROUP CREATE s g 0",
        "PUBLISH c m",
        "FLUSHALL",
        "NO.SUCH command",
        "",
    ] {
        assert_eq!(info(line).flags, 0, "{line}");
        assert_eq!(info(line).refusal, None, "{line}");
    }
}

#[test]
fn what_would_break_a_shared_link_is_refused() {
    for (line, refusal) in [
        ("SUBSCRIBE c", Refusal::Subscription),
        ("psubscribe c", Refusal::Subscription),
        ("SSUBSCRIBE c", Refusal::Subscription),
        ("UNSUBSCRIBE", Refusal::Subscription),
        ("PUNSUBSCRIBE", Refusal::Subscription),
        ("SUNSUBSCRIBE", Refusal::Subscription),
        ("MONITOR", Refusal::Monitor),
        ("MULTI", Refusal::Transaction),
        ("EXEC", Refusal::Transaction),
        ("DISCARD", Refusal::Transaction),
        ("WATCH k", Refusal::Transaction),
        ("UNWATCH", Refusal::Transaction),
        ("SELECT 1", Refusal::Select),
        ("AUTH p", Refusal::Auth),
        ("HELLO 3", Refusal::Hello),
        ("RESET", Refusal::Reset),
        ("QUIT", Refusal::Quit),
        ("CLIENT REPLY OFF", Refusal::ClientReply),
        ("SCRIPT DEBUG YES", Refusal::Debugger),
        ("client tracking on", Refusal::Tracking),
        ("CLIENT CACHING YES", Refusal::Tracking),
        ("SYNC", Refusal::Replication),
        ("PSYNC ? -1", Refusal::Replication),
        ("REPLCONF ACK 1", Refusal::Replication),
        ("READONLY", Refusal::ReadMode),
        ("READWRITE", Refusal::ReadMode),
        ("ASKING", Refusal::Asking),
    ] {
        assert_eq!(info(line), Info { flags: 0, shape: Shape::None, refusal: Some(refusal) }, "{line}");
        assert!(refusal.text().starts_with("would "), "{line} {}", refusal.text());
    }
    assert_eq!(info("CLIENT NO-EVICT on").refusal, None);
}

#[test]
fn blocking_commands_are_refused_as_such() {
    for line in [
        "BLPOP l 0",
        "BRPOP l 0",
        "BLMOVE a b LEFT LEFT 0",
        "BLMPOP 0 1 l LEFT",
        "BRPOPLPUSH a b 0",
        "BZPOPMIN z 0",
        "BZPOPMAX z 0",
        "BZMPOP 0 1 z MIN",
        "WAIT 1 0",
        "WAITAOF 1 0 0",
        "XREAD BLOCK 0 STREAMS s $",
        "xread count 1 block 0 streams s $",
        "XREADGROUP GROUP g c NOACK BLOCK 0 STREAMS s >",
        "XREADGROUP BLOCK 0 GROUP g c STREAMS s >",
        "XREAD FUTURE BLOCK 0 STREAMS s $",
        "XREAD FUTURE 7 BLOCK 0 STREAMS s $",
    ] {
        assert!(info(line).is_blocking() && !info(line).is_read_only(), "{line}");
        assert_eq!(info(line).refusal, Some(Refusal::Blocking), "{line}");
    }
}

#[test]
fn names_of_keys_and_groups_are_not_options() {
    for line in ["XREAD STREAMS BLOCK 0", "XREADGROUP GROUP BLOCK BLOCK STREAMS BLOCK >"] {
        assert!(!info(line).is_blocking(), "{line}");
    }
    assert_eq!(info("ZRANGE WITHSCORES 0 -1").shape, Shape::None);
    assert_eq!(info("ZUNION 2 a WITHSCORES").shape, Shape::None);
    assert_eq!(info("ZRANK z WITHSCORE").shape, Shape::None);
    assert_eq!(info("ZADD INCR 1 INCR").shape, Shape::None);
    assert_eq!(info("ZADD z 1 INCR").shape, Shape::None);
    assert_eq!(info("HRANDFIELD WITHVALUES 1").shape, Shape::None);
    assert_eq!(info("LCS IDX IDX").shape, Shape::None);
    assert_eq!(info("XINFO STREAM FULL").shape, Shape::Map);
}

#[test]
fn shapes_follow_the_arguments() {
    for (line, shape) in [
        ("HGETALL h", Shape::Map),
        ("CONFIG GET a", Shape::Map),
        ("LCS a b idx", Shape::Map),
        ("LCS a b", Shape::None),
        ("ZSCORE z m", Shape::Double),
        ("ZINCRBY z 1 m", Shape::Double),
        ("ZADD z XX GT CH INCR 1 m", Shape::Double),
        ("ZADD z NX 1 m", Shape::None),
        ("ZMSCORE z a b", Shape::Doubles),
        ("ZRANGE z 0 -1 WITHSCORES", Shape::Pairs),
        ("ZRANGE z 0 -1 REV WITHSCORES", Shape::Pairs),
        ("ZRANGE z 0 -1", Shape::None),
        ("ZREVRANGEBYSCORE z 1 0 withscores LIMIT 0 1", Shape::Pairs),
        ("ZUNION 2 a b WEIGHTS 1 2 WITHSCORES", Shape::Pairs),
        ("ZDIFF 1 a WITHSCORES", Shape::Pairs),
        ("ZRANDMEMBER z 2 WITHSCORES", Shape::Pairs),
        ("ZPOPMIN z", Shape::Member),
        ("ZPOPMAX z 1", Shape::Pairs),
        ("ZMPOP 1 z MIN", Shape::Popped),
        ("ZRANK z m WITHSCORE", Shape::RankScore),
        ("ZREVRANK z m", Shape::None),
        ("HRANDFIELD h 2 WITHVALUES", Shape::FieldPairs),
        ("XREAD STREAMS s 0", Shape::Streams),
        ("XREADGROUP GROUP g c STREAMS s >", Shape::Streams),
        ("XINFO STREAM s", Shape::Map),
        ("XINFO STREAM s FULL COUNT 1", Shape::StreamInfo),
        ("XINFO GROUPS s", Shape::Maps),
        ("GEOPOS g m", Shape::Positions),
        ("GEOSEARCH g FROMMEMBER m BYRADIUS 1 km WITHCOORD", Shape::Places),
        ("GEOSEARCH g FROMMEMBER m BYRADIUS 1 km WITHDIST", Shape::None),
        ("GEORADIUS g 1 2 3 km WITHCOORD", Shape::Places),
        ("MEMORY STATS", Shape::MemoryStats),
        ("ACL GETUSER u", Shape::AclUser),
        ("ACL LOG", Shape::AclLog),
        ("FUNCTION LIST", Shape::Libraries),
        ("FUNCTION STATS", Shape::FunctionStats),
        ("COMMAND DOCS get", Shape::Docs),
        ("COMMAND", Shape::Commands),
        ("COMMAND INFO get", Shape::Commands),
        ("COMMAND COUNT", Shape::None),
        ("LATENCY HISTOGRAM", Shape::Histograms),
        ("CLUSTER SHARDS", Shape::Shards),
        ("CLUSTER SLOTS", Shape::Slots),
        ("CLIENT TRACKINGINFO", Shape::Map),
        ("MODULE LIST", Shape::Maps),
        ("GET k", Shape::None),
    ] {
        assert_eq!(info(line).shape, shape, "{line}");
    }
}

#[test]
fn arguments_may_come_in_any_container() {
    let owned: Vec<Vec<u8>> = vec![b"GET".to_vec(), b"a".to_vec()];
    assert_eq!(classify(b"CONFIG", &owned[..]).shape, Shape::Map);
    assert_eq!(classify::<[&[u8]]>(b"CONFIG", &[]).flags, 0);
}
