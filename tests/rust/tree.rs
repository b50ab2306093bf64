//! A caller of the reader as the contract of its tokens wants it: keeps unconsumed bytes, diverts big values, and
//! builds the replies. Every flag is checked on the way.

use edgis::resp::{Kind, Limits, Parser, ProtocolError, Token, ASCII, MORE, SKIP, TOO_DEEP};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    Double(Vec<u8>),
    Bool(bool),
    BigNumber(Vec<u8>),
    Verbatim(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    /// It broke a limit.
    Skipped,
}

/// A big value under way: where it goes and how much of it is still to come.
struct Diverted {
    skip: bool,
    /// It stands behind its format rather than behind a line's end.
    verbatim: bool,
    len: usize,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Builder {
    open: Vec<(Kind, usize, Vec<Value>)>,
    done: Vec<Value>,
    big: Option<Diverted>,
    /// What there is of a text that comes in parts.
    text: Option<Vec<u8>>,
    /// The reply is nested too deep: its tokens mean nothing any more.
    flat: bool,
}

impl Builder {
    fn take(&mut self, token: Token, buf: &[u8]) {
        let dropped = token.flags & SKIP != 0;
        if self.flat && !matches!(token.kind, Kind::Big | Kind::BigEnd) {
            return self.end_flat(token);
        }
        let goes_on = token.kind == Kind::BigEnd || self.text.is_some();
        let starts = self.open.is_empty() && !goes_on && !dropped && !self.flat;
        assert_eq!(token.is_first(), starts, "FIRST of {token:?}");
        let mut before = self.text.take().unwrap_or_default();
        let mut text = || {
            let text = buf[token.a as usize..token.b as usize].to_vec();
            assert_eq!(token.flags & ASCII != 0, text.is_ascii(), "ASCII of {token:?}");
            before.extend_from_slice(&text);
            std::mem::take(&mut before)
        };
        if token.flags & MORE != 0 {
            assert!(!token.is_last());
            self.text = Some(match token.kind {
                Kind::Skipped => Vec::new(),
                Kind::Simple | Kind::Error | Kind::BigNumber => text(),
                kind => panic!("{kind:?} comes in parts"),
            });
            return;
        }
        let value = match token.kind {
            Kind::Null => Value::Null,
            Kind::Simple => Value::Simple(text()),
            Kind::Error => Value::Error(text()),
            Kind::Int => Value::Int(token.int()),
            Kind::Bulk => Value::Bulk(text()),
            Kind::Double => Value::Double(text()),
            Kind::Bool => Value::Bool(token.a == 1),
            Kind::BigNumber => Value::BigNumber(text()),
            Kind::Verbatim => Value::Verbatim(text()),
            Kind::Big => {
                let content = &buf[token.b as usize..];
                let bytes = content[..content.len().min(token.a as usize)].to_vec();
                let verbatim = buf[token.b as usize - 1] == b':';
                self.big = Some(Diverted { skip: dropped, verbatim, len: token.a as usize, bytes });
                return assert!(!token.is_last());
            }
            Kind::BigEnd => {
                let big = self.big.take().expect("BigEnd without Big");
                assert_eq!((big.bytes.len(), big.skip), (big.len, dropped));
                if dropped {
                    return assert!(!token.is_last());
                }
                if self.flat {
                    return self.end_flat(token);
                }
                if big.verbatim {
                    Value::Verbatim(big.bytes)
                } else {
                    Value::Bulk(big.bytes)
                }
            }
            Kind::Skipped if token.a == TOO_DEEP => {
                self.flat = true;
                return self.end_flat(token);
            }
            Kind::Skipped => Value::Skipped,
            Kind::Array | Kind::Map | Kind::Set | Kind::Push => {
                let pairs = if token.kind == Kind::Map { 2 } else { 1 };
                self.open.push((token.kind, token.a as usize * pairs, Vec::new()));
                return self.close(token);
            }
        };
        self.add(value);
        self.close(token);
    }

    fn end_flat(&mut self, token: Token) {
        if token.is_last() {
            self.flat = false;
            self.open.clear();
            self.done.push(Value::Skipped);
        }
    }

    fn add(&mut self, value: Value) {
        match self.open.last_mut() {
            Some((_, _, items)) => items.push(value),
            None => self.done.push(value),
        }
    }

    fn close(&mut self, token: Token) {
        while self.open.last().is_some_and(|(_, count, items)| items.len() == *count) {
            let (kind, _, items) = self.open.pop().unwrap();
            self.add(match kind {
                Kind::Array => Value::Array(items),
                Kind::Map => Value::Map(items),
                Kind::Set => Value::Set(items),
                _ => Value::Push(items),
            });
        }
        assert_eq!(token.is_last(), self.open.is_empty(), "LAST of {token:?}");
    }
}

/// Reads a stream that arrives in chunks.
pub(crate) struct Reader {
    parser: Parser,
    waiting: Vec<u8>,
    builder: Builder,
}

impl Reader {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { parser: Parser::new(limits), waiting: Vec::new(), builder: Builder::default() }
    }

    pub(crate) fn feed(&mut self, mut chunk: &[u8]) -> Result<(), ProtocolError> {
        if let Some(big) = &mut self.builder.big {
            let (content, rest) = chunk.split_at(chunk.len().min(big.len - big.bytes.len()));
            big.bytes.extend_from_slice(content);
            chunk = rest;
            if big.bytes.len() < big.len {
                return Ok(());
            }
        }
        self.waiting.extend_from_slice(chunk);
        if self.waiting.is_empty() {
            return Ok(());
        }
        let Self { parser, waiting, builder } = self;
        let consumed = parser.parse(waiting, |token| builder.take(token, waiting))?;
        let diverted = builder.big.as_ref().map_or(0, |big| big.len - big.bytes.len());
        assert_eq!(parser.big_missing(), diverted as u64);
        assert!(diverted == 0 || consumed == waiting.len(), "a big value takes the whole buffer");
        self.waiting.drain(..consumed);
        Ok(())
    }

    /// The replies that are complete, and whether bytes or values are still open.
    pub(crate) fn into_replies(self) -> (Vec<Value>, bool) {
        let Builder { open, big, text, .. } = &self.builder;
        let open = !self.waiting.is_empty() || !open.is_empty() || big.is_some() || text.is_some();
        (self.builder.done, open)
    }
}

/// What `chunks` give: the complete replies, whether something is left open, and the error if there was one. The
/// chunks behind an error must meet the same error.
pub(crate) fn read<'a>(
    limits: Limits,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Value>, bool, Option<ProtocolError>) {
    let mut reader = Reader::new(limits);
    let mut error = None;
    for chunk in chunks {
        match (error, reader.feed(chunk)) {
            (None, result) => error = result.err(),
            (Some(error), result) => assert_eq!(result, Err(error), "the error latches"),
        }
    }
    let (replies, open) = reader.into_replies();
    (replies, open || error.is_some(), error)
}
