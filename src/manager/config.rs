//! What a target is made of, valid by construction: [`Config::new`] is the only way to one.

use core::time::Duration;
use std::borrow::Cow;

use crate::connection::Introduction;
use crate::error::Reason;
use crate::resp::Limits;

/// What the user asked for, as it comes over the boundary. Durations are milliseconds; 0 means the default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the shell found wrong with the options already, in a sentence.
    pub problem: Option<String>,
    /// `redis[s]://[user:password@]host[:port][/db]`, or `unix://[user:password@]/path[?db=n]`.
    pub url: Option<String>,
    /// Overrides the URL's.
    pub username: Option<String>,
    /// Overrides the URL's.
    pub password: Option<String>,
    /// Overrides the URL's.
    pub db: Option<f64>,
    /// The client's name in `CLIENT LIST`.
    pub name: Option<String>,
    /// TLS was asked for by an option (`rediss://` asks for it too).
    pub tls: bool,
    /// 2 to speak RESP2; 0 and 3 mean RESP3.
    pub protocol: f64,
    /// A function gives the credentials of each dial.
    pub dynamic_credentials: bool,
    /// The transport can look up the addresses of a name.
    pub resolves: bool,
    /// Budget of a dial over all its addresses; default 2 s.
    pub connect_timeout: f64,
    /// First bound of the backoff; default 50 ms.
    pub retry_base: f64,
    /// Last bound of the backoff; default 2 s.
    pub retry_cap: f64,
    /// Commands that may wait for a link; default 10,000.
    pub max_staged: f64,
    /// Bytes that may wait for a link; default 16 MiB.
    pub max_staged_bytes: f64,
    /// Commands that may be written and not answered; default 1,000,000.
    pub max_pending: f64,
    /// Longest string in a reply; default 512 MiB, the server's own limit (`proto-max-bulk-len`).
    pub max_bulk: f64,
    /// Deepest nesting of a reply; default 64, which is also the most.
    pub max_depth: f64,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host name or address, and a port.
    Tcp {
        /// Without brackets.
        host: String,
        /// 6379 unless given.
        port: u16,
    },
    /// A Unix socket.
    Unix {
        /// Its path.
        path: String,
    },
}

/// A target's settings. See the module.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server is.
    pub endpoint: Endpoint,
    /// TLS from the first byte.
    pub tls: bool,
    /// What is said at the handshake.
    pub introduction: Introduction,
    /// A function gives the credentials of each dial.
    pub dynamic_credentials: bool,
    /// The transport can look up the addresses of a name.
    pub resolves: bool,
    /// Budget of a dial.
    pub connect: Duration,
    /// First and last bound of the backoff.
    pub backoff: (Duration, Duration),
    /// Commands that may wait for a link.
    pub max_staged: usize,
    /// Bytes that may wait for a link.
    pub max_staged_bytes: usize,
    /// Commands that may be written and not answered.
    pub max_pending: usize,
    /// Limits of the parser.
    pub limits: Limits,
}

