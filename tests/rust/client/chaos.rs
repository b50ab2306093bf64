//! A line that is cut at any byte, callers that leave at any moment: whatever happens, what a caller is told is true, and
//! everybody is told in time. The seed of a failure is in its message.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use edgis::{Client, ErrorKind, Options, Sent};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::native::{run, until, Native};
use crate::peer::{listen, Random};
use crate::redis::Redis;

/// A line to a server, each of whose connections is cut after some number of bytes either way, until it is told to hold.
async fn brittle(port: u16, seed: u64, holds: Rc<Cell<bool>>) -> String {
    let (listener, url) = listen().await;
    spawn_local(async move {
        let mut random = Random(seed);
        while let Ok((near, _)) = listener.accept().await {
            let left =
                Rc::new(Cell::new([20, 300, 5_000, 60_000][random.below(4) as usize] + random.below(500)));
            let far = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
            let (near_in, near_out) = near.into_split();
            let (far_in, far_out) = far.into_split();
            let ways = [(near_in, far_out), (far_in, near_out)];
            for (mut from, mut to) in ways {
                let (left, holds) = (left.clone(), holds.clone());
                spawn_local(async move {
                    let mut buffer = vec![0; 16 << 10];
                    while let Ok(count @ 1..) = from.read(&mut buffer).await {
                        let most = if holds.get() { u64::MAX } else { left.get() };
                        let passes = most.min(count as u64);
                        left.set(left.get().saturating_sub(passes));
                        if to.write_all(&buffer[..passes as usize]).await.is_err() || passes < count as u64 {
                            break;
                        }
                    }
                });
            }
        }
    });
    url
}

/// What a key must be worth at last.
#[derive(Default)]
struct Ledger {
    /// Increments that were answered.
    done: Cell<i64>,
    /// Increments of which nobody knows.
    unknown: Cell<i64>,
}

async fn count(client: &Client, ledger: &Ledger, random: &mut Random, seed: u64) {
    for _ in 0..15 {
        let start = Instant::now();
        let key = format!("key:{seed}");
        let call = client.call::<i64>(("INCR", &key));
        let size = [10, 3_000, 40_000][random.below(3) as usize];
        let read = client.call::<String>(("EVAL_RO", "return string.rep('x', ARGV[1])", 0, size));
        if random.below(4) == 0 {
            // It leaves early: whether the command had left nobody can tell.
            ledger.unknown.set(ledger.unknown.get() + 1);
            let patience = Duration::from_micros(random.below(2_000));
            let _ = tokio::time::timeout(patience, call).await;
            continue;
        }
        match call.await {
            Ok(_) => ledger.done.set(ledger.done.get() + 1),
            Err(error) if error.sent() == Sent::No => {
                let known = matches!(error.kind(), ErrorKind::Disabled(_) | ErrorKind::Timeout(_));
                assert!(known, "seed {seed}: {error:?}");
            }
            Err(error) => {
                let known = matches!(error.kind(), ErrorKind::ConnectionLost(_) | ErrorKind::Timeout(_));
                assert!(known, "seed {seed}: {error:?}");
                ledger.unknown.set(ledger.unknown.get() + 1);
            }
        }
        if let Ok(text) = read.await {
            assert_eq!(text.len(), size, "seed {seed}");
        }
        assert!(start.elapsed() < Duration::from_secs(8), "seed {seed}: {:?}", start.elapsed());
    }
}

#[test]
fn whatever_is_cut_what_callers_are_told_is_true() {
    run(|| async {
        let redis = Redis::start().await;
        let direct = redis.client().await;
        for seed in 1..=12u64 {
            let holds = Rc::new(Cell::new(false));
            let url = brittle(redis.port, seed, holds.clone()).await;
            let brief = Duration::from_millis(50);
            let options =
                Options::new(url).retry(Duration::from_millis(1), brief).wait_while_disabled(seed % 2 == 0);
            let native = Native::new();
            let client = Client::on(native.clone(), options);
            let ledger = Ledger::default();
            let callers = (0..8).map(|caller| {
                let (client, ledger) = (&client, &ledger);
                async move { count(client, ledger, &mut Random(seed * 100 + caller), seed).await }
            });
            join_all(callers).await;
            // With the line in order again the client finds back by itself.
            holds.set(true);
            until(async || client.call::<()>("PING").await.is_ok()).await;
            let value: Option<i64> = direct.call(("GET", format!("key:{seed}"))).await.unwrap();
            let (value, least) = (value.unwrap_or_default(), ledger.done.get());
            let most = least + ledger.unknown.get();
            assert!((least..=most).contains(&value), "seed {seed}: {value} is not in {least}..={most}");
            assert!(native.counts.opened.get() > 1, "seed {seed}: nothing was cut");
            drop(client);
            until(async || native.counts.open.get() == 0).await;
        }
    });
}
