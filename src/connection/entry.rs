//! A command that was accepted, as it waits: staged for a link, or on one for its reply.

use crate::command::Pushed;
use crate::error::Sent;
use crate::retry::{self, Kind, MOST_RESENT};
use crate::time::{Duration, Time};

/// The command may be sent again: it changes nothing.
pub const READ_ONLY: u8 = 1;
/// Ours, not a caller's; its tag is a handshake step.
pub const INTERNAL: u8 = 2;
/// Its caller has been answered already; the reply is dropped when it comes.
pub const ABANDONED: u8 = 4;
/// Its deadline is counted from its submission, not from when it is written.
pub const DATED: u8 = 8;
/// All of it stands in its frame: no argument is written by the shell.
pub const WHOLE: u8 = 128;
/// Its answer is pushes that confirm it, one for each argument, and no reply; its shape says of which kind.
pub const PUSHES: u8 = 64;
/// How often it was sent again, in two bits.
const RESENT: u8 = 0b0011_0000;
const RESENT_ONE: u8 = 0b0001_0000;

/// A command that was accepted: 16 bytes, since a hundred thousand of them may wait at once.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The shell's name for the command's promise.
    pub tag: u32,
    /// How many bytes of its frame are kept; 0 when it cannot be sent again.
    pub(super) frame: u32,
    /// In whole milliseconds, wrapping after 49 days.
    pub(super) deadline: Stamp,
    /// Index of the handle's policy.
    pub policy: u16,
    /// [`READ_ONLY`] and the other flags of this module.
    pub flags: u8,
    /// How a RESP2 reply is reshaped; of one that is answered by pushes, the kind of these.
    pub shape: u8,
}

/// The kind of answer that a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A reply.
    Reply,
    /// So many more pushes of this kind.
    Pushes(Pushed, u32),
}

impl Entry {
    /// A command of a caller.
    #[inline]
    pub fn new(tag: u32, policy: u16, flags: u8, shape: u8) -> Entry {
        Entry { tag, frame: 0, deadline: Stamp(0), policy, flags, shape }
    }

    /// A command of ours.
    pub(super) fn internal(step: u32) -> Entry {
        Entry::new(step, 0, INTERNAL, 0)
    }

    /// Sets the deadline.
    #[inline]
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline.stamp;
    }

    /// The earlier one of its deadline and another.
    pub fn earlier(&self, other: Option<Stamp>) -> Option<Stamp> {
        other.filter(|other| other.is_before(self.deadline)).or(Some(self.deadline))
    }

    /// Whether the deadline has passed.
    pub fn is_due(&self, now: Time) -> bool {
        self.left(now) <= 0
    }

    /// Milliseconds until the deadline.
    pub fn left(&self, now: Time) -> i32 {
        self.deadline.left(Stamp::of(now))
    }

    /// The time until the deadline.
    pub fn wait(&self, now: Time) -> Duration {
        Duration::from_millis(self.left(now).max(0) as u64)
    }

    /// The time left of its deadline, if that runs already.
    pub fn left_of_own(&self, now: Time) -> Option<Duration> {
        let runs = self.flags & DATED != 0;
        runs.then(|| self.wait(now))
    }

    /// Whether it has left before, on a link that died.
    pub fn sent(&self) -> Sent {
        if self.flags & RESENT == 0 {
            Sent::No
        } else {
            Sent::Maybe
        }
    }

    /// Whether its caller still waits.
    pub fn is_waited_for(&self) -> bool {
        self.flags & (INTERNAL | ABANDONED) == 0
    }

    /// Whether it may be written to a link that the server has not accepted yet.
    pub fn may_ride(&self) -> bool {
        self.flags & READ_ONLY != 0 && retry::may_ride(self.resent())
    }

    /// How often it was sent again.
    pub fn resent(&self) -> u8 {
        (self.flags & RESENT) / RESENT_ONE
    }

    /// Whether it could be sent again, once written.
    pub fn kind(&self) -> Kind {
        match (self.frame, self.flags & READ_ONLY) {
            (0, _) => Kind::Unkept,
            (_, 0) => Kind::Writes,
            _ => Kind::ReadOnly,
        }
    }

    /// The same command, to be sent once more.
    pub fn again(self) -> Entry {
        debug_assert!(self.resent() < MOST_RESENT);
        Entry { flags: self.flags + RESENT_ONE, ..self }
    }
}

/// A deadline of many commands, with its short form, which is rounded up to a millisecond.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Time,
    stamp: Stamp,
}

impl Deadline {
    /// At this moment.
    pub fn new(at: Time) -> Deadline {
        Deadline { at, stamp: Stamp(Stamp::of(at).0.wrapping_add(1)) }
    }

    /// The moment.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Its short form.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }
}

/// A moment in whole milliseconds of the caller's clock, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u32);

impl Stamp {
    /// The last whole millisecond before this moment.
    pub fn of(time: Time) -> Stamp {
        Stamp(time.as_whole_millis() as u32)
    }

    fn left(self, now: Stamp) -> i32 {
        self.0.wrapping_sub(now.0) as i32
    }

    /// Whether it is the earlier one.
    #[inline]
    pub fn is_before(self, other: Stamp) -> bool {
        self.left(other) < 0
    }

    /// The moment, which is not far from now.
    pub fn at(self, now: Time) -> Time {
        let whole = Time::from_micros(now.as_whole_millis() * 1_000);
        match self.left(Stamp::of(now)) {
            left @ 0.. => whole.after(Duration::from_millis(left as u64)),
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_counts_how_often_it_was_sent() {
        let entry = Entry { frame: 10, ..Entry::new(1, 0, READ_ONLY, 0) };
        assert_eq!((entry.kind(), entry.resent(), entry.sent()), (Kind::ReadOnly, 0, Sent::No));
        let entry = entry.again().again();
        assert_eq!((entry.kind(), entry.resent(), entry.sent()), (Kind::ReadOnly, 2, Sent::Maybe));
        assert!(!entry.may_ride() && entry.is_waited_for());
        assert_eq!(Entry { frame: 10, ..Entry::new(1, 0, 0, 0) }.kind(), Kind::Writes);
        assert_eq!(Entry::new(1, 0, READ_ONLY, 0).kind(), Kind::Unkept);
    }
}
