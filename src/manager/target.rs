//! A server as the user names it: what is known of it, what waits for it, who holds it.

use crate::connection::Backoff;
use crate::error::Reason;
use crate::time::Time;

use super::batch::Encoder;
use super::config::{Config, Invalid};
use super::dial::Dial;
use super::staged::Staged;

/// What `status().state` says; the discriminants are part of the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Nobody has asked for it yet, or nobody did for so long that its link was let go.
    Idle = 0,
    /// A dial is under way; commands wait for it.
    Connecting = 1,
    /// Commands are written.
    Ready = 2,
    /// The last dial failed; commands are told at once, unless they ask to wait.
    Disabled = 3,
    /// The last handle was closed.
    Closed = 4,
}

impl State {
    /// The name that users see.
    pub fn name(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Connecting => "connecting",
            State::Ready => "ready",
            State::Disabled => "disabled",
            State::Closed => "closed",
        }
    }
}

/// What happened to a target so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Dials begun.
    pub dials: f64,
    /// Links that became ready.
    pub connects: f64,
    /// State changes.
    pub state_changes: f64,
    /// Commands accepted, refused or rejected.
    pub commands: f64,
    /// Commands whose deadline passed.
    pub timeouts: f64,
    /// Commands rejected because the target was disabled.
    pub disabled: f64,
    /// Commands that were sent again after their link died.
    pub resent: f64,
    /// Bytes received.
    pub bytes_in: f64,
    /// Bytes sent, those that the shell holds not included.
    pub bytes_out: f64,
}

/// What `status()` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status<'a> {
    /// Where it stands.
    pub state: State,
    /// Why it is disabled, or why its link was lost. It knows what to do about it.
    pub reason: Option<Reason>,
    /// What happened, with every address that was tried.
    pub message: Option<&'a str>,
    /// When it is disabled and can be dialled again: not before this moment, in the caller's milliseconds.
    pub retry_at: Option<f64>,
    /// The address that answered, or that failed.
    pub address: Option<&'a str>,
    /// Dials that failed since the last success.
    pub attempts: u32,
    /// Since when it is in this state, in the caller's milliseconds.
    pub since: f64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Result<Config, Invalid>,
    /// Whose it is.
    pub(super) scope: u32,
    /// What it shares with targets of other scopes.
    pub(super) breaker: Option<u32>,
    /// Nobody holds it any more.
    pub(super) released: bool,
    pub(super) state: State,
    /// The link that commands are written to.
    pub(super) link: Option<u32>,
    pub(super) dial: Option<Dial>,
    /// A link that was replaced while commands were in flight on it: it stays until they are answered or overdue.
    pub(super) retired: Option<u32>,
    /// No dial begins before this moment because the server behind the link serves no more as it did.
    pub(super) next_outdated: Time,
    pub(super) staged: Staged,
    pub(super) encoder: Encoder,
    pub(super) backoff: Backoff,
    /// Why it is disabled, or why its last link was lost, in a sentence.
    pub(super) trouble: Option<(Reason, String)>,
    pub(super) retry_at: Time,
    /// Whoever was dialled tries again itself then, and not before: another core, behind a relay.
    pub(super) told_retry: Option<Time>,
    pub(super) address: Option<String>,
    /// The address that answered the last dial: the next one begins with it.
    pub(super) winner: Option<String>,
    pub(super) since: Time,
    /// The dial that is under way, or that led to the link, was begun because a link was lost; nobody has asked since.
    pub(super) unasked: bool,
    /// Links in a row that died within a second of becoming ready.
    pub(super) short_lives: u32,
    pub(super) stats: Stats,
}

impl Target {
    pub(super) fn new(config: Result<Config, Invalid>, scope: u32, now: Time) -> Target {
        let trouble = config.as_ref().err().cloned();
        let (base, cap) = match &config {
            Ok(config) => config.backoff,
            Err(_) => Default::default(),
        };
        Target {
            state: if trouble.is_some() { State::Disabled } else { State::Idle },
            config,
            scope,
            breaker: None,
            released: false,
            link: None,
            dial: None,
            retired: None,
            next_outdated: Time::ZERO,
            staged: Staged::default(),
            encoder: Encoder::default(),
            backoff: Backoff::new(base, cap),
            trouble,
            retry_at: Time::NEVER,
            told_retry: None,
            address: None,
            winner: None,
            since: now,
            unasked: false,
            short_lives: 0,
            stats: Stats::default(),
        }
    }

    pub(super) fn reason(&self) -> Reason {
        self.trouble.as_ref().map_or(Reason::Closed, |(reason, _)| *reason)
    }

    /// All its links.
    pub(super) fn links(&self) -> impl Iterator<Item = u32> + '_ {
        let dialled = self.dial.iter().flat_map(Dial::trying);
        self.link.into_iter().chain(self.retired).chain(dialled)
    }

    /// Whether commands that do not ask to wait are told at once that there is no link.
    pub(super) fn turns_away(&self) -> bool {
        self.state == State::Disabled
    }

    /// Whether a dial may begin now.
    pub(super) fn may_dial(&self, now: Time) -> bool {
        let idle = self.link.is_none() && self.dial.is_none() && self.config.is_ok();
        match self.state {
            State::Idle => idle,
            State::Disabled => idle && self.reason().retryable() && now >= self.retry_at,
            State::Connecting | State::Ready | State::Closed => false,
        }
    }

    pub(super) fn status(&self) -> Status<'_> {
        let disabled = self.state == State::Disabled;
        let told = disabled || self.state == State::Connecting;
        let trouble = self.trouble.as_ref().filter(|_| told);
        let retryable = trouble.is_some_and(|(reason, _)| reason.retryable());
        Status {
            state: self.state,
            reason: trouble.map(|(reason, _)| *reason),
            message: trouble.map(|(_, text)| text.as_str()),
            retry_at: (disabled && retryable).then(|| self.retry_at.as_millis()),
            address: self.address.as_deref(),
            attempts: self.backoff.attempts(),
            since: self.since.as_millis(),
        }
    }
}
