//! The resumable reader: bytes in, [`Token`]s out.
//!
//! ```text
//!            ┌────────────── a whole value: emit, and close what it completes ─────────────┐
//!            ▼                                                                             │
//!   parse ─▶ type byte ─▶ length or line ─▶ content ───────────────────────────────────────┤
//!            │   not all there: return      │  a string ≥ `big`, not all there: emit Big   │
//!            │   what was consumed          ├▶ the caller diverts it, unseen ▶ CRLF ▶ BigEnd
//!            │                              │  a line of text ≥ `big`, not all there       │
//!            │                              ├▶ emitted in parts, up to its CRLF ───────────┤
//!            │                              │  over a limit                                │
//!            │                              └▶ consumed, not emitted ▶ CRLF ▶ Skipped ─────┘
//!            └─ an error: latched, every later call returns it
//! ```
//!
//! Nesting lives in a fixed stack of counters: no recursion, no allocation. Values nested deeper than allowed are counted
//! in the frame around them, so that the reader still finds the next reply.

mod long;

use super::scan::{ascii_flag, digits, is_double, is_integer, long_int, short_ascii_flag};
use super::{Kind, ProtocolError, ProtocolErrorKind, Token, ASCII, FIRST, LAST, SKIP};

use long::Middle;

/// The deepest nesting that [`Limits::depth`] can allow: the size of the stack inside the [`Parser`].
const STACK: usize = 128;
/// The smallest [`Limits::line`]: short numbers are read without checking it, which must not show.
const SHORTEST_LINE: usize = 32;
/// Marks a frame of the stack as an attribute: its content is dropped, and it does not count as a value of its parent.
const ATTRIBUTE: u64 = 1 << 63;

/// Bytes of a verbatim string that name its format, as in `txt:`.
const PREFIX: usize = 4;

/// The offset after the part that was read, or `None` if it is incomplete.
type Step = Result<Option<usize>, ProtocolError>;

/// Limits of what a peer may make us hold or wait for. A reply over the first two is read to its end and not emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How deep aggregates (and attributes) may nest; a flat array is 1. Default 64, at least 1, at most 128.
    pub depth: usize,
    /// The longest text, in bytes: a bulk or verbatim string, a status, an error, the digits of a big number. Default
    /// 512 MiB (Redis' own `proto-max-bulk-len`), at most 4 GiB − 1.
    pub bulk: u64,
    /// The longest line of any other kind, without its type byte and CRLF, and the longest blob error. No server comes near
    /// it. Default 32 KiB, at least 32, so that a length or an integer always fits.
    pub line: usize,
    /// From this length on, in bytes, a bulk or verbatim string that is not completely in the buffer is diverted as
    /// [`Kind::Big`], and a line of text is emitted in parts. Shorter ones wait until they are complete. Default 4096.
    pub big: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, bulk: 512 << 20, line: 32 << 10, big: 4096 }
    }
}

/// A reader of one stream of replies.
///
/// Give it the bytes that have arrived: it emits every complete token and returns how many bytes it consumed. Present the
/// rest again, at the start of the next buffer, with more bytes after it. The content of a [`Kind::Big`] is the one
/// exception: the caller moves the missing part to its destination and never shows it to the reader.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// The number of values that each open aggregate still waits for, outermost first, with the [`ATTRIBUTE`] mark.
    stack: [u64; STACK],
    depth: usize,
    /// How many of the open frames are attributes.
    attributes: usize,
    /// The number of bytes of the unconsumed line that hold no CRLF, so that they are not searched twice.
    scanned: usize,
    middle: Middle,
    /// Where the available part of the value in `middle` ends in the buffer.
    shown: usize,
    error: Option<ProtocolError>,
}

