//! Failures as values: why a target is not ready ([`Reason`]), why a command was not answered ([`Failure`]), and how a
//! server's error affects a connection ([`ServerError`]).

use crate::resp::is_word;
use crate::time::Duration;

/// Why a target is disabled, or a dial or link failed.
///
/// The discriminants are part of the boundary to the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// No URL was given and the environment has none.
    Unconfigured = 1,
    /// The URL cannot be understood.
    BadUrl = 2,
    /// An option is unknown or has a value that makes no sense.
    BadOption = 3,
    /// The host name has no address.
    Dns = 4,
    /// Nothing listens there.
    Refused = 5,
    /// The peer, or something before it, cut the connection.
    Reset = 6,
    /// The peer closed the connection in good order.
    Closed = 7,
    /// There is no route to the address.
    Unreachable = 8,
    /// TLS could not be agreed on, or the certificate is not trusted.
    Tls = 9,
    /// The server wants other credentials.
    Auth = 10,
    /// No answer within the connect budget.
    Timeout = 11,
    /// The peer does not speak RESP.
    Protocol = 12,
    /// The server is loading its dataset, or a replica has lost its primary.
    Loading = 13,
    /// The server has no room for another client.
    MaxClients = 14,
    /// The server refuses us by configuration (protected mode, an unknown db, an ACL).
    Denied = 15,
    /// The server is part of a cluster and sent us elsewhere.
    Cluster = 16,
    /// This runtime refuses to compile or run WebAssembly.
    Wasm = 17,
    /// The core trapped and was replaced too often.
    Internal = 18,
    /// The credentials function failed.
    Credentials = 19,
    /// This runtime cannot open such a connection.
    Runtime = 20,
    /// The Durable Object that holds the connection failed.
    Object = 21,
    /// A script or a function keeps the server from everything else.
    Busy = 22,
    /// A certificate or key in the options cannot be used.
    Certificate = 23,
    /// The process or the machine has run out of something.
    Resources = 24,
    /// The path of the Unix socket leads nowhere.
    Path = 25,
    /// This process may not open such a connection.
    Permission = 26,
    /// The connection could not be made, and the code of the error is not known.
    Unknown = 27,
}

impl Reason {
    const ALL: [Reason; 27] = [
        Reason::Unconfigured,
        Reason::BadUrl,
        Reason::BadOption,
        Reason::Dns,
        Reason::Refused,
        Reason::Reset,
        Reason::Closed,
        Reason::Unreachable,
        Reason::Tls,
        Reason::Auth,
        Reason::Timeout,
        Reason::Protocol,
        Reason::Loading,
        Reason::MaxClients,
        Reason::Denied,
        Reason::Cluster,
        Reason::Wasm,
        Reason::Internal,
        Reason::Credentials,
        Reason::Runtime,
        Reason::Object,
        Reason::Busy,
        Reason::Certificate,
        Reason::Resources,
        Reason::Path,
        Reason::Permission,
        Reason::Unknown,
    ];

