//! Finds commands by their tags in a long queue.

use core::ops::Range;

/// A shorter queue is searched without the table.
const SHORT: u64 = 64;

/// Numbers of commands by the hash of their tags.
///
/// Answered commands are never looked up, so the table is made only when a caller gives one up; commands queued since the
/// last lookup are entered then. Each command is entered once, and the table is rebuilt only after half as many entries as
/// the queue holds. A lookup costs the same on average, however long the queue is.
#[derive(Debug, Default)]
pub struct Places {
    /// How far behind `origin` a number is, plus one; 0 is free. At least a quarter of them is.
    slots: Vec<u32>,
    origin: u64,
    /// The first number that is not entered yet.
    next: u64,
    /// Slots that are not free.
    taken: usize,
}

impl Places {
    /// The number of the command with this tag. The commands of a line are numbered in the order in which they came, and
    /// `tag_of` returns the tag of each whose caller still waits.
    pub fn find(&mut self, tag: u32, line: Range<u64>, tag_of: &dyn Fn(u64) -> Option<u32>) -> Option<u64> {
        let length = line.end - line.start;
        if length <= SHORT {
            self.forget();
            return line.into_iter().find(|number| tag_of(*number) == Some(tag));
        }
        self.next = self.next.max(line.start);
        let more = (line.end - self.next) as usize;
        if (self.taken + more) / 3 >= self.slots.len() / 4 || line.end - self.origin >= u64::from(u32::MAX) {
            let size = (2 * length as usize).next_power_of_two();
            *self = Places { slots: vec![0; size], origin: line.start, next: line.start, taken: 0 };
        }
        for number in self.next..line.end {
            if let Some(tag) = tag_of(number) {
                self.enter(tag, number, tag_of);
            }
        }
        self.next = line.end;
        let mut slot = self.first_slot(tag);
        while let Some(number) = self.number(slot) {
            if tag_of(number) == Some(tag) {
                return Some(number);
            }
            slot = self.following(slot);
        }
        None
    }

    /// The line is short again, or its commands have got other numbers.
    pub fn forget(&mut self) {
        *self = Places::default();
    }

    /// Enters a command. Tags are reused as soon as they are free, so repeated cancelling would fill a run of slots with the
    /// same tag; slots of commands whose callers are gone are used first.
    fn enter(&mut self, tag: u32, number: u64, tag_of: &dyn Fn(u64) -> Option<u32>) {
        let mut slot = self.first_slot(tag);
        while self.number(slot).is_some_and(|taken| tag_of(taken).is_some()) {
            slot = self.following(slot);
        }
        self.taken += usize::from(self.slots[slot] == 0);
        self.slots[slot] = (number - self.origin) as u32 + 1;
    }

    fn number(&self, slot: usize) -> Option<u64> {
        Some(self.origin + u64::from(self.slots[slot].checked_sub(1)?))
    }

    fn following(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Tags are often counted up: multiplied by the golden ratio neighbours are far apart (Knuth, 6.4). The upper bits of
    /// the product depend on all of the tag's.
    fn first_slot(&self, tag: u32) -> usize {
        let hash = tag.wrapping_mul(0x9e37_79b9);
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    /// A line whose commands are answered at the front and given up anywhere.
    struct Line {
        tags: Vec<Option<u32>>,
        start: u64,
        looks: Cell<u64>,
    }

    impl Line {
        fn find(&self, places: &mut Places, tag: u32) -> Option<u64> {
            let tag_of = |number: u64| {
                self.looks.set(self.looks.get() + 1);
                let is_here = number >= self.start;
                self.tags.get(number as usize).copied().flatten().filter(|_| is_here)
            };
            places.find(tag, self.start..self.tags.len() as u64, &tag_of)
        }
    }

    #[test]
    fn what_is_found_is_what_a_search_would_find() {
        let (mut random, mut places) = (7u64, Places::default());
        let mut line = Line { tags: Vec::new(), start: 0, looks: Cell::new(0) };
        let mut draw = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % bound
        };
        for _ in 0..20_000 {
            match draw(4) {
                0 | 1 => {
                    // A tag is another's only when its last owner is gone.
                    let tag = draw(2_000) as u32;
                    let from = line.start as usize;
                    if !line.tags[from..].contains(&Some(tag)) {
                        line.tags.push(Some(tag));
                    }
                }
                2 => line.start = (line.start + draw(3)).min(line.tags.len() as u64),
                _ => {
                    let tag = draw(2_000) as u32;
                    let here = line.tags.iter().enumerate().skip(line.start as usize);
                    let place =
                        here.filter(|(_, known)| **known == Some(tag)).map(|(place, _)| place as u64).next();
                    assert_eq!(line.find(&mut places, tag), place);
                    if let Some(place) = place {
                        line.tags[place as usize] = None;
                    }
                }
            }
        }
    }

    #[test]
    fn giving_up_a_long_line_takes_a_few_looks_each() {
        const COUNT: u32 = 100_000;
        let orders: [fn(u32) -> u32; 3] = [
            |index| index,
            |index| COUNT - 1 - index,
            // Every place once, far from the one before.
            |index| (u64::from(index) * 61_803 % u64::from(COUNT)) as u32,
        ];
        for order in orders {
            let tags = (0..COUNT).map(|tag| Some(tag.rotate_left(12))).collect();
            let (mut line, mut places) = (Line { tags, start: 0, looks: Cell::new(0) }, Places::default());
            for index in 0..COUNT {
                let place = order(index);
                assert_eq!(line.find(&mut places, place.rotate_left(12)), Some(u64::from(place)));
                line.tags[place as usize] = None;
            }
            assert!(line.looks.get() < 20 * u64::from(COUNT), "{} looks", line.looks.get());
        }
    }

    #[test]
    fn a_tag_that_is_given_up_again_and_again_is_found_as_quickly() {
        let mut places = Places::default();
        let mut line = Line { tags: (0..100).map(Some).collect(), start: 0, looks: Cell::new(0) };
        for _ in 0..20_000 {
            line.tags.push(Some(1_000));
            let last = line.tags.len() - 1;
            assert_eq!(line.find(&mut places, 1_000), Some(last as u64));
            line.tags[last] = None;
        }
        assert!(line.looks.get() < 20 * 20_000, "{} looks", line.looks.get());
    }
}
