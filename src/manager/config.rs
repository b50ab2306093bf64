//! The settings of a target, valid by construction: only [`Config::new`] makes one.

use core::fmt;

use crate::connection::{Introduction, Standing};
use crate::error::Reason;
use crate::resp::{decimal, frame, owned, Bytes, Limits};
use crate::time::Duration;

use super::endpoint::Endpoint;

/// The user's options as they cross the boundary. Durations are milliseconds; 0 means the default.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// A mistake that the shell has already found, in a sentence.
    pub problem: Option<&'a str>,
    /// `redis[s]://[user:password@]host[:port][/db]`, or `unix://[user:password@]/path[?db=n]`.
    pub url: Option<&'a str>,
    /// Overrides the URL's.
    pub username: Option<&'a str>,
    /// Overrides the URL's.
    pub password: Option<&'a str>,
    /// Overrides the URL's.
    pub db: Option<u32>,
    /// The client's name in `CLIENT LIST`.
    pub name: Option<&'a str>,
    /// Settings that the core does not see (TLS, a credentials function), as part of the identity.
    pub kind: Option<&'a str>,
    /// Whose it is: 0 where there is one scope.
    pub scope: u32,
    /// TLS was asked for by an option (`rediss://` asks for it too).
    pub tls: bool,
    /// 2 to speak RESP2; 0 and 3 mean RESP3.
    pub protocol: u8,
    /// A function gives the credentials of each dial.
    pub dynamic_credentials: bool,
    /// The transport can look up the addresses of a name.
    pub resolves: bool,
    /// Budget of a dial over all its addresses; default 2 s, at most a day.
    pub connect_timeout: u32,
    /// How long a link may be unused; by default it is not closed for that.
    pub idle_timeout: u32,
    /// First bound of the backoff; default 50 ms.
    pub retry_base: u32,
    /// Last bound of the backoff; default 2 s.
    pub retry_cap: u32,
    /// Commands that may wait for a link; default 10,000.
    pub max_staged: u32,
    /// Bytes that may wait for a link; default 16 MiB.
    pub max_staged_bytes: u32,
    /// Commands that may be written and not answered; default 1,000,000.
    pub max_pending: u32,
    /// Links that a node lends to callers at a time, of each role; default 32.
    pub max_lanes: u32,
    /// Longest string in a reply; default 512 MiB, the server's own limit (`proto-max-bulk-len`).
    pub max_bulk: u32,
    /// Deepest nesting of a reply; default 64, at most 128.
    pub max_depth: u32,
    /// Keep the frames of writes until they are answered, within the limit of a link: for servers that send commands
    /// elsewhere. Off by default: it costs memory and a copy of each command.
    pub keeps_writes: bool,
}

impl fmt::Debug for Options<'_> {
    /// Without what may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("problem", &self.problem).finish_non_exhaustive()
    }
}

/// A target's settings. See the module.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server is.
    pub endpoint: Endpoint,
    /// TLS from the first byte.
    pub tls: bool,
    /// The settings that are sent in the handshake.
    pub introduction: Introduction,
    /// A function gives the credentials of each dial.
    pub dynamic_credentials: bool,
    /// The transport can look up the addresses of a name.
    pub resolves: bool,
    /// Budget of a dial.
    pub connect: Duration,
    /// How long a link may be unused; zero is for ever.
    pub idle: Duration,
    /// First and last bound of the backoff.
    pub backoff: (Duration, Duration),
    /// Commands that may wait for a link.
    pub max_staged: usize,
    /// Bytes that may wait for a link.
    pub max_staged_bytes: usize,
    /// Commands that may be written and not answered.
    pub max_pending: usize,
    /// Links that may be lent at a time, of each role.
    pub max_lanes: usize,
    /// Limits of the parser.
    pub limits: Limits,
    /// Frames of writes are kept until they are answered.
    pub keeps_writes: bool,
}

/// Why options are invalid: the reason, and a sentence without any part of a secret.
pub type Invalid = (Reason, String);

