//! Where the shell and the core meet in linear memory: the words of the header and the sizes of the regions.
//!
//! Part of the boundary, but not in `wasm`, so that native tests can compare the shell's copy.

/// Words of a batch: enough for 16,384 of the shortest commands.
pub const META_WORDS: usize = 64 << 10;
/// Bytes of a batch's text and byte arguments.
pub const TEXT_BYTES: usize = 256 << 10;
/// Bytes that one call may receive.
pub const CHUNK_BYTES: usize = 64 << 10;
/// The most bytes that a link may leave unread: the longest line, or a string just below
/// [`Limits::big`](crate::resp::Limits), with its head. They are placed right before the next chunk, so that the parser
/// sees one piece.
pub const CARRY_BYTES: usize = 40 << 10;
/// Words of the header.
pub const HEADER_WORDS: usize = 10;

/// Words of the header, by name.
#[derive(Clone, Copy)]
pub enum Word {
    /// Address of the rows.
    Rows = 0,
    /// How many rows.
    RowCount = 1,
    /// Address of the bytes that `TRANSMIT` rows count from.
    Frames = 2,
    /// Address that the offsets of reply rows count from.
    Received = 3,
    /// The next deadline in milliseconds, a double of two words.
    Deadline = 4,
    /// Address to write a batch's words to.
    Meta = 6,
    /// Address to write a batch's text to, followed by its bytes.
    Text = 7,
    /// Address to write received bytes to.
    Chunk = 8,
}
