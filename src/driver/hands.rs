//! Carries out the core's rows on streams, callers and the reported state of the connection.

use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::connection::{self as rows, Row};
use crate::error::Failure;
use crate::manager::{Endpoint, Manager, State};
use crate::resp::LAST;

use super::failure::{self, Rejection};
use super::link::Link;
use super::mailbox::{Mailbox, Request};
use super::reply::Reply;
use super::runtime::Runtime;
use super::{Error, ErrorKind, Sent};

/// A stream that is to end in good order has this long for it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A command that the core knows by its tag.
pub(super) struct Waiter {
    pub(super) request: Rc<Request>,
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) trial: Trial,
}

/// How a command stands to the dial that it began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// It began none.
    None,
    /// It waits for it.
    Waits,
    /// The dial has failed.
    Failed,
}

/// See the module.
pub(super) struct Hands {
    pub(super) runtime: Rc<dyn Runtime>,
    pub(super) mailbox: Rc<Mailbox>,
    pub(super) endpoint: Option<(Endpoint, bool)>,
    pub(super) server: String,
    pub(super) links: Vec<Link>,
    /// Links that end in good order, and how long they have for it.
    pub(super) ending: Vec<(Link, LocalBoxFuture<'static, ()>)>,
    pub(super) waiters: Vec<Option<Waiter>>,
    pub(super) free: Vec<u32>,
    pub(super) dialling: bool,
    /// Commands that wait for the dial that they began while the server was known to be away; and some that were settled
    /// meanwhile.
    pub(super) trying: Vec<u32>,
    /// The same of those whose dial has failed.
    pub(super) failed: Vec<u32>,
    pub(super) state: State,
    /// Callers to be woken once the core is out of reach.
    pub(super) wakers: Vec<Waker>,
}

impl Hands {
    pub(super) fn wait(&mut self, waiter: Waiter) -> u32 {
        let tag = self.free.pop().unwrap_or_else(|| {
            self.waiters.push(None);
            self.waiters.len() as u32 - 1
        });
        self.waiters[tag as usize] = Some(waiter);
        tag
    }

    pub(super) fn forget(&mut self, tag: u32) -> Option<Waiter> {
        let waiter = self.waiters.get_mut(tag as usize)?.take()?;
        self.free.push(tag);
        Some(waiter)
    }

    /// How a command stands to the dial that it began.
    pub(super) fn trial(&self, tag: u32) -> Trial {
        let waiter = self.waiters.get(tag as usize).and_then(Option::as_ref);
        waiter.map_or(Trial::None, |waiter| waiter.trial)
    }

    /// The dial that commands wait for has ended.
    fn end_trials(&mut self, ended: Trial) {
        for tag in std::mem::take(&mut self.trying) {
            // Its tag may be another's by now.
            let waiter = self.waiters.get_mut(tag as usize).and_then(Option::as_mut);
            let Some(waiter) = waiter.filter(|waiter| waiter.trial == Trial::Waits) else { continue };
            waiter.trial = ended;
            if ended == Trial::Failed {
                self.failed.push(tag);
            }
        }
    }

    pub(super) fn settle(&mut self, tag: u32, result: impl FnOnce(&Waiter) -> Result<Reply, Error>) {
        if let Some(waiter) = self.forget(tag) {
            let result = result(&waiter);
            self.wakers.extend(waiter.request.settle(waiter.index, result));
        }
    }

    pub(super) fn token(&mut self, row: Row, source: Option<(u32, &[u8])>) {
        let Some((id, bytes)) = source else { return };
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        let Some(reply) = link.reply.token(row, bytes) else { return };
        debug_assert!(row[0] >> 8 & u32::from(LAST) != 0);
        let server = self.server.clone();
        self.settle(row[3], |waiter| match reply {
            Reply::Error(error) => Err(error.of_command(&waiter.name).with(&server, Sent::Yes, false, None)),
            reply => Ok(reply),
        });
    }

    pub(super) fn act(&mut self, [head, a, b, c]: Row, manager: &Manager, target: u32) {
        match head & 0xff {
            rows::TRANSMIT => {
                let bytes = manager.output().frames.bytes.get(b as usize..(b + c) as usize);
                if let (Some(link), Some(bytes)) = (self.links.iter_mut().find(|link| link.id == a), bytes) {
                    link.write(bytes);
                }
            }
            rows::OPEN => {
                if let Some((endpoint, tls)) = &self.endpoint {
                    let opening = self.runtime.open(endpoint, *tls);
                    self.links.push(Link::new(a, opening));
                }
            }
            rows::CLOSE => {
                if let Some(index) = self.links.iter().position(|link| link.id == a) {
                    let link = self.links.swap_remove(index);
                    if b == 1 && link.is_open() {
                        self.ending.push((link, self.runtime.delay(LAST_WORDS)));
                    }
                }
            }
            rows::ABORT => {
                if let Some(link) = self.links.iter_mut().find(|link| link.id == a) {
                    link.reply.abort();
                }
            }
            rows::REJECT => {
                let server = std::mem::take(&mut self.server);
                let known = manager.status(target);
                let mut rejection = Rejection { kind: head >> 8, detail: b, sent: c, server: &server };
                // Its own time was over with that of the dial: why the dial failed says more.
                let failed = self.trial(a) == Trial::Failed;
                if let Some(reason) = known.and_then(|known| known.reason).filter(|_| failed) {
                    rejection.kind = Failure::Disabled as u32;
                    rejection.detail = reason as u32;
                }
                self.settle(a, |waiter| {
                    Err(failure::rejected(&waiter.name, waiter.request.policy, rejection, known))
                });
                self.server = server;
            }
            rows::STATE => {
                self.state = failure::state(b);
                match self.state {
                    State::Idle | State::Connecting => {}
                    State::Disabled => self.end_trials(Trial::Failed),
                    State::Ready | State::Closed => self.end_trials(Trial::None),
                }
                self.dialling &= !matches!(self.state, State::Ready | State::Disabled | State::Closed);
                self.report(manager, target);
            }
            rows::DIAL => self.dialling = true,
            // PREPARE and EXTERNAL are asked of those that look up names and hold back arguments.
            _ => {}
        }
    }

    /// Tells what is known of the connection, and those who wait for it how it ended.
    pub(super) fn report(&mut self, manager: &Manager, target: u32) {
        let status = failure::status(manager.status(target));
        let result = match status.state {
            State::Ready => Some(Ok(())),
            State::Disabled if !self.dialling => Some(Err(failure::unreachable(&status, &self.server))),
            State::Closed => Some(Err(Error::new(ErrorKind::Closed, "the client was closed".into()))),
            _ => None,
        };
        *self.mailbox.status.borrow_mut() = status;
        if let (Some(result), true) = (result, self.mailbox.is_awaited()) {
            self.mailbox.settle(result);
        }
    }
}
