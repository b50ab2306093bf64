//! A native runtime for the client, which counts what the client does to it.

use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use edgis::driver::{Endpoint, Outages, Stream, Trouble};
use edgis::Runtime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::{spawn_local, yield_now, LocalSet};

type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// What was done.
#[derive(Debug, Default)]
pub struct Counts {
    pub opened: Cell<u32>,
    /// Streams that are there.
    pub open: Cell<u32>,
    /// Writes that the stream took.
    pub writes: Cell<u32>,
    /// Polls of the client's task.
    pub polls: Cell<u32>,
    /// Whether the caller is in another request.
    pub elsewhere: Cell<bool>,
}

fn add(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

#[derive(Clone, Debug)]
pub struct Native {
    start: Instant,
    pub counts: Rc<Counts>,
    outages: Outages,
}

impl Native {
    pub fn new() -> Native {
        Native { start: Instant::now(), counts: Rc::default(), outages: Outages::default() }
    }

    /// That of another request of the same isolate.
    pub fn next(&self) -> Native {
        Native { counts: Rc::default(), ..self.clone() }
    }
}

impl Runtime for Native {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn seed(&self) -> u64 {
        7
    }

    fn open(&self, endpoint: &Endpoint, tls: bool) -> Local<Result<Box<dyn Stream>, Trouble>> {
        assert!(!tls, "these tests speak no TLS");
        let Endpoint::Tcp { host, port } = endpoint.clone() else { panic!("a Unix socket") };
        let counts = self.counts.clone();
        Box::pin(async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            add(&counts.opened);
            add(&counts.open);
            Ok(Box::new(Counted { stream, counts, failed: false }) as Box<dyn Stream>)
        })
    }

    fn delay(&self, duration: Duration) -> Local<()> {
        Box::pin(async move {
            yield_now().await;
            if duration > Duration::ZERO {
                tokio::time::sleep(duration).await;
            }
        })
    }

    fn spawn(&self, mut task: Local<()>) {
        let counts = self.counts.clone();
        spawn_local(poll_fn(move |cx| {
            add(&counts.polls);
            task.as_mut().poll(cx)
        }));
    }

    fn outages(&self) -> Outages {
        self.outages.clone()
    }

    fn is_here(&self) -> bool {
        !self.counts.elsewhere.get()
    }
}

/// A stream that tells when it is polled after an error.
struct Counted {
    stream: TcpStream,
    counts: Rc<Counts>,
    failed: bool,
}

impl Counted {
    fn told<T>(&mut self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        assert!(!self.failed, "polled after an error");
        self.failed = matches!(poll, Poll::Ready(Err(_)));
        poll
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.open.set(self.counts.open.get() - 1);
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.told(poll)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if poll.is_ready() {
            add(&self.counts.writes);
        }
        self.told(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Runs a test. Whatever it waits for must come within half a minute.
pub fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let within = tokio::time::Duration::from_secs(30);
    let limited = async { tokio::time::timeout(within, test()).await.expect("something waits for ever") };
    runtime.block_on(LocalSet::new().run_until(limited));
}

/// Asks until it is so, for some seconds.
pub async fn until(mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to be");
}
