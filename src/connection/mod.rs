//! One link: a byte stream to one address, from the moment it is asked for until it is gone.
//!
//! ```text
//!            opened            the handshake is answered         close()
//!  Opening ─────────▶ Handshaking ─────────────────────▶ Ready ─────────▶ Draining
//!     │                   │    ▲ │                         │  ▲               │
//!     │                   │    └─┘ NOPROTO: RESP2 again    │  │ PONG          │ all answered
//!     │                   │                                ▼  │               │
//!     │                   │                             Probing (idle too long)
//!     ▼                   ▼                                │                  ▼
//!   Closed ◀──────────────┴── failed: why ◀────────────────┴──────────────── gone
//! ```
//!
//! Everything that changes a link's state is in this file. What a lost link means to the target (redial, back off,
//! send again) is the [manager](crate::manager)'s business. A link's bytes are handed out by the call that made them;
//! its deadlines are asked for by [`Link::deadline`] and acted upon by [`Link::expire`].

mod backoff;
mod entries;
mod entry;
mod handshake;
mod inflight;
mod output;
mod places;
mod replies;
mod standing;

pub use backoff::Backoff;
pub use entry::{Deadline, Entry, Expect, Stamp, ABANDONED, DATED, INTERNAL, PUSHES, READ_ONLY, WHOLE};
pub use handshake::{Introduction, Step};
pub use inflight::Inflight;
pub use output::{
    Compaction, External, Frames, Output, Row, ABORT, ACTION, CLOSE, DIAL, EXTERNAL, LANE, LINK, OPEN,
    PREPARE, PUSH, REJECT, STATE, TRANSMIT,
};
pub use places::Places;
pub use standing::Standing;

use core::slice;

use crate::command::Role;
use crate::error::{Failure, Phase, Reason, Sent};
use crate::resp::{owned, Limits, Parser};
use crate::retry::Notice;
use crate::time::{Duration, Time};
use handshake::{Handshake, Progress};
use replies::{Current, Replies};

/// A link that was idle for longer is asked for a sign of life before it is trusted with a command.
pub const IDLE_PROBE: Duration = Duration::from_secs(10);
/// A probe waits at least this long for its answer, and at least three round trips.
const PROBE_AT_LEAST: Duration = Duration::from_millis(250);

/// See the module's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The transport is connecting.
    Opening,
    /// The server has not accepted us yet.
    Handshaking,
    /// Commands may be written.
    Ready,
    /// A PING is out; nothing is written until it is answered.
    Probing {
        /// When the link is given up.
        until: Time,
    },
    /// Nothing more is written; replies are awaited.
    Draining,
    /// It failed for this reason and is of no use any more.
    Closed(Reason),
}

/// The effect of received bytes, or of time, on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing that concerns its owner.
    None,
    /// The link has become ready, by handshake or by probe.
    Ready,
    /// The link is of no use any more: close it.
    Failed(Reason, String),
    /// The last reply has come on a link that is draining.
    Drained,
    /// The server behind it does not serve any more as it did: there may be a better one at the same address.
    Outdated,
}

/// The result of expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Commands that were rejected.
    pub commands: u32,
    /// One of them had waited without a single byte from the server.
    pub silent: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Link {
    /// Its name at the boundary.
    pub id: u32,
    /// The lane that it belongs to.
    pub lane: u32,
    /// The target of that.
    pub target: u32,
    /// Decides which commands it carries.
    pub role: Role,
    /// Which of the dial's addresses it goes to.
    pub candidate: usize,
    /// Commands that wait for replies.
    pub inflight: Inflight,
    state: State,
    introduction: Introduction,
    handshake: Handshake,
    parser: Parser,
    /// Whose reply is being received.
    current: Current,
    /// 2 or 3.
    protocol: u8,
    /// The server has accepted us.
    accepted: bool,
    /// The server tells of changes.
    tracks: bool,
    /// Its subscriptions.
    standing: Standing,
    /// It speaks RESP2 and has subscriptions: what is pushed comes as arrays.
    arrays_push: bool,
    /// Pushes that were dropped.
    unwanted: u32,
    /// The transport asked not to be written to.
    blocked: bool,
    /// When it was asked a question of ours, for the round trip.
    asked: Time,
    /// When the last byte came.
    heard: Time,
    /// From the handshake and the probes.
    round_trip: Duration,
}

