//! The commands that wait on a link, in order.

use super::inflight::Entry;

/// So many stand together: 16 KiB.
const BLOCK: usize = 1024;

/// A queue in blocks. One that doubles when it is full leaves a hole of its former size in linear memory, which never
/// shrinks, and a hundred thousand commands may wait at once.
#[derive(Debug, Default)]
pub struct Entries {
    /// All but the last are full.
    blocks: Vec<Vec<Entry>>,
    /// How many of the first block are gone.
    head: usize,
    len: usize,
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
        self.blocks.first()?.get(self.head)
    }

    /// One more, at the end.
    #[inline]
    pub fn push(&mut self, entry: Entry) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            _ => self.push_block(entry),
        }
        self.len += 1;
    }

    #[cold]
    fn push_block(&mut self, entry: Entry) {
        // Few links ever have so many in flight that they need a second one.
        let mut block = Vec::with_capacity(if self.blocks.is_empty() { 4 } else { BLOCK });
        block.push(entry);
        self.blocks.push(block);
    }

    /// Takes out the first one.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = *self.front()?;
        self.head += 1;
        self.len -= 1;
        if self.head == self.blocks[0].len() {
            self.next_block();
        }
        Some(entry)
    }

    /// The first block has nothing more to give.
    fn next_block(&mut self) {
        self.head = 0;
        if self.blocks.len() > 1 {
            self.blocks.remove(0);
        } else {
            self.blocks[0].clear();
        }
    }

    /// The one at this place, counted from the first.
    #[inline(never)]
    pub fn at(&self, place: usize) -> Option<&Entry> {
        let place = self.head + place;
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    /// As [`Entries::at`].
    #[inline(never)]
    pub fn at_mut(&mut self, place: usize) -> Option<&mut Entry> {
        let place = self.head + place;
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_over_the_edges_of_blocks() {
        let mut entries = Entries::default();
        let (mut first, mut next) = (0u32, 0u32);
        // Grows and shrinks past several blocks, and runs empty in between.
        for (pushed, popped) in [(1, 1), (3_000, 2_999), (1, 2), (BLOCK, BLOCK), (5_000, 1_500), (10, 0)] {
            for _ in 0..pushed {
                entries.push(Entry::new(next, 0, 0, 0));
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
            entries.push(Entry::new(tag, 0, 0, 0));
        }
        let room: usize = entries.blocks.iter().map(Vec::capacity).sum();
        assert!(room <= 100_000 + BLOCK, "{room}");
        while entries.pop().is_some() {}
        let room: usize = entries.blocks.iter().map(Vec::capacity).sum();
        assert!(room <= BLOCK, "{room}");
    }
}
