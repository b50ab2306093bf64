//! Commands on a link that wait for their replies, in the order in which they were written.

use std::collections::VecDeque;

use crate::command::Pushed;
use crate::resp::{whole, Bytes};
use crate::time::Time;

use super::entries::Entries;
use super::entry::{Deadline, Entry, Expect, Stamp, ABANDONED, PUSHES, READ_ONLY, WHOLE};

/// The frames of commands that may be sent again are kept up to this many bytes a link; later ones are not.
const REPLAY_LIMIT: usize = 1 << 20;
/// The memory for them: with a quarter of dead ones, so that moving the others costs little.
const REPLAY_ROOM: usize = REPLAY_LIMIT + REPLAY_LIMIT / 4;
/// The kept frames are moved to the front once this much before them is dead.
const COMPACT_AT: usize = 64 << 10;

/// See the module.
#[derive(Debug, Default)]
pub struct Inflight {
    entries: Entries,
    /// Frames of those that may be sent again, in order.
    replay: Bytes,
    /// Where the first of them begins.
    head: usize,
    /// Commands of ours, and those whose callers have gone.
    unwaited: usize,
    /// How many pushes each command still waits for that is answered so, in order.
    pushes: VecDeque<u32>,
    /// [`WHOLE`] where the frames of writes are kept too.
    also_kept: u8,
}

impl Inflight {
    /// Whether nothing waits, ours included.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Keeps the frames of writes too, or not.
    pub fn keep_writes(&mut self, keep: bool) {
        self.also_kept = if keep { WHOLE } else { 0 };
    }

    /// How many wait, ours included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The command whose reply comes next.
    #[inline]
    pub fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// The command has been written with this frame.
    #[inline(always)]
    pub fn push(&mut self, mut entry: Entry, frame: &[u8], deadline: Deadline) {
        entry.set_deadline(deadline);
        let may_be_kept = entry.flags & (READ_ONLY | self.also_kept) != 0;
        if may_be_kept && self.kept() + frame.len() <= REPLAY_LIMIT {
            if self.replay.len() + frame.len() > self.replay.capacity() {
                self.make_room();
            }
            self.replay.extend_from_slice(frame);
            entry.frame = frame.len() as u32;
        } else {
            entry.frame = 0;
        }
        self.entries.push(entry, Some(deadline.stamp()));
        if entry.flags & PUSHES != 0 {
            self.pushes.push_back(confirmations(frame));
        }
    }

    /// The kind of answer that the first command waits for.
    pub fn expects(&self) -> Option<Expect> {
        let entry = self.front()?;
        Some(match self.pushes.front() {
            Some(left) if entry.flags & PUSHES != 0 => Expect::Pushes(Pushed::of_number(entry.shape), *left),
            _ => Expect::Reply,
        })
    }