impl Parser {
    /// A reader at the start of a stream. Limits outside the bounds named by [`Limits`] are clamped to them.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits {
            depth: limits.depth.clamp(1, STACK),
            // Offsets and lengths of tokens are 32 bits wide.
            bulk: limits.bulk.min(u64::from(u32::MAX)),
            line: limits.line.max(SHORTEST_LINE),
            big: limits.big,
        };
        Self {
            limits,
            stack: [0; STACK],
            depth: 0,
            attributes: 0,
            scanned: 0,
            middle: Middle::Nothing,
            shown: 0,
            error: None,
        }
    }

    /// Forgets the stream, including its error: the next byte is the first of a new one. The limits stay.
    pub fn reset(&mut self) {
        *self = Self::new(self.limits);
    }

    /// How many bytes of content the caller diverts between a [`Kind::Big`] and the next bytes that it shows to
    /// [`Parser::parse`]; 0 otherwise. The number does not count down: the reader does not see those bytes.
    pub fn big_missing(&self) -> u64 {
        match self.middle {
            Middle::Big(missing) => missing,
            _ => 0,
        }
    }

    /// Emits every complete token of `buf` into `sink` and returns how many bytes are done with.
    ///
    /// Offsets in tokens count from the start of `buf`. After a [`Kind::Big`] all of `buf` is consumed but the first half of a CRLF that is cut. Buffers over
    /// 4 GiB are read up to there.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] at the first byte that is not RESP; tokens before it have been emitted.
    /// Every later call returns the same error, until [`Parser::reset`].
    #[inline]
    pub fn parse<S: FnMut(Token)>(&mut self, buf: &[u8], mut sink: S) -> Result<usize, ProtocolError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let buf = &buf[..buf.len().min(u32::MAX as usize)];
        let result = self.run(buf, &mut sink);
        if let Err(error) = result {
            self.error = Some(error);
        }
        result
    }

    fn run<S: FnMut(Token)>(&mut self, buf: &[u8], sink: &mut S) -> Result<usize, ProtocolError> {
        let mut at = 0;
        if self.middle != Middle::Nothing && !buf.is_empty() {
            at = self.go_on(buf, 0, sink)?;
            if self.middle != Middle::Nothing {
                return Ok(at);
            }
        }
        while let Some(&kind) = buf.get(at) {
            let next = match kind {
                b'$' => self.bulk(buf, at, sink)?,
                b'+' => self.text_line(buf, at, Kind::Simple, sink)?,
                b':' => self.int(buf, at, sink)?,
                b'*' | b'%' | b'~' | b'>' | b'|' => self.aggregate(buf, at, kind, sink)?,
                b'-' => self.text_line(buf, at, Kind::Error, sink)?,
                b'=' | b'!' => self.blob(buf, at, kind, sink)?,
                b'(' => self.text_line(buf, at, Kind::BigNumber, sink)?,
                b'_' | b'#' | b',' => self.other_line(buf, at, kind, sink)?,
                _ => return Err(error(ProtocolErrorKind::UnknownType, kind)),
            };
            match next {
                Some(next) => {
                    self.scanned = 0;
                    at = next;
                }
                None if self.middle != Middle::Nothing => return Ok(self.shown),
                None => break,
            }
        }
        Ok(at)
    }

    /// `$`: the most common value in replies.
    #[inline(always)]
    fn bulk<S: FnMut(Token)>(&mut self, buf: &[u8], at: usize, sink: &mut S) -> Step {
        let Some((len, start)) = self.length(buf, at)? else {
            return Ok(None);
        };
        let Some(len) = len else {
            self.value(sink, Kind::Null, 0, 0, 0);
            return Ok(Some(start));
        };
        if len > self.limits.bulk {
            return self.skip(buf, len, start, sink);
        }
        let present = &buf[start..];
        if (present.len() as u64) < len {
            if len < self.limits.big as u64 {
                return Ok(None);
            }
            return self.divert(buf, len as usize, start, sink);
        }
        let end = start + len as usize;
        if !crlf(buf, end)? {
            return if len < self.limits.big as u64 {
                Ok(None)
            } else {
                self.divert(buf, len as usize, start, sink)
            };
        }
        let ascii = ascii_flag(&buf[start..end]);
        self.value(sink, Kind::Bulk, ascii, start as u32, end as u32);
        Ok(Some(end + 2))
    }

    /// `=` and `!`: like a bulk. An error is never diverted: one that is longer than a line is skipped.
    fn blob<S: FnMut(Token)>(&mut self, buf: &[u8], at: usize, byte: u8, sink: &mut S) -> Step {
        let Some((len, start)) = self.length(buf, at)? else {
            return Ok(None);
        };
        let len = len.ok_or(error(ProtocolErrorKind::BadLength, byte))?;
        let is_text = byte == b'=';
        if len > self.limits.bulk || (!is_text && len > self.limits.line as u64) {
            return self.skip(buf, len, start, sink);
        }
        if is_text && len < PREFIX as u64 {
            return Err(error(ProtocolErrorKind::BadVerbatim, byte));
        }
        let present = &buf[start..];
        let content = start + if is_text { PREFIX } else { 0 };
        if is_text && present.get(PREFIX - 1).is_some_and(|&byte| byte != b':') {
            return Err(error(ProtocolErrorKind::BadVerbatim, byte));
        }
        let diverts = is_text && len >= self.limits.big as u64 && present.len() >= PREFIX;
        if (present.len() as u64) < len {
            return if diverts { self.divert(buf, len as usize - PREFIX, content, sink) } else { Ok(None) };
        }
        let end = start + len as usize;
        if !crlf(buf, end)? {
            return if diverts { self.divert(buf, len as usize - PREFIX, content, sink) } else { Ok(None) };
        }
        let kind = if is_text { Kind::Verbatim } else { Kind::Error };
        let ascii = short_ascii_flag(&buf[content..end]);
        self.value(sink, kind, ascii, content as u32, end as u32);
        Ok(Some(end + 2))
    }

    /// Begins a value of `len` bytes at `content` that is incomplete, or whose CRLF is: consumes the part that is there
    /// and leaves the rest for the caller to move.
    #[cold]
    #[inline(never)]
    fn divert<S: FnMut(Token)>(&mut self, buf: &[u8], len: usize, content: usize, sink: &mut S) -> Step {
        // Not by a sum: with 32-bit offsets it would overflow for a length near 4 GiB.
        let there = len.min(buf.len() - content);
        self.shown = content + there;
        self.middle = Middle::Big((len - there) as u64);
        self.scanned = 0;
        let first = if self.depth == 0 { FIRST } else { 0 };
        let skip = if self.attributes > 0 { SKIP } else { 0 };
        sink(Token { kind: Kind::Big, flags: first | skip, a: len as u32, b: content as u32 });
        Ok(None)
    }

    /// Whether a line of text this long may be emitted in parts. The sign of a number is not emitted without a digit.
    fn in_parts(&self) -> usize {
        self.limits.big.max(2)
    }

    /// `+`, `-` and `(`: servers do not limit their length.
    #[inline]
    fn text_line<S: FnMut(Token)>(&mut self, buf: &[u8], at: usize, kind: Kind, sink: &mut S) -> Step {
        let start = at + 1;
        let Some(end) = self.end_of_text(buf, start) else {
            let there = buf.len() - start - ends_with_cr(buf, start);
            if there < self.in_parts() {
                return Ok(None);
            }
            self.middle = Middle::Text { kind, length: 0 };
            return self.set_out(buf, start, sink);
        };
        let text = &buf[start..end];
        if text.len() as u64 > self.limits.bulk {
            return self.skip(buf, text.len() as u64, start, sink);
        }
        // A line that may come in parts is not validated at its end: the result must not depend on where the stream is cut.
        if kind == Kind::BigNumber && text.len() < self.in_parts() && !is_integer(text) {
            return Err(error(ProtocolErrorKind::BadBigNumber, b'('));
        }
        self.value(sink, kind, short_ascii_flag(text), start as u32, end as u32);
        Ok(Some(end + 2))
    }

    #[inline(always)]
    fn int<S: FnMut(Token)>(&mut self, buf: &[u8], at: usize, sink: &mut S) -> Step {
        let negative = buf.get(at + 1) == Some(&b'-');
        let start = at + 1 + usize::from(negative);
        let (magnitude, end) = digits(buf, start);
        let (n, end) = if end > start && buf[end..].starts_with(b"\r\n") {
            let n = magnitude as i64;
            (if negative { -n } else { n }, end)
        } else {
            let Some(end) = self.line(buf, at)? else {
                return Ok(None);
            };
            let n = long_int(&buf[at + 1..end]);
            (n.ok_or(error(ProtocolErrorKind::BadInteger, b':'))?, end)
        };
        self.value(sink, Kind::Int, 0, n as u32, (n >> 32) as u32);
        Ok(Some(end + 2))
    }

    fn other_line<S: FnMut(Token)>(&mut self, buf: &[u8], at: usize, byte: u8, sink: &mut S) -> Step {
        let Some(end) = self.line(buf, at)? else {
            return Ok(None);
        };
        let start = at + 1;
        let text = &buf[start..end];
        let (start, end_offset) = (start as u32, end as u32);
        match byte {
            b',' if is_double(text) => self.value(sink, Kind::Double, ASCII, start, end_offset),
            b',' => return Err(error(ProtocolErrorKind::BadDouble, byte)),
            b'#' => {
                let a = match text {
                    b"t" => 1,
                    b"f" => 0,
                    _ => return Err(error(ProtocolErrorKind::BadBool, byte)),
                };
                self.value(sink, Kind::Bool, 0, a, 0);
            }
            _ if text.is_empty() => self.value(sink, Kind::Null, 0, 0, 0),
            _ => return Err(error(ProtocolErrorKind::BadNull, byte)),
        }
        Ok(Some(end + 2))
    }

    #[inline]
    fn aggregate<S: FnMut(Token)>(&mut self, buf: &[u8], at: usize, byte: u8, sink: &mut S) -> Step {
        let Some((count, next)) = self.length(buf, at)? else {
            return Ok(None);
        };
        let Some(count) = count else {
            if byte != b'*' {
                return Err(error(ProtocolErrorKind::BadLength, byte));
            }
            self.value(sink, Kind::Null, 0, 0, 0);
            return Ok(Some(next));
        };
        let Ok(count) = u32::try_from(count) else {
            return Err(error(ProtocolErrorKind::AggregateTooLong, byte));
        };
        if self.depth >= self.limits.depth && byte != b'>' {
            return self.flatten(count, next, byte, sink);
        }
        let (kind, values) = match byte {
            b'*' => (Kind::Array, u64::from(count)),
            b'%' => (Kind::Map, u64::from(count) * 2),
            b'~' => (Kind::Set, u64::from(count)),
            b'>' if self.depth > 0 => return Err(error(ProtocolErrorKind::NestedPush, byte)),
            b'>' => (Kind::Push, u64::from(count)),
            _ => {
                if count > 0 {
                    self.attributes += 1;
                    self.open((u64::from(count) * 2) | ATTRIBUTE);
                }
                return Ok(Some(next));
            }
        };
        if values == 0 {
            self.value(sink, kind, 0, 0, 0);
        } else {
            let flags = if self.depth == 0 { FIRST } else { 0 };
            if self.attributes == 0 {
                sink(Token { kind, flags, a: count, b: 0 });
            }
            self.open(values);
        }
        Ok(Some(next))
    }

    fn end_big<S: FnMut(Token)>(&mut self, sink: &mut S) {
        self.middle = Middle::Nothing;
        // Checked first: completing the value may close the attribute that it is in.
        let skip = if self.attributes > 0 { SKIP } else { 0 };
        let last = if self.complete() { LAST } else { 0 };
        sink(Token { kind: Kind::BigEnd, flags: skip | last, a: 0, b: 0 });
    }

    /// Emits a value that is complete in itself.
    #[inline(always)]
    fn value<S: FnMut(Token)>(&mut self, sink: &mut S, kind: Kind, flags: u8, a: u32, b: u32) {
        if self.depth == 0 {
            return sink(Token { kind, flags: flags | FIRST | LAST, a, b });
        }
        self.inner_value(sink, kind, flags, a, b);
    }

    /// The same for a value inside another.
    #[inline(never)]
    fn inner_value<S: FnMut(Token)>(&mut self, sink: &mut S, kind: Kind, flags: u8, a: u32, b: u32) {
        let dropped = self.attributes > 0;
        let last = if self.complete() { LAST } else { 0 };
        if !dropped {
            sink(Token { kind, flags: flags | last, a, b });
        }
    }

    #[inline]
    fn open(&mut self, frame: u64) {
        // The mask tells the compiler that `depth` is below the size of the stack, as `aggregate` has checked.
        self.stack[self.depth & (STACK - 1)] = frame;
        self.depth += 1;
    }

    /// Counts a finished value and closes every aggregate that ends with it. True when a top-level reply ends.
    #[inline(always)]
    fn complete(&mut self) -> bool {
        while self.depth > 0 {
            let frame = &mut self.stack[(self.depth - 1) & (STACK - 1)];
            *frame -= 1;
            match *frame {
                0 => self.depth -= 1,
                ATTRIBUTE => {
                    // The value that the attribute belongs to is still to come.
                    self.depth -= 1;
                    self.attributes -= 1;
                    return false;
                }
                _ => return false,
            }
        }
        true
    }

    /// The length or count after the type byte at `at` (an inner `None` for −1), and the offset after its line.
    #[inline(always)]
    fn length(&mut self, buf: &[u8], at: usize) -> Result<Option<(Option<u64>, usize)>, ProtocolError> {
        let (n, end) = digits(buf, at + 1);
        if end > at + 1 && buf[end..].starts_with(b"\r\n") {
            return Ok(Some((Some(n), end + 2)));
        }
        self.odd_length(buf, at)
    }

    #[cold]
    fn odd_length(&mut self, buf: &[u8], at: usize) -> Result<Option<(Option<u64>, usize)>, ProtocolError> {
        let Some(end) = self.line(buf, at)? else {
            return Ok(None);
        };
        let byte = buf[at];
        match &buf[at + 1..end] {
            b"-1" => Ok(Some((None, end + 2))),
            b"?" if byte != b'=' && byte != b'!' => Err(error(ProtocolErrorKind::Streamed, byte)),
            _ => Err(error(ProtocolErrorKind::BadLength, byte)),
        }
    }

    /// The offset of the CRLF that ends the line of the type byte at `at`.
    #[inline(never)]
    fn line(&mut self, buf: &[u8], at: usize) -> Step {
        let start = at + 1;
        // A CRLF later than this ends a line that is too long, however the bytes were cut.
        let horizon = start.saturating_add(self.limits.line).saturating_add(2);
        let window = &buf[..buf.len().min(horizon)];
        if let Some(end) = end_of_line(window, start + self.scanned) {
            return Ok(Some(end));
        }
        if window.len() == horizon {
            return Err(error(ProtocolErrorKind::LineTooLong, buf[at]));
        }
        self.scanned = window.len() - start - ends_with_cr(window, start);
        Ok(None)
    }
}