impl Link {
    /// A link that the transport is being asked for.
    pub fn new(
        id: u32,
        (target, lane, role): (u32, u32, Role),
        candidate: usize,
        introduction: Introduction,
        limits: Limits,
        now: Time,
    ) -> Link {
        Link {
            id,
            lane,
            target,
            role,
            standing: introduction.standing.clone(),
            arrays_push: false,
            unwanted: 0,
            candidate,
            inflight: Inflight::default(),
            state: State::Opening,
            protocol: 2,
            introduction,
            handshake: Handshake::default(),
            parser: Parser::new(limits),
            current: Current::None,
            accepted: false,
            tracks: false,
            blocked: false,
            asked: now,
            heard: now,
            round_trip: Duration::ZERO,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the server has accepted us.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// When the last byte came.
    pub fn heard(&self) -> Time {
        self.heard
    }

    /// 2 or 3; 2 until HELLO has been answered.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Asks the server to report changes of keys with this prefix, in addition to earlier ones.
    pub fn track(&mut self, prefix: &str, output: &mut Output) {
        self.introduction.tracking.push(owned(prefix));
        // Those that are not open yet introduce themselves with it.
        if self.introduction.resp2 {
            return;
        }
        match self.state {
            State::Opening | State::Draining | State::Closed(_) => return,
            State::Handshaking | State::Ready | State::Probing { .. } => {}
        }
        let from = output.frames.len();
        let [.., latest] = &self.introduction.tracking[..] else { return };
        handshake::track(slice::from_ref(latest), &mut self.inflight, &mut output.frames);
        output.transmit(self.id, from);
    }

    /// Whether it is ready and nothing is under way on it.
    pub fn is_unused(&self) -> bool {
        self.is_writable() && self.inflight.is_empty()
    }

    /// Whether commands may be written now.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.state == State::Ready && !self.blocked
    }

    /// Whether read-only commands may be written behind HELLO.
    pub fn allows_riders(&self) -> bool {
        let is_shared = self.role == Role::Shared;
        is_shared && self.state == State::Handshaking && self.introduction.allows_riders() && !self.blocked
    }

    /// The transport asked not to be written to, or took that back.
    pub fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// The transport is connected: introduce ourselves.
    pub fn opened(&mut self, now: Time, output: &mut Output) {
        if self.state != State::Opening {
            return self.out_of_state("opened");
        }
        self.state = State::Handshaking;
        self.asked = now;
        self.heard = now;
        let from = output.frames.len();
        self.handshake.begin(&self.introduction, &mut self.inflight, &mut output.frames);
        output.transmit(self.id, from);
    }

    /// Asks for a sign of life when the link was idle for too long; says whether it did.
    pub fn probe_if_idle(&mut self, now: Time, output: &mut Output) -> bool {
        if self.state != State::Ready || !self.inflight.is_empty() || now.since(self.heard) < IDLE_PROBE {
            return false;
        }
        let from = output.frames.len();
        handshake::ping(&mut self.inflight, &mut output.frames);
        output.transmit(self.id, from);
        self.asked = now;
        self.state = State::Probing { until: now.after(PROBE_AT_LEAST.max(self.round_trip * 3)) };
        true
    }

    /// Bytes came. Says how many were consumed (the rest must be shown again, before what comes next) and what it led
    /// to.
    pub fn receive(&mut self, bytes: &[u8], now: Time, output: &mut Output) -> (usize, Event) {
        if matches!(self.state, State::Opening | State::Closed(_)) {
            self.out_of_state("receive");
        }
        self.heard = now;
        let mut replies = Replies {
            bytes,
            link: self.id,
            lane: self.lane,
            target: self.target,
            role: self.role,
            standing: &mut self.standing,
            arrays_push: &mut self.arrays_push,
            unwanted: &mut self.unwanted,
            protocol: &mut self.protocol,
            current: &mut self.current,
            tracks: &mut self.tracks,
            inflight: &mut self.inflight,
            handshake: &mut self.handshake,
            introduction: &self.introduction,
            output,
            handshaking: self.state == State::Handshaking,
            live: matches!(self.state, State::Ready | State::Probing { .. }),
            event: Progress::Wait,
            failed: None,
            notice: None,
        };
        let parsed = self.parser.parse(bytes, |token| replies.token(token));
        let (progress, failed, notice) = (replies.event, replies.failed, replies.notice);
        let consumed = match parsed {
            Ok(consumed) => consumed,
            Err(error) => return (bytes.len(), self.fail(Reason::Protocol, error.text())),
        };
        if let Some(text) = failed {
            return (consumed, self.turned_away(Reason::Protocol, text));
        }
        match notice {
            // All that came has been delivered; what is still in flight is told that the link is gone.
            Some((Notice::Elsewhere, text)) if self.believes(&text, output) => {
                (consumed, self.turned_away(Reason::Cluster, text))
            }
            Some((Notice::Outdated, _)) if self.state == State::Ready => (consumed, Event::Outdated),
            _ => (consumed, self.progressed(progress, now, output)),
        }
    }

    /// Whether an error that tells of a cluster is the server's own, and no script's.
    fn believes(&mut self, error: &str, output: &mut Output) -> bool {
        // Inside of a transaction a question of ours would be queued, and answered by EXEC.
        if self.role == Role::Exclusive {
            return false;
        }
        let from = output.frames.len();
        let believes = self.handshake.believes(error, &mut self.inflight, &mut output.frames);
        output.transmit(self.id, from);
        believes
    }

    /// Names the library to the server.
    pub fn introduce_library(&mut self, output: &mut Output) {
        let from = output.frames.len();
        self.handshake.introduce_library(&mut self.inflight, &mut output.frames);
        output.transmit(self.id, from);
    }

    /// Whether it is cut in a handshake in which the server could have been asked for less.
    pub fn may_have_asked_too_much(&self) -> bool {
        let Introduction { resp2, bare, .. } = self.introduction;
        self.state == State::Handshaking && resp2 && !bare
    }

    fn progressed(&mut self, progress: Progress, now: Time, output: &mut Output) -> Event {
        match (self.state, progress) {
            (_, Progress::Failed(reason, text)) => self.turned_away(reason, text),
            (State::Handshaking, Progress::Downgrade) => {
                let from = output.frames.len();
                self.handshake.downgrade(&self.introduction, &mut self.inflight, &mut output.frames);
                output.transmit(self.id, from);
                Event::None
            }
            (State::Handshaking, Progress::Done) if self.resubscribe(output) => Event::None,
            (State::Handshaking | State::Probing { .. }, Progress::Done) => {
                self.round_trip = now.since(self.asked);
                self.state = State::Ready;
                self.accepted = true;
                Event::Ready
            }
            (State::Draining, _) if self.inflight.is_empty() => Event::Drained,
            _ => Event::None,
        }
    }

    fn resubscribe(&mut self, output: &mut Output) -> bool {
        let from = output.frames.len();
        let Link { handshake, introduction, inflight, .. } = self;
        let asked = handshake.resubscribe(introduction, inflight, &mut output.frames);
        output.transmit(self.id, from);
        asked
    }

    /// A call that makes no sense in this state: a bug of the caller's, which is ignored where users would suffer from it.
    fn out_of_state(&self, call: &str) {
        debug_assert!(false, "{call}() on a link that is {:?}", self.state);
    }

    /// The server's number of this client, if it was needed and the server has told.
    pub fn client_id(&self) -> Option<i64> {
        self.handshake.client_id()
    }

    /// Its subscriptions, for the link that follows it.
    pub fn take_standing(&mut self) -> Standing {
        core::mem::take(&mut self.standing)
    }

    /// How many pushes have been dropped since this was asked last.
    pub fn take_unwanted(&mut self) -> u32 {
        core::mem::take(&mut self.unwanted)
    }

    fn fail(&mut self, reason: Reason, text: String) -> Event {
        self.state = State::Closed(reason);
        Event::Failed(reason, text)
    }

    /// It failed by what the server said.
    fn turned_away(&mut self, reason: Reason, said: String) -> Event {
        let said = self.introduction.conceal(said);
        self.fail(reason, said)
    }

    /// Writes nothing more; says whether there is nothing to wait for.
    pub fn drain(&mut self) -> bool {
        self.state = State::Draining;
        self.inflight.is_empty()
    }

    /// The earliest moment at which [`Link::expire`] has something to do.
    pub fn deadline(&self, now: Time) -> Time {
        let commands = self.inflight.deadline(now).unwrap_or(Time::NEVER);
        match self.state {
            State::Probing { until } => commands.min(until),
            _ => commands,
        }
    }

    /// Rejects the commands whose deadlines have passed.
    pub fn expire(&mut self, now: Time, timeout: impl Fn(u16) -> Duration, output: &mut Output) -> Expired {
        let mut found = Expired::default();
        if self.inflight.deadline(now).is_none_or(|deadline| deadline > now) {
            return found;
        }
        let (heard, id, current) = (self.heard, self.id, &mut self.current);
        self.inflight.expire(now, |entry, first| {
            if first && current.is_user() {
                *current = Current::Drop;
                output.action(ABORT, id, 0, 0);
            }
            found.commands += 1;
            found.silent |= now.since(heard) >= timeout(entry.policy);
            output.reject(entry.tag, Failure::Timeout, Phase::Reply as u32, Sent::Maybe);
        });
        found
    }

    /// The caller of this command does not wait any more. Says whether the command was here.
    pub fn abandon(&mut self, tag: u32, output: &mut Output) -> bool {
        let Some(first) = self.inflight.abandon(tag) else { return false };
        if first && self.current.is_user() {
            self.current = Current::Drop;
            output.action(ABORT, self.id, 0, 0);
        }
        true
    }

    /// Nothing more is to be written to it; what `leaves` says yes to is sent elsewhere.
    pub fn retire(&mut self, leaves: impl FnMut(&Entry, &[u8]) -> bool) {
        self.state = State::Draining;
        self.inflight.hand_over(self.current.is_user(), leaves);
    }

    /// Whether a probe has gone unanswered.
    pub fn is_probe_due(&self, now: Time) -> bool {
        matches!(self.state, State::Probing { until } if until <= now)
    }
}
