//! Words for what the core tells by numbers. Where the core's own words name the npm package's API, these name the crate's.

use crate::command::Refusal;
use crate::error::{Failure, Phase, Reason};
use crate::manager::{self, Policy, State};
use crate::resp::TOO_DEEP;

use super::mailbox::Status;
use super::{Error, ErrorKind, Sent};

/// A `REJECT` row.
pub(super) struct Rejection<'a> {
    pub(super) kind: u32,
    pub(super) detail: u32,
    pub(super) sent: u32,
    pub(super) server: &'a str,
}

/// The public status of a target; one that is gone was closed.
pub(super) fn status(known: Option<manager::Status<'_>>) -> Status {
    let Some(known) = known else {
        return Status {
            state: State::Closed,
            reason: None,
            message: None,
            hint: None,
            retryable: false,
            address: None,
            attempts: 0,
        };
    };
    Status {
        state: known.state,
        reason: known.reason,
        message: known.message.map(in_one_line),
        hint: known.reason.map(hint),
        retryable: known.reason.is_some_and(Reason::retryable),
        address: known.address.map(String::from),
        attempts: known.attempts,
    }
}

/// Escapes characters that would end a line of a log or move a terminal's cursor: a server may say anything.
fn in_one_line(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\u{2028}' | '\u{2029}' => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ if letter.is_control() => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => shown.push(letter),
        }
    }
    shown
}

/// From its number at the boundary.
pub(super) fn state(number: u32) -> State {
    let all = [State::Idle, State::Connecting, State::Ready, State::Disabled];
    all.into_iter().find(|state| *state as u32 == number).unwrap_or(State::Closed)
}

/// The fix.
fn hint(reason: Reason) -> &'static str {
    match reason {
        Reason::Unconfigured => "pass the URL of a server, as in redis://host:6379; without one the app runs uncached",
        Reason::BadOption => "correct the option that the message names",
        Reason::Tls => "use redis:// if the port has no TLS; else check the certificate's name and authority",
        Reason::Timeout => {
            "nothing answered in time: check firewalls, and whether the server hangs or is overloaded, or raise connect_timeout"
        }
        other => other.hint(),
    }
}

/// Why a command is refused, behind its name.
fn refusal(number: u32) -> &'static str {
    let Some(refusal) = u8::try_from(number).ok().and_then(Refusal::of) else { return "is refused" };
    match refusal {
        Refusal::Transaction => {
            "would put the commands of everyone who shares the link into one transaction: make the steps atomic in a \
             script, with EVAL or FCALL"
        }
        Refusal::Select => {
            "would move everyone who shares the link to another database: name the database in the URL, \
             redis://host:6379/2, or by Options::db"
        }
        Refusal::Auth => {
            "would change the user of everyone who shares the link: put the credentials into the URL or into Options"
        }
        Refusal::Hello => {
            "would change the protocol of everyone who shares the link: use Options::protocol; credentials and name are \
             options too"
        }
        Refusal::Reset => "would undo the handshake of the shared link: drop the client and connect another",
        Refusal::Quit => "would end the link of everyone who shares it: drop the client, which closes it",
        Refusal::ClientReply => {
            "would leave the commands of everyone who shares the link without replies: ask for the reply `()` instead"
        }
        Refusal::ReadMode => {
            "would change where everyone who shares the link reads: connect to the node to read from"
        }
        other => other.text(),
    }
}

