//! A tick's commands as the shell stages them, and their translation into frames.
//!
//! A command is three words, `[tag, policy, number of arguments]`, and a word for each argument: its kind in the two
//! upper bits, its length in the others. Text arguments stand in one UTF-8 text (see [`TextArguments`]), byte arguments
//! one after the other behind it, and large ones are not here at all. A command that does not fit a batch goes on in
//! the next one, which then begins with the words of its remaining arguments.

use crate::command::{self, Info, Refusal};
use crate::connection::{Entry, External, Frames, READ_ONLY};
use crate::resp::{array_header, bulk, bulk_header, TextArguments};

/// An argument in the text; its length is in UTF-16 units.
pub const TEXT: u32 = 0;
/// An argument in the bytes.
pub const BYTES: u32 = 1;
/// An argument that the shell writes itself; its length is in bytes.
pub const OUTSIDE: u32 = 2;
/// Bits of a length.
pub const LENGTH_BITS: u32 = 30;

/// See the module.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    meta: &'a [u32],
    text: TextArguments<'a>,
    bytes: &'a [u8],
}

/// The words and the texts of a batch do not agree, which is a bug of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

enum Argument<'a> {
    Inside(&'a [u8]),
    Outside(u32),
}

impl<'a> Batch<'a> {
    /// `ascii`: the text has as many bytes as UTF-16 units.
    pub fn new(meta: &'a [u32], text: &'a [u8], ascii: bool, bytes: &'a [u8]) -> Batch<'a> {
        Batch { meta, text: TextArguments::new(text, ascii), bytes }
    }

    #[inline]
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.meta.split_first()?;
        self.meta = rest;
        Some(*word)
    }

    #[inline(always)]
    fn argument(&mut self, word: u32) -> Result<Argument<'a>, Malformed> {
        let length = word & ((1 << LENGTH_BITS) - 1);
        match word >> LENGTH_BITS {
            TEXT => self.text.next(length).map(Argument::Inside).ok_or(Malformed),
            BYTES if length as usize <= self.bytes.len() => {
                let (argument, rest) = self.bytes.split_at(length as usize);
                self.bytes = rest;
                Ok(Argument::Inside(argument))
            }
            OUTSIDE => Ok(Argument::Outside(length)),
            _ => Err(Malformed),
        }
    }
}

/// What became of a command.
#[derive(Debug)]
pub enum Outcome {
    /// Its frame stands in the frames, from this offset on; all of it counts this many bytes.
    Framed {
        /// The command.
        entry: Entry,
        /// Offset of its first byte, or of the part of it that this batch held.
        from: u32,
        /// Bytes of the whole frame, external arguments included.
        size: u64,
    },
    /// It would break a shared link.
    Refused {
        /// The command.
        tag: u32,
        /// Why.
        refusal: Refusal,
    },
    /// The batch ended in the middle of it; what it held of it stands in the frames.
    Unfinished {
        /// From this offset on.
        from: u32,
    },
}

/// A command that goes on in the next batch.
#[derive(Clone, Copy, Debug)]
struct Open {
    tag: u32,
    policy: u16,
    info: Info,
    missing: u32,
    externals: u32,
    size: u64,
}

/// Remembers what one batch leaves for the next.
#[derive(Debug, Default)]
pub struct Encoder {
    open: Option<Open>,
    /// The last name that was looked up whose meaning does not depend on its arguments: ticks repeat themselves.
    known: Option<(Vec<u8>, Info)>,
}

impl Encoder {
    /// Appends the next command's frame; `None` when the batch is empty.
    #[inline]
    pub fn next(&mut self, batch: &mut Batch<'_>, frames: &mut Frames) -> Result<Option<Outcome>, Malformed> {
        if batch.meta.is_empty() {
            return Ok(None);
        }
        let from = frames.len();
        let mut command = match self.open.take() {
            Some(open) => open,
            None => {
                let tag = batch.word().ok_or(Malformed)?;
                let policy = batch.word().ok_or(Malformed)? as u16;
                let arguments = batch.word().ok_or(Malformed)?;
                let info = self.look_up(batch, arguments)?;
                array_header(&mut frames.bytes, arguments);
                Open { tag, policy, info, missing: arguments, externals: 0, size: 0 }
            }
        };
        let split = command.size > 0;
        while command.missing > 0 {
            let Some(word) = batch.word() else {
                command.size += u64::from(frames.len() - from).max(1);
                if command.info.refusal.is_some() {
                    frames.truncate(from);
                }
                self.open = Some(command);
                return Ok(Some(Outcome::Unfinished { from }));
            };
            match batch.argument(word)? {
                Argument::Inside(argument) => bulk(&mut frames.bytes, argument),
                Argument::Outside(length) => {
                    bulk_header(&mut frames.bytes, u64::from(length));
                    let at = frames.len();
                    frames.externals.push(External { at, tag: command.tag, index: command.externals });
                    frames.bytes.extend_from_slice(b"\r\n");
                    command.externals += 1;
                    command.size += u64::from(length);
                }
            }
            command.missing -= 1;
        }
        if let Some(refusal) = command.info.refusal {
            frames.truncate(from);
            return Ok(Some(Outcome::Refused { tag: command.tag, refusal }));
        }
        let whole = !split && command.externals == 0;
        let flags = if whole && command.info.is_read_only() { READ_ONLY } else { 0 };
        let entry = Entry::new(command.tag, command.policy, flags, command.info.shape as u8);
        Ok(Some(Outcome::Framed { entry, from, size: command.size + u64::from(frames.len() - from) }))
    }

