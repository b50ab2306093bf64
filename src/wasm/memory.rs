//! The regions of linear memory in which the shell and the core meet.
//!
//! The shell writes into the first three and reads the others, by addresses that it finds in the header. All of it is
//! ordinary memory of Rust's: an address is only ever handed out, so nothing here is unsafe. What the shell reads is
//! valid until its next call; the header and the first three regions never move.

use crate::connection::Output;
use crate::layout::{Word, CARRY_BYTES, CHUNK_BYTES, HEADER_WORDS, META_WORDS, TEXT_BYTES};
use crate::time::Time;

/// A third of the code of the standard library's, and as frugal: what grows large here grows in few steps.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// See the module.
pub(super) struct Memory {
    header: Box<[u32; HEADER_WORDS]>,
    pub(super) meta: Vec<u32>,
    pub(super) text: Vec<u8>,
    received: Vec<u8>,
    /// Bytes that links have left unread.
    carries: Vec<(u32, Vec<u8>)>,
}

impl Memory {
    pub(super) fn new() -> Memory {
        let mut memory = Memory {
            header: Box::new([0; HEADER_WORDS]),
            meta: vec![0; META_WORDS],
            text: vec![0; TEXT_BYTES],
            received: vec![0; CARRY_BYTES + CHUNK_BYTES],
            carries: Vec::new(),
        };
        memory.set(Word::Meta, address(&memory.meta));
        memory.set(Word::Text, address(&memory.text));
        memory.set(Word::Chunk, address(&memory.received[CARRY_BYTES..]));
        memory
    }

    pub(super) fn header_address(&self) -> u32 {
        address(&self.header[..])
    }

    fn set(&mut self, word: Word, value: u32) {
        self.header[word as usize] = value;
    }

    /// Tells the shell where to find what the last call wants done.
    pub(super) fn publish(&mut self, output: &Output, deadline: Time) {
        self.set(Word::Rows, address(&output.rows));
        self.set(Word::RowCount, output.rows.len() as u32);
        self.set(Word::Frames, address(&output.frames.bytes));
        let bits = deadline.as_millis().to_bits();
        self.header[Word::Deadline as usize] = bits as u32;
        self.header[Word::Deadline as usize + 1] = (bits >> 32) as u32;
    }

    /// Texts that stand in the region of a batch's text one after the other, by their lengths in bytes.
    #[inline(never)]
    pub(super) fn texts(&self, lengths: [usize; 3]) -> [&str; 3] {
        let mut rest = &self.text[..];
        lengths.map(|length| {
            let (text, behind) = rest.split_at_checked(length).unwrap_or((&[], rest));
            rest = behind;
            core::str::from_utf8(text).unwrap_or_default()
        })
    }

    /// The received bytes of a link: what it has left unread, and the `length` bytes that have come.
    pub(super) fn received(&mut self, link: u32, length: usize) -> &[u8] {
        let mut start = CARRY_BYTES;
        if let Some(index) = self.carries.iter().position(|(owner, _)| *owner == link) {
            let (_, carry) = self.carries.swap_remove(index);
            start -= carry.len();
            self.received[start..CARRY_BYTES].copy_from_slice(&carry);
        }
        self.header[Word::Received as usize] = address(&self.received[start..]);
        &self.received[start..CARRY_BYTES + length.min(CHUNK_BYTES)]
    }

    /// Keeps what a link left unread of its bytes, `length` in all.
    pub(super) fn carry(&mut self, link: u32, rest: usize, length: usize) {
        let end = CARRY_BYTES + length.min(CHUNK_BYTES);
        self.carries.push((link, self.received[end - rest..end].to_vec()));
    }

    /// Forgets what links have left that are gone.
    pub(super) fn forget(&mut self, is_alive: &dyn Fn(u32) -> bool) {
        self.carries.retain(|(link, _)| is_alive(*link));
    }
}

fn address<T>(slice: &[T]) -> u32 {
    slice.as_ptr() as usize as u32
}
