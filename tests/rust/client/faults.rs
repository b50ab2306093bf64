//! Servers that are away, die, refuse, are no Redis: a named error each, within the budget, and recovery by itself.

use std::time::{Duration, Instant};

use edgis::{Client, Error, ErrorKind, Options, Phase, Reason, Sent, State};
use futures_util::future::join_all;

use crate::native::{run, until, Native};
use crate::peer::{closes, says, Line, Sluice};
use crate::redis::{free_port, sleep, Redis};

fn options(url: &str) -> Options {
    Options::new(url).connect_timeout(Duration::from_millis(400)).command_timeout(Duration::from_millis(400))
}

async fn cannot_connect(url: &str) -> Error {
    let start = Instant::now();
    let native = Native::new();
    let error = Client::connect_on(native.clone(), options(url)).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(error.sent(), Sent::No);
    let polls = native.counts.polls.get();
    assert!(polls < 60, "{polls} polls");
    error
}

#[test]
fn a_server_that_cannot_be_reached_is_named_with_what_to_do() {
    run(|| async {
        let error = cannot_connect(&format!("redis://127.0.0.1:{}", free_port())).await;
        assert_eq!(error.kind(), ErrorKind::Connect(Reason::Refused));
        assert!(error.to_string().contains("start Redis") && error.retry(), "{error}");

        let error = cannot_connect(&closes().await).await;
        assert!(matches!(error.reason(), Some(Reason::Closed | Reason::Reset)), "{error}");
        assert!(error.to_string().contains("127.0.0.1"), "{error}");

        let error = cannot_connect(&says("").await).await;
        assert_eq!(error.kind(), ErrorKind::Connect(Reason::Timeout), "{error}");

        let error = cannot_connect(&says("HTTP/1.1 400 Bad Request\r\n\r\n").await).await;
        assert_eq!(error.kind(), ErrorKind::Connect(Reason::Protocol), "{error}");

        let error = cannot_connect("redis://no-such-host.invalid").await;
        assert_eq!(error.kind(), ErrorKind::Connect(Reason::Dns), "{error}");
    });
}

#[test]
fn options_that_make_no_sense_are_told_by_everything() {
    run(|| async {
        for (url, said) in [("", "no Redis URL"), ("http://h", "HTTP"), ("redis://:s3/cret@h", "%2F")] {
            let client = Client::on(Native::new(), url);
            let error = client.ready().await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (ErrorKind::Config, false), "{error}");
            assert!(error.to_string().contains(said), "{error}");
            let error = client.call::<()>("PING").await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Disabled(reason) if !reason.retryable()), "{error}");
            assert!(!format!("{error} {error:?} {client:?}").contains("cret"), "{error}");
        }
    });
}

#[test]
fn wrong_credentials_are_named_and_never_shown() {
    run(|| async {
        let redis = Redis::start_with(&["--requirepass", "r1ght"]).await;
        let url = format!("redis://:wr0ng@127.0.0.1:{}", redis.port);
        let options = options(&url);
        let client = Client::on(Native::new(), options.clone());
        let error = client.ready().await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Auth, "EDGIS_AUTH"));
        let told = client.call::<()>(("SET", "k", "v")).await.unwrap_err();
        assert_eq!((told.kind(), told.sent()), (ErrorKind::Disabled(Reason::Auth), Sent::No));
        let status = client.status();
        assert_eq!((status.state, status.reason), (State::Disabled, Some(Reason::Auth)));
        let shown = format!("{error} {error:?} {told} {told:?} {client:?} {options:?} {status:?}");
        assert!(!shown.contains("wr0ng"), "{shown}");

        let right = options.password("r1ght").username("default");
        let client = Client::connect_on(Native::new(), right).await.unwrap();
        assert_eq!(client.call::<String>("PING").await.unwrap(), "PONG");
        assert!(!format!("{client:?}").contains("r1ght"));
    });
}

#[test]
fn a_server_that_dies_is_noticed_and_found_again() {
    run(|| async {
        let mut redis = Redis::start().await;
        let native = Native::new();
        let client = Client::connect_on(native.clone(), options(&redis.url())).await.unwrap();
        let () = client.call(("SET", "k", 0)).await.unwrap();
        // Writes that are on their way when it dies: each caller is told, and what it is told is true.
        let mut writes: Vec<_> = (0..20).map(|_| Box::pin(client.call::<i64>(("INCR", "k")))).collect();
        for write in &mut writes {
            assert!(futures_util::poll!(write.as_mut()).is_pending());
        }
        redis.kill();
        for result in join_all(writes).await {
            if let Err(error) = result {
                let lost =
                    matches!(error.kind(), ErrorKind::ConnectionLost(_)) && error.sent() == Sent::Maybe;
                let never = matches!(error.kind(), ErrorKind::Disabled(_)) && error.sent() == Sent::No;
                assert!(lost || never, "{error:?}");
            }
        }
        until(async || client.status().state == State::Disabled).await;
        let start = Instant::now();
        let error = client.call::<()>(("GET", "k")).await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Disabled(Reason::Refused), Sent::No), "{error}");
        assert!(error.to_string().contains("start Redis"), "{error}");
        assert!(start.elapsed() < Duration::from_millis(300), "at once: {:?}", start.elapsed());
        let polls = native.counts.polls.get();
        sleep(200).await;
        assert!(native.counts.polls.get() - polls < 20, "it spins while nobody asks");

        redis.restart().await;
        until(async || client.call::<()>("PING").await.is_ok()).await;
        assert_eq!(client.status().state, State::Ready);
        assert!(client.stats().connects >= 2.0);
    });
}

