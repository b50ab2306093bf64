//! Calls side by side, pipelines, and whose connection it is.

use std::time::{Duration, Instant};

use edgis::{Client, Error, ErrorKind, Options, State};
use futures_util::future::{join, join_all};

use crate::native::{run, until, Native};
use crate::peer::Line;
use crate::redis::{sleep, Redis};

#[test]
fn calls_at_once_share_a_dial_a_connection_and_a_write() {
    run(|| async {
        let redis = Redis::start().await;
        let native = Native::new();
        let client = Client::on(native.clone(), redis.url());
        let count = |n: i64| client.call::<i64>(("INCRBY", "n", n));
        let values = join_all((0..200).map(|_| count(1))).await;
        for (index, value) in values.into_iter().enumerate() {
            assert_eq!(value.unwrap(), index as i64 + 1, "in the order of the calls");
        }
        // The handshake, and the commands behind its answer.
        assert_eq!((native.counts.opened.get(), native.counts.writes.get()), (1, 2));
        join_all((0..200).map(|_| count(1))).await;
        assert_eq!(native.counts.writes.get(), 3);
        assert_eq!(client.stats().commands, 400.0);
    });
}

#[test]
fn everybody_waits_for_the_same_connection() {
    run(|| async {
        let redis = Redis::start().await;
        let native = Native::new();
        let client = Client::on(native.clone(), redis.url());
        assert_eq!(client.status().state, State::Idle);
        let mut waiting: Vec<_> = (0..50).map(|_| Box::pin(client.ready())).collect();
        // Some of them are polled and then go away: the others do not depend on them.
        for ready in waiting.iter_mut().take(10) {
            assert!(futures_util::poll!(ready.as_mut()).is_pending());
        }
        drop(waiting.drain(..10));
        for ready in join_all(waiting).await {
            ready.unwrap();
        }
        assert_eq!((client.stats().dials, native.counts.opened.get()), (1.0, 1));
        assert_eq!(client.status().state, State::Ready);
        client.ready().await.unwrap();
        assert_eq!(client.stats().dials, 1.0);
    });
}

#[test]
fn a_pipeline_is_one_write_and_its_errors_stay_where_they_belong() {
    run(|| async {
        let redis = Redis::start().await;
        let native = Native::new();
        let client = Client::connect_on(native.clone(), redis.url()).await.unwrap();
        let before = native.counts.writes.get();
        let (n, name, ()): (i64, Option<String>, ()) = client
            .pipeline()
            .cmd(("INCR", "n"))
            .cmd(("GET", "name"))
            .cmd(("SET", "name", "x"))
            .query()
            .await
            .unwrap();
        assert_eq!((n, name, native.counts.writes.get() - before), (1, None, 1));

        let with_error = || {
            client.pipeline().cmd(("INCR", "n")).cmd(("INCR", "name")).cmd(("SELECT", 1)).cmd(("INCR", "n"))
        };
        let error = with_error().query::<Vec<i64>>().await.unwrap_err();
        assert_eq!((error.kind(), error.command()), (ErrorKind::Reply, Some("INCR")));
        type Each = Result<i64, Error>;
        let each: (i64, Each, Each, i64) = with_error().query().await.unwrap();
        assert_eq!((each.0, each.3), (4, 5), "the commands behind the error were executed both times");
        assert_eq!(each.1.unwrap_err().kind(), ErrorKind::Reply);
        assert_eq!(each.2.unwrap_err().kind(), ErrorKind::Usage);

        let error = client.pipeline().cmd("PING").query::<(String, String)>().await.unwrap_err();
        assert_eq!(error.to_string(), "expected a pipeline of 2, found a pipeline of 1");
        assert_eq!(client.pipeline().query::<Vec<i64>>().await.unwrap(), [0; 0]);

        let mut pipeline = client.pipeline();
        (0..10_000).for_each(|i| pipeline.push(("ECHO", i)));
        let all: Vec<i64> = pipeline.query().await.unwrap();
        assert!(all.into_iter().eq(0..10_000));
    });
}

#[test]
fn large_values_go_both_ways_beside_small_ones() {
    run(|| async {
        let redis = Redis::start().await;
        let client = redis.client().await;
        let large: Vec<u8> = (0..6_000_000u32).map(|i| (i * 31).rotate_right(3) as u8).collect();
        let set = client.call::<()>(("SET", "large", &large));
        let (set, ping) = join(set, client.call::<String>("PING")).await;
        set.unwrap();
        assert_eq!(ping.unwrap(), "PONG");
        let get = || client.call::<Vec<u8>>(("GET", "large"));
        let (one, (small, two)) = join(get(), join(client.call::<i64>(("STRLEN", "large")), get())).await;
        assert!(one.unwrap() == large && two.unwrap() == large);
        assert_eq!(small.unwrap(), 6_000_000);
        let mut pipeline = client.pipeline();
        (0..40).for_each(|i| pipeline.push(("SET", i, &large[..400_000])));
        let () = pipeline.query().await.unwrap();
    });
}

