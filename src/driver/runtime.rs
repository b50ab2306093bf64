//! The seam to where the client runs: a clock, a timer, tasks and byte streams.
//!
//! The client needs nothing else of its surroundings, so that the same code runs on Cloudflare Workers and, in the tests,
//! on a native executor against a real server.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(doc)]
use crate::error::Reason;
use crate::manager::Breakers;
use crate::time::Time;

pub use crate::manager::Endpoint;

/// A byte stream to a server.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Why a stream could not be opened or has ended.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The operating system's name for it, as in `ECONNREFUSED`; what is unknown leads to [`Reason::Unknown`]. `END` is an
    /// orderly end, `ERUNTIME` says that this runtime cannot open such a stream.
    pub code: &'static str,
    /// A description for people. It must not hold a secret.
    pub text: String,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        let text = error.to_string();
        let code = match error.kind() {
            io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
            io::ErrorKind::ConnectionReset => "ECONNRESET",
            io::ErrorKind::ConnectionAborted => "ECONNABORTED",
            io::ErrorKind::NotConnected => "ENOTCONN",
            io::ErrorKind::BrokenPipe => "EPIPE",
            io::ErrorKind::NotFound => "ENOENT",
            io::ErrorKind::TimedOut => "ETIMEDOUT",
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "EHOSTUNREACH",
            io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
            io::ErrorKind::PermissionDenied => "EACCES",
            io::ErrorKind::UnexpectedEof => "END",
            io::ErrorKind::NotADirectory => "ENOTDIR",
            io::ErrorKind::OutOfMemory => "ENOMEM",
            // Running out of descriptors has no `ErrorKind` of its own.
            _ if text.contains("Too many open files") => "EMFILE",
            // The resolver's errors have no kind of their own.
            _ if text.contains("lookup address") => "ENOTFOUND",
            _ => "EIO",
        };
        Trouble { code, text }
    }
}

/// Outages that the clients of a thread share: one client tries again, the others need not.
///
/// Otherwise each client that lives for one request would find out for itself, at the cost of a connect timeout. Runtimes
/// that share it must use the same clock.
#[derive(Clone, Default)]
pub struct Outages {
    pub(super) breakers: Rc<RefCell<Breakers>>,
    /// The latest time that any of them has seen.
    pub(super) latest: Rc<Cell<Option<Time>>>,
}

impl fmt::Debug for Outages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outages").finish_non_exhaustive()
    }
}

/// Where a client runs. One value serves one client; it is used on the thread of the client only.
pub trait Runtime {
    /// The time since a moment of the runtime's choosing. It should not go back; if it does the client waits it out.
    fn now(&self) -> Duration;

    /// A number that spreads the backoffs of many clients. It need not be secret.
    fn seed(&self) -> u64;

    /// Connects to the endpoint, with TLS from the first byte if asked for. Looks up names. Needs no deadline: the client
    /// drops the future when its time is up.
    fn open(
        &self,
        endpoint: &Endpoint,
        tls: bool,
    ) -> LocalBoxFuture<'static, Result<Box<dyn Stream>, Trouble>>;

    /// Completes after `duration`, not before.
    fn delay(&self, duration: Duration) -> LocalBoxFuture<'static, ()>;

    /// Runs a task beside the others of this thread. If it is dropped before it ends, pending calls fail.
    fn spawn(&self, task: LocalBoxFuture<'static, ()>);

    /// The outages to share. By default each client keeps its own.
    fn outages(&self) -> Outages {
        Outages::default()
    }

    /// Whether the running code may use the streams and timers of this client. On Workers they belong to the request that
    /// made them.
    fn is_here(&self) -> bool {
        true
    }
}
