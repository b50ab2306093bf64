//! The core's output: rows of four words, the only form in which anything leaves it.
//!
//! A row is `[kind | detail << 8, a, b, c]`. Kinds below [`ACTION`] are tokens of a reply (see
//! [`Kind`](crate::resp::Kind)) whose `c` is the tag of the command that they answer; the rest are actions.

use crate::command::Pushed;
use crate::error::{Failure, Reason, Sent};
use crate::resp::{Bytes, Token, FIRST, SKIP};

/// One row; see the module.
pub type Row = [u32; 4];

/// Actions begin here; every smaller kind is a token of a reply.
pub const ACTION: u32 = 32;
/// Write bytes to a link: link, offset in [`Frames::bytes`], length.
pub const TRANSMIT: u32 = 32;
/// Write an argument that never entered the core: link, tag, which of the command's arguments of that kind.
pub const EXTERNAL: u32 = 33;
/// Open a link: link, target, index of the address.
pub const OPEN: u32 = 34;
/// Close a link: link, 1 when it should be ended in good order rather than destroyed.
pub const CLOSE: u32 = 35;
/// Reject a command: detail is the [`Failure`], then tag, its detail, [`Sent`].
pub const REJECT: u32 = 36;
/// A target changed its state: target, state, [`Reason`].
pub const STATE: u32 = 37;
/// Find the addresses and credentials of a target: target, number of the dial.
pub const PREPARE: u32 = 38;
/// Forget what is built of the link's current reply: link.
pub const ABORT: u32 = 39;
/// A dial begins: target, its number, 1 when it is in the background.
pub const DIAL: u32 = 40;

/// Replies to commands come from this link from now on: target, link, 1 when the server tells of changes on it. Where
/// detail is 1 the link is the same as before, and only the last word is news.
pub const LINK: u32 = 41;
/// An element of a push: detail is the flags of its token, the token's kind and the kind of the push
/// ([`Pushed`]), eight bits each; then as in the token of a reply, and the lane. The first and the last are
/// flagged; the name of the push is not among them where it has a number. Of an invalidation each element is the name of a
/// key that has changed, and null says that all may have.
pub const PUSH: u32 = 42;
/// A lane that is not the shared one has changed its state: lane, state, [`Reason`].
pub const LANE: u32 = 43;

/// Frames in the making, and the places in them where arguments go that never enter linear memory.
#[derive(Debug, Default)]
pub struct Frames {
    /// RESP, without the content of external arguments.
    pub bytes: Bytes,
    /// In the order of their positions.
    pub externals: Vec<External>,
}

/// An argument that the shell holds and writes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// Its content stands before this offset of [`Frames::bytes`].
    pub at: u32,
    /// The command that it belongs to.
    pub tag: u32,
    /// Which of the command's external arguments it is, from 0.
    pub index: u32,
}

impl Frames {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.externals.clear();
    }

    /// Forgets what stands behind `end`.
    pub fn truncate(&mut self, end: u32) {
        self.bytes.truncate(end as usize);
        // They are in the order of the bytes.
        while self.externals.last().is_some_and(|external| external.at > end) {
            self.externals.pop();
        }
    }

    /// Bytes so far.
    pub fn len(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends bytes `from..to` of `other` with the externals that stand in them.
    pub fn append(&mut self, other: &Frames, from: u32, to: u32) {
        let base = self.len();
        self.bytes.append(&other.bytes[from as usize..to as usize]);
        let inside = other.externals.iter().filter(|external| external.at > from && external.at <= to);
        self.externals.extend(inside.map(|external| External { at: external.at - from + base, ..*external }));
    }
}

/// Takes pieces out of frames, in place: what waits may be large, and linear memory never shrinks.
#[derive(Debug)]
pub struct Compaction<'a> {
    frames: &'a mut Frames,
    from: u32,
    to: u32,
    seen: usize,
    kept: usize,
}

impl Compaction<'_> {
    /// Begins at the front.
    pub fn new(frames: &mut Frames) -> Compaction<'_> {
        Compaction { frames, from: 0, to: 0, seen: 0, kept: 0 }
    }

    /// The next piece has this length, and stays or goes.
    pub fn piece(&mut self, length: u32, stays: bool) {
        let Frames { bytes, externals } = &mut *self.frames;
        let end = self.from + length;
        while let Some(external) = externals.get(self.seen).filter(|external| external.at <= end) {
            if stays {
                externals[self.kept] = External { at: external.at - (self.from - self.to), ..*external };
                self.kept += 1;
            }
            self.seen += 1;
        }
        if stays {
            if self.from > self.to {
                bytes.copy_within(self.from as usize..end as usize, self.to as usize);
            }
            self.to += length;
        }
        self.from = end;
    }

    /// Keeps the bytes after the last piece.
    pub fn finish(mut self) {
        self.piece(self.frames.len() - self.from, true);
        self.frames.bytes.truncate(self.to as usize);
        self.frames.externals.truncate(self.kept);
    }
}

