//! A stream that is never empty: a task that reads one gives the others their turn, and comes back by itself.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use edgis::driver::{Endpoint, Stream, Trouble};
use edgis::{Client, Runtime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_local;

use crate::native::{run, Native};

type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// More than a client reads in one turn.
const LARGE: usize = 40 << 20;

/// A server in memory: knows no HELLO, answers GET with a large value and all else with OK.
#[derive(Default)]
struct Server {
    output: VecDeque<u8>,
    reader: Option<Waker>,
}

impl Server {
    fn answer(&mut self, written: &[u8]) {
        let text = String::from_utf8_lossy(written);
        for command in text.split('*').skip(1) {
            match command.lines().nth(2) {
                Some("HELLO") => self.output.extend(b"-ERR unknown command 'HELLO'\r\n"),
                Some("GET") => {
                    self.output.extend(format!("${LARGE}\r\n").into_bytes());
                    self.output.extend(std::iter::repeat_n(b'x', LARGE));
                    self.output.extend(b"\r\n");
                }
                _ => self.output.extend(b"+OK\r\n"),
            }
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = self.output.as_slices().0.len().min(buffer.remaining());
        buffer.put_slice(&self.output.as_slices().0[..count]);
        self.output.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answer(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct InMemory(Native);

impl Runtime for InMemory {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn seed(&self) -> u64 {
        self.0.seed()
    }

    fn open(&self, _: &Endpoint, _: bool) -> Local<Result<Box<dyn Stream>, Trouble>> {
        Box::pin(async { Ok(Box::new(Server::default()) as Box<dyn Stream>) })
    }

    fn delay(&self, duration: Duration) -> Local<()> {
        self.0.delay(duration)
    }

    fn spawn(&self, task: Local<()>) {
        self.0.spawn(task);
    }
}

#[test]
fn a_stream_that_is_never_empty_starves_nobody_and_is_read_to_its_end() {
    run(|| async {
        let native = Native::new();
        let client = Client::connect_on(InMemory(native.clone()), "redis://memory").await.unwrap();
        let turns = Rc::new(Cell::new(0));
        let others = turns.clone();
        let beside = spawn_local(poll_fn(move |cx: &mut Context<'_>| {
            others.set(others.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let (start, polls) = (Instant::now(), native.counts.polls.get());
        let value: Vec<u8> = client.call(("GET", "k")).timeout(Duration::from_secs(20)).await.unwrap();
        assert_eq!(value.len(), LARGE);
        let polls = native.counts.polls.get() - polls;
        assert!((5..100).contains(&polls), "{polls} polls");
        assert!(turns.get() >= 5, "the other task had {} turns", turns.get());
        assert!(start.elapsed() < Duration::from_secs(15), "it waited for its timer: {:?}", start.elapsed());
        beside.abort();
    });
}
