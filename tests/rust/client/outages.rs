//! Clients that live for one request each: what one finds out of a server that is away spares the others the wait.

use std::time::{Duration, Instant};

use edgis::{Client, Error, ErrorKind, Options, Phase, State};
use futures_util::future::join_all;

use crate::native::{run, until, Native};
use crate::peer::{says, Line};
use crate::redis::Redis;

const CONNECT: Duration = Duration::from_millis(800);

fn options(url: &str) -> Options {
    Options::new(url).connect_timeout(CONNECT)
}

/// A request: a client of its own and a command. What came of it, how long it took, and whether it dialled.
async fn request(native: &Native, url: &str) -> (Result<(), Error>, Duration, bool) {
    let start = Instant::now();
    let client = Client::on(native.next(), options(url));
    let result = client.call(("SET", "k", 1)).await;
    (result, start.elapsed(), client.stats().dials > 0.0)
}

fn is_disabled(result: &Result<(), Error>) -> bool {
    result.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Disabled(_)))
}

#[test]
fn one_request_finds_out_and_the_others_need_not() {
    run(|| async {
        let url = says("").await;
        let native = Native::new();
        let (first, took, _) = request(&native, &url).await;
        assert!(is_disabled(&first) && took >= CONNECT, "{first:?} {took:?}");
        let mut dials = 0;
        for _ in 0..50 {
            let (result, took, dialled) = request(&native, &url).await;
            assert!(is_disabled(&result), "{result:?}");
            assert!(dialled || took < CONNECT / 2, "{took:?}");
            assert!(took < CONNECT * 5, "{took:?}");
            dials += u32::from(dialled);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!((1..25).contains(&dials), "{dials} of 50 dialled: somebody must, and few should");
        // Side by side one of them at the most tries.
        let results = join_all((0..50).map(|_| request(&native, &url))).await;
        assert!(results.iter().filter(|(.., dialled)| *dialled).count() <= 1);
        assert!(results.iter().all(|(result, ..)| is_disabled(result)));
    });
}

#[test]
fn whoever_tries_gets_through_when_the_server_is_back() {
    run(|| async {
        let mut redis = Redis::start().await;
        let (native, url) = (Native::new(), redis.url());
        request(&native, &url).await.0.unwrap();
        redis.kill();
        for _ in 0..5 {
            assert!(is_disabled(&request(&native, &url).await.0));
        }
        redis.restart().await;
        // Nobody stays to dial in the background: the request that tries is answered itself.
        until(async || {
            let (result, _, dialled) = request(&native, &url).await;
            assert!(result.is_ok() || !dialled, "{result:?}");
            result.is_ok()
        })
        .await;
        for (result, ..) in join_all((0..20).map(|_| request(&native, &url))).await {
            result.unwrap();
        }
    });
}

#[test]
fn a_try_keeps_to_the_time_of_its_call_and_can_be_taken_over() {
    run(|| async {
        let redis = Redis::start().await;
        let line = Line::to(redis.port).await;
        let native = Native::new();
        line.cut().await;
        assert!(is_disabled(&request(&native, &line.url).await.0));
        // The one that tries gives up early, or is dropped in the middle of it.
        let impatient = async || {
            let client = Client::on(native.next(), options(&line.url));
            let call = client.call::<()>(("SET", "k", 1)).timeout(Duration::from_millis(30));
            call.await.unwrap_err().kind()
        };
        let timeout = ErrorKind::Timeout(Phase::Connect);
        until(async || matches!(impatient().await, kind if kind == timeout || kind == ErrorKind::Timeout(Phase::Queue)))
            .await;
        line.mend();
        until(async || request(&native, &line.url).await.0.is_ok()).await;
    });
}

#[test]
fn a_client_that_lives_on_has_one_command_try() {
    run(|| async {
        let url = says("").await;
        let client = Client::on(Native::new(), options(&url));
        assert!(client.ready().await.is_err());
        tokio::time::sleep(Duration::from_millis(100)).await;
        let start = Instant::now();
        let times = join_all((0..20).map(|_| async {
            let error = client.call::<()>(("SET", "k", 1)).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Disabled(_)), "{error}");
            start.elapsed()
        }))
        .await;
        let waited = times.iter().filter(|took| **took >= CONNECT / 2).count();
        assert_eq!(waited, 1, "{times:?}");
        assert_eq!(client.status().state, State::Disabled);
    });
}