    /// From its number at the boundary.
    pub fn of(number: u8) -> Option<Reason> {
        Reason::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// The name that `status().reason` shows.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unconfigured => "unconfigured",
            Reason::BadUrl => "bad-url",
            Reason::BadOption => "bad-option",
            Reason::Dns => "dns",
            Reason::Refused => "refused",
            Reason::Reset => "reset",
            Reason::Closed => "closed",
            Reason::Unreachable => "unreachable",
            Reason::Tls => "tls",
            Reason::Auth => "auth",
            Reason::Timeout => "timeout",
            Reason::Protocol => "protocol",
            Reason::Loading => "loading",
            Reason::MaxClients => "maxclients",
            Reason::Denied => "denied",
            Reason::Cluster => "cluster",
            Reason::Wasm => "wasm",
            Reason::Internal => "internal",
            Reason::Credentials => "credentials",
            Reason::Runtime => "runtime",
            Reason::Object => "object",
            Reason::Busy => "busy",
            Reason::Certificate => "certificate",
            Reason::Resources => "resources",
            Reason::Path => "path",
            Reason::Permission => "permission",
            Reason::Unknown => "unknown",
        }
    }

    /// The fix, for the reader of the status.
    pub fn hint(self) -> &'static str {
        match self {
            Reason::Unconfigured => {
                "pass createClient({ url: \"redis://host:6379\" }) or set REDIS_URL; without one the app runs uncached"
            }
            Reason::BadUrl => "write it as redis[s]://[user:password@]host[:port][/db], with user and password percent-encoded",
            Reason::BadOption => "correct the option that the message names",
            Reason::Dns => "check the host name and that this machine's resolver knows it",
            Reason::Refused => "nothing listens there: start Redis, or correct host and port",
            Reason::Reset => {
                "something accepted the connection and cut it: a container's port forward without a listener behind it, \
                 a proxy, or a TLS port dialled without TLS (rediss://); if the host is localhost try 127.0.0.1"
            }
            Reason::Closed => {
                "something accepted the connection and closed it without an answer: check that it is Redis that listens \
                 on this address, and without TLS (else rediss://); if the host is localhost try 127.0.0.1; before a proxy that \
                 knows no HELLO (twemproxy) use protocol: 2"
            }
            Reason::Unreachable => "this address cannot be reached: check host and port, the network, the address family and firewalls",
            Reason::Tls => {
                "use redis:// if the port has no TLS; else check the certificate's name and authority (tls.ca, tls.servername)"
            }
            Reason::Auth => "set the user and password of the server in the URL: redis://user:password@host",
            Reason::Timeout => "nothing answered in time: check firewalls, and whether the server hangs or is overloaded, or raise timeouts.connect",
            Reason::Protocol => "what answers on this port is not Redis (or it speaks TLS: use rediss://)",
            Reason::Loading => "the server is loading its dataset or has lost its primary; it is tried again by itself",
            Reason::MaxClients => "the server has no room for another client: raise maxclients or close other clients",
            Reason::Denied => "the server refuses this connection: its message says which setting to change",
            Reason::Cluster => "this server is part of a Redis Cluster, which edgis does not route for yet: use a non-cluster endpoint",
            Reason::Wasm => "allow WebAssembly here: 'wasm-unsafe-eval' in the CSP, no --jitless",
            Reason::Internal => "the core failed several times within a minute; please report it with the log lines before this",
            Reason::Credentials => "the credentials function threw or took too long; its error is the cause",
            Reason::Runtime => "the connection cannot be made as things are set up here: the message says what to change",
            Reason::Object => "the Durable Object failed: its logs say why; it is asked again by itself",
            Reason::Busy => "a script keeps the server busy: SCRIPT KILL ends one that has written nothing; it is tried again by itself",
            Reason::Certificate => {
                "correct tls.ca, tls.cert or tls.key: the text of a PEM file with real line ends and no path, a key that belongs to \
                 the certificate, and tls.passphrase where it is encrypted"
            }
            Reason::Resources => {
                "this process or machine has no file descriptors or memory left: close what is open, or raise the limit \
                 (ulimit -n); it is tried again by itself"
            }
            Reason::Path => "correct the path of the Unix socket: a part of it is no folder, or it is too long, or no socket",
            Reason::Permission => "allow this process to connect: --allow-net, which Node and Deno ask for where permissions are on",
            Reason::Unknown => "the message says what happened; it is tried again by itself",
        }
    }

    /// The time until the relay that reported this code tries again.
    pub fn wait_of_code(code: &str) -> Option<Duration> {
        let mut rest = code.strip_prefix('#')?.bytes();
        rest.find(|byte| *byte == b'@')?;
        Some(Duration::from_millis(number(rest).into()))
    }

    /// From the code of an operating system's or runtime's error, as transports report it. One that hands on what another
    /// core found out gives the reason's number behind a `#`, and after an `@` the milliseconds until that one tries again.
    pub fn of_code(code: &str) -> Reason {
        if let Some(told) = code.strip_prefix('#') {
            return u8::try_from(number(told.bytes())).ok().and_then(Reason::of).unwrap_or(Reason::Reset);
        }
        let code = code.as_bytes();
        match code {
            _ if listed("ECONNREFUSED ENOENT", code) => Reason::Refused,
            _ if listed("ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME ENODATA EDNS", code) => {
                Reason::Dns
            }
            b"END" => Reason::Closed,
            _ if listed(
                "EHOSTUNREACH ENETUNREACH EADDRNOTAVAIL EAFNOSUPPORT EACCES EPERM ENETDOWN EHOSTDOWN",
                code,
            ) =>
            {
                Reason::Unreachable
            }
            _ if listed("EMFILE ENFILE ENOBUFS ENOMEM EAGAIN", code) => Reason::Resources,
            _ if listed("ENOTDIR EISDIR ELOOP ENAMETOOLONG ENOTSOCK EPROTOTYPE", code) => Reason::Path,
            b"ERR_ACCESS_DENIED" => Reason::Permission,
            _ if listed("ECONNRESET EPIPE ECONNABORTED ESHUTDOWN ENOTCONN", code) => Reason::Reset,
            b"ETIMEDOUT" => Reason::Timeout,
            b"ECREDENTIALS" => Reason::Credentials,
            b"ERUNTIME" => Reason::Runtime,
            b"EPROTO" => Reason::Tls,
            // A faulty certificate or key of ours shows before anything is dialled.
            _ if CERTIFICATE_CODES.iter().any(|start| code.starts_with(start.as_bytes())) => {
                Reason::Certificate
            }
            // OpenSSL's and Node's names for what goes wrong in TLS.
            _ if TLS_CODES.iter().any(|start| code.starts_with(start.as_bytes())) => Reason::Tls,
            _ => Reason::Unknown,
        }
    }
}