    /// A push confirms the first command; says whether it was the last one that was waited for.
    pub fn confirm(&mut self) -> bool {
        let Some(left) = self.pushes.front_mut() else { return false };
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// Once it is large it grows to the most in one step, and is moved to the front when that is full: each doubling
    /// would leave a hole in linear memory.
    #[cold]
    fn make_room(&mut self) {
        if self.replay.capacity() >= REPLAY_ROOM {
            self.replay.drop_front(self.head);
            self.head = 0;
        } else if self.replay.len() > COMPACT_AT {
            self.replay.reserve_exact(REPLAY_ROOM);
        }
    }

    /// One of our own, without a deadline: dials and probes have theirs.
    pub fn push_internal(&mut self, step: u32) {
        self.unwaited += 1;
        self.entries.push(Entry::internal(step), None);
    }

    /// The same of one that is answered by so many pushes.
    pub fn push_subscription(&mut self, step: u32, pushed: Pushed, count: u32) {
        self.unwaited += 1;
        let internal = Entry::internal(step);
        self.entries.push(Entry { flags: internal.flags | PUSHES, shape: pushed as u8, ..internal }, None);
        self.pushes.push_back(count);
    }

    /// The reply to the first command is complete.
    #[inline(always)]
    pub fn complete(&mut self) {
        if let Some(entry) = self.entries.pop() {
            self.unwaited -= usize::from(!entry.is_waited_for());
            if entry.flags & PUSHES != 0 {
                self.pushes.pop_front();
            }
            self.head += entry.frame as usize;
            if self.head == self.replay.len() {
                self.replay.clear();
                self.head = 0;
            } else if self.head > COMPACT_AT && self.head > self.replay.len() / 2 {
                self.replay.drop_front(self.head);
                self.head = 0;
            }
        }
    }

    /// The caller of the first command has been told what becomes of it.
    pub fn abandon_first(&mut self) {
        if let Some(entry) = self.entries.at_mut(0).filter(|entry| entry.is_waited_for()) {
            entry.flags |= ABANDONED;
            self.unwaited += 1;
        }
    }

    /// The earliest deadline, or a moment before it.
    pub fn deadline(&self, now: Time) -> Option<Time> {
        self.entries.earliest().map(|earliest| earliest.at(now))
    }

    /// Abandons those that are due and shows each to `expired`, with whether it is the first in line.
    pub fn expire(&mut self, now: Time, mut expired: impl FnMut(&Entry, bool)) {
        let Inflight { entries, unwaited, .. } = self;
        entries.visit_due(Stamp::of(now), &mut |entry, first| {
            if !entry.is_waited_for() {
                return None;
            }
            if !entry.is_due(now) {
                return Some(entry.deadline);
            }
            expired(entry, first);
            entry.flags |= ABANDONED;
            *unwaited += 1;
            None
        });
    }

    /// Abandons the command with this tag; says whether it was there and whether it is the first in line.
    pub fn abandon(&mut self, tag: u32) -> Option<bool> {
        let place = self.entries.find(tag)?;
        self.entries.at_mut(place)?.flags |= ABANDONED;
        self.unwaited += 1;
        Some(place == 0)
    }

    /// Shows those that are waited for to `leaves`, each with its frame, and abandons here what leaves for another link.
    /// The first in line stays when `keeps_first`: its reply is coming in.
    pub fn hand_over(&mut self, keeps_first: bool, mut leaves: impl FnMut(&Entry, &[u8]) -> bool) {
        let mut at = self.head;
        for position in 0..self.len() {
            let Some(entry) = self.entries.at_mut(position) else { break };
            let end = at + entry.frame as usize;
            let stays = keeps_first && position == 0 || !entry.is_waited_for();
            if !stays && leaves(entry, &self.replay[at..end]) {
                entry.flags |= ABANDONED;
                self.unwaited += 1;
            }
            at = end;
        }
    }

    /// Bytes of the frames that are kept.
    pub fn kept(&self) -> usize {
        self.replay.len() - self.head
    }

    /// How many may be sent again at the most.
    pub fn resendable(&self) -> usize {
        (0..self.len())
            .filter(|position| self.entries.at(*position).is_some_and(|entry| entry.frame > 0))
            .count()
    }

    /// Whether any caller waits here.
    pub fn is_waited_for(&self) -> bool {
        self.len() > self.unwaited
    }

    /// Takes everything out, each with the frame that was kept of it.
    pub fn take(&mut self, mut taken: impl FnMut(Entry, &[u8])) {
        let mut at = self.head;
        while let Some(entry) = self.entries.pop() {
            let end = at + entry.frame as usize;
            taken(entry, &self.replay[at..end]);
            at = end;
        }
        *self = Inflight::default();
    }
}

/// How many pushes confirm the command with this frame: one for each argument, and one at least.
#[cold]
fn confirmations(frame: &[u8]) -> u32 {
    let digits = frame.get(1..).unwrap_or_default().split(|byte| *byte == b'\r').next();
    digits.and_then(whole).map_or(1, |words| words.saturating_sub(1).clamp(1, u32::MAX.into()) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn second(seconds: u64) -> Deadline {
        Deadline::new(Time::ZERO.after(Duration::from_secs(seconds)))
    }

    #[test]
    fn frames_of_what_is_answered_are_forgotten_in_order() {
        let mut inflight = Inflight::default();
        for tag in 0..20_000u32 {
            let frame = format!("frame {tag}");
            let flags = if tag % 3 == 0 { 0 } else { READ_ONLY };
            inflight.push(Entry::new(tag, 0, flags, 0), frame.as_bytes(), second(1));
        }
        for tag in 0..15_000 {
            assert_eq!(inflight.front().unwrap().tag, tag);
            inflight.complete();
        }
        let mut expected = 15_000;
        inflight.take(|entry, frame| {
            assert_eq!(entry.tag, expected);
            if entry.flags & READ_ONLY != 0 {
                assert_eq!(frame, format!("frame {expected}").as_bytes());
            } else {
                assert!(frame.is_empty());
            }
            expected += 1;
        });
        assert_eq!(expected, 20_000);
    }

    #[test]
    fn what_is_kept_never_takes_more_than_its_room() {
        let mut inflight = Inflight::default();
        let frame = [b'x'; 100];
        for tag in 0..50_000 {
            inflight.push(Entry::new(tag, 0, READ_ONLY, 0), &frame, second(1));
            if tag >= 9_000 {
                inflight.complete();
            }
            assert!(inflight.replay.capacity() <= REPLAY_ROOM, "{tag}");
        }
        let mut kept = 0;
        inflight.take(|_, taken| kept += usize::from(taken == frame));
        assert_eq!(kept, 9_000);
    }

    #[test]
    fn a_deadline_abandons_once_and_survives_the_wrap_of_the_clock() {
        let start = Time::from_micros(u64::from(u32::MAX) * 1000 - 500_000);
        let mut inflight = Inflight::default();
        inflight.push(Entry::new(1, 0, 0, 0), b"", Deadline::new(start.after(Duration::from_secs(1))));
        let mut expired = Vec::new();
        inflight.expire(start, |entry, _| expired.push(entry.tag));
        assert!(expired.is_empty());
        let late = start.after(Duration::from_millis(1_002));
        inflight.expire(late, |entry, first| expired.push(entry.tag + u32::from(first)));
        inflight.expire(late, |entry, _| expired.push(entry.tag));
        assert_eq!(expired, [2]);
        assert_eq!(inflight.len(), 1, "its reply is still owed");
    }
}
