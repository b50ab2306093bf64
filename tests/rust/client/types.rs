//! What goes in as arguments and comes out as types, in both protocols.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use edgis::{cmd, Client, Error, ErrorKind, Options, Reply, Sent};

use crate::native::{run, Native};
use crate::redis::Redis;

async fn both(redis: &Redis) -> [Client; 2] {
    let of = |protocol| Client::connect_on(Native::new(), Options::new(redis.url()).protocol(protocol));
    [of(2).await.expect("RESP2"), of(3).await.expect("RESP3")]
}

#[test]
fn replies_come_as_the_types_that_are_asked_for() {
    run(|| async {
        let redis = Redis::start().await;
        for redis in both(&redis).await {
            let () = redis.call("FLUSHDB").await.unwrap();
            assert!(redis.call::<bool>(("SET", "n", 41)).await.unwrap(), "OK is true");
            assert_eq!(redis.call::<i64>(("INCR", "n")).await.unwrap(), 42);
            assert_eq!(redis.call::<u64>(("GET", "n")).await.unwrap(), 42);
            assert_eq!(redis.call::<String>(("GET", "n")).await.unwrap(), "42");
            assert_eq!(redis.call::<f64>(("INCRBYFLOAT", "n", 0.5)).await.unwrap(), 42.5);
            assert_eq!(redis.call::<Option<String>>(("GET", "none")).await.unwrap(), None);
            assert!(!redis.call::<bool>(("EXISTS", "none")).await.unwrap());
            assert_eq!(redis.call::<String>("PING").await.unwrap(), "PONG");

            let bytes: Vec<u8> = (0..=255).collect();
            let () = redis.call(("SET", "bytes", &bytes)).await.unwrap();
            assert_eq!(redis.call::<Vec<u8>>(("GET", "bytes")).await.unwrap(), bytes);

            let fields = BTreeMap::from([("a", 1), ("b", 2)]);
            assert_eq!(redis.call::<i64>(("HSET", "hash", &fields)).await.unwrap(), 2);
            let hash: HashMap<String, u32> = redis.call(("HGETALL", "hash")).await.unwrap();
            assert_eq!((hash["a"], hash["b"]), (1, 2));
            let pairs: Vec<(String, u32)> = redis.call(("HGETALL", "hash")).await.unwrap();
            assert_eq!(pairs.len(), 2);

            let () = redis.call(("ZADD", "scores", 1.5, "one", f64::INFINITY, "all")).await.unwrap();
            let scores: Vec<(String, f64)> =
                redis.call(("ZRANGE", "scores", 0, -1, "WITHSCORES")).await.unwrap();
            assert_eq!(scores, [("one".into(), 1.5), ("all".into(), f64::INFINITY)]);
            assert_eq!(redis.call::<f64>(("ZSCORE", "scores", "one")).await.unwrap(), 1.5);

            let () = redis.call(cmd("SADD").arg("set").arg(["x", "y"])).await.unwrap();
            let set: BTreeSet<String> = redis.call(("SMEMBERS", "set")).await.unwrap();
            assert_eq!(set.len(), 2);

            let list: Vec<Option<String>> = redis.call(("MGET", &["bytes-not", "n"])).await.unwrap();
            assert_eq!(list, [None, Some("42.5".into())]);
            let (cursor, keys): (u64, Vec<String>) = redis.call(("SCAN", 0, "COUNT", 100)).await.unwrap();
            assert_eq!((cursor, keys.len()), (0, 5));
            let nested: (i64, Vec<Result<i64, Error>>) =
                redis.call(("EVAL", "return {1, {2, redis.error_reply('NO way')}}", 0)).await.unwrap();
            assert!(nested.1[0].is_ok() && nested.1[1].as_ref().unwrap_err().code() == "NO");
            assert!(
                matches!(redis.call(("LRANGE", "none", 0, -1)).await.unwrap(), Reply::Array(list) if list.is_empty())
            );
        }
    });
}

#[test]
fn what_does_not_fit_is_named_with_its_command_and_without_its_value() {
    run(|| async {
        let redis = Redis::start().await;
        let redis = redis.client().await;
        let () = redis.call(("SET", "k", "s3cret")).await.unwrap();
        let error = redis.call::<i64>(("GET", "k")).await.unwrap_err();
        assert_eq!(error.to_string(), "GET: expected i64, found a string that is no such number");
        assert_eq!((error.kind(), error.sent(), error.command()), (ErrorKind::Type, Sent::Yes, Some("GET")));
        let error = redis.call::<String>(("GET", "none")).await.unwrap_err();
        assert_eq!(error.to_string(), "GET: expected String, found null");

        let error = redis.call::<i64>(("INCR", "k")).await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.sent()), (ErrorKind::Reply, "ERR", Sent::Yes));
        let error = redis.call::<()>(("LPUSH", "k", "v")).await.unwrap_err();
        assert_eq!(error.code(), "WRONGTYPE");
        let error = redis.call::<()>(("NONSENSE", "s3cret")).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    });
}

#[test]
fn what_would_break_a_shared_link_is_refused_with_the_way_to_do_it() {
    run(|| async {
        let redis = Redis::start().await;
        let redis = redis.client().await;
        for (command, said) in [
            ("SELECT", "Options::db"),
            ("MULTI", "EVAL"),
            ("SUBSCRIBE", "link of their own"),
            ("AUTH", "Options"),
            ("BLPOP", "poll"),
            ("QUIT", "drop"),
        ] {
            let error = redis.call::<()>((command, "x", 0)).await.unwrap_err();
            assert_eq!((error.kind(), error.sent()), (ErrorKind::Usage, Sent::No), "{error}");
            assert!(error.to_string().contains(said), "{error}");
            assert!(!error.to_string().contains("createClient"), "{error}");
        }
        let error = redis.call::<()>(None::<&str>).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(redis.call::<String>("PING").await.unwrap(), "PONG");
    });
}