/// The digits that a part of a code begins with.
#[inline(never)]
fn number(digits: core::str::Bytes<'_>) -> u32 {
    let next = |n: u32, digit: u8| n.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
    digits.take_while(u8::is_ascii_digit).fold(0, next)
}

const CERTIFICATE_CODES: [&str; 4] = ["ERR_OSSL_", "ERR_CRYPTO_", "ERR_INVALID_ARG_", "ERR_TLS_INVALID"];
const TLS_CODES: [&str; 6] = ["ERR_SSL", "ERR_TLS", "CERT_", "UNABLE_TO_", "SELF_SIGNED", "DEPTH_ZERO"];

/// Whether `word` is one of the names, which a space divides. Patterns of texts would each be code of their own.
#[inline(never)]
fn listed(names: &str, word: &[u8]) -> bool {
    names.as_bytes().split(|byte| *byte == b' ').any(|name| name == word)
}

/// Why a command ends without a reply; the discriminants are part of the boundary to the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The target is disabled; the detail is the [`Reason`].
    Disabled = 1,
    /// The link died; the detail is the [`Reason`].
    ConnectionLost = 2,
    /// A deadline passed; the detail is the [`Phase`] it passed in.
    Timeout = 3,
    /// The peer sent bytes that are not RESP.
    Protocol = 4,
    /// The command would break a shared link; the detail is the refusal.
    Refused = 5,
    /// The handle was closed.
    Closed = 6,
    /// More waits than the limits allow; the detail is 0 for staged commands, 1 for staged bytes, 2 for commands that
    /// are written and not answered.
    Full = 7,
    /// The reply is over a limit and was not kept; the detail is [`TOO_LONG`](crate::resp::TOO_LONG) or
    /// [`TOO_DEEP`](crate::resp::TOO_DEEP).
    TooLarge = 8,
}

/// The stage in which a command's deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// For the dial.
    Connect = 1,
    /// For a link to be written to.
    Queue = 2,
    /// For the reply.
    Reply = 3,
}

/// Whether the server may have seen a command that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sent {
    /// It never left.
    No = 0,
    /// It left; whether it was executed is unknown.
    Maybe = 1,
}

/// The meaning of an error reply for its connection.
///
/// Errors that concern their command alone are [`ServerError::Command`] and go to the caller as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerError {
    /// `NOPROTO` or an unknown or forbidden HELLO: speak RESP2.
    NoHello,
    /// `NOAUTH`, `WRONGPASS`: the credentials are missing or wrong.
    Auth,
    /// `LOADING`, `MASTERDOWN`: the server serves no client for now.
    Loading,
    /// `READONLY`: a replica, perhaps because a failover made it one.
    ReadOnly,
    /// `-ERR max number of clients reached`.
    MaxClients,
    /// `DENIED`: protected mode.
    Denied,
    /// `BUSY`: a script or a function takes too long, and the server takes nothing but what ends it.
    Busy,
    /// `MOVED`, `ASK`, `CLUSTERDOWN`: a server in cluster mode.
    Cluster,
    /// Concerns its command alone, as most do: also `TRYAGAIN`, `CROSSSLOT`, `OOM`, `NOREPLICAS`, `MISCONF`, `NOPERM`.
    Command,
}