/// The most that the memory of a call's bytes may hold when there is nothing in it.
const KEPT_BYTES: usize = 512 << 10;

/// The rows and bytes of one call. Every call clears it first, so it must be drained before the next.
#[derive(Debug, Default)]
pub struct Output {
    /// The actions, in order.
    pub rows: Vec<Row>,
    /// The bytes that [`TRANSMIT`] rows speak of.
    pub frames: Frames,
}

impl Output {
    /// Forgets everything and keeps the memory, unless a backlog has made that large.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.frames.clear();
        if self.frames.bytes.capacity() > KEPT_BYTES {
            self.frames = Frames::default();
        }
    }

    /// A token of the reply to the command with this tag; `shape` says how it is reshaped.
    #[inline]
    pub fn reply(&mut self, token: Token, shape: u8, tag: u32) {
        let head = token.kind as u32 | u32::from(token.flags) << 8 | u32::from(shape) << 16;
        self.rows.push([head, token.a, token.b, tag]);
    }

    /// A large value whose command has ended: its bytes must still be diverted.
    pub fn skip(&mut self, token: Token) {
        self.action(token.kind as u32 | u32::from(token.flags | SKIP) << 8, token.a, token.b, u32::MAX);
    }

    /// Everything in the frames since `from` goes to `link`.
    pub fn transmit(&mut self, link: u32, from: u32) {
        let mut start = from;
        // Almost always empty; those before `from` belong to rows that are already there.
        let Output { rows, frames } = self;
        for external in frames.externals.iter().filter(|external| external.at > from) {
            if external.at > start {
                row(rows, TRANSMIT, link, start, external.at - start);
                start = external.at;
            }
            row(rows, EXTERNAL, link, external.tag, external.index);
        }
        let length = self.frames.len() - start;
        match self.rows.last_mut() {
            // Adjacent frames leave in the same write, such as commands that ride behind a handshake.
            Some([TRANSMIT, to, at, before]) if *to == link && *at + *before == start => *before += length,
            _ if length > 0 => self.action(TRANSMIT, link, start, length),
            _ => {}
        }
    }

    /// An element of a push.
    pub fn push(&mut self, pushed: Pushed, token: Token, is_first: bool, lane: u32) {
        let flags = token.flags & !FIRST | if is_first { FIRST } else { 0 };
        let detail = u32::from(flags) | (token.kind as u32) << 8 | (pushed as u32) << 16;
        self.action(PUSH | detail << 8, token.a, token.b, lane);
    }

    /// The command ends without a reply.
    pub fn reject(&mut self, tag: u32, failure: Failure, detail: u32, sent: Sent) {
        self.action(REJECT | (failure as u32) << 8, tag, detail, sent as u32);
    }

    /// An action that needs no detail.
    pub fn action(&mut self, kind: u32, a: u32, b: u32, c: u32) {
        row(&mut self.rows, kind, a, b, c);
    }

    /// A target changed its state.
    pub fn state(&mut self, target: u32, state: u32, reason: Option<Reason>) {
        self.action(STATE, target, state, reason.map_or(0, |reason| reason as u32));
    }
}

#[inline(never)]
fn row(rows: &mut Vec<Row>, kind: u32, a: u32, b: u32, c: u32) {
    rows.push([kind, a, b, c]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_right_behind_leaves_in_the_same_write() {
        let mut output = Output::default();
        for (link, text) in [(1, "handshake"), (1, "rider"), (2, "other")] {
            let from = output.frames.len();
            output.frames.bytes.extend_from_slice(text.as_bytes());
            output.transmit(link, from);
        }
        assert_eq!(output.rows, [[TRANSMIT, 1, 0, 14], [TRANSMIT, 2, 14, 5]]);
    }

    #[test]
    fn externals_stand_between_the_slices_around_them() {
        let mut output = Output::default();
        output.frames.bytes.extend_from_slice(b"other");
        output.frames.bytes.extend_from_slice(b"head");
        output.frames.externals.push(External { at: 9, tag: 7, index: 0 });
        output.frames.bytes.extend_from_slice(b"tail");
        output.transmit(1, 5);
        assert_eq!(output.rows, [[TRANSMIT, 1, 5, 4], [EXTERNAL, 1, 7, 0], [TRANSMIT, 1, 9, 4]]);
    }

    #[test]
    fn appending_takes_the_externals_of_the_range_along() {
        let mut from = Frames::default();
        from.bytes.extend_from_slice(b"aaaabbbb");
        from.externals.push(External { at: 4, tag: 1, index: 0 });
        from.externals.push(External { at: 8, tag: 2, index: 0 });
        let mut to = Frames::default();
        to.bytes.extend_from_slice(b"xx");
        to.append(&from, 4, 8);
        assert!(to.bytes == b"xxbbbb");
        assert_eq!(to.externals, [External { at: 6, tag: 2, index: 0 }]);
    }
}
