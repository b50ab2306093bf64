//! A tick's commands as the shell stages them, and their translation into frames.
//!
//! A command is three words, `[tag, policy, number of arguments]`, and a word for each argument: its kind in the two
//! upper bits, its length in the others. Text arguments stand in one UTF-8 text (see [`TextArguments`]), byte arguments
//! one after the other behind it, and large ones are not here at all. A batch holds whole commands only, so that all
//! that their arguments say is known when they are framed: of a command that is larger than a batch, the shell frames
//! the arguments in the middle itself ([`FRAMED`]).

use crate::command::{self, Args, Info, Pushed, Refusal, Role};
use crate::connection::{Entry, External, Frames, PUSHES, READ_ONLY, WHOLE};
use crate::resp::{array_header, bulk, bulk_header, TextArguments};
use crate::time::{Duration, Time};

/// An argument in the text; its length is in UTF-16 units.
pub const TEXT: u32 = 0;
/// An argument in the bytes.
pub const BYTES: u32 = 1;
/// An argument that the shell writes itself; its length is in bytes.
pub const OUTSIDE: u32 = 2;
/// Arguments that the shell writes itself, with their heads: how many they are, and in the next word their bytes.
pub const FRAMED: u32 = 3;
/// Bits of a length.
pub const LENGTH_BITS: u32 = 30;
/// Stands in the place of a tag where a command was cancelled while it was staged.
pub const CANCELLED: u32 = u32::MAX;
/// Stands in the place of a tag, in front of a moment of the shell's clock in whole milliseconds, wrapping: what follows
/// was staged then.
pub const STAGED_AT: u32 = u32::MAX - 1;
/// In the place of that moment: what follows was staged in this tick.
pub const JUST_NOW: u32 = u32::MAX;

/// See the module.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    meta: &'a [u32],
    text: TextArguments<'a>,
    bytes: &'a [u8],
    staged_at: Option<u32>,
}

/// The words and the texts of a batch do not agree: a bug of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

enum Argument<'a> {
    Inside(&'a [u8]),
    Outside(u32),
    Framed { count: u32, bytes: u32 },
}

impl<'a> Batch<'a> {
    /// `ascii`: the text has as many bytes as UTF-16 units.
    pub fn new(meta: &'a [u32], text: &'a [u8], ascii: bool, bytes: &'a [u8]) -> Batch<'a> {
        Batch { meta, text: TextArguments::new(text, ascii), bytes, staged_at: None }
    }

    /// How long ago the command that was read last was staged.
    #[inline]
    pub fn age(&self, now: Time) -> Duration {
        let Some(staged_at) = self.staged_at else { return Duration::ZERO };
        let millis = (now.as_whole_millis() as u32).wrapping_sub(staged_at) as i32;
        Duration::from_millis(millis.max(0) as u64)
    }

    #[inline]
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.meta.split_first()?;
        self.meta = rest;
        Some(*word)
    }

    #[inline(always)]
    fn argument(&mut self) -> Result<Argument<'a>, Malformed> {
        let word = self.word().ok_or(Malformed)?;
        let length = word & ((1 << LENGTH_BITS) - 1);
        match word >> LENGTH_BITS {
            TEXT => self.text.next(length).map(Argument::Inside).ok_or(Malformed),
            BYTES if length as usize <= self.bytes.len() => {
                let (argument, rest) = self.bytes.split_at(length as usize);
                self.bytes = rest;
                Ok(Argument::Inside(argument))
            }
            OUTSIDE => Ok(Argument::Outside(length)),
            FRAMED => Ok(Argument::Framed { count: length, bytes: self.word().ok_or(Malformed)? }),
            _ => Err(Malformed),
        }
    }

    /// Passes over the arguments of a command.
    #[cold]
    fn skip(&mut self, mut missing: u32) -> Result<(), Malformed> {
        while missing > 0 {
            let count = if let Argument::Framed { count, .. } = self.argument()? { count } else { 1 };
            missing = missing.checked_sub(count.max(1)).ok_or(Malformed)?;
        }
        Ok(())
    }
}

/// The outcome for a command.
#[derive(Debug)]
pub enum Outcome {
    /// Its frame stands in the frames, from this offset on; all of it counts this many bytes.
    Framed {
        /// The command.
        entry: Entry,
        /// Offset of its first byte.
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
}

/// Translates batches.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The last name that was looked up whose meaning does not depend on its arguments: ticks repeat themselves.
    known: Option<(Vec<u8>, Info)>,
}

impl Encoder {
    /// Appends the next command's frame; `None` when the batch is empty.
    #[inline]
    pub fn next(
        &mut self,
        batch: &mut Batch<'_>,
        role: Role,
        frames: &mut Frames,
    ) -> Result<Option<Outcome>, Malformed> {
        loop {
            let Some(tag) = batch.word() else { return Ok(None) };
            let policy = batch.word().ok_or(Malformed)?;
            if tag < STAGED_AT {
                return self.command((tag, policy as u16), batch, role, frames).map(Some);
            }
            if tag == STAGED_AT {
                batch.staged_at = (policy != JUST_NOW).then_some(policy);
            } else {
                let arguments = batch.word().ok_or(Malformed)?;
                batch.skip(arguments)?;
            }
        }
    }

