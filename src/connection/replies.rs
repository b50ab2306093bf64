//! Gives each token of the received bytes to whom it belongs.

use crate::error::{Failure, Reason, Sent, ServerError};
use crate::resp::{owned, Kind, Token, MORE, TOO_DEEP};
use crate::retry::{self, Notice};

use super::entry::{ABANDONED, INTERNAL};
use super::handshake::{Answer, Handshake, Introduction, Progress, Step, ELSE};
use super::inflight::Inflight;
use super::output::{Output, ABORT, CHANGED, LINK};

/// Whose reply is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Current {
    /// Nobody's: the next token begins one.
    None,
    /// The reply to the command with this tag.
    User { tag: u32, shape: u8 },
    /// The reply to one of ours; true once its meaning is known.
    Internal { step: Step },
    /// The reply to a command that nobody waits for any more.
    Drop,
    /// A message out of band, which answers no command: its kind comes next.
    Push,
    /// One that tells of changes.
    Changes,
    /// One that concerns nobody.
    Noise,
}

impl Current {
    pub(super) fn is_user(&self) -> bool {
        matches!(self, Current::User { .. })
    }
}

/// A link's parts while it receives.
pub(super) struct Replies<'a> {
    pub(super) bytes: &'a [u8],
    /// The link and its target, at the boundary.
    pub(super) link: u32,
    pub(super) target: u32,
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
    /// What an error to a command says of the server itself.
    pub(super) notice: Option<(Notice, String)>,
}

impl Replies<'_> {
    #[inline]
    pub(super) fn token(&mut self, token: Token) {
        if token.is_first() {
            match self.inflight.front() {
                Some(entry) if entry.flags & (INTERNAL | ABANDONED) == 0 && token.kind != Kind::Push => {
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

    /// What an error says beyond its own command. The caller gets it in any case.
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
                // It is over a limit: its caller alone is told, and what is still to come of it concerns nobody.
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
                self.handshake.learn(step, if is_text { text } else { b"" }, token.kind == Kind::Null);
            }
            Current::Push if !token.is_first() => {
                let name = self.bytes.get(token.a as usize..token.b as usize);
                let tells = !is_big && name == Some(b"invalidate");
                *self.current = if tells { Current::Changes } else { Current::Noise };
            }
            Current::Changes if matches!(token.kind, Kind::Bulk | Kind::Null) => {
                self.output.action(CHANGED | u32::from(token.flags) << 8, token.a, token.b, 0);
            }
            // A name that is not shown may be any.
            Current::Changes if is_big || token.kind == Kind::Skipped && token.flags & MORE != 0 => {
                self.output.action(CHANGED, 0, 0, 0);
            }
            _ => {}
        }
        if is_big && !self.current.is_user() {
            self.output.skip(token);
        }
        if token.is_last() {
            if !matches!(self.current, Current::Push | Current::Changes | Current::Noise) {
                self.inflight.complete();
            }
            *self.current = Current::None;
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_other(&mut self, token: Token) {
        *self.current = match self.inflight.front() {
            _ if token.kind == Kind::Push => Current::Push,
            None => {
                self.failed = Some(match (token.kind, self.text(token)) {
                    (Kind::Error, Some(text)) => ["the server said: ", &text].concat(),
                    _ => owned("a reply came that no command had asked for"),
                });
                Current::Drop
            }
            Some(entry) if entry.flags & INTERNAL != 0 => Current::Internal { step: Step::of(entry.tag) },
            Some(_) => Current::Drop,
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
                // Before the replies to what rides behind the handshake, which come behind a refused HELLO too: whoever gets
                // them must know that they are from another link than the one that he may have written to.
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