#[test]
fn the_connection_closes_with_its_last_handle() {
    run(|| async {
        let redis = Redis::start().await;
        let observer = redis.client().await;
        let native = Native::new();
        let client = Client::connect_on(native.clone(), redis.url()).await.unwrap();
        let other = client.clone();
        let call = other.call::<String>("PING");
        drop((client, other));
        assert_eq!(redis.connections(&observer).await, 1, "a call holds it");
        assert_eq!(call.await.unwrap(), "PONG");
        until(async || redis.connections(&observer).await == 0).await;
        assert_eq!(native.counts.open.get(), 0);
        let polls = native.counts.polls.get();
        sleep(100).await;
        assert_eq!(native.counts.polls.get(), polls, "its task has ended");
    });
}

#[test]
fn a_client_of_another_request_says_so() {
    run(|| async {
        let redis = Redis::start().await;
        let native = Native::new();
        let client = Client::connect_on(native.clone(), redis.url()).await.unwrap();
        native.counts.elsewhere.set(true);
        for error in [client.call::<()>("PING").await.unwrap_err(), client.ready().await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains("another request"), "{error}");
        }
        native.counts.elsewhere.set(false);
        let () = client.call("PING").await.unwrap();
    });
}

#[test]
fn a_task_that_is_dropped_leaves_nobody_waiting() {
    run(|| async {
        let redis = Redis::start().await;
        let local = tokio::task::LocalSet::new();
        let client = local.run_until(async { redis.client().await }).await;
        let mut call = Box::pin(client.call::<()>(("SET", "k", 1)));
        let mut ready = Box::pin(client.ready());
        assert!(futures_util::poll!(&mut call).is_pending());
        let _ = futures_util::poll!(&mut ready);
        drop(local);
        assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.call::<()>("PING").await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn a_wait_costs_no_polls_and_ends_in_time() {
    run(|| async {
        let redis = Redis::start().await;
        let line = Line::to(redis.port).await;
        let native = Native::new();
        let client = Client::connect_on(native.clone(), Options::new(&*line.url)).await.unwrap();
        line.cut().await;
        let (polls, start) = (native.counts.polls.get(), Instant::now());
        let error = client.call::<()>(("SET", "k", 1)).timeout(Duration::from_millis(300)).await.unwrap_err();
        let took = start.elapsed();
        assert!(matches!(error.kind(), ErrorKind::Timeout(edgis::Phase::Reply)), "{error}");
        assert!(error.to_string().contains("(timeout, 300 ms)"), "{error}");
        assert!(took >= Duration::from_millis(299) && took < Duration::from_secs(3), "{took:?}");
        let polls = native.counts.polls.get() - polls;
        assert!(polls < 40, "{polls} polls");
    });
}

/// Has two answers for what is `Send`, so that asking does not compile.
trait Ambiguous<A> {
    fn ask() {}
}

struct Too;

impl<T: ?Sized> Ambiguous<()> for T {}
impl<T: ?Sized + Send> Ambiguous<Too> for T {}

#[test]
fn a_client_fits_into_no_static_and_an_error_goes_anywhere() {
    <Client as Ambiguous<_>>::ask();
    fn goes_anywhere<T: Send + Sync + 'static>() {}
    goes_anywhere::<Error>();
    goes_anywhere::<Options>();
}

#[test]
fn texts_of_any_length_and_one_over_the_limit_which_costs_its_own_call() {
    run(|| async {
        let redis = Redis::start().await;
        let client = redis.client().await;
        for length in [4_095, 32_768, 600_000] {
            let status = "return redis.status_reply(string.rep('x', ARGV[1]))";
            let error = "return redis.error_reply('MINE ' .. string.rep('y', ARGV[1]))";
            let texts = client.call::<String>(("EVAL", status, 0, length));
            let errors = client.call::<String>(("EVAL", error, 0, length));
            let ((text, error), pong) = join(join(texts, errors), client.call::<String>(("PING",))).await;
            assert_eq!(text.unwrap(), "x".repeat(length));
            assert_eq!(error.unwrap_err().to_string(), format!("MINE {}", "y".repeat(length)));
            assert_eq!(pong.unwrap(), "PONG");
        }
        let small = edgis::Options::new(redis.url()).max_value_bytes(1_000);
        let client = Client::connect_on(Native::new(), small).await.unwrap();
        client.call::<()>(("SET", "long", "z".repeat(1_001))).await.unwrap();
        let (long, pong) =
            join(client.call::<String>(("GET", "long")), client.call::<String>(("PING",))).await;
        let error = long.unwrap_err();
        assert_eq!((error.code(), error.sent()), ("EDGIS_PROTOCOL", edgis::Sent::Yes));
        assert!(error.to_string().contains("max_value_bytes"), "{error}");
        assert_eq!((pong.unwrap().as_str(), client.stats().dials), ("PONG", 1.0));
    });
}
