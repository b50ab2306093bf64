//! Gives each token of the received bytes to whom it belongs.

use crate::command::{Pushed, Role};
use crate::error::{Failure, Reason, Sent, ServerError};
use crate::resp::{owned, Kind, Token, FIRST, LAST, MORE, TOO_DEEP};
use crate::retry::{self, Notice};

use super::entry::{Expect, ABANDONED, INTERNAL, PUSHES};
use super::handshake::{Answer, Handshake, Introduction, Progress, Step, ELSE};
use super::inflight::Inflight;
use super::output::{Output, ABORT, LINK};
use super::standing::Standing;

/// Whose reply is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Current {
    /// None is: the next token begins one.
    None,
    /// The reply to the command with this tag.
    User { tag: u32, shape: u8 },
    /// The reply to one of ours.
    Internal { step: Step },
    /// The reply to a command whose caller does not wait any more.
    Drop,
    /// A push, whose name comes next.
    Push,
    /// The elements of a push. Where it is not wanted they are dropped; the first that is handed on says so.
    Pushed { pushed: Pushed, wanted: bool, begun: bool },
}

impl Current {
    pub(super) fn is_user(&self) -> bool {
        matches!(self, Current::User { .. })
    }
}

/// A link's parts while it receives.
pub(super) struct Replies<'a> {
    pub(super) bytes: &'a [u8],
    /// The link, its lane and its target, at the boundary.
    pub(super) link: u32,
    pub(super) lane: u32,
    pub(super) target: u32,
    pub(super) role: Role,
    /// Its subscriptions, which confirmations add to and take from.
    pub(super) standing: &'a mut Standing,
    /// Arrays are pushes: a RESP2 link with subscriptions.
    pub(super) arrays_push: &'a mut bool,
    /// Pushes that were dropped.
    pub(super) unwanted: &'a mut u32,
    pub(super) protocol: &'a mut u8,
    pub(super) current: &'a mut Current,
    pub(super) tracks: &'a mut bool,
    pub(super) inflight: &'a mut Inflight,
    pub(super) handshake: &'a mut Handshake,
    pub(super) introduction: &'a Introduction,
    pub(super) output: &'a mut Output,
    /// The server has not accepted us yet.
    pub(super) handshaking: bool,
    /// Commands go to it.
    pub(super) live: bool,
    /// The furthest that the handshake got.
    pub(super) event: Progress,
    /// Why the peer cannot be believed any more.
    pub(super) failed: Option<String>,
    /// The news about the server in an error reply.
    pub(super) notice: Option<(Notice, String)>,
}

