//! How a RESP2 reply must be reshaped to equal the RESP3 reply.

/// See the variants. The numbers are part of the boundary to the shell.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shape {
    /// As it is.
    #[default]
    None = 0,
    /// Flat `[k, v, …]` to a map.
    Map = 1,
    /// Text to a number.
    Double = 2,
    /// `[text | null, …]` to `[number | null, …]`.
    Doubles = 3,
    /// Flat `[member, score, …]` to `[[member, number], …]`.
    Pairs = 4,
    /// Flat `[field, value, …]` to `[[field, value], …]`.
    FieldPairs = 5,
    /// `[member, score]` to `[member, number]`.
    Member = 6,
    /// `[rank, score]` to `[rank, number]`.
    RankScore = 7,
    /// `[[name, entries], …]` to a map.
    Streams = 8,
}
