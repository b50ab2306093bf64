//! Where callers and the task that owns the connection meet: what is wanted on one side, what is known on the other.
//!
//! Nothing of the core is reached from a caller's stack, and no caller's code runs while the core is: a caller leaves what
//! it wants here and wakes the task.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use crate::error::Reason;
use crate::manager::{Policy, State, Stats};

use super::command::Command;
use super::reply::Reply;
use super::Error;

/// The state of a client's connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// Why it is disabled, or why its link was lost. It knows what to do about it.
    pub reason: Option<Reason>,
    /// Describes what happened, with every address that was tried.
    pub message: Option<String>,
    /// The fix, for the reader.
    pub hint: Option<&'static str>,
    /// Whether it is dialled again by itself.
    pub retryable: bool,
    /// The address that answered, or that failed.
    pub address: Option<String>,
    /// Dials that failed since the last success.
    pub attempts: u32,
}

/// Commands that are written together, and what became of each.
#[derive(Debug)]
pub(super) struct Request {
    /// Taken when they leave for the core.
    pub(super) commands: RefCell<Vec<Command>>,
    pub(super) policy: Policy,
    /// Their tags, once they have any.
    pub(super) tags: RefCell<Vec<u32>>,
    results: RefCell<Vec<Option<Result<Reply, Error>>>>,
    left: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    /// Its caller has dropped it.
    pub(super) abandoned: Cell<bool>,
}

impl Request {
    pub(super) fn new(commands: Vec<Command>, policy: Policy) -> Rc<Request> {
        let count = commands.len();
        Rc::new(Request {
            commands: RefCell::new(commands),
            policy,
            tags: RefCell::default(),
            results: RefCell::new((0..count).map(|_| None).collect()),
            left: Cell::new(count),
            waker: RefCell::default(),
            abandoned: Cell::new(false),
        })
    }

    /// One of its commands has ended. Gives who is to be woken, once the last has.
    pub(super) fn settle(&self, index: usize, result: Result<Reply, Error>) -> Option<Waker> {
        let mut results = self.results.borrow_mut();
        let slot = results.get_mut(index).filter(|slot| slot.is_none())?;
        *slot = Some(result);
        self.left.set(self.left.get() - 1);
        if self.left.get() > 0 {
            return None;
        }
        self.waker.borrow_mut().take()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.left.get() == 0
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Vec<Result<Reply, Error>>> {
        if self.is_settled() {
            return Poll::Ready(self.results.take().into_iter().flatten().collect());
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// The one connection attempt that everybody who asks waits for. It settles always: a dial has a deadline.
pub(super) type Connection = Shared<LocalBoxFuture<'static, Result<(), Error>>>;

/// Settles a connection.
#[derive(Default)]
struct Settler {
    result: RefCell<Option<Result<(), Error>>>,
    waker: RefCell<Option<Waker>>,
}

struct Settled(Rc<Settler>);

impl Future for Settled {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.0.result.borrow_mut().take() {
            return Poll::Ready(result);
        }
        *self.0.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// See the module.
pub(super) struct Mailbox {
    /// Requests on their way to the core.
    pub(super) requests: RefCell<Vec<Rc<Request>>>,
    /// Requests that were dropped after they had left.
    pub(super) abandoned: RefCell<Vec<Rc<Request>>>,
    /// A caller wants the connection.
    pub(super) wanted: Cell<bool>,
    /// The last handle is gone.
    pub(super) released: Cell<bool>,
    /// The task has ended, and nothing will be answered.
    ended: Cell<bool>,
    pub(super) status: RefCell<Status>,
    pub(super) stats: Cell<Stats>,
    connection: RefCell<Option<(Connection, Rc<Settler>)>>,
    task: RefCell<Option<Waker>>,
}

impl Mailbox {
    pub(super) fn new(status: Status) -> Rc<Mailbox> {
        Rc::new(Mailbox {
            requests: RefCell::default(),
            abandoned: RefCell::default(),
            wanted: Cell::new(false),
            released: Cell::new(false),
            ended: Cell::new(false),
            status: RefCell::new(status),
            stats: Cell::default(),
            connection: RefCell::default(),
            task: RefCell::default(),
        })
    }

    /// Puts a request in. Returns false if the task has ended.
    pub(super) fn post(&self, request: &Rc<Request>) -> bool {
        if self.ended.get() {
            return false;
        }
        self.requests.borrow_mut().push(request.clone());
        self.wake();
        true
    }

    /// The caller of a request has gone.
    pub(super) fn abandon(&self, request: &Rc<Request>) {
        request.abandoned.set(true);
        if !request.is_settled() && !self.ended.get() {
            self.abandoned.borrow_mut().push(request.clone());
            self.wake();
        }
    }

    /// The connection attempt that is under way, else a new one.
    pub(super) fn connection(&self) -> Option<Connection> {
        if self.ended.get() {
            return None;
        }
        let mut connection = self.connection.borrow_mut();
        let (shared, _) = connection.get_or_insert_with(|| {
            let settler = Rc::new(Settler::default());
            (Settled(settler.clone()).boxed_local().shared(), settler)
        });
        self.wanted.set(true);
        self.wake();
        Some(shared.clone())
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.connection.borrow().is_some()
    }

    /// The connection attempt has ended.
    pub(super) fn settle(&self, result: Result<(), Error>) {
        let Some((_, settler)) = self.connection.borrow_mut().take() else { return };
        *settler.result.borrow_mut() = Some(result);
        let waker = settler.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The task will be woken by what is put in from now on.
    pub(super) fn attend(&self, waker: &Waker) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    pub(super) fn wake(&self) {
        // Cloned: a waker may run anything.
        let waker = self.task.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Marks the task as ended.
    pub(super) fn end(&self) {
        self.ended.set(true);
        self.task.borrow_mut().take();
    }
}
