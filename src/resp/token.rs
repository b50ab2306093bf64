//! The output of the reader: one small, flat token per value or aggregate header.

/// Flag: the token starts a top-level reply or push.
pub const FIRST: u8 = 1;
/// Flag: the token completes a top-level reply or push.
pub const LAST: u8 = 2;
/// Flag: every byte of `a..b` is below 0x80. Only on kinds whose `a..b` is text.
pub const ASCII: u8 = 4;
/// Flag: the big value belongs to an attribute: divert its bytes and drop them. Only on `Big` and `BigEnd`.
pub const SKIP: u8 = 8;

/// Flag: the value goes on in the next token. A `Simple`, `Error` or `BigNumber` does when its line is long, in one of the same
/// kind or, where it gets too long, in a `Skipped`; a part may end in the middle of a character. A `Skipped` ends with another.
pub const MORE: u8 = 16;

/// In `a` of a `Skipped`: a text was longer than [`Limits::bulk`](super::Limits::bulk).
pub const TOO_LONG: u32 = 0;
/// In `a` of a `Skipped`: aggregates were nested deeper than [`Limits::depth`](super::Limits::depth).
pub const TOO_DEEP: u32 = 1;

/// The kind of a [`Token`]. The numbers are part of the boundary to the shell.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// RESP3 `_`, RESP2 `$-1` and `*-1`. `a` and `b` are 0.
    Null = 0,
    /// `+`: a status line.
    Simple = 1,
    /// `-`, and RESP3's blob error `!`.
    Error = 2,
    /// `:`: an `i64`, its low word in `a`, its high word in `b`; see [`Token::int`].
    Int = 3,
    /// `$`: bytes that were completely in the buffer.
    Bulk = 4,
    /// `,`: the text of a double: a decimal number with an optional exponent, or `inf`, `-inf`, `nan` in any case.
    Double = 5,
    /// `#`: `a` is 1 for true and 0 for false.
    Bool = 6,
    /// `(`: the decimal digits of an integer of any size, with an optional sign.
    BigNumber = 7,
    /// `=`: the text behind the `txt:` or `mkd:` prefix.
    Verbatim = 8,
    /// `*`: `a` elements follow.
    Array = 9,
    /// `%`: `a` PAIRS follow, so twice as many values.
    Map = 10,
    /// `~`: `a` elements follow.
    Set = 11,
    /// `>`: `a` elements follow. An out-of-band message, not the reply of a command. Only at top level.
    Push = 12,
    /// The start of a bulk (`$`) that is not completely in the buffer: `a` is its length, `b` the offset of the
    /// part that is there, which ends where the consumed bytes end and may be empty.
    Big = 13,
    /// The end of the last [`Kind::Big`]: its bytes are all there. `a` and `b` are 0.
    BigEnd = 14,
    /// A value that breaks a limit; `a` is [`TOO_LONG`] or [`TOO_DEEP`]. The content of the former is not shown: its beginning
    /// is told, with [`MORE`], and its end. Behind the latter the tokens of its elements follow as if they stood beside it,
    /// up to the end of the reply: they mean nothing.
    Skipped = 15,
}

/// One step of a reply, in the order of the bytes.
///
/// For `Simple`, `Error`, `Bulk`, `Double`, `BigNumber` and `Verbatim`, `a..b` are byte offsets into the buffer that
/// was given to [`Parser::parse`](super::Parser::parse), and valid only as long as that buffer. [`Kind`] says what
/// they mean for the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its kind.
    pub kind: Kind,
    /// A union of [`FIRST`], [`LAST`], [`ASCII`], [`SKIP`] and [`MORE`].
    pub flags: u8,
    /// See [`Kind`].
    pub a: u32,
    /// See [`Kind`].
    pub b: u32,
}

impl Token {
    /// True when the token starts a top-level reply or push.
    #[inline]
    pub const fn is_first(&self) -> bool {
        self.flags & FIRST != 0
    }

    /// True when the token completes a top-level reply or push.
    #[inline]
    pub const fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    /// The value of a [`Kind::Int`]; meaningless for other kinds.
    #[inline]
    pub const fn int(&self) -> i64 {
        (self.a as u64 | ((self.b as u64) << 32)) as i64
    }
}
