//! A byte stream on its way from asked for to gone: opening, reading, writing. It knows no RESP.

use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reply::Assembler;
use super::runtime::{Stream, Trouble};

/// A link that holds more unsent bytes asks for a pause, and takes more when half of them have left.
const HIGH_WATER: usize = 1 << 20;
/// Memory for unsent bytes is given back when it was more.
const KEPT: usize = 64 << 10;

type Opening = LocalBoxFuture<'static, Result<Box<dyn Stream>, Trouble>>;

enum State {
    Opening(Opening),
    Open(Box<dyn Stream>),
    /// It has told its trouble: it is not touched again.
    Gone,
}

/// An event of a link.
pub(super) enum News {
    Opened,
    /// So many bytes have come.
    Received(usize),
    /// It is of no use any more.
    Lost(Trouble),
}

/// See the module.
pub(super) struct Link {
    pub(super) id: u32,
    state: State,
    out: Vec<u8>,
    /// How many of them have left.
    left: usize,
    unflushed: bool,
    blocked: bool,
    /// Received, and not consumed by the core.
    pub(super) carry: Vec<u8>,
    pub(super) reply: Assembler,
}

impl Link {
    pub(super) fn new(id: u32, opening: Opening) -> Link {
        Link {
            id,
            state: State::Opening(opening),
            out: Vec::new(),
            left: 0,
            unflushed: false,
            blocked: false,
            carry: Vec::new(),
            reply: Assembler::default(),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Whether it has just asked for a pause (`Some(true)`), or the pause is over (`Some(false)`).
    pub(super) fn pressure(&mut self) -> Option<bool> {
        let unsent = self.out.len() - self.left;
        let blocked = if self.blocked { unsent > HIGH_WATER / 2 } else { unsent > HIGH_WATER };
        let changed = blocked != self.blocked;
        self.blocked = blocked;
        changed.then_some(blocked)
    }

    fn fail(&mut self, trouble: Trouble) -> News {
        // After an error a stream is not polled again: some never answer then, and some panic.
        self.state = State::Gone;
        News::Lost(trouble)
    }

    /// The next event of the stream.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<News> {
        match &mut self.state {
            State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                Ok(stream) => {
                    self.state = State::Open(stream);
                    Poll::Ready(News::Opened)
                }
                Err(trouble) => Poll::Ready(self.fail(trouble)),
            },
            State::Open(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                match ready!(Pin::new(stream).poll_read(cx, &mut buffer)) {
                    Ok(()) if buffer.filled().is_empty() => {
                        let text = "the peer closed the connection".to_string();
                        Poll::Ready(self.fail(Trouble { code: "END", text }))
                    }
                    Ok(()) => Poll::Ready(News::Received(buffer.filled().len())),
                    Err(error) => Poll::Ready(self.fail(error.into())),
                }
            }
            State::Gone => Poll::Pending,
        }
    }

    /// Writes what there is to write; ready when something went wrong.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        match ready!(self.poll_out(cx)) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(self.fail(error.into())),
        }
    }

    /// Ready when everything has left.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        while self.left < self.out.len() {
            // A stream may take a copy of what it is shown and answer later: what was shown stays where it is until then,
            // and more comes behind it only.
            let count = ready!(Pin::new(&mut *stream).poll_write(cx, &self.out[self.left..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left += count;
            self.unflushed = true;
        }
        if self.left > 0 {
            self.left = 0;
            self.out.clear();
            self.out.shrink_to(KEPT);
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the stream in good order; ready when that is done, or cannot be.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.poll_out(cx)).is_ok() {
            if let State::Open(stream) = &mut self.state {
                let _ = ready!(Pin::new(stream).poll_shutdown(cx));
            }
        }
        self.state = State::Gone;
        Poll::Ready(())
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }
}
