//! Why bytes are not RESP.

use core::fmt;

/// The rule of the protocol, or the limit, that the bytes broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolErrorKind {
    /// A reply starts with a byte that names no type.
    UnknownType,
    /// A line is longer than [`Limits::line`](super::Limits::line).
    LineTooLong,
    /// A length or count is not a number, or negative where that has no meaning.
    BadLength,
    /// A bulk is longer than [`Limits::bulk`](super::Limits::bulk).
    BulkTooLong,
    /// An aggregate announces more than 2³²−1 elements.
    AggregateTooLong,
    /// Aggregates are nested deeper than [`Limits::depth`](super::Limits::depth).
    TooDeep,
    /// The bytes of a bulk are not followed by `\r\n`.
    MissingCrlf,
    /// `:` is followed by something that is not a 64-bit integer.
    BadInteger,
    /// `,` is followed by something that is not a number.
    BadDouble,
    /// `#` is followed by something other than `t` or `f`.
    BadBool,
    /// `(` is followed by something that is not an integer.
    BadBigNumber,
    /// `_` is followed by something.
    BadNull,
    /// A verbatim string has no three-letter format and colon.
    BadVerbatim,
    /// A push stands inside another value.
    NestedPush,
    /// A streamed string or aggregate (`$?`, `*?`, `%?`, `~?`), which no server sends and this reader does not take.
    Streamed,
}

/// Bytes that are not RESP, or that exceed a limit. The reader that returned it is of no further use: the place of
/// the next reply is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtocolError {
    /// What is wrong.
    pub kind: ProtocolErrorKind,
    /// The type byte of the reply in question; for [`ProtocolErrorKind::MissingCrlf`] the byte found instead.
    pub byte: u8,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ProtocolErrorKind as K;
        let shown = self.byte.escape_ascii();
        match self.kind {
            // The commonest way to get here is a port where something else than Redis listens.
            K::UnknownType => write!(f, "the server's reply starts with '{shown}', which is no RESP type"),
            K::LineTooLong => write!(f, "the server sent a '{shown}' line over the limit"),
            K::BadLength => write!(f, "the server sent a '{shown}' whose length is not a number in range"),
            K::BulkTooLong => write!(f, "the server announced a '{shown}' value over the size limit"),
            K::AggregateTooLong => write!(f, "the server announced a '{shown}' with too many elements"),
            K::TooDeep => write!(f, "the server's reply is nested deeper than the limit, at a '{shown}'"),
            K::MissingCrlf => write!(f, "a value of the server's is followed by '{shown}' instead of CR LF"),
            K::BadInteger => write!(f, "the server sent a '{shown}' that is not a 64-bit integer"),
            K::BadDouble => write!(f, "the server sent a '{shown}' that is not a number"),
            K::BadBool => write!(f, "the server sent a '{shown}' that is neither true nor false"),
            K::BadBigNumber => write!(f, "the server sent a '{shown}' that is not an integer"),
            K::BadNull => write!(f, "the server sent a '{shown}' that is not empty"),
            K::BadVerbatim => write!(f, "the server sent a '{shown}' text without its format"),
            K::NestedPush => write!(f, "the server sent a push ('{shown}') inside another value"),
            K::Streamed => {
                let what = match self.byte {
                    b'$' => "string",
                    b'*' => "array",
                    b'%' => "map",
                    b'~' => "set",
                    _ => "value",
                };
                write!(f, "the server sent a streamed {what} ('{shown}?'), which is not supported")
            }
        }
    }
}

impl core::error::Error for ProtocolError {}