/// Why there is no config: the reason and a sentence without any part of a secret.
pub type Invalid = (Reason, Cow<'static, str>);

impl Config {
    /// Checks the options.
    pub fn new(options: &Options) -> Result<Config, Invalid> {
        if let Some(problem) = &options.problem {
            return Err((Reason::BadOption, problem.clone().into()));
        }
        let Some(url) = options.url.as_deref().map(str::trim).filter(|url| !url.is_empty()) else {
            return Err((Reason::Unconfigured, "no Redis URL is configured".into()));
        };
        let parsed = super::url::parse(url).map_err(|text| (Reason::BadUrl, Cow::from(text)))?;
        let option = |text: &'static str| (Reason::BadOption, Cow::from(text));
        let db = match options.db {
            None => parsed.db,
            Some(db) if db.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&db) => db as u32,
            Some(_) => return Err(option("db must be a whole number from 0")),
        };
        let protocol = if options.protocol == 0.0 { f64::from(parsed.protocol) } else { options.protocol };
        if ![0.0, 2.0, 3.0].contains(&protocol) {
            return Err(option("protocol must be 2 or 3"));
        }
        if options.name.as_deref().is_some_and(|name| name.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)))
        {
            return Err(option("name must be printable ASCII without spaces, as CLIENT SETNAME wants it"));
        }
        let user = options.username.clone().or(parsed.user);
        let password = options.password.clone().or(parsed.password);
        let credentials = match (user, password) {
            (user, Some(password)) => Some((user.unwrap_or_default(), password)),
            (Some(user), None) if !user.is_empty() => {
                return Err(option("there is a user but no password: write redis://user:password@host"));
            }
            _ => None,
        };
        Ok(Config {
            endpoint: parsed.endpoint,
            tls: parsed.tls || options.tls,
            introduction: Introduction {
                credentials,
                name: options.name.clone().filter(|name| !name.is_empty()),
                db,
                resp2: protocol == 2.0,
            },
            dynamic_credentials: options.dynamic_credentials,
            resolves: options.resolves,
            connect: millis(options.connect_timeout, 2_000.0),
            backoff: (millis(options.retry_base, 50.0), millis(options.retry_cap, 2_000.0)),
            max_staged: amount(options.max_staged, 10_000.0),
            max_staged_bytes: amount(options.max_staged_bytes, (16 << 20) as f64),
            max_pending: amount(options.max_pending, 1_000_000.0),
            limits: Limits {
                bulk: amount(options.max_bulk, (512 << 20) as f64) as u64,
                depth: amount(options.max_depth, 64.0),
                ..Limits::default()
            },
        })
    }

    /// Whether the endpoint is a name that somebody must look up.
    pub fn needs_lookup(&self) -> bool {
        match &self.endpoint {
            Endpoint::Tcp { host, .. } => self.resolves && !is_address(host),
            Endpoint::Unix { .. } => false,
        }
    }

    /// What makes two targets the same: where they are and as whom we speak to them.
    pub fn identity(&self) -> String {
        let Introduction { credentials, name, db, resp2 } = &self.introduction;
        let (user, password) = credentials.as_ref().map_or(("", ""), |(user, password)| (user, password));
        let unix = matches!(self.endpoint, Endpoint::Unix { .. });
        let flags = [unix, self.tls, *resp2, self.dynamic_credentials, credentials.is_some()];
        let flags = flags.into_iter().fold(0, |bits, flag| bits << 1 | u32::from(flag));
        let mut identity = String::new();
        let name = name.as_deref().unwrap_or_default();
        for part in [&self.display(), &db.to_string(), &flags.to_string(), name, user, password] {
            // With the lengths no part can pass for two.
            identity.push_str(&part.len().to_string());
            identity.push(' ');
            identity.push_str(part);
        }
        identity
    }

    /// The endpoint without credentials, for people.
    pub fn display(&self) -> String {
        match &self.endpoint {
            Endpoint::Tcp { host, port } => address(host, *port),
            Endpoint::Unix { path } => path.clone(),
        }
    }
}

/// An IPv6 address is the only host with a colon; a name that looks like an IPv4 address is one (RFC 3986, 3.2.2).
fn is_address(host: &str) -> bool {
    let v4 = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    host.contains(':') || v4 && host.bytes().filter(|byte| *byte == b'.').count() == 3
}

/// `host:port`, with brackets around an IPv6 address.
pub fn address(host: &str, port: u16) -> String {
    let (open, close) = if host.contains(':') { ("[", "]:") } else { ("", ":") };
    [open, host, close, &port.to_string()].concat()
}

/// A duration option; what is not positive is the default. A day is for ever here.
pub(super) fn millis(value: f64, default: f64) -> Duration {
    let value = if value > 0.0 { value.min(86_400_000.0) } else { default };
    Duration::from_micros((value * 1000.0) as u64)
}

fn amount(value: f64, default: f64) -> usize {
    (if value > 0.0 { value } else { default }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<Config, Invalid> {
        Config::new(&Options { url: Some(url.into()), ..Options::default() })
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
        for url in [None, Some(String::new()), Some("  ".into())] {
            let error = Config::new(&Options { url, ..Options::default() }).unwrap_err();
            assert_eq!(error.0, Reason::Unconfigured);
        }
    }

    #[test]
    fn a_user_without_a_password_is_an_error_and_not_a_guess() {
        assert_eq!(config("redis://app@cache").unwrap_err().0, Reason::BadOption);
    }

    #[test]
    fn addresses_need_no_lookup() {
        let needs = |url: &str| {
            let options = Options { url: Some(url.into()), resolves: true, ..Options::default() };
            Config::new(&options).unwrap().needs_lookup()
        };
        assert!(needs("redis://localhost"));
        assert!(!needs("redis://127.0.0.1:7000"));
        assert!(!needs("redis://[::1]:7000"));
        assert!(!needs("unix:///run/redis.sock"));
    }
}