    #[inline(always)]
    fn command(
        &mut self,
        (tag, policy): (u32, u16),
        batch: &mut Batch<'_>,
        role: Role,
        frames: &mut Frames,
    ) -> Result<Outcome, Malformed> {
        let arguments = batch.word().ok_or(Malformed)?;
        let from = frames.len();
        let info = self.look_up(batch, arguments)?;
        array_header(&mut frames.bytes, arguments);
        let (mut missing, mut index, mut outside) = (arguments, 0, 0u64);
        while missing > 0 {
            let mut count = 1;
            match batch.argument()? {
                Argument::Inside(argument) => bulk(&mut frames.bytes, argument),
                Argument::Outside(length) => {
                    bulk_header(&mut frames.bytes, u64::from(length));
                    frames.externals.push(External { at: frames.len(), tag, index });
                    frames.bytes.extend_from_slice(b"\r\n");
                    index += 1;
                    outside += u64::from(length);
                }
                Argument::Framed { count: framed, bytes } => {
                    frames.externals.push(External { at: frames.len(), tag, index });
                    index += 1;
                    outside += u64::from(bytes);
                    count = framed.max(1);
                }
            }
            missing = missing.checked_sub(count).ok_or(Malformed)?;
        }
        if let Some(refusal) = info.refusal.filter(|refusal| !role.permits(*refusal)) {
            frames.truncate(from);
            return Ok(Outcome::Refused { tag, refusal });
        }
        let flags = match (index, info.is_read_only()) {
            (0, true) => WHOLE | READ_ONLY,
            (0, false) => WHOLE,
            _ => 0,
        };
        let mut entry = Entry::new(tag, policy, flags, info.shape as u8);
        if info.refusal == Some(Refusal::Subscription) {
            subscription(&mut entry, &frames.bytes[from as usize..]);
        }
        Ok(Outcome::Framed { entry, from, size: outside + u64::from(frames.len() - from) })
    }

    #[inline]
    fn look_up(&mut self, batch: &Batch<'_>, arguments: u32) -> Result<Info, Malformed> {
        let mut ahead = batch.clone();
        let Argument::Inside(name) = ahead.argument()? else { return Err(Malformed) };
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
        let mut seen = Seen::default();
        while seen.len() + 1 < arguments as usize {
            match ahead.argument()? {
                Argument::Inside(argument) => seen.arguments.push(argument),
                Argument::Outside(_) => seen.arguments.push(b""),
                Argument::Framed { count, .. } => seen.hide(count.max(1) as usize),
            }
        }
        Ok(command::classify(name, &seen))
    }
}

/// The arguments of a command without its name, as far as they are here. Those that are not read as empty: none of them is
/// a word of the grammar, which are short.
#[derive(Default)]
struct Seen<'a> {
    arguments: Vec<&'a [u8]>,
    /// In front of which of them the shell holds how many that it framed itself.
    hidden: Vec<(usize, usize)>,
}

impl Seen<'_> {
    fn hide(&mut self, count: usize) {
        self.hidden.push((self.arguments.len(), count));
    }

    /// Where the argument at `index` of all stands among those that are here; `Err` when the shell framed it.
    fn place(&self, index: usize) -> Result<usize, ()> {
        let mut before = 0;
        for (at, count) in &self.hidden {
            if index < at + before {
                break;
            }
            if index < at + before + count {
                return Err(());
            }
            before += count;
        }
        Ok(index - before)
    }
}

impl Args for Seen<'_> {
    fn len(&self) -> usize {
        self.arguments.len() + self.hidden.iter().map(|(_, count)| count).sum::<usize>()
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        self.place(index).map_or(Some(b""), |place| self.arguments.get(place).copied())
    }

    fn is_hidden(&self, index: usize) -> bool {
        self.place(index).is_err()
    }
}