#[test]
fn who_asks_to_wait_does_not_notice_a_restart() {
    run(|| async {
        let mut redis = Redis::start().await;
        let client =
            Client::connect_on(Native::new(), Options::new(redis.url()).wait_while_disabled(true)).await;
        let client = client.unwrap();
        let () = client.call("PING").await.unwrap();
        redis.kill();
        until(async || client.status().state != State::Ready).await;
        let again = async {
            sleep(300).await;
            redis.restart().await;
        };
        let (set, ()) = futures_util::future::join(client.call::<bool>(("SET", "k", 1)), again).await;
        assert!(set.unwrap());
        assert!(client.stats().connects >= 2.0);
    });
}

#[test]
fn a_line_that_goes_dark_costs_its_budget_and_is_replaced() {
    run(|| async {
        let redis = Redis::start().await;
        let line = Line::to(redis.port).await;
        let client = Client::connect_on(Native::new(), options(&line.url)).await.unwrap();
        let () = client.call(("SET", "k", 1)).await.unwrap();
        line.cut().await;
        let start = Instant::now();
        let results = join_all((0..10).map(|_| client.call::<i64>(("INCR", "k")))).await;
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(
                (error.kind(), error.sent()),
                (ErrorKind::Timeout(Phase::Reply), Sent::Maybe),
                "{error}"
            );
            assert!(error.to_string().contains("(command_timeout, 400 ms)"), "{error}");
        }
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        line.mend();
        until(async || client.call::<i64>(("GET", "k")).await.is_ok()).await;
        assert_eq!(client.call::<i64>(("GET", "k")).await.unwrap(), 1, "none of them arrived");
    });
}

#[test]
fn too_much_at_once_is_turned_away_and_not_kept() {
    run(|| async {
        let url = says("").await;
        let client = Client::on(Native::new(), options(&url).max_queued(3));
        let results = join_all((0..5).map(|_| client.call::<()>("PING"))).await;
        let full = |error: &Error| error.kind() == ErrorKind::QueueFull && error.sent() == Sent::No;
        assert_eq!(results.iter().filter(|result| result.as_ref().is_err_and(full)).count(), 2);
    });
}

#[test]
fn a_server_that_does_not_read_is_not_written_to_without_end() {
    run(|| async {
        let redis = Redis::start().await;
        let line = Line::to(redis.port).await;
        let limited = options(&line.url).max_queued_bytes(1 << 20);
        let client = Client::connect_on(Native::new(), limited).await.unwrap();
        line.cut().await;
        let value = vec![0u8; 400_000];
        let mut calls = Vec::new();
        // One after the other, so that the link can say in between that it takes no more.
        for _ in 0..60 {
            let mut call = Box::pin(client.call::<()>(("SET", "k", &value)));
            assert!(futures_util::poll!(&mut call).is_pending());
            calls.push(call);
            tokio::task::yield_now().await;
        }
        let results = join_all(calls).await;
        let full = |result: &Result<(), Error>| {
            result.as_ref().is_err_and(|error| error.kind() == ErrorKind::QueueFull)
        };
        assert!(results.iter().any(full), "what it does not take is kept without end");
        assert!(results.iter().all(Result::is_err));
    });
}

#[test]
fn a_connection_that_nobody_uses_is_closed_and_opened_again() {
    run(|| async {
        let redis = Redis::start().await;
        let observer = redis.client().await;
        let brief = Options::new(redis.url()).idle_timeout(Duration::from_millis(50));
        let client = Client::connect_on(Native::new(), brief).await.unwrap();
        until(async || client.status().state == State::Idle).await;
        until(async || redis.connections(&observer).await == 0).await;
        assert_eq!(client.call::<String>("PING").await.unwrap(), "PONG");
    });
}

#[test]
fn a_link_that_was_doubted_and_speaks_again_is_ready() {
    run(|| async {
        let redis = Redis::start().await;
        let sluice = Sluice::to(redis.port).await;
        let native = Native::new();
        let patient = options(&sluice.url).connect_timeout(Duration::from_secs(20));
        let client = Client::connect_on(native.clone(), patient).await.unwrap();
        sluice.allowed.set(0);
        let error = client.call::<()>(("SET", "k", 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout(Phase::Reply));
        until(async || native.counts.opened.get() == 2).await;
        client.ready().await.unwrap();
        sluice.allowed.set(usize::MAX);
        until(async || native.counts.open.get() == 1).await;
        client.ready().await.unwrap();
        assert_eq!(client.call::<i64>(("GET", "k")).await.unwrap(), 1);
        assert_eq!(client.stats().connects, 1.0, "the dial to replace it was not needed");
    });
}
