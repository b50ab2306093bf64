//! A growable byte buffer.

use core::ops::{Deref, DerefMut};

/// A buffer that outgrows this…
const LARGE: usize = 256 << 10;
/// …gets this much at once, which is seldom exceeded: each doubling leaves a hole in linear memory, which never shrinks.
const ROOM: usize = 11 << 18;

/// A `Vec<u8>` with an append that is inlined.
///
/// A command is written in half a dozen small pieces. The library's append is a call for each of them in a module that is
/// compiled for size, which costs more than all the rest of a command.
#[derive(Clone, Debug, Default)]
pub struct Bytes {
    /// The bytes after `len` are zeros.
    room: Vec<u8>,
    len: usize,
}

impl Bytes {
    /// An empty buffer.
    pub const fn new() -> Bytes {
        Bytes { room: Vec::new(), len: 0 }
    }

    /// Appends a copy of `piece`.
    #[inline(always)]
    pub fn extend_from_slice(&mut self, piece: &[u8]) {
        let from = self.len;
        let to = from + piece.len();
        if to > self.room.len() {
            self.grow(to);
        }
        self.room[from..to].copy_from_slice(piece);
        self.len = to;
    }

    /// The same, not inlined: for places where speed does not matter.
    #[inline(never)]
    pub fn append(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, len: usize) {
        let room = self.room.len();
        // A single large piece gets exactly the room it needs.
        let in_small = room >= LARGE && len <= 2 * room;
        let next = if in_small { ROOM.max(room + room / 2) } else { 2 * room };
        self.room.resize(len.max(next).max(64), 0);
    }

    /// Makes room for exactly `len` bytes in all.
    pub fn reserve_exact(&mut self, len: usize) {
        let more = len.saturating_sub(self.room.len());
        self.room.reserve_exact(more);
        self.room.resize(self.room.len() + more, 0);
    }

    /// The number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of bytes there is room for.
    pub fn capacity(&self) -> usize {
        self.room.len()
    }

    /// Drops the bytes after `len`.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Drops all bytes and keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Drops the first `count` bytes.
    pub fn drop_front(&mut self, count: usize) {
        self.room.copy_within(count..self.len, 0);
        self.len -= count;
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.room[..self.len]
    }
}

impl DerefMut for Bytes {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[..self.len]
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Bytes {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

/// Copies a text. One function, since the library's way is as large as this at each place that uses it.
#[inline(never)]
pub fn owned(text: &str) -> String {
    text.into()
}

/// A number in decimal digits, without the library's code for padding and alignment.
#[inline(never)]
pub fn decimal(number: u32) -> String {
    let (mut digits, mut at, mut rest) = ([0; 10], 10, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    owned(core::str::from_utf8(&digits[at..]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_large_grows_in_few_steps() {
        let mut bytes = Bytes::new();
        let mut rooms = vec![0];
        for _ in 0..6_000_000 / 50 {
            bytes.extend_from_slice(&[7; 50]);
            if *rooms.last().unwrap() != bytes.capacity() {
                rooms.push(bytes.capacity());
            }
        }
        let large: Vec<usize> = rooms.into_iter().filter(|room| *room > LARGE).collect();
        assert_eq!(large, [ROOM, ROOM + ROOM / 2, (ROOM + ROOM / 2) / 2 * 3]);
        let mut bytes = Bytes::new();
        bytes.extend_from_slice(&[7; LARGE]);
        bytes.extend_from_slice(&[8; 2 * LARGE]);
        assert_eq!((bytes.len(), bytes.capacity()), (3 * LARGE, 3 * LARGE));
    }

    #[test]
    fn numbers_are_written_in_digits() {
        for number in [0, 9, 10, 6_379, 4_294_967_295] {
            assert_eq!(decimal(number), number.to_string());
        }
    }

    #[test]
    fn pieces_follow_each_other_whatever_was_there() {
        let (mut bytes, mut model) = (Bytes::new(), Vec::new());
        for step in 0..500usize {
            let piece = vec![step as u8; step * 7 % 50];
            bytes.extend_from_slice(&piece);
            model.extend_from_slice(&piece);
            match step % 9 {
                2 => {
                    bytes.truncate(step * 3);
                    model.truncate(step * 3);
                }
                5 => {
                    let count = model.len() / 3;
                    bytes.drop_front(count);
                    model.drain(..count);
                }
                8 if step % 5 == 0 => {
                    bytes.clear();
                    model.clear();
                }
                _ => {}
            }
            assert!(bytes == model, "step {step}");
        }
        bytes.reserve_exact(100_000);
        assert!(bytes == model && bytes.capacity() == 100_000);
    }
}