/// Makes a command wait for the pushes that confirm it. To subscribe twice is the same as once.
#[cold]
fn subscription(entry: &mut Entry, frame: &[u8]) {
    let name = frame.split(|byte| *byte == b'\n').nth(2).map(<[u8]>::trim_ascii_end);
    entry.shape = Pushed::of(name.unwrap_or_default()) as u8;
    entry.flags |= PUSHES | if entry.flags & WHOLE != 0 { READ_ONLY } else { 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(encoder: &mut Encoder, mut batch: Batch<'_>, frames: &mut Frames) -> Vec<Outcome> {
        core::iter::from_fn(|| encoder.next(&mut batch, Role::Shared, frames).expect("well formed")).collect()
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
        assert_eq!((get.tag, get.policy, get.flags), (5, 1, WHOLE | READ_ONLY));
        assert_eq!((set.tag, set.policy, set.flags), (6, 0, WHOLE));
    }

    #[test]
    fn a_batch_holds_whole_commands_only() {
        let mut batch = Batch::new(&[9, 0, 4, 3, 1], b"DEL|a|", true, &[]);
        assert_eq!(
            Encoder::default().next(&mut batch, Role::Shared, &mut Frames::default()).err(),
            Some(Malformed)
        );
    }

    #[test]
    fn what_was_cancelled_leaves_nothing_and_the_others_keep_their_arguments() {
        let mut frames = Frames::default();
        let words = [
            5,
            0,
            2,
            3,
            1,
            CANCELLED,
            0,
            4,
            3,
            1,
            BYTES << LENGTH_BITS | 2,
            OUTSIDE << LENGTH_BITS | 70, //
            CANCELLED,
            0,
            5,
            3,
            FRAMED << LENGTH_BITS | 3,
            99,
            1,
            6,
            0,
            3,
            3,
            1,
            BYTES << LENGTH_BITS | 1,
        ];
        let batch = Batch::new(&words, b"GET|k|SET|x|DEL|y|SET|z|", true, b"..!");
        let outcomes = outcomes(&mut Encoder::default(), batch, &mut frames);
        assert!(frames.bytes == b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$1\r\n!\r\n");
        assert!(frames.externals.is_empty());
        let tags: Vec<u32> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Framed { entry, .. } => entry.tag,
                Outcome::Refused { tag, .. } => *tag,
            })
            .collect();
        assert_eq!(tags, [5, 6]);
    }

    #[test]
    fn a_command_knows_when_it_was_staged() {
        let now = Time::from_millis(5_000.0);
        let words = [
            1, 0, 1, 4, STAGED_AT, 4_900, 2, 0, 1, 4, STAGED_AT, JUST_NOW, 3, 0, 1, 4, STAGED_AT, 5_001, 4,
            0, 1, 4,
        ];
        let mut batch = Batch::new(&words, b"PING|PING|PING|PING|", true, &[]);
        let ages: Vec<u64> = core::iter::from_fn(|| {
            let outcome = Encoder::default()
                .next(&mut batch, Role::Shared, &mut Frames::default())
                .expect("well formed");
            outcome.map(|_| batch.age(now).as_micros() / 1_000)
        })
        .collect();
        assert_eq!(ages, [0, 100, 0, 0], "a moment that is still to come is now");
    }

    #[test]
    fn arguments_that_the_shell_framed_are_one_gap() {
        let mut frames = Frames::default();
        let words = [1, 0, 30_004, 5, 1, FRAMED << LENGTH_BITS | 30_001, 400_000, 10];
        let batch = Batch::new(&words, b"ZDIFF|2|WITHSCORES|", true, &[]);
        let outcomes = outcomes(&mut Encoder::default(), batch, &mut frames);
        assert!(frames.bytes == b"*30004\r\n$5\r\nZDIFF\r\n$1\r\n2\r\n$10\r\nWITHSCORES\r\n");
        assert_eq!(frames.externals, [External { at: 26, tag: 1, index: 0 }]);
        let [Outcome::Framed { entry, size: 400_043, .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!((entry.flags, entry.shape), (0, command::Shape::Pairs as u8), "not to be sent again");
    }

    #[test]
    fn hidden_arguments_keep_the_others_in_their_places() {
        let mut seen = Seen { arguments: vec![b"a", b"b", b"c"], ..Seen::default() };
        seen.hidden = vec![(0, 2), (1, 1), (3, 1)];
        let shown = ["", "", "a", "", "b", "c", ""].map(str::as_bytes);
        assert_eq!((0..7).map(|index| seen.get(index).unwrap()).collect::<Vec<_>>(), shown);
        assert_eq!((seen.len(), seen.get(7)), (7, None));
        assert_eq!(
            (0..7).map(|index| seen.is_hidden(index)).collect::<Vec<_>>(),
            shown.map(<[u8]>::is_empty)
        );
    }

    #[test]
    fn options_that_cannot_be_seen_may_be_blocking() {
        let words = [1, 0, 34, 5, 5, 1, FRAMED << LENGTH_BITS | 30, 9_000, 1];
        let batch = Batch::new(&words, b"XREAD|COUNT|1|$|", true, &[]);
        let outcomes = outcomes(&mut Encoder::default(), batch, &mut Frames::default());
        assert!(matches!(outcomes[..], [Outcome::Refused { tag: 1, refusal: Refusal::Blocking }]));
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
            &[1, 0, 1, FRAMED << LENGTH_BITS | 1, 7],
            &[1, 0, 3, 3, FRAMED << LENGTH_BITS | 3, 7],
            &[1, 0, 2, 3, FRAMED << LENGTH_BITS | 1],
            &[STAGED_AT],
            &[CANCELLED, 0, 2, 3],
            &[1, 0, 1, BYTES << LENGTH_BITS | 9],
        ] {
            let mut batch = Batch::new(words, b"GET|", true, &[]);
            assert_eq!(
                Encoder::default().next(&mut batch, Role::Shared, &mut Frames::default()).err(),
                Some(Malformed)
            );
        }
    }
}
