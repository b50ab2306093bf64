//! Targets and links by number. A number is never given to a second one: what is said late about one that is gone must
//! not be taken for news of another.

/// Bits of a number that say where it stands; the others say how many stood there before.
const INDEX_BITS: u32 = 16;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// Where the one with this number stands.
pub fn place_of(number: u32) -> usize {
    (number & INDEX_MASK) as usize
}

/// See the module.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// Places that are free and have numbers left: a look at each slot would cost where there are hundreds.
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot<T> {
    /// The number of the one that is here, or of the next; none once all that this place can give are used up.
    number: Option<u32>,
    item: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Adds what `make` makes of its number, which is the result.
    pub fn insert(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { number: Some(self.slots.len() as u32 & INDEX_MASK), item: None });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        let number = slot.number.unwrap_or_default();
        slot.item = Some(make(number));
        number
    }

    fn slot_mut(&mut self, number: u32) -> Option<&mut Slot<T>> {
        self.slots.get_mut(place_of(number)).filter(|slot| slot.number == Some(number))
    }

    /// The one with this number, unless it is gone.
    #[inline(never)]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.slot_mut(number)?.item.as_mut()
    }

    /// The one with this number, unless it is gone.
    pub fn get(&self, number: u32) -> Option<&T> {
        let slot = self.slots.get(place_of(number))?;
        slot.item.as_ref().filter(|_| slot.number == Some(number))
    }

    /// Takes one out. Its number is never used again.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let slot = self.slot_mut(number)?;
        let item = slot.take()?;
        if slot.number.is_some() {
            self.free.push(place_of(number));
        }
        Some(item)
    }

    /// The number of the one at a place, from 0 on; places that are free have none.
    pub fn number_at(&self, place: usize) -> Option<u32> {
        let slot = self.slots.get(place)?;
        slot.item.as_ref().and(slot.number)
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    /// All of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.item.as_mut())
    }
}

impl<T> Slot<T> {
    fn take(&mut self) -> Option<T> {
        let item = self.item.take()?;
        // A place whose numbers are used up stays empty: an empty place costs less than a number with two meanings.
        self.number = self.number.and_then(|number| number.checked_add(1 << INDEX_BITS));
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_given_twice() {
        let mut slots = Slots::default();
        let first = slots.insert(|_| "a");
        assert_eq!(slots.remove(first), Some("a"));
        let mut seen = std::collections::HashSet::from([first]);
        for _ in 0..200_000 {
            let number = slots.insert(|_| "b");
            assert!(seen.insert(number), "{number} was used before");
            assert_eq!(slots.get(first), None);
            assert_eq!(slots.get_mut(number), Some(&mut "b"));
            assert_eq!(slots.remove(number), Some("b"));
            assert_eq!(slots.remove(number), None);
        }
        assert_eq!(slots.places(), 4, "a place serves 65,536 times");
    }

    #[test]
    fn places_that_are_free_are_used_first() {
        let mut slots = Slots::default();
        let numbers: Vec<u32> = (0..4).map(|value| slots.insert(|_| value)).collect();
        assert_eq!((slots.remove(numbers[1]), slots.remove(numbers[3])), (Some(1), Some(3)));
        assert_eq!((slots.number_at(1), slots.number_at(3), slots.iter_mut().count()), (None, None, 2));
        let again = [slots.insert(|number| number), slots.insert(|number| number)];
        assert!(again.iter().all(|number| !numbers.contains(number)));
        assert_eq!(slots.places(), 4);
    }
}