impl Config {
    /// Checks the options.
    pub fn new(options: &Options<'_>) -> Result<Config, Invalid> {
        if let Some(problem) = options.problem {
            return Err(invalid(Reason::BadOption, problem));
        }
        let Some(url) = options.url.map(str::trim_ascii).filter(|url| !url.is_empty()) else {
            return Err(invalid(Reason::Unconfigured, "no Redis URL is configured"));
        };
        let mut parsed = super::url::parse(url).map_err(|text| invalid(Reason::BadUrl, text))?;
        let protocol = if options.protocol == 0 { parsed.protocol } else { options.protocol };
        if !matches!(protocol, 0 | 2 | 3) {
            return Err(invalid(Reason::BadOption, "protocol must be 2 or 3"));
        }
        if options.name.is_some_and(|name| !name.bytes().all(|byte| byte.is_ascii_graphic())) {
            let text = "name must be printable ASCII without spaces, as CLIENT SETNAME wants it";
            return Err(invalid(Reason::BadOption, text));
        }
        if let Some(user) = options.username {
            parsed.user = Some(owned(user));
        }
        if let Some(password) = options.password {
            parsed.password = Some(owned(password));
        }
        let credentials = match (parsed.user, parsed.password) {
            (user, Some(password)) => Some((user.unwrap_or_default(), password)),
            (Some(user), None) if !user.is_empty() => {
                let text = "there is a user but no password: write redis://user:password@host";
                return Err(invalid(Reason::BadOption, text));
            }
            _ => None,
        };
        Ok(Config {
            endpoint: parsed.endpoint,
            tls: parsed.tls || options.tls,
            introduction: Introduction {
                credentials,
                name: options.name.filter(|name| !name.is_empty()).map(owned),
                db: options.db.unwrap_or(parsed.db),
                resp2: protocol == 2,
                tracking: Vec::new(),
                standing: Standing::default(),
                needs_id: false,
                bare: false,
            },
            dynamic_credentials: options.dynamic_credentials,
            resolves: options.resolves,
            connect: millis(options.connect_timeout, 2_000),
            idle: millis(options.idle_timeout, 0),
            backoff: (millis(options.retry_base, 50), millis(options.retry_cap, 2_000)),
            max_staged: amount(options.max_staged, 10_000) as usize,
            max_staged_bytes: amount(options.max_staged_bytes, 16 << 20) as usize,
            max_pending: amount(options.max_pending, 1_000_000) as usize,
            max_lanes: amount(options.max_lanes, 32) as usize,
            limits: Limits {
                bulk: u64::from(amount(options.max_bulk, 512 << 20)),
                depth: amount(options.max_depth, 64) as usize,
                ..Limits::default()
            },
            keeps_writes: options.keeps_writes,
        })
    }

    /// Whether the endpoint is a name that must be looked up.
    pub fn needs_lookup(&self) -> bool {
        self.resolves && self.endpoint.is_name()
    }

    /// The identity of a target: its address and its credentials.
    pub fn identity(&self) -> String {
        let Introduction { credentials, name, db, resp2, .. } = &self.introduction;
        let (user, password) = credentials.as_ref().map_or(("", ""), |(user, password)| (user, password));
        // The server's name of the user that a password alone is for.
        let user = if user == "default" { "" } else { user };
        let unix = matches!(self.endpoint, Endpoint::Unix { .. });
        let flags = [unix, self.tls, *resp2, self.dynamic_credentials, credentials.is_some()];
        let flags = flags.into_iter().fold(1, |bits, flag| bits << 1 | u32::from(flag));
        let (db, flags, display) = (decimal(*db), decimal(flags), self.display());
        // As a command is written: with the lengths no part can pass for two.
        let mut identity = Bytes::new();
        let parts = [&db, &flags, &display, name.as_deref().unwrap_or_default(), user, password];
        frame(&mut identity, &parts.map(str::as_bytes));
        owned(core::str::from_utf8(&identity).unwrap_or_default())
    }

    /// The endpoint without credentials, for people.
    pub fn display(&self) -> String {
        self.endpoint.display()
    }
}

#[inline(never)]
fn invalid(reason: Reason, text: &str) -> Invalid {
    (reason, owned(text))
}

/// A duration option. A day is for ever here.
fn millis(value: u32, default: u32) -> Duration {
    Duration::from_millis(u64::from(amount(value, default).min(86_400_000)))
}

fn amount(value: u32, default: u32) -> u32 {
    if value > 0 {
        value
    } else {
        default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<Config, Invalid> {
        Config::new(&Options { url: Some(url), ..Options::default() })
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = config("redis://cache").unwrap();
        assert_eq!(config.endpoint, Endpoint::Tcp { host: "cache".into(), port: 6379 });
        assert_eq!(config.connect, Duration::from_secs(2));
        assert_eq!((config.max_staged, config.max_staged_bytes), (10_000, 16 << 20));
        assert!(config.introduction.allows_riders());
    }

    #[test]
    fn no_url_is_unconfigured_and_not_localhost() {
        for url in [None, Some(""), Some("  ")] {
            let error = Config::new(&Options { url, ..Options::default() }).unwrap_err();
            assert_eq!(error.0, Reason::Unconfigured);
        }
    }

    #[test]
    fn a_user_without_a_password_is_an_error_and_not_a_guess() {
        assert_eq!(config("redis://app@cache").unwrap_err().0, Reason::BadOption);
    }

    #[test]
    fn the_user_without_a_name_is_the_default_one() {
        let identity = |url: &str| config(url).unwrap().identity();
        assert_eq!(identity("redis://:pw@cache"), identity("redis://default:pw@cache:6379/0"));
        assert_ne!(identity("redis://:pw@cache"), identity("redis://other:pw@cache"));
        assert_ne!(identity("redis://:pw@cache"), identity("redis://cache"));
    }

    #[test]
    fn addresses_need_no_lookup() {
        let needs = |url: &str| {
            let options = Options { url: Some(url), resolves: true, ..Options::default() };
            Config::new(&options).unwrap().needs_lookup()
        };
        assert!(needs("redis://localhost"));
        assert!(!needs("redis://127.0.0.1:7000"));
        assert!(!needs("redis://[::1]:7000"));
        assert!(!needs("unix:///run/redis.sock"));
    }
}