/// The offset of the first CRLF from `from` on.
fn end_of_line(buf: &[u8], mut from: usize) -> Option<usize> {
    while let Some(found) = buf.get(from..).and_then(|rest| rest.iter().position(|&byte| byte == b'\r')) {
        let cr = from + found;
        if buf.get(cr + 1)? == &b'\n' {
            return Some(cr);
        }
        from = cr + 1;
    }
    None
}

/// 1 when what begins at `from` ends with what may be the first half of a CRLF.
fn ends_with_cr(buf: &[u8], from: usize) -> usize {
    usize::from(buf.get(from..).and_then(<[u8]>::last) == Some(&b'\r'))
}

#[inline]
fn error(kind: ProtocolErrorKind, byte: u8) -> ProtocolError {
    ProtocolError { kind, byte }
}

/// Whether CRLF stands at `at`; `false` when it may still come.
#[inline]
fn crlf(buf: &[u8], at: usize) -> Result<bool, ProtocolError> {
    match &buf[at..] {
        [b'\r', b'\n', ..] => Ok(true),
        [] | [b'\r'] => Ok(false),
        [b'\r', byte, ..] | [byte, ..] => Err(error(ProtocolErrorKind::MissingCrlf, *byte)),
    }
}

#[cfg(test)]
mod tests;
