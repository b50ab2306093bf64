//! Calls that nobody waits for any more: the replies of all others still reach their owners.

use std::time::{Duration, Instant};

use edgis::Client;
use futures_util::future::join_all;

use crate::native::{run, until, Native};
use crate::peer::{Random, Sluice};
use crate::redis::Redis;

/// Asks for a text of some length; it may go away after a while. Whatever comes is its own.
async fn ask(client: &Client, id: u64, length: usize, patience: Option<Duration>) {
    let script = "return ARGV[1] .. string.rep('x', ARGV[2])";
    let call = client.call::<String>(("EVAL", script, 0, id, length));
    let reply = match patience {
        None => call.await,
        Some(patience) => match tokio::time::timeout(patience, call).await {
            Ok(reply) => reply,
            Err(_) => return,
        },
    };
    let reply = reply.unwrap();
    let digits = id.to_string();
    assert!(reply.starts_with(&digits) && reply.len() == digits.len() + length, "{id} got {reply:.40}");
    assert!(reply[digits.len()..].bytes().all(|byte| byte == b'x'));
}

#[test]
fn calls_that_go_away_at_any_moment_leave_the_others_in_order() {
    run(|| async {
        let redis = Redis::start().await;
        for seed in 1..=20u64 {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let client = Client::on(Native::new(), redis.url());
            for round in 0..5 {
                let mut asks = Vec::new();
                for index in 0..40 {
                    // Short ones, ones in several chunks, and large ones that bypass the parser.
                    let length = [3, 900, 20_000, 300_000][random.below(4) as usize];
                    let patience = [None, Some(0), Some(200), Some(2_000)][random.below(4) as usize];
                    let patience = patience.map(|most| Duration::from_micros(random.below(most + 1)));
                    asks.push(ask(&client, round * 1_000 + index, length, patience));
                }
                join_all(asks).await;
            }
            ask(&client, seed, 10, None).await;
            assert_eq!(client.stats().connects, 1.0, "seed {seed}");
        }
    });
}

#[test]
fn what_is_dropped_before_it_leaves_is_not_sent() {
    run(|| async {
        let redis = Redis::start().await;
        let client = redis.client().await;
        let mut call = Box::pin(client.call::<()>(("SET", "k", 1)));
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
        drop(client.call::<()>(("SET", "k", 1)));
        assert_eq!(client.call::<Option<i64>>(("GET", "k")).await.unwrap(), None);
        let mut pipeline =
            Box::pin(client.pipeline().cmd(("SET", "k", 1)).cmd(("SET", "l", 1)).query::<()>());
        assert!(futures_util::poll!(&mut pipeline).is_pending());
        tokio::task::yield_now().await;
        drop(pipeline);
        assert_eq!(client.call::<i64>(("DBSIZE",)).await.unwrap(), 2, "what had left is executed");
    });
}

#[test]
fn a_reply_whose_caller_leaves_in_the_middle_of_it_spoils_no_other() {
    run(|| async {
        let redis = Redis::start().await;
        let sluice = Sluice::to(redis.port).await;
        let client = Client::connect_on(Native::new(), &sluice.url).await.unwrap();
        // A list in a list, with a string that bypasses the parser between two that do not.
        let script = "local big = string.rep('b', 30000) return {1, {ARGV[1], big, {big}}, 'end'}";
        let ask = |id: u32| client.call::<(i64, (u32, String, Vec<String>), String)>(("EVAL", script, 0, id));
        let whole = 60_080;
        for cut in [1, 4, 9, 30, 40, 5_000, 29_000, 30_035, 30_060, 45_000, 60_060, whole - 8] {
            sluice.allowed.set(cut);
            let mut first = Box::pin(ask(1));
            let second = ask(2);
            let mut second = Box::pin(second);
            assert!(futures_util::poll!(&mut first).is_pending());
            assert!(futures_util::poll!(&mut second).is_pending());
            until(async || sluice.allowed.get() == 0).await;
            // Until what has passed is read.
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(first);
            sluice.allowed.set(usize::MAX);
            let (one, (id, big, list), end) = second.await.unwrap();
            assert_eq!(
                (one, id, big.len(), list[0].len(), end.as_str()),
                (1, 2, 30_000, 30_000, "end"),
                "{cut}"
            );
        }
        assert_eq!(client.stats().connects, 1.0);
    });
}

/// Drops so many calls that are in flight, at once; gives how long whoever comes next then waits.
async fn wait_behind(redis: &Redis, count: usize) -> Duration {
    let client = redis.client().await;
    let mut calls: Vec<_> = (0..count).map(|_| Box::pin(client.call::<u64>(("INCR", "k")))).collect();
    for call in &mut calls {
        assert!(futures_util::poll!(call).is_pending());
    }
    // Until they are written.
    tokio::task::yield_now().await;
    let before = Instant::now();
    // From places all over the line.
    while !calls.is_empty() {
        drop(calls.swap_remove(calls.len() * 3 / 5));
    }
    client.call::<String>(("PING",)).await.unwrap();
    before.elapsed()
}

#[test]
fn a_hundred_thousand_that_go_away_at_once_hold_nobody_up() {
    run(|| async {
        let redis = Redis::start().await;
        let few = wait_behind(&redis, 10_000).await;
        let many = wait_behind(&redis, 100_000).await;
        // Ten times as many take ten times as long; a search for each took a hundred times.
        assert!(many < few * 40 + Duration::from_millis(500), "{few:?} for 10,000, {many:?} for 100,000");
    });
}