impl ServerError {
    /// From the text of an error reply, which begins with its code (RESP3 specification, "simple errors").
    pub fn of(text: &[u8]) -> ServerError {
        let code = text.split(|byte| *byte == b' ').next().unwrap_or(text);
        match code {
            b"NOPROTO" => ServerError::NoHello,
            _ if listed("NOAUTH WRONGPASS", code) => ServerError::Auth,
            _ if listed("LOADING MASTERDOWN", code) => ServerError::Loading,
            b"READONLY" => ServerError::ReadOnly,
            b"BUSY" => ServerError::Busy,
            b"DENIED" => ServerError::Denied,
            _ if listed("MOVED ASK CLUSTERDOWN", code) => ServerError::Cluster,
            b"ERR" if contains(text, b"max number of clients") => ServerError::MaxClients,
            // Before Redis 6 a wrong password is a plain ERR ("invalid password").
            b"ERR" if contains(text, b"invalid password") => ServerError::Auth,
            b"ERR" if contains(text, b"unknown command") => ServerError::NoHello,
            b"NOPERM" if contains(text, b"hello") => ServerError::NoHello,
            _ => ServerError::Command,
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| is_word(window, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_errors_are_known_by_their_code() {
        assert_eq!(ServerError::of(b"NOPROTO unsupported protocol version"), ServerError::NoHello);
        assert_eq!(
            ServerError::of(b"ERR unknown command `HELLO`, with args beginning with: "),
            ServerError::NoHello
        );
        assert_eq!(
            ServerError::of(b"WRONGPASS invalid username-password pair or user is disabled."),
            ServerError::Auth
        );
        assert_eq!(ServerError::of(b"ERR max number of clients reached"), ServerError::MaxClients);
        assert_eq!(ServerError::of(b"MOVED 3999 127.0.0.1:6381"), ServerError::Cluster);
        assert_eq!(ServerError::of(b"WRONGTYPE Operation against a key"), ServerError::Command);
        for text in ["LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down"]
        {
            assert_eq!(ServerError::of(text.as_bytes()), ServerError::Loading);
        }
        assert_eq!(
            ServerError::of(b"READONLY You can't write against a read only replica."),
            ServerError::ReadOnly
        );
        for code in ["TRYAGAIN", "CROSSSLOT", "OOM", "NOREPLICAS", "MISCONF", "NOPERM"] {
            assert_eq!(
                ServerError::of(format!("{code} it says why").as_bytes()),
                ServerError::Command,
                "{code}"
            );
        }
        assert_eq!(ServerError::of(b""), ServerError::Command);
    }

    #[test]
    fn every_reason_has_its_number_back() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index + 1);
            assert_eq!(Reason::of(reason as u8), Some(reason));
        }
        assert_eq!(Reason::of(0), None);
    }

    #[test]
    fn codes_of_transports_have_reasons() {
        assert_eq!(Reason::of_code("ECONNREFUSED"), Reason::Refused);
        assert_eq!(Reason::of_code("ERR_SSL_WRONG_VERSION_NUMBER"), Reason::Tls);
        assert_eq!(Reason::of_code("END"), Reason::Closed);
        for (code, reason) in [
            ("ERR_OSSL_X509_KEY_VALUES_MISMATCH", Reason::Certificate),
            ("ERR_OSSL_PEM_NO_START_LINE", Reason::Certificate),
            ("ERR_INVALID_ARG_TYPE", Reason::Certificate),
            ("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", Reason::Tls),
            ("DEPTH_ZERO_SELF_SIGNED_CERT", Reason::Tls),
            ("EMFILE", Reason::Resources),
            ("ENOTDIR", Reason::Path),
            ("ERR_ACCESS_DENIED", Reason::Permission),
            ("ECONNRESET", Reason::Reset),
            ("EWHATEVER", Reason::Unknown),
            ("", Reason::Unknown),
        ] {
            assert_eq!(Reason::of_code(code), reason, "{code}");
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::of_code(&format!("#{}", reason as u8)), reason);
        }
        assert_eq!(Reason::of_code("#0"), Reason::Reset);
        let code = format!("#{}@4200", Reason::Auth as u8);
        assert_eq!(Reason::of_code(&code), Reason::Auth);
        assert_eq!(Reason::wait_of_code(&code), Some(Duration::from_millis(4_200)));
        assert_eq!(Reason::wait_of_code("#1"), None);
    }
}