/// The error of a command that ends without a reply.
pub(super) fn rejected(
    command: &str,
    policy: Policy,
    rejection: Rejection<'_>,
    known: Option<manager::Status<'_>>,
) -> Error {
    let Rejection { kind, detail, sent, server } = rejection;
    let sent = if sent == 0 { Sent::No } else { Sent::Maybe };
    let reason = Reason::of(detail as u8).unwrap_or(Reason::Reset);
    let is = |failure: Failure| kind == failure as u32;
    let status = status(known);
    if is(Failure::Refused) {
        return Error::new(ErrorKind::Usage, format!("{command} {}", refusal(detail))).named(command);
    }
    let (kind, text, retry, cause) = if is(Failure::Timeout) {
        timed_out(detail, policy, server, &status)
    } else if is(Failure::Full) {
        let limit = ["max_queued", "max_queued_bytes", "max_in_flight"].get(detail as usize).unwrap_or(&"");
        let text = format!("too much waits for {server} ({limit}); nothing was sent");
        (ErrorKind::QueueFull, text, false, None)
    } else if is(Failure::TooLarge) {
        let what = match detail {
            TOO_DEEP => "is nested deeper than 64 levels",
            _ => "holds a text over the limit (max_value_bytes)",
        };
        let text = format!("the reply of {server} {what} and was skipped; the connection goes on");
        return Error::new(ErrorKind::Protocol, text).of_command(command).with(
            server,
            Sent::Yes,
            false,
            None,
        );
    } else if is(Failure::Closed) {
        (ErrorKind::Closed, "the client was closed".into(), false, None)
    } else if is(Failure::Protocol) {
        let bytes = || format!("{server} sent bytes that are not RESP");
        let told = status.message.clone().unwrap_or_else(bytes);
        (ErrorKind::Protocol, format!("{told}; the connection was closed and is dialled again"), true, None)
    } else if is(Failure::Disabled) {
        let cause = unreachable(&status, server);
        let text = format!("Redis is disabled ({}): {cause}", reason.name());
        (ErrorKind::Disabled(reason), text, status.retryable, Some(cause))
    } else {
        let text =
            format!("the connection to {server} was lost before the reply; the server may have executed it");
        (ErrorKind::ConnectionLost(reason), text, true, None)
    };
    Error::new(kind, text).of_command(command).with(server, sent, retry, cause)
}

fn timed_out(
    phase: u32,
    policy: Policy,
    server: &str,
    status: &Status,
) -> (ErrorKind, String, bool, Option<Error>) {
    let all = [Phase::Connect, Phase::Queue];
    let phase = all.into_iter().find(|known| *known as u32 == phase).unwrap_or(Phase::Reply);
    let (name, limit) = match phase {
        _ if policy.total => ("timeout", policy.command),
        Phase::Reply => ("command_timeout", policy.command),
        Phase::Connect | Phase::Queue => ("connect_timeout", policy.connect),
    };
    let budget = format!("({name}, {} ms)", limit.as_micros() / 1_000);
    let text = match phase {
        Phase::Connect => format!("no connection to {server} in time {budget}"),
        Phase::Queue => format!("waited too long for a connection to {server} {budget}"),
        Phase::Reply => format!("no reply from {server} in time {budget}; the server may have executed it"),
    };
    // The cause of the wait, if known.
    let waited = phase != Phase::Reply && status.reason.is_some();
    (ErrorKind::Timeout(phase), text, false, waited.then(|| unreachable(status, server)))
}

/// Why a server cannot be reached.
pub(super) fn unreachable(status: &Status, server: &str) -> Error {
    let reason = status.reason.unwrap_or(Reason::Reset);
    let kind = match reason {
        Reason::Auth => ErrorKind::Auth,
        Reason::Unconfigured | Reason::BadUrl | Reason::BadOption => ErrorKind::Config,
        other => ErrorKind::Connect(other),
    };
    let told = status.message.as_deref().unwrap_or("the server cannot be reached");
    let stop = if told.ends_with('.') { "" } else { "." };
    let text = format!("{told}{stop} {}", status.hint.unwrap_or_default());
    Error::new(kind, text).with(server, Sent::No, status.retryable, None)
}

/// The client, or the task that served it, has ended.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client's task has ended".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_ends_no_line_and_moves_no_cursor() {
        assert_eq!(
            in_one_line("a\nb\r\u{1b}[2J\u{9b}\u{2028}\u{7f} é"),
            r"a\nb\u000d\u001b[2J\u009b\u2028\u007f é"
        );
    }
}
