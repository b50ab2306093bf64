//! The commands that wait on a link, in order.

use super::entry::{Entry, Stamp};
use super::places::Places;

/// So many stand together: 16 KiB.
const BLOCK: usize = 1024;

/// A queue in blocks. One that doubles when it is full leaves a hole of its former size in linear memory, which never
/// shrinks, and a hundred thousand commands may wait at once.
#[derive(Debug, Default)]
pub struct Entries {
    /// All but the last are full.
    blocks: Vec<Block>,
    /// How many of the first block are gone.
    head: usize,
    len: usize,
    /// How many there were before the first block.
    before: u64,
    places: Places,
}

#[derive(Debug)]
struct Block {
    entries: Vec<Entry>,
    /// No deadline in it is earlier: one that passes is looked for in few of the blocks.
    earliest: Option<Stamp>,
}

impl Block {
    fn note(&mut self, deadline: Stamp) {
        if self.earliest.is_none_or(|earliest| deadline.is_before(earliest)) {
            self.earliest = Some(deadline);
        }
    }
}

impl Entries {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The first one.
    #[inline]
    pub fn front(&self) -> Option<&Entry> {
        self.blocks.first()?.entries.get(self.head)
    }

    /// One more, at the end, with its deadline if it has one.
    #[inline]
    pub fn push(&mut self, entry: Entry, deadline: Option<Stamp>) {
        if self.blocks.last().is_none_or(|block| block.entries.len() == BLOCK) {
            self.push_block();
        }
        if let Some(block) = self.blocks.last_mut() {
            block.entries.push(entry);
            if let Some(deadline) = deadline {
                block.note(deadline);
            }
        }
        self.len += 1;
    }

    #[cold]
    fn push_block(&mut self) {
        // Few links ever have so many in flight that they need a second one.
        let entries = Vec::with_capacity(if self.blocks.is_empty() { 4 } else { BLOCK });
        self.blocks.push(Block { entries, earliest: None });
    }

    /// Takes out the first one.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = *self.front()?;
        self.head += 1;
        self.len -= 1;
        if self.head == self.blocks[0].entries.len() {
            self.next_block();
        }
        Some(entry)
    }

    /// The first block has nothing more to give.
    #[cold]
    #[inline(never)]
    fn next_block(&mut self) {
        self.before += self.head as u64;
        self.head = 0;
        if self.blocks.len() > 1 {
            self.blocks.remove(0);
        } else {
            self.blocks[0].entries.clear();
            self.blocks[0].earliest = None;
            self.places.forget();
        }
    }

    /// No deadline is earlier than this.
    pub fn earliest(&self) -> Option<Stamp> {
        let all = self.blocks.iter().filter_map(|block| block.earliest);
        all.reduce(|earliest, other| if other.is_before(earliest) { other } else { earliest })
    }

    /// Shows each whose deadline may have passed, and whether it is the first of all; `act` gives the deadline of what goes
    /// on waiting.
    pub fn visit_due(&mut self, now: Stamp, act: &mut dyn FnMut(&mut Entry, bool) -> Option<Stamp>) {
        for (index, block) in self.blocks.iter_mut().enumerate() {
            if block.earliest.is_none_or(|earliest| now.is_before(earliest)) {
                continue;
            }
            block.earliest = None;
            let gone = if index == 0 { self.head } else { 0 };
            for place in gone..block.entries.len() {
                if let Some(deadline) = act(&mut block.entries[place], index == 0 && place == gone) {
                    block.note(deadline);
                }
            }
        }
    }

    /// The position of the command with this tag, if its caller still waits.
    pub fn find(&mut self, tag: u32) -> Option<usize> {
        let mut places = core::mem::take(&mut self.places);
        let first = self.before + self.head as u64;
        let tag_of = |number: u64| {
            let place = number.checked_sub(first)?;
            self.at(place as usize).filter(|entry| entry.is_waited_for()).map(|entry| entry.tag)
        };
        let found = places.find(tag, first..first + self.len as u64, &tag_of);
        self.places = places;
        found.map(|number| (number - first) as usize)
    }

    /// The one at this place, counted from the first.
    #[inline(never)]
    pub fn at(&self, place: usize) -> Option<&Entry> {
        let place = self.head + place;
        self.blocks.get(place / BLOCK)?.entries.get(place % BLOCK)
    }

    /// As [`Entries::at`].
    #[inline(never)]
    pub fn at_mut(&mut self, place: usize) -> Option<&mut Entry> {
        let place = self.head + place;
        self.blocks.get_mut(place / BLOCK)?.entries.get_mut(place % BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    #[test]
    fn the_order_is_kept_over_the_edges_of_blocks() {
        let mut entries = Entries::default();
        let (mut first, mut next) = (0u32, 0u32);
        // Grows and shrinks past several blocks, and runs empty in between.
        for (pushed, popped) in [(1, 1), (3_000, 2_999), (1, 2), (BLOCK, BLOCK), (5_000, 1_500), (10, 0)] {
            for _ in 0..pushed {
                entries.push(Entry::new(next, 0, 0, 0), None);
                next += 1;
            }
            for _ in 0..popped {
                assert_eq!(entries.front().unwrap().tag, first);
                assert_eq!(entries.pop().unwrap().tag, first);
                first += 1;
            }
            assert_eq!(entries.len(), (next - first) as usize);
            for place in 0..entries.len() {
                assert_eq!(entries.at_mut(place).unwrap().tag, first + place as u32);
            }
            assert!(entries.at_mut(entries.len()).is_none());
        }
    }

    #[test]
    fn no_more_memory_is_held_than_what_waits_takes() {
        let mut entries = Entries::default();
        for tag in 0..100_000 {
            entries.push(Entry::new(tag, 0, 0, 0), None);
        }
        let room: usize = entries.blocks.iter().map(|block| block.entries.capacity()).sum();
        assert!(room <= 100_000 + BLOCK, "{room}");
        while entries.pop().is_some() {}
        let room: usize = entries.blocks.iter().map(|block| block.entries.capacity()).sum();
        assert!(room <= BLOCK, "{room}");
    }

    #[test]
    fn a_deadline_that_passes_is_looked_for_in_few_places() {
        let mut entries = Entries::default();
        let stamp = |millis: u32| Stamp::of(Time::from_millis(millis.into()));
        // Each has a deadline of its own, and those that came late have the early ones.
        const COUNT: u32 = 100_000;
        for tag in 0..COUNT {
            entries.push(Entry::new(tag, 0, 0, 0), Some(stamp(COUNT - tag)));
        }
        let (mut looks, mut due) = (0, 0);
        for now in 1..=COUNT {
            assert_eq!(entries.earliest(), Some(stamp(now)));
            entries.visit_due(stamp(now), &mut |entry, _| {
                looks += 1;
                let deadline = COUNT - entry.tag;
                due += u32::from(deadline == now);
                (deadline > now).then(|| stamp(deadline))
            });
        }
        assert_eq!(due, COUNT);
        assert!(looks <= COUNT as usize * BLOCK, "{looks}");
        assert_eq!(entries.earliest(), None);
    }
}
