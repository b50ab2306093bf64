//! The client's errors. No message carries an argument or a secret.

use std::fmt;
use std::sync::Arc;

use crate::error::{Phase, Reason};

/// The kind of an error. The kinds are those of the npm package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options are invalid; the message names the one.
    Config,
    /// The call is a mistake: no command, or one that would break the shared link. Nothing was sent.
    Usage,
    /// There is no link, and the command did not ask to wait for one. Nothing was sent, except read-only commands of a link
    /// that was lost and did not come back.
    Disabled(Reason),
    /// More commands wait than the limits allow. This one was not sent.
    QueueFull,
    /// The client was closed, or its task was ended by the runtime.
    Closed,
    /// No address of the server answered; the message says what happened at each.
    Connect(Reason),
    /// The server wants other credentials. It is dialled again every 30 s at the most.
    Auth,
    /// The link died with the command on it; [`Error::sent`] says whether the server may have executed it.
    ConnectionLost(Reason),
    /// A deadline passed while this was waited for.
    Timeout(Phase),
    /// The server sent bytes that are not RESP, or more than the limits allow. The link was closed.
    Protocol,
    /// The server answered with an error: [`Error::code`] is its prefix, as in `WRONGTYPE`.
    Reply,
    /// The reply is not of the type that was asked for. The command was executed.
    Type,
}

/// Whether the server may have seen the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It never left.
    No,
    /// It left; whether it was executed is unknown.
    Maybe,
    /// The server answered it.
    Yes,
}

/// The reason for a missing reply or connection. Cheap to clone, since all callers that wait for a connection share it.
///
/// ```
/// use edgis::{Error, ErrorKind, Sent};
///
/// fn is_safe_to_repeat(error: &Error) -> bool {
///     matches!(error.kind(), ErrorKind::Timeout(_) | ErrorKind::ConnectionLost(_)) && error.sent() == Sent::No
/// }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Details>);

#[derive(Clone)]
struct Details {
    kind: ErrorKind,
    message: String,
    command: Option<String>,
    server: Option<String>,
    sent: Sent,
    retry: bool,
    cause: Option<Error>,
}

/// Redis repeats the arguments of a command that it does not know.
const ARGUMENTS: &str = ", with args beginning with:";
/// Sentences of Redis and Valkey, of any version, that go on with an argument in quotes…
const QUOTED: [&str; 13] = [
    "unknown subcommand",
    "Unknown subcommand or wrong number of arguments for",
    "No such key",
    "No such consumer group",
    "Error in ACL SETUSER modifier",
    "Unmatched parenthesis in acl selector starting at",
    "No samples available for event",
    "Unknown category",
    "User",
    "Command",
    "Unrecognized option",
    "Unknown option or number of arguments for CONFIG SET -",
    "Invalid argument",
];
/// …and some that end with one.
const TRAILING: [&str; 4] =
    ["Unsupported option", "Unsupported CONFIG parameter:", "Unknown argument", "Unknown option given:"];

/// The server's words without the arguments that they repeat.
fn without_arguments(text: &str) -> String {
    let text = text.split(ARGUMENTS).next().unwrap_or(text);
    let own = text.strip_prefix("ERR ").or_else(|| text.strip_prefix("NOGROUP "));
    let behind = |sentence: &&str| own?.strip_prefix(*sentence)?.strip_prefix(' ');
    if let Some(rest) = QUOTED.iter().find_map(|sentence| behind(sentence)?.strip_prefix('\'')) {
        // An argument may hold quotes, too: the last one ends it.
        if let Some((_, after)) = rest.rsplit_once('\'') {
            return format!("{}'…'{after}", &text[..text.len() - rest.len() - 1]);
        }
    }
    let trailing = TRAILING.iter().find_map(behind);
    text[..text.len() - trailing.map_or(0, |argument| argument.len() + 1)].to_string()
}

impl Error {
    pub(super) fn new(kind: ErrorKind, message: String) -> Error {
        let sent = if matches!(kind, ErrorKind::Reply | ErrorKind::Type) { Sent::Yes } else { Sent::No };
        Error(Arc::new(Details {
            kind,
            message,
            command: None,
            server: None,
            sent,
            retry: false,
            cause: None,
        }))
    }

    /// The server's error, as it came.
    pub(super) fn reply(text: &str) -> Error {
        Error::new(ErrorKind::Reply, without_arguments(text))
    }

    /// The reply is not what was expected: for implementations of [`FromReply`](super::FromReply). `expected` and `found`
    /// are names of types, never values.
    pub fn mismatch(expected: &str, found: &str) -> Error {
        Error::new(ErrorKind::Type, format!("expected {expected}, found {found}"))
    }

