//! Values that do not stand in one buffer, and values over a limit: read on where the last buffer ended.

use super::super::scan::short_ascii_flag;
use super::{crlf, end_of_line, ends_with_cr, error, Parser, Step, ATTRIBUTE, STACK};
use crate::resp::{Kind, ProtocolError, ProtocolErrorKind, Token, FIRST, LAST, MORE, TOO_DEEP, TOO_LONG};

/// The kind of value that the next bytes continue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Middle {
    /// Nothing: a type byte comes next, or what is left of a value that was not all there.
    Nothing,
    /// A [`Kind::Big`]: so many bytes of content are the caller's to divert, and its CRLF comes next.
    Big(u64),
    /// A line of text, of which so many bytes have gone by.
    Text { kind: Kind, length: u64 },
    /// A string over the limit, of which so many bytes are still to come.
    Skip(u64),
}

/// The end of what is too long.
const SKIPPED: Token = Token { kind: Kind::Skipped, flags: 0, a: TOO_LONG, b: 0 };

impl Parser {
    /// A string of `len` bytes that begins at `content` is over the limit.
    #[cold]
    #[inline(never)]
    pub(super) fn skip<S: FnMut(Token)>(
        &mut self,
        buf: &[u8],
        len: u64,
        content: usize,
        sink: &mut S,
    ) -> Step {
        self.middle = Middle::Skip(len);
        let first = if self.depth == 0 { FIRST } else { 0 };
        self.emit(sink, Token { flags: first | MORE, ..SKIPPED });
        self.set_out(buf, content, sink)
    }

    /// Emits a token of a value that comes in several; the last of them completes it.
    pub(super) fn emit<S: FnMut(Token)>(&mut self, sink: &mut S, mut token: Token) {
        // Asked first: completing the value may close the attribute that it is in.
        let dropped = self.attributes > 0;
        if token.flags & MORE == 0 && self.complete() {
            token.flags |= LAST;
        }
        if !dropped {
            sink(token);
        }
    }

    /// The first look at a value that [`Parser::go_on`] may see more of.
    pub(super) fn set_out<S: FnMut(Token)>(&mut self, buf: &[u8], content: usize, sink: &mut S) -> Step {
        self.scanned = 0;
        self.shown = self.go_on(buf, content, sink)?;
        Ok((self.middle == Middle::Nothing).then_some(self.shown))
    }

    /// Reads on from `at` in the middle of a value. Gives how far it came.
    #[cold]
    #[inline(never)]
    pub(super) fn go_on<S: FnMut(Token)>(
        &mut self,
        buf: &[u8],
        at: usize,
        sink: &mut S,
    ) -> Result<usize, ProtocolError> {
        match self.middle {
            Middle::Nothing => Ok(at),
            Middle::Big(_) => {
                // A caller that presents bytes again has moved the content, even if its CRLF is still incomplete.
                self.middle = Middle::Big(0);
                if !crlf(buf, at)? {
                    return Ok(at);
                }
                self.end_big(sink);
                Ok(at + 2)
            }
            Middle::Skip(left) => {
                let there = left.min((buf.len() - at) as u64);
                let end = at + there as usize;
                self.middle = Middle::Skip(left - there);
                if there < left || !crlf(buf, end)? {
                    return Ok(end);
                }
                self.middle = Middle::Nothing;
                self.emit(sink, SKIPPED);
                Ok(end + 2)
            }
            Middle::Text { kind, length: before } => {
                let found = end_of_line(buf, at);
                let end = found.unwrap_or(buf.len() - ends_with_cr(buf, at));
                if found.is_none() && end == at {
                    return Ok(at);
                }
                let length = before + (end - at) as u64;
                let first = if self.depth == 0 && before == 0 { FIRST } else { 0 };
                let more = if found.is_none() { MORE } else { 0 };
                self.middle = if found.is_none() { Middle::Text { kind, length } } else { Middle::Nothing };
                let part = &buf[at..end];
                if length <= self.limits.bulk {
                    let flags = first | more | short_ascii_flag(part);
                    self.emit(sink, Token { kind, flags, a: at as u32, b: end as u32 });
                } else {
                    if before <= self.limits.bulk {
                        self.emit(sink, Token { flags: first | MORE, ..SKIPPED });
                    }
                    if found.is_some() {
                        self.emit(sink, SKIPPED);
                    }
                }
                Ok(found.map_or(end, |end| end + 2))
            }
        }
    }

    /// An aggregate that is nested too deep: its values are counted in the frame of what is around it.
    #[cold]
    #[inline(never)]
    pub(super) fn flatten<S: FnMut(Token)>(
        &mut self,
        count: u32,
        next: usize,
        byte: u8,
        sink: &mut S,
    ) -> Step {
        let pairs = matches!(byte, b'%' | b'|');
        let values = if pairs { u64::from(count) * 2 } else { u64::from(count) };
        let is_value = byte != b'|';
        if !is_value && count == 0 {
            return Ok(Some(next));
        }
        if self.attributes == 0 && (!is_value || values > 0) {
            sink(Token { kind: Kind::Skipped, flags: 0, a: TOO_DEEP, b: 0 });
        }
        if is_value && values == 0 {
            self.value(sink, Kind::Skipped, 0, TOO_DEEP, 0);
            return Ok(Some(next));
        }
        let frame = &mut self.stack[(self.depth - 1) & (STACK - 1)];
        let left = (*frame & !ATTRIBUTE) + values - u64::from(is_value);
        // As much would take a peer a thousand years.
        if left >= ATTRIBUTE >> 1 {
            return Err(error(ProtocolErrorKind::AggregateTooLong, byte));
        }
        *frame = *frame & ATTRIBUTE | left;
        Ok(Some(next))
    }

    /// The offset of the CRLF that ends the text at `start`.
    #[inline(never)]
    pub(super) fn end_of_text(&mut self, buf: &[u8], start: usize) -> Option<usize> {
        let end = end_of_line(buf, start + self.scanned);
        if end.is_none() {
            self.scanned = buf.len() - start - ends_with_cr(buf, start);
        }
        end
    }
}
