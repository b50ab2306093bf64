//! The settings of a client.

use std::fmt;
use std::time::Duration;

use crate::manager;
use crate::time;

/// The settings of a client; a URL alone is enough.
///
/// ```
/// use edgis::Options;
/// use std::time::Duration;
///
/// let options = Options::new("rediss://app:secret@cache.example:6380/2")
///     .name("checkout")
///     .connect_timeout(Duration::from_secs(1))
///     .command_timeout(Duration::from_millis(250));
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Options {
    url: String,
    username: Option<String>,
    password: Option<String>,
    name: Option<String>,
    db: Option<u32>,
    tls: bool,
    protocol: u8,
    connect: u32,
    command: u32,
    idle: u32,
    waits: bool,
    retry: (u32, u32),
    max_queued: u32,
    max_queued_bytes: u32,
    max_in_flight: u32,
    max_value_bytes: u32,
}

impl Options {
    /// `redis[s]://[user:password@]host[:port][/db]`; `valkey[s]://` means the same, `rediss://` is TLS from the first byte.
    /// An empty one leaves the client disabled, with the reason `unconfigured`.
    pub fn new(url: impl Into<String>) -> Options {
        Options {
            url: url.into(),
            username: None,
            password: None,
            name: None,
            db: None,
            tls: false,
            protocol: 0,
            connect: 2_000,
            command: 1_000,
            idle: 0,
            waits: false,
            retry: (0, 0),
            max_queued: 0,
            max_queued_bytes: 0,
            max_in_flight: 0,
            max_value_bytes: 0,
        }
    }

    /// Instead of the URL's.
    pub fn username(mut self, username: impl Into<String>) -> Options {
        self.username = Some(username.into());
        self
    }

    /// Instead of the URL's.
    pub fn password(mut self, password: impl Into<String>) -> Options {
        self.password = Some(password.into());
        self
    }

    /// The client's name in `CLIENT LIST`: printable ASCII without spaces.
    pub fn name(mut self, name: impl Into<String>) -> Options {
        self.name = Some(name.into());
        self
    }

    /// The number of the database, instead of the URL's.
    pub fn db(mut self, db: u32) -> Options {
        self.db = Some(db);
        self
    }

    /// TLS from the first byte, also with `redis://`.
    pub fn tls(mut self, tls: bool) -> Options {
        self.tls = tls;
        self
    }

    /// 2 speaks RESP2. Default 3; servers that know no HELLO are spoken to in RESP2 in any case.
    pub fn protocol(mut self, protocol: u8) -> Options {
        self.protocol = protocol;
        self
    }

    /// How long a dial may take, and a command wait for one. Default 2 s, at most a day.
    pub fn connect_timeout(mut self, timeout: Duration) -> Options {
        self.connect = millis(timeout);
        self
    }

    /// How long a command may take once there is a link. Default 1 s, at most a day. [`Call::timeout`](super::Call::timeout)
    /// sets it for one.
    pub fn command_timeout(mut self, timeout: Duration) -> Options {
        self.command = millis(timeout);
        self
    }

    /// How long the connection may be unused before it is closed; the next command dials. By default it is kept. For what
    /// outlives its requests and is suspended between them, such as a Durable Object.
    pub fn idle_timeout(mut self, timeout: Duration) -> Options {
        self.idle = millis(timeout);
        self
    }

    /// Whether commands wait while the server cannot be reached: true waits up to `connect_timeout`, false (the
    /// default) fails at once with [`ErrorKind::Disabled`](super::ErrorKind::Disabled).
    pub fn wait_while_disabled(mut self, waits: bool) -> Options {
        self.waits = waits;
        self
    }

    /// Bounds of the wait between dials, which doubles from the first to the second, with full jitter. Default 50 ms to 2 s.
    pub fn retry(mut self, first: Duration, last: Duration) -> Options {
        self.retry = (millis(first), millis(last));
        self
    }

    /// How many commands may wait for a link. Default 10,000.
    pub fn max_queued(mut self, commands: u32) -> Options {
        self.max_queued = commands;
        self
    }

    /// How many bytes of commands may wait for a link. Default 16 MiB.
    pub fn max_queued_bytes(mut self, bytes: u32) -> Options {
        self.max_queued_bytes = bytes;
        self
    }

    /// How many commands may be written and not answered. Default 1,000,000.
    pub fn max_in_flight(mut self, commands: u32) -> Options {
        self.max_in_flight = commands;
        self
    }

    /// The longest string in a reply. Default 512 MiB, the server's own limit.
    pub fn max_value_bytes(mut self, bytes: u32) -> Options {
        self.max_value_bytes = bytes;
        self
    }

    pub(super) fn policy(&self) -> manager::Policy {
        manager::Policy {
            connect: time::Duration::from_millis(u64::from(self.connect)),
            command: time::Duration::from_millis(u64::from(self.command)),
            waits: self.waits,
            total: false,
        }
    }

    /// As the core takes them.
    pub(super) fn of_core(&self, scope: u32) -> manager::Options<'_> {
        manager::Options {
            url: Some(&self.url),
            scope,
            username: self.username.as_deref(),
            password: self.password.as_deref(),
            name: self.name.as_deref(),
            db: self.db,
            tls: self.tls,
            protocol: self.protocol,
            connect_timeout: self.connect,
            idle_timeout: self.idle,
            retry_base: self.retry.0,
            retry_cap: self.retry.1,
            max_staged: self.max_queued,
            max_staged_bytes: self.max_queued_bytes,
            max_pending: self.max_in_flight,
            max_bulk: self.max_value_bytes,
            ..manager::Options::default()
        }
    }
}

/// Whole milliseconds: no less than one, no more than a day.
pub(super) fn millis(duration: Duration) -> u32 {
    let up = duration.as_micros().div_ceil(1_000);
    up.clamp(1, 86_400_000) as u32
}

impl fmt::Debug for Options {
    /// Without what may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("db", &self.db)
            .field("tls", &self.tls)
            .field("connect_timeout_ms", &self.connect)
            .field("command_timeout_ms", &self.command)
            .finish_non_exhaustive()
    }
}

impl From<&str> for Options {
    fn from(url: &str) -> Options {
        Options::new(url)
    }
}

impl From<String> for Options {
    fn from(url: String) -> Options {
        Options::new(url)
    }
}

impl From<&String> for Options {
    fn from(url: &String) -> Options {
        Options::new(url)
    }
}