    /// It concerns this command, unless it concerns one already. What the server says needs no name before it.
    pub(super) fn of_command(mut self, name: &str) -> Error {
        if self.0.command.is_none() && !name.is_empty() {
            if self.0.kind != ErrorKind::Reply {
                Arc::make_mut(&mut self.0).message.insert_str(0, &format!("{name}: "));
            }
            return self.named(name);
        }
        self
    }

    /// It concerns this command, and says so itself.
    pub(super) fn named(mut self, name: &str) -> Error {
        Arc::make_mut(&mut self.0).command = Some(name.to_string());
        self
    }

    pub(super) fn with(mut self, server: &str, sent: Sent, retry: bool, cause: Option<Error>) -> Error {
        let details = Arc::make_mut(&mut self.0);
        details.server = Some(server.to_string());
        details.sent = sent;
        details.retry = retry;
        details.cause = cause;
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the server may have seen the command. For errors that concern no command it is [`Sent::No`].
    pub fn sent(&self) -> Sent {
        self.0.sent
    }

    /// Whether the client itself tries again: another dial, never the command.
    pub fn retry(&self) -> bool {
        self.0.retry
    }

    /// The name of the command, never its arguments.
    pub fn command(&self) -> Option<&str> {
        self.0.command.as_deref()
    }

    /// The server's address, without credentials.
    pub fn server(&self) -> Option<&str> {
        self.0.server.as_deref()
    }

    /// A code that does not change between versions, as in `EDGIS_TIMEOUT`; the prefix of an error of the server, as in
    /// `WRONGTYPE`.
    pub fn code(&self) -> &str {
        match self.0.kind {
            ErrorKind::Config => "EDGIS_CONFIG",
            ErrorKind::Usage => "EDGIS_USAGE",
            ErrorKind::Disabled(_) | ErrorKind::QueueFull | ErrorKind::Closed => "EDGIS_DISABLED",
            ErrorKind::Connect(_) => "EDGIS_CONNECT",
            ErrorKind::Auth => "EDGIS_AUTH",
            ErrorKind::ConnectionLost(_) => "EDGIS_CONNECTION_LOST",
            ErrorKind::Timeout(_) => "EDGIS_TIMEOUT",
            ErrorKind::Protocol => "EDGIS_PROTOCOL",
            ErrorKind::Reply => {
                self.0.message.split(' ').next().filter(|code| !code.is_empty()).unwrap_or("ERR")
            }
            ErrorKind::Type => "EDGIS_TYPE",
        }
    }

    /// Why the server cannot be reached, where that is what is wrong. It knows what to do about it.
    pub fn reason(&self) -> Option<Reason> {
        match self.0.kind {
            ErrorKind::Disabled(reason) | ErrorKind::Connect(reason) | ErrorKind::ConnectionLost(reason) => {
                Some(reason)
            }
            ErrorKind::Auth => Some(Reason::Auth),
            _ => self.0.cause.as_ref().and_then(Error::reason),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("command", &self.0.command)
            .field("sent", &self.0.sent)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_the_server_repeats_are_left_out() {
        let error = Error::reply("ERR unknown command 'SETT', with args beginning with: 'k' 's3cret' ");
        assert_eq!(error.to_string(), "ERR unknown command 'SETT'");
        for (text, shown) in [
            (
                "ERR Error in ACL SETUSER modifier 's3'cret': Syntax error",
                "ERR Error in ACL SETUSER modifier '…': Syntax error",
            ),
            ("ERR unknown subcommand 's3cret'. Try ACL HELP.", "ERR unknown subcommand '…'. Try ACL HELP."),
            ("NOGROUP No such key 's3' or consumer group 's3'", "NOGROUP No such key '…'"),
            ("ERR Unsupported option s3 cret", "ERR Unsupported option"),
            (
                "ERR Unmatched parenthesis in acl selector starting at '(s3'.",
                "ERR Unmatched parenthesis in acl selector starting at '…'.",
            ),
            // A script's own words.
            ("ERR my own: User 'bob' not found", "ERR my own: User 'bob' not found"),
            (
                "ERR wrong number of arguments for 'get' command",
                "ERR wrong number of arguments for 'get' command",
            ),
            ("", ""),
        ] {
            assert_eq!(Error::reply(text).to_string(), shown);
        }
        assert_eq!(Error::reply("WRONGTYPE Operation against").code(), "WRONGTYPE");
    }
}