    #[inline]
    fn look_up(&mut self, batch: &Batch<'_>, arguments: u32) -> Result<Info, Malformed> {
        let mut ahead = batch.clone();
        let word = ahead.word().ok_or(Malformed)?;
        let Argument::Inside(name) = ahead.argument(word)? else { return Err(Malformed) };
        match &self.known {
            Some((known, info)) if known == name => Ok(*info),
            _ => self.look_up_afresh(name, ahead, arguments),
        }
    }

    fn look_up_afresh(
        &mut self,
        name: &[u8],
        mut ahead: Batch<'_>,
        arguments: u32,
    ) -> Result<Info, Malformed> {
        if let Some(info) = command::by_name(name) {
            self.known = Some((name.to_vec(), info));
            return Ok(info);
        }
        let mut inside: Vec<&[u8]> = Vec::new();
        for _ in 1..arguments {
            let Some(word) = ahead.word() else { break };
            inside.push(match ahead.argument(word)? {
                Argument::Inside(argument) => argument,
                Argument::Outside(_) => b"",
            });
        }
        Ok(command::classify(name, &inside[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(encoder: &mut Encoder, mut batch: Batch<'_>, frames: &mut Frames) -> Vec<Outcome> {
        core::iter::from_fn(|| encoder.next(&mut batch, frames).expect("well formed")).collect()
    }

    #[test]
    fn commands_become_frames() {
        let mut frames = Frames::default();
        let words = [5, 1, 2, 3, 1, 6, 0, 3, 3, 1, BYTES << LENGTH_BITS | 2];
        let batch = Batch::new(&words, b"GET|k|SET|k|", true, &[0, 255]);
        let outcomes = outcomes(&mut Encoder::default(), batch, &mut frames);
        assert!(
            frames.bytes == b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\0\xff\r\n"
        );
        let [Outcome::Framed { entry: get, .. }, Outcome::Framed { entry: set, from: 20, .. }] =
            &outcomes[..]
        else {
            panic!("{outcomes:?}")
        };
        assert_eq!((get.tag, get.policy, get.flags), (5, 1, READ_ONLY));
        assert_eq!((set.tag, set.policy, set.flags), (6, 0, 0));
    }

    #[test]
    fn a_command_goes_on_in_the_next_batch() {
        let (mut encoder, mut frames) = (Encoder::default(), Frames::default());
        let first = outcomes(&mut encoder, Batch::new(&[9, 0, 4, 3, 1], b"DEL|a|", true, &[]), &mut frames);
        assert!(matches!(first[..], [Outcome::Unfinished { from: 0 }]));
        let second =
            outcomes(&mut encoder, Batch::new(&[1, 1, 7, 0, 1, 4], b"b|c|PING|", true, &[]), &mut frames);
        assert!(matches!(second[..], [Outcome::Framed { .. }, Outcome::Framed { .. }]), "{second:?}");
        assert!(frames.bytes == b"*4\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n*1\r\n$4\r\nPING\r\n");
    }

    #[test]
    fn large_arguments_leave_a_gap() {
        let mut frames = Frames::default();
        let words = [1, 0, 3, 3, 1, OUTSIDE << LENGTH_BITS | 100_000];
        let outcomes =
            outcomes(&mut Encoder::default(), Batch::new(&words, b"SET|k|", true, &[]), &mut frames);
        assert!(frames.bytes == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n\r\n");
        assert_eq!(frames.externals, [External { at: 29, tag: 1, index: 0 }]);
        assert!(matches!(outcomes[..], [Outcome::Framed { size: 100_031, .. }]), "{outcomes:?}");
    }

    #[test]
    fn a_refused_command_leaves_nothing_behind() {
        let mut frames = Frames::default();
        let words = [1, 0, 2, 9, OUTSIDE << LENGTH_BITS | 9, 2, 0, 1, 4];
        let outcomes =
            outcomes(&mut Encoder::default(), Batch::new(&words, b"SUBSCRIBE|PING|", true, &[]), &mut frames);
        assert!(matches!(outcomes[..], [Outcome::Refused { tag: 1, .. }, Outcome::Framed { from: 0, .. }]));
        assert!(frames.bytes == b"*1\r\n$4\r\nPING\r\n");
        assert!(frames.externals.is_empty());
    }

    #[test]
    fn what_does_not_agree_is_malformed() {
        for words in [
            &[1][..],
            &[1, 0],
            &[1, 0, 1, 50],
            &[1, 0, 1, 3 << LENGTH_BITS],
            &[1, 0, 1, BYTES << LENGTH_BITS | 9],
        ] {
            let mut batch = Batch::new(words, b"GET|", true, &[]);
            assert_eq!(Encoder::default().next(&mut batch, &mut Frames::default()).err(), Some(Malformed));
        }
    }
}
