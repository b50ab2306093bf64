//! Derives the properties of a command from its arguments.

use super::{Args, Info, Refusal, Shape};
use crate::resp::{is_word, whole};

/// How to get from the arguments of one command to its [`Info`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// The same with all arguments.
    Is(Info),
    /// Read-only; `then` when `word` stands among the arguments from index `from` on.
    With { word: &'static str, from: u8, then: Shape, otherwise: Shape },
    /// Read-only with `numkeys key …` in front; `Pairs` when WITHSCORES stands behind the keys.
    SetOperation,
    /// By the first argument.
    Sub(&'static Family),
    /// SORT: read-only without STORE.
    Sort,
    /// GEORADIUS, GEORADIUSBYMEMBER: read-only without STORE and STOREDIST.
    GeoRadius,
    /// ZADD: a score with INCR, otherwise a count.
    Zadd,
    /// ZPOPMIN, ZPOPMAX: one member without a count, pairs with one.
    Zpop,
    /// XREAD and XREADGROUP: blocking with BLOCK.
    StreamRead { read_only: bool },
    /// ACL LOG: a list, or RESET.
    AclLog,
}

/// The subcommands of a command; unknown ones have no flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// The command without a subcommand.
    pub(super) bare: Info,
    /// Names of those that are just read-only, separated by spaces. Entries in `of` would take five times the space.
    pub(super) reads: &'static str,
    /// The others.
    pub(super) of: &'static [(&'static str, Rule)],
}

impl Rule {
    pub(super) fn apply<A: Args + ?Sized>(&self, args: &A) -> Info {
        match *self {
            Self::Is(info) => info,
            Self::With { word, from, then, otherwise } => {
                reading(if has(args, from.into(), word) { then } else { otherwise })
            }
            Self::SetOperation => {
                let keys = args.get(0).and_then(whole).unwrap_or(0);
                let scored = has(args, (keys as usize).saturating_add(1), "WITHSCORES");
                reading(if scored { Shape::Pairs } else { Shape::None })
            }
            Self::Sub(Family { bare, reads, of }) => match args.get(0) {
                None => *bare,
                Some(word)
                    if reads.as_bytes().split(|byte| *byte == b' ').any(|name| is_word(word, name)) =>
                {
                    reading(Shape::None)
                }
                Some(word) => of
                    .iter()
                    .find(|(name, _)| is_word(word, name.as_bytes()))
                    .map_or(Info::default(), |(_, rule)| rule.apply(args)),
            },
            // A key or pattern of that name costs a retry; an unseen STORE would run twice.
            Self::Sort if has(args, 0, "STORE") => Info::default(),
            Self::Sort => reading(Shape::None),
            Self::GeoRadius if has(args, 0, "STORE") || has(args, 0, "STOREDIST") => Info::default(),
            Self::GeoRadius => reading(if has(args, 1, "WITHCOORD") { Shape::Places } else { Shape::None }),
            Self::Zadd => writing(if adds_to_score(args) { Shape::Double } else { Shape::None }),
            Self::Zpop => writing(if args.len() > 1 { Shape::Pairs } else { Shape::Member }),
            Self::StreamRead { read_only } => {
                let shape = Shape::Streams;
                match blocks(args) {
                    true => blocking(shape),
                    false if read_only => reading(shape),
                    false => writing(shape),
                }
            }
            Self::AclLog if has(args, 1, "RESET") => Info::default(),
            Self::AclLog => reading(Shape::AclLog),
        }
    }
}

pub(super) const fn reading(shape: Shape) -> Info {
    Info { flags: Info::READ_ONLY, shape, refusal: None }
}

pub(super) const fn writing(shape: Shape) -> Info {
    Info { flags: 0, shape, refusal: None }
}

pub(super) const fn blocking(shape: Shape) -> Info {
    Info { flags: Info::BLOCKING, shape, refusal: Some(Refusal::Blocking) }
}

pub(super) const fn refused(refusal: Refusal) -> Info {
    Info { flags: 0, shape: Shape::None, refusal: Some(refusal) }
}

fn has<A: Args + ?Sized>(args: &A, from: usize, word: &str) -> bool {
    (from..args.len()).any(|at| args.get(at).is_some_and(|argument| is_word(argument, word.as_bytes())))
}

/// Looks among the options of ZADD, which end at the first score: a member may be called INCR.
fn adds_to_score<A: Args + ?Sized>(args: &A) -> bool {
    let mut at = 1;
    while let Some(argument) = args.get(at) {
        if is_word(argument, b"INCR") {
            return true;
        }
        if !["NX", "XX", "GT", "LT", "CH"].iter().any(|word| is_word(argument, word.as_bytes())) {
            return false;
        }
        at += 1;
    }
    false
}

/// Looks for BLOCK among the options in front of STREAMS: a stream or consumer may be called BLOCK.
fn blocks<A: Args + ?Sized>(args: &A) -> bool {
    let mut at = 0;
    while let Some(argument) = args.get(at) {
        match argument {
            // An argument that is not visible may be BLOCK.
            _ if args.is_hidden(at) || is_word(argument, b"BLOCK") => return true,
            _ if is_word(argument, b"STREAMS") => return false,
            _ if is_word(argument, b"GROUP") => at += 3,
            _ if is_word(argument, b"COUNT") => at += 2,
            // NOACK, or an option of a later server: what follows it may be its value or the next option.
            _ => at += 1,
        }
    }
    false
}
