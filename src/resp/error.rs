//! Why bytes are not RESP.

use core::fmt;

use super::owned;

/// The rule of the protocol that the bytes broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolErrorKind {
    /// A reply starts with a byte that names no type.
    UnknownType,
    /// A line other than text is longer than [`Limits::line`](super::Limits::line).
    LineTooLong,
    /// A length or count is not a number, or negative where that has no meaning.
    BadLength,
    /// An aggregate announces more than 2³²−1 elements, or those in it more than can be counted.
    AggregateTooLong,
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
    /// A streamed string or aggregate (`$?`, `*?`, `%?`, `~?`), which no server sends and this reader does not support.
    Streamed,
}

/// Bytes that are not RESP. The reader that returned this cannot go on: it does not know where the
/// next reply begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtocolError {
    /// The rule that was broken.
    pub kind: ProtocolErrorKind,
    /// The type byte of the reply in question; for [`ProtocolErrorKind::MissingCrlf`] the byte found instead.
    pub byte: u8,
}

impl ProtocolError {
    /// A sentence that says what is wrong.
    pub fn text(&self) -> String {
        use ProtocolErrorKind as K;
        let (before, after) = match self.kind {
            // The usual cause is a port where something other than Redis listens.
            K::UnknownType => ("the server's reply starts with '", "', which is no RESP type"),
            K::LineTooLong => ("the server sent a '", "' line over the limit"),
            K::BadLength => ("the server sent a '", "' whose length is not a number in range"),
            K::AggregateTooLong => ("the server announced a '", "' with too many elements"),
            K::MissingCrlf => ("a value of the server's is followed by '", "' instead of CR LF"),
            K::BadInteger => ("the server sent a '", "' that is not a 64-bit integer"),
            K::BadDouble => ("the server sent a '", "' that is not a number"),
            K::BadBool => ("the server sent a '", "' that is neither true nor false"),
            K::BadBigNumber => ("the server sent a '", "' that is not an integer"),
            K::BadNull => ("the server sent a '", "' that is not empty"),
            K::BadVerbatim => ("the server sent a '", "' text without its format"),
            K::NestedPush => ("the server sent a push ('", "') inside another value"),
            K::Streamed => {
                let before = match self.byte {
                    b'$' => "the server sent a streamed string ('",
                    b'*' => "the server sent a streamed array ('",
                    b'%' => "the server sent a streamed map ('",
                    b'~' => "the server sent a streamed set ('",
                    _ => "the server sent a streamed value ('",
                };
                (before, "?'), which is not supported")
            }
        };
        let mut text = owned(before);
        text.extend(core::ascii::escape_default(self.byte).map(char::from));
        text.push_str(after);
        text
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl core::error::Error for ProtocolError {}
