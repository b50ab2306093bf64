//! Replies as values, and how they are put together from the core's tokens.

use crate::connection::Row;
use crate::resp::{Kind, LAST, MORE, SKIP};

use super::Error;

/// A reply as the server sent it. [`FromReply`](super::FromReply) converts it into most types.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// No value.
    Null,
    /// A status line, as in `OK`.
    Status(String),
    /// An integer.
    Int(i64),
    /// A string: any bytes.
    Bytes(Vec<u8>),
    /// A floating-point number (RESP3).
    Double(f64),
    /// A boolean (RESP3).
    Bool(bool),
    /// The digits of an integer of any size (RESP3).
    BigNumber(String),
    /// A list.
    Array(Vec<Reply>),
    /// Pairs in the server's order (RESP3).
    Map(Vec<(Reply, Reply)>),
    /// A set in the server's order (RESP3).
    Set(Vec<Reply>),
    /// An error inside of a list. One that is the whole reply is an `Err` of the call.
    Error(Error),
}

impl Reply {
    /// The name of its type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Reply::Null => "null",
            Reply::Status(_) => "a status",
            Reply::Int(_) => "an integer",
            Reply::Bytes(_) => "a string",
            Reply::Double(_) => "a double",
            Reply::Bool(_) => "a boolean",
            Reply::BigNumber(_) => "a big number",
            Reply::Array(_) => "an array",
            Reply::Map(_) => "a map",
            Reply::Set(_) => "a set",
            Reply::Error(_) => "an error",
        }
    }
}

/// Memory for a large value is taken in steps: a length alone, without its bytes, takes little.
const STEP: usize = 1 << 20;

#[derive(Debug)]
struct Open {
    kind: Kind,
    left: usize,
    items: Vec<Reply>,
}

#[derive(Debug)]
struct Big {
    bytes: Vec<u8>,
    missing: usize,
    /// Its caller is gone: its bytes are counted and dropped.
    skipped: bool,
}

/// The reply that is being received on a link.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    open: Vec<Open>,
    big: Option<Big>,
    /// The received part of a text that comes in parts.
    part: Vec<u8>,
}

impl Assembler {
    /// Takes what belongs to a large value from the front of `chunk`; gives how many bytes those were. The core must not
    /// see them.
    pub(super) fn divert(&mut self, chunk: &[u8]) -> usize {
        let Some(big) = &mut self.big else { return 0 };
        let count = big.missing.min(chunk.len());
        if !big.skipped {
            big.bytes.extend_from_slice(&chunk[..count]);
        }
        big.missing -= count;
        count
    }

    /// Drops what is built of the current reply.
    pub(super) fn abort(&mut self) {
        self.open.clear();
        self.part = Vec::new();
        if let Some(big) = &mut self.big {
            big.skipped = true;
            big.bytes = Vec::new();
        }
    }

    /// A token of the reply, whose offsets point into `bytes`. Gives the reply that it completes.
    pub(super) fn token(&mut self, [head, a, b, _]: Row, bytes: &[u8]) -> Option<Reply> {
        let flags = (head >> 8) as u8;
        let mut joined = Vec::new();
        let last_part = bytes.get(a as usize..b as usize);
        if flags & MORE != 0 || !self.part.is_empty() {
            self.part.extend_from_slice(last_part.unwrap_or_default());
            if flags & MORE != 0 {
                return None;
            }
            joined = std::mem::take(&mut self.part);
        }
        let text = || if joined.is_empty() { last_part.unwrap_or_default() } else { &joined };
        let value = match kind_of(head) {
            Kind::Big => {
                let content = bytes.get(b as usize..).unwrap_or_default();
                let content = &content[..content.len().min(a as usize)];
                let skipped = flags & SKIP != 0;
                let mut kept = Vec::new();
                if !skipped {
                    kept.reserve((a as usize).min(STEP));
                    kept.extend_from_slice(content);
                }
                self.big = Some(Big { bytes: kept, missing: a as usize - content.len(), skipped });
                return None;
            }
            Kind::BigEnd => {
                let big = self.big.take()?;
                if big.skipped {
                    return None;
                }
                Reply::Bytes(big.bytes)
            }
            kind @ (Kind::Array | Kind::Map | Kind::Set | Kind::Push) => {
                let left = a as usize * if kind == Kind::Map { 2 } else { 1 };
                let items = Vec::with_capacity(left.min(1_024));
                self.open.push(Open { kind, left, items });
                return self.close(flags);
            }
            // The core shows nothing of what it skips.
            Kind::Null | Kind::Skipped => Reply::Null,
            Kind::Simple => Reply::Status(lossy(text())),
            Kind::Error => Reply::Error(Error::reply(&lossy(text()))),
            Kind::Int => Reply::Int((u64::from(a) | u64::from(b) << 32) as i64),
            Kind::Bulk | Kind::Verbatim => Reply::Bytes(text().to_vec()),
            Kind::Double => Reply::Double(lossy(text()).parse().unwrap_or(f64::NAN)),
            Kind::Bool => Reply::Bool(a == 1),
            Kind::BigNumber => Reply::BigNumber(lossy(text())),
        };
        match self.open.last_mut() {
            None => Some(value),
            Some(open) => {
                open.items.push(value);
                open.left -= 1;
                self.close(flags)
            }
        }
    }

    /// Closes the aggregates that are complete.
    fn close(&mut self, flags: u8) -> Option<Reply> {
        while self.open.last().is_some_and(|open| open.left == 0) {
            let open = self.open.pop()?;
            let value = match open.kind {
                Kind::Map => Reply::Map(pairs(open.items)),
                Kind::Set => Reply::Set(open.items),
                _ => Reply::Array(open.items),
            };
            match self.open.last_mut() {
                None => {
                    debug_assert!(flags & LAST != 0);
                    return Some(value);
                }
                Some(outer) => {
                    outer.items.push(value);
                    outer.left -= 1;
                }
            }
        }
        None
    }
}

pub(super) fn pairs(items: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn kind_of(head: u32) -> Kind {
    const KINDS: [Kind; 15] = [
        Kind::Null,
        Kind::Simple,
        Kind::Error,
        Kind::Int,
        Kind::Bulk,
        Kind::Double,
        Kind::Bool,
        Kind::BigNumber,
        Kind::Verbatim,
        Kind::Array,
        Kind::Map,
        Kind::Set,
        Kind::Push,
        Kind::Big,
        Kind::BigEnd,
    ];
    KINDS.get((head & 0xff) as usize).copied().unwrap_or(Kind::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_numbers_back() {
        for number in 0..15 {
            assert_eq!(kind_of(number) as u32, number);
        }
    }
}