impl Replies<'_> {
    #[inline]
    pub(super) fn token(&mut self, token: Token) {
        if token.is_first() {
            match self.inflight.front() {
                Some(entry)
                    if entry.flags & (INTERNAL | ABANDONED | PUSHES) == 0 && !self.is_push(token.kind) =>
                {
                    // RESP3 replies already have the shape that they are promised in.
                    let shape = if *self.protocol == 3 { 0 } else { entry.shape };
                    let tag = entry.tag;
                    if token.is_last() {
                        if !self.is_over() && !self.turns_away(token) {
                            if token.kind == Kind::Error {
                                self.notice(token);
                            }
                            self.output.reply(token, shape, tag);
                            self.inflight.complete();
                        }
                        return;
                    }
                    *self.current = Current::User { tag, shape };
                }
                _ => self.begin_other(token),
            }
        }
        self.carry_on(token);
    }

    /// Handles the news about the server in an error reply. The caller gets the reply in any case.
    #[cold]
    fn notice(&mut self, token: Token) {
        let error = ServerError::of(&self.bytes[token.a as usize..token.b as usize]);
        match retry::answer(error) {
            Notice::None => {}
            notice => self.notice = self.notice.take().or_else(|| Some((notice, self.text(token)?))),
        }
    }

    #[inline(never)]
    fn carry_on(&mut self, token: Token) {
        if self.is_over() {
            return;
        }
        let is_big = token.kind == Kind::Big;
        match *self.current {
            Current::User { tag, .. } if token.kind == Kind::Skipped => {
                // It is over a limit: rejects its command, and drops the rest of it.
                if !token.is_first() {
                    self.output.action(ABORT, self.link, 0, 0);
                }
                self.output.reject(tag, Failure::TooLarge, token.a, Sent::Maybe);
                self.inflight.abandon_first();
                *self.current = Current::Drop;
            }
            Current::User { tag, shape } => {
                if token.is_first() && token.kind == Kind::Error {
                    self.notice(token);
                }
                self.output.reply(token, shape, tag);
            }
            // No server answers a handshake so.
            Current::Internal { .. } if self.handshaking && token.kind == Kind::Skipped => {
                let over = if token.a == TOO_DEEP { "deeper" } else { "longer" };
                self.failed =
                    Some(["what answers the handshake is ", over, " than the limits allow"].concat());
            }
            Current::Internal { step } if token.is_first() => self.answer(step, token),
            Current::Internal { step } => {
                let text = self.bytes.get(token.a as usize..token.b as usize).unwrap_or_default();
                let is_text = matches!(token.kind, Kind::Bulk | Kind::Simple);
                self.handshake.learn(step, token, if is_text { text } else { b"" });
            }
            Current::Push if !token.is_first() => self.name_push(token),
            Current::Pushed { pushed, wanted, begun } => {
                if pushed.confirms().is_some() && !begun && token.kind == Kind::Bulk {
                    let channel = self.bytes.get(token.a as usize..token.b as usize).unwrap_or_default();
                    self.standing.confirm(pushed, channel);
                }
                if wanted {
                    self.push(pushed, begun, token);
                }
                *self.current = Current::Pushed { pushed, wanted, begun: true };
            }
            _ => {}
        }
        if is_big && !self.hands_on() {
            self.output.skip(token);
        }
        if token.is_last() {
            match *self.current {
                Current::Push => *self.unwanted += 1,
                Current::Pushed { pushed, wanted, .. } => {
                    *self.unwanted += u32::from(!wanted);
                    self.confirm(pushed, token);
                }
                _ => self.inflight.complete(),
            }
            *self.current = Current::None;
        }
    }

    /// Whether a reply or a push begins with this kind of token.
    #[inline]
    fn is_push(&self, kind: Kind) -> bool {
        kind == Kind::Push || kind == Kind::Array && *self.arrays_push
    }

    /// Whether what is received is handed on, as it is.
    fn hands_on(&self) -> bool {
        match *self.current {
            Current::User { .. } => true,
            Current::Pushed { pushed, wanted, .. } => wanted && pushed != Pushed::Invalidate,
            Current::None | Current::Internal { .. } | Current::Drop | Current::Push => false,
        }
    }

    /// The first word of a push.
    #[cold]
    fn name_push(&mut self, token: Token) {
        let text = self.bytes.get(token.a as usize..token.b as usize);
        let is_text = matches!(token.kind, Kind::Bulk | Kind::Simple) && token.flags & MORE == 0;
        let pushed = Pushed::of(text.filter(|_| is_text).unwrap_or_default());
        let wanted = match self.role {
            Role::Shared => pushed == Pushed::Invalidate && !self.introduction.tracking.is_empty(),
            // One whose name is not shown whole is not handed on either.
            Role::Subscriber => is_text && pushed != Pushed::Pong,
            Role::Exclusive | Role::Blocking => false,
        };
        let begun = wanted && pushed == Pushed::Other;
        if begun {
            self.output.push(pushed, token, true, self.lane);
        }
        *self.current = Current::Pushed { pushed, wanted, begun };
    }

    /// Hands on an element of a push.
    fn push(&mut self, pushed: Pushed, begun: bool, token: Token) {
        if pushed != Pushed::Invalidate {
            return self.output.push(pushed, token, !begun, self.lane);
        }
        let hidden = token.kind == Kind::Big || token.kind == Kind::Skipped && token.flags & MORE != 0;
        if hidden {
            // A name that is not shown may be any.
            let all = Token { kind: Kind::Null, flags: 0, a: 0, b: 0 };
            self.output.push(pushed, all, false, self.lane);
        } else if matches!(token.kind, Kind::Bulk | Kind::Null) {
            self.output.push(pushed, token, false, self.lane);
        }
    }

    /// A push is complete: it may be what the first command waits for.
    #[cold]
    fn confirm(&mut self, pushed: Pushed, last: Token) {
        let Some(entry) = self.inflight.front().copied() else { return };
        let is_answer = match self.inflight.expects() {
            Some(Expect::Pushes(expected, _)) => expected == pushed && self.inflight.confirm(),
            // In RESP2 the answer to a PING looks like one.
            Some(Expect::Reply) => pushed == Pushed::Pong && *self.protocol == 2,
            None => false,
        };
        if !is_answer {
            return;
        }
        if entry.flags & INTERNAL != 0 {
            self.answer(Step::of(entry.tag), last);
        } else if entry.is_waited_for() {
            // The last element of a confirmation is the number of subscriptions.
            let flags = last.flags | FIRST | LAST;
            self.output.reply(Token { flags, ..last }, 0, entry.tag);
        }
        self.inflight.complete();
    }

    #[cold]
    #[inline(never)]
    fn begin_other(&mut self, token: Token) {
        *self.current = match self.inflight.front() {
            _ if self.is_push(token.kind) => Current::Push,
            // The first confirmation in RESP2.
            Some(entry) if entry.flags & PUSHES != 0 && token.kind == Kind::Array => {
                *self.arrays_push = *self.protocol == 2;
                Current::Push
            }
            None => {
                self.failed = Some(match (token.kind, self.text(token)) {
                    (Kind::Error, Some(text)) => ["the server said: ", &text].concat(),
                    _ => owned("a reply came that no command had asked for"),
                });
                Current::Drop
            }
            Some(entry) if entry.flags & INTERNAL != 0 => Current::Internal { step: Step::of(entry.tag) },
            Some(entry) if entry.flags & ABANDONED != 0 => Current::Drop,
            Some(entry) => Current::User { tag: entry.tag, shape: 0 },
        };
    }

    /// After a failure nothing that follows is believed: a reply behind a failed AUTH is another user's.
    fn is_over(&self) -> bool {
        self.failed.is_some() || matches!(self.event, Progress::Failed(..))
    }

    /// A server before Redis 6 that wants a password knows no HELLO, and says so first to a command that rides behind
    /// it. That is no answer to the command.
    #[inline]
    fn turns_away(&mut self, token: Token) -> bool {
        if !self.handshaking || token.kind != Kind::Error {
            return false;
        }
        let text = self.text(token).unwrap_or_default();
        let away = ServerError::of(text.as_bytes()) == ServerError::Auth;
        if away {
            self.event = Progress::Failed(Reason::Auth, text);
        }
        away
    }

    fn answer(&mut self, step: Step, token: Token) {
        let error = if token.kind == Kind::Error { self.text(token) } else { None };
        let answer = match (&error, token.kind) {
            (Some(text), _) => Answer::Error(text),
            (None, Kind::Map) => Answer::Map,
            (None, _) => Answer::Other,
        };
        if step == Step::Hello && token.kind == Kind::Map {
            *self.protocol = 3;
        }
        if step == Step::Mode && token.kind == Kind::Bulk {
            let info = self.bytes.get(token.a as usize..token.b as usize).unwrap_or_default();
            if let Some(text) = self.handshake.reveal(info) {
                self.event = Progress::Failed(Reason::Cluster, text);
            }
        }
        if step == Step::Id && token.kind == Kind::Int {
            self.handshake.identified(token.int());
        }
        if step == Step::Track {
            // A server that speaks RESP2 says OK, and then nothing.
            *self.tracks = error.is_none() && *self.protocol == 3;
            if self.live {
                self.announce(1);
            }
        }
        match self.handshake.answered(step, answer, self.introduction) {
            Progress::Wait => {}
            progress => {
                // Before the replies to commands that ride behind the handshake, which also follow a refused HELLO: their reader
                // must know that they come from another link than the previous one.
                // A link that is to replace another carries nothing yet: until it is ready, replies come from that one.
                let carries = progress == Progress::Downgrade && self.inflight.is_waited_for();
                if self.handshaking && (progress == Progress::Done || carries) {
                    self.live = progress == Progress::Done;
                    self.announce(0);
                }
                self.event = progress;
            }
        }
    }

    fn announce(&mut self, same: u32) {
        if self.role != Role::Shared {
            return;
        }
        self.output.action(LINK | same << 8, self.target, self.link, u32::from(*self.tracks));
    }

    fn text(&self, token: Token) -> Option<String> {
        let range = token.a as usize..token.b as usize;
        let bytes = self.bytes.get(range)?;
        // Servers speak ASCII of themselves; what is not even UTF-8 they repeat of an argument.
        let ascii =
            || bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { ELSE }).collect();
        Some(core::str::from_utf8(bytes).map_or_else(|_| ascii(), owned))
    }
}
