//! Commands that have not been written to any link, in order.

use crate::connection::{
    Compaction, Deadline, Entry, Frames, Inflight, Link, Output, Places, Stamp, ABANDONED,
};
use crate::time::Time;

/// A command and its place among the frames.
#[derive(Clone, Copy, Debug)]
struct Item {
    entry: Entry,
    /// Bytes of its frame.
    length: u32,
    /// Bytes including those that the shell holds. Saturates: a larger command exceeds any limit.
    size: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Staged {
    items: Vec<Item>,
    /// The frames of the items, and the one that is being made.
    pub frames: Frames,
    framed: u32,
    size: u64,
    /// Commands that were given up, and the bytes of their frames: they are taken out together once they are the greater
    /// part, for each time moves what stands behind them.
    dead: usize,
    dead_bytes: u32,
    /// No deadline is earlier than this.
    earliest: Option<Stamp>,
    places: Places,
}

impl Staged {
    /// How many commands wait.
    pub fn len(&self) -> usize {
        self.items.len() - self.dead
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait, those that the shell holds included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Empty, with room for what a link may give back.
    pub fn for_all_of(inflight: &Inflight) -> Staged {
        let mut staged = Staged { items: Vec::with_capacity(inflight.resendable()), ..Staged::default() };
        staged.frames.bytes.reserve_exact(inflight.kept());
        staged
    }

    /// The command whose frame has just been completed.
    pub fn push(&mut self, mut entry: Entry, size: u64, deadline: Deadline) {
        entry.set_deadline(deadline);
        let length = self.frames.len() - self.framed;
        let size = size.min(u32::MAX.into()) as u32;
        self.framed += length;
        self.size += u64::from(size);
        self.note(deadline.stamp());
        self.items.push(Item { entry, length, size });
    }

    fn note(&mut self, deadline: Stamp) {
        if self.earliest.is_none_or(|earliest| deadline.is_before(earliest)) {
            self.earliest = Some(deadline);
        }
    }

    /// Forgets the frame that has just been completed.
    pub fn refuse_last(&mut self, tag: u32) {
        self.frames.bytes.truncate(self.framed as usize);
        // They are the last, and there may be thousands before them.
        while self.frames.externals.last().is_some_and(|external| external.tag == tag) {
            self.frames.externals.pop();
        }
    }

    /// Writes what may be written to `link`: everything, or the read-only commands before the first other one.
    pub fn write(
        &mut self,
        link: &mut Link,
        riders: bool,
        now: Time,
        deadline: impl Fn(u16) -> Deadline,
        output: &mut Output,
    ) {
        self.bury();
        let rides = |item: &&Item| !riders || item.entry.may_ride();
        let count = self.items.iter().take_while(rides).count();
        if count == 0 {
            return;
        }
        let start = output.frames.len();
        let mut from = 0;
        for item in &self.items[..count] {
            let frame = from as usize..(from + item.length) as usize;
            let deadline = match item.entry.left_of_own(now) {
                Some(left) => Deadline::new(now.after(left)),
                // The server has not accepted us yet: what is left of the wait for that comes first.
                None if riders => Deadline::new(deadline(item.entry.policy).at().after(item.entry.wait(now))),
                None => deadline(item.entry.policy),
            };
            link.inflight.push(item.entry, &self.frames.bytes[frame], deadline);
            from += item.length;
        }
        if output.frames.is_empty() && from == self.frames.len() {
            core::mem::swap(&mut output.frames, &mut self.frames);
            *self = Staged::default();
        } else {
            output.frames.append(&self.frames, 0, from);
            self.keep(&mut |index, _| index >= count);
        }
        output.transmit(link.id, start);
    }

    /// A command that a dead link gave back, with its frame.
    pub fn add(&mut self, entry: Entry, frame: &[u8], deadline: Deadline) {
        self.frames.bytes.append(frame);
        self.push(entry, frame.len() as u64, deadline);
    }

    /// Puts commands of a dead link in front of all others.
    pub fn give_back(&mut self, returned: Staged) {
        if returned.is_empty() {
            return;
        }
        self.bury();
        let later = core::mem::replace(self, returned);
        self.frames.append(&later.frames, 0, later.frames.len());
        self.framed += later.framed;
        self.size += later.size;
        self.items.extend(later.items);
        self.places.forget();
        if let Some(earliest) = later.earliest {
            self.note(earliest);
        }
    }

    /// Gives up the command with this tag.
    pub fn abandon(&mut self, tag: u32) -> Option<Entry> {
        let Staged { items, places, .. } = self;
        let tag_of = |number: u64| {
            let entry = items.get(number as usize)?.entry;
            entry.is_waited_for().then_some(entry.tag)
        };
        let place = places.find(tag, 0..items.len() as u64, &tag_of)?;
        let item = &mut items[place as usize];
        item.entry.flags |= ABANDONED;
        let Item { entry, length, size } = *item;
        self.size -= u64::from(size);
        self.dead += 1;
        self.dead_bytes += length;
        if self.dead > self.items.len() / 2 || self.dead_bytes > self.framed / 2 {
            self.bury();
        }
        Some(entry)
    }

    /// Takes out those that were given up.
    fn bury(&mut self) {
        if self.dead > 0 {
            self.keep(&mut |_, _| true);
        }
    }

    /// Takes out the commands that `leaves` says yes to.
    pub fn remove(&mut self, mut leaves: impl FnMut(&Entry) -> bool) {
        self.keep(&mut |_, item| !leaves(&item.entry));
    }

    /// Keeps the commands that `stays` accepts, among those whose callers still wait.
    fn keep(&mut self, stays: &mut dyn FnMut(usize, &Item) -> bool) {
        let Staged { items, frames, framed, size, .. } = self;
        let mut compaction = Compaction::new(frames);
        let (mut index, mut earliest) = (0, None);
        items.retain(|item| {
            let is_dead = !item.entry.is_waited_for();
            let stays = !is_dead && stays(index, item);
            index += 1;
            compaction.piece(item.length, stays);
            if stays {
                earliest = item.entry.earlier(earliest);
            } else {
                *framed -= item.length;
                *size -= if is_dead { 0 } else { u64::from(item.size) };
            }
            stays
        });
        compaction.finish();
        self.earliest = earliest;
        (self.dead, self.dead_bytes) = (0, 0);
        self.places.forget();
        if self.frames.is_empty() {
            // It may have been large, and is rarely needed: a ready link takes commands without it.
            *self = Staged::default();
        }
    }

    /// The earliest deadline, or a moment before it.
    pub fn deadline(&self, now: Time) -> Time {
        self.earliest.map_or(Time::NEVER, |earliest| earliest.at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::External;
    use crate::connection::READ_ONLY;
    use crate::time::Duration;

    fn stage(staged: &mut Staged, tag: u32, frame: &[u8], seconds: u64) {
        staged.frames.bytes.extend_from_slice(frame);
        let deadline = Deadline::new(Time::ZERO.after(Duration::from_secs(seconds)));
        staged.push(Entry::new(tag, 0, READ_ONLY, 0), frame.len() as u64, deadline);
    }

    #[test]
    fn removing_from_the_middle_keeps_the_frames_of_the_others() {
        let mut staged = Staged::default();
        stage(&mut staged, 1, b"one", 1);
        stage(&mut staged, 2, b"two!", 2);
        stage(&mut staged, 3, b"three", 3);
        staged.remove(|entry| entry.tag == 2);
        assert!(staged.frames.bytes == b"onethree");
        assert_eq!((staged.len(), staged.size()), (2, 8));
        assert_eq!(staged.deadline(Time::ZERO), Time::from_millis(1_001.0));
    }

    #[test]
    fn what_was_given_up_is_gone_although_its_frame_goes_later() {
        let mut staged = Staged::default();
        for tag in 0..1_000u32 {
            stage(&mut staged, tag, format!("<{tag}>").as_bytes(), 1);
        }
        staged.frames.bytes.extend_from_slice(b"unfinished");
        let mut left: Vec<u32> = (0..1_000).collect();
        // From everywhere, and each but once.
        for index in 0..997u32 {
            let tag = index * 601 % 1_000;
            assert_eq!(staged.abandon(tag).map(|entry| entry.tag), Some(tag));
            assert!(staged.abandon(tag).is_none());
            left.retain(|known| *known != tag);
            assert_eq!(staged.len(), left.len());
            let bytes: usize = left.iter().map(|tag| format!("<{tag}>").len()).sum();
            assert_eq!(staged.size(), bytes as u64);
            assert!(staged.frames.bytes.len() <= 2 * bytes + 20, "{} for {bytes}", staged.frames.bytes.len());
        }
        let mut seen = Vec::new();
        staged.remove(|entry| {
            seen.push(entry.tag);
            false
        });
        assert_eq!(seen, left);
        let rest: String = left.iter().map(|tag| format!("<{tag}>")).collect();
        assert!(staged.frames.bytes == (rest + "unfinished").as_bytes());
    }

    #[test]
    fn arguments_outside_stay_with_their_commands() {
        let mut staged = Staged::default();
        for tag in 1..=4u32 {
            stage(&mut staged, tag, b"head", 1);
            let at = staged.frames.len();
            staged.frames.externals.push(External { at, tag, index: 0 });
        }
        staged.remove(|entry| entry.tag % 2 == 1);
        let left: Vec<(u32, u32)> = staged.frames.externals.iter().map(|one| (one.at, one.tag)).collect();
        assert_eq!((left, staged.frames.bytes.len()), (vec![(4, 2), (8, 4)], 8));
        staged.frames.bytes.extend_from_slice(b"more");
        staged.frames.externals.push(External { at: 10, tag: 5, index: 0 });
        staged.refuse_last(5);
        assert_eq!((staged.frames.externals.len(), staged.frames.len()), (2, 8));
    }

    #[test]
    fn what_comes_back_goes_first() {
        let mut staged = Staged::default();
        stage(&mut staged, 2, b"later", 1);
        let mut returned = Staged::default();
        returned.add(Entry::new(1, 0, READ_ONLY, 0), b"back", Deadline::new(Time::ZERO));
        staged.give_back(returned);
        assert_eq!(staged.deadline(Time::from_millis(1.0)), Time::from_millis(1.0));
        assert!(staged.frames.bytes == b"backlater");
        assert_eq!(staged.items.iter().map(|item| item.entry.tag).collect::<Vec<_>>(), [1, 2]);
    }
}
