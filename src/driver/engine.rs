//! The task that owns a client's core and streams. It submits callers' commands and carries out the core's rows.
//!
//! One poll is one turn: read from the streams, submit callers' commands, write, and advance the core's time, until
//! nothing moves. All commands submitted in a turn leave in one write.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::connection as rows;
use crate::error::Failure;
use crate::manager::{Batch, Manager, Policy, State};
use crate::time::Time;

use super::failure::{self, Rejection};
use super::hands::{Hands, Trial, Waiter};
use super::link::News;
use super::mailbox::{Mailbox, Request};
use super::runtime::{Outages, Runtime, Trouble};
use super::Options;

/// Bytes that one read brings at the most.
const READ_BUFFER: usize = 64 << 10;
/// After so many rounds of one turn the other tasks of the thread have theirs.
const MOST_ROUNDS: usize = 64;

thread_local! {
    /// Where reads go: it is needed for as long as a poll takes, so that all clients of a thread share it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

enum Timer {
    Off,
    /// It fires at this moment or a little later.
    Armed(Time, LocalBoxFuture<'static, ()>),
    /// It has fired. A thread that was blocked may have replies in its sockets: they are read first.
    Late(LocalBoxFuture<'static, ()>),
    /// They have been read.
    Due,
}

/// The one scope of a client's core: other than 0, which has nothing to do with what others know.
const SCOPE: u32 = 1;

/// See the module.
pub(super) struct Engine {
    manager: Manager,
    target: u32,
    hands: Hands,
    timer: Timer,
    outages: Outages,
}

impl Engine {
    pub(super) fn new(runtime: Rc<dyn Runtime>, options: &Options) -> Engine {
        let mut manager = Manager::new(runtime.seed());
        let outages = runtime.outages();
        let now = latest(&outages, &*runtime);
        manager.exchange(&mut outages.breakers.borrow_mut());
        let target = manager.configure(&options.of_core(SCOPE), now);
        manager.exchange(&mut outages.breakers.borrow_mut());
        let config = manager.config(target).and_then(Result::ok);
        let endpoint = config.map(|config| (config.endpoint.clone(), config.tls));
        let server = config.map(|config| config.display()).unwrap_or_default();
        let status = failure::status(manager.status(target));
        let state = status.state;
        let mailbox = Mailbox::new(status);
        let hands = Hands {
            runtime,
            mailbox,
            endpoint,
            server,
            links: Vec::new(),
            ending: Vec::new(),
            waiters: Vec::new(),
            free: Vec::new(),
            dialling: false,
            trying: Vec::new(),
            failed: Vec::new(),
            state,
            wakers: Vec::new(),
        };
        Engine { manager, target, hands, timer: Timer::Off, outages }
    }

    pub(super) fn mailbox(&self) -> Rc<Mailbox> {
        self.hands.mailbox.clone()
    }

    pub(super) fn server(&self) -> &str {
        &self.hands.server
    }

    fn now(&self) -> Time {
        latest(&self.outages, &*self.hands.runtime)
    }

    /// One mutation of the core, and all that it wants done.
    fn mutate<T>(&mut self, act: impl FnOnce(&mut Manager, Time) -> T) -> T {
        self.mutate_with(None, act)
    }

    fn mutate_with<T>(
        &mut self,
        source: Option<(u32, &[u8])>,
        act: impl FnOnce(&mut Manager, Time) -> T,
    ) -> T {
        let now = self.now();
        self.manager.exchange(&mut self.outages.breakers.borrow_mut());
        let value = act(&mut self.manager, now);
        self.manager.exchange(&mut self.outages.breakers.borrow_mut());
        self.drain(source);
        value
    }

    /// Does what the last mutation wants done. `source`: the link that bytes came on, and the bytes.
    fn drain(&mut self, source: Option<(u32, &[u8])>) {
        let Engine { manager, hands, target, .. } = self;
        for row in &manager.output().rows {
            if row[0] & 0xff < rows::ACTION {
                hands.token(*row, source);
            } else {
                hands.act(*row, manager, *target);
            }
        }
    }

    /// Reads what has come. Says whether anything had.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let ids: Vec<u32> = self.hands.links.iter().map(|link| link.id).collect();
        let mut buffer = BUFFER.take();
        buffer.resize(READ_BUFFER, 0);
        for id in ids {
            let Some(link) = self.hands.links.iter_mut().find(|link| link.id == id) else { continue };
            let Poll::Ready(news) = link.poll_read(cx, &mut buffer) else { continue };
            moved = true;
            self.tell(id, news, &buffer);
        }
        BUFFER.set(buffer);
        moved
    }

    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let ids: Vec<u32> = self.hands.links.iter().map(|link| link.id).collect();
        for id in ids {
            let Some(link) = self.hands.links.iter_mut().find(|link| link.id == id) else { continue };
            if let Poll::Ready(news) = link.poll_write(cx) {
                moved = true;
                self.tell(id, news, &[]);
                continue;
            }
            match link.pressure() {
                None => {}
                Some(true) => self.manager.blocked(id),
                Some(false) => {
                    moved = true;
                    self.mutate(|manager, now| manager.drained(id, now));
                }
            }
        }
        self.hands.ending.retain_mut(|(link, patience)| {
            link.poll_end(cx).is_pending() && patience.as_mut().poll(cx).is_pending()
        });
        moved
    }

    fn tell(&mut self, id: u32, news: News, buffer: &[u8]) {
        match news {
            News::Opened => self.mutate(|manager, now| manager.opened(id, now)),
            News::Received(count) => self.received(id, &buffer[..count]),
            News::Lost(Trouble { code, text }) => {
                self.mutate(|manager, now| manager.lost(id, code, &text, now))
            }
        }
    }

    fn received(&mut self, id: u32, chunk: &[u8]) {
        let Some(link) = self.hands.links.iter_mut().find(|link| link.id == id) else { return };
        let chunk = &chunk[link.reply.divert(chunk)..];
        if chunk.is_empty() {
            return;
        }
        let mut carried = std::mem::take(&mut link.carry);
        let bytes = if carried.is_empty() {
            chunk
        } else {
            carried.extend_from_slice(chunk);
            &carried[..]
        };
        let consumed = self.mutate_with(Some((id, bytes)), |manager, now| manager.receive(id, bytes, now));
        if let Some(link) = self.hands.links.iter_mut().find(|link| link.id == id) {
            link.carry = bytes[consumed..].to_vec();
        }
    }

    /// Takes callers' requests out of the mailbox. Returns whether there were any.
    fn take_mail(&mut self) -> bool {
        let mailbox = self.mailbox();
        let mut moved = false;
        let abandoned = mailbox.abandoned.take();
        let requests = mailbox.requests.take();
        moved |= !abandoned.is_empty() || !requests.is_empty();
        for request in abandoned {
            self.abandon(&request);
        }
        for request in requests {
            self.submit(&request);
        }
        if mailbox.wanted.take() {
            moved = true;
            let target = self.target;
            self.mutate(|manager, now| manager.connect(target, now));
            // No dial to wait for: report the state now.
            if !self.hands.dialling || self.hands.state == State::Ready {
                self.hands.report(&self.manager, self.target);
            }
        }
        if mailbox.released.take() && self.hands.state != State::Closed {
            moved = true;
            let target = self.target;
            self.mutate(|manager, now| manager.release(target, now));
        }
        moved |= !self.hands.failed.is_empty();
        for tag in std::mem::take(&mut self.hands.failed) {
            self.turn_away(tag);
        }
        moved
    }

    fn submit(&mut self, request: &Rc<Request>) {
        let commands = request.commands.take();
        if request.abandoned.get() {
            return;
        }
        let tries = self.tries(request.policy);
        let waits = request.policy.waits || tries;
        let policy = u32::from(self.manager.policy(Policy { waits, ..request.policy }));
        let (mut words, mut bytes) = (Vec::new(), Vec::new());
        for (index, command) in commands.into_iter().enumerate() {
            let name = command.name().into_owned();
            let trial = if tries { Trial::Waits } else { Trial::None };
            let tag = self.hands.wait(Waiter { request: request.clone(), index, name, trial });
            request.tags.borrow_mut().push(tag);
            let arguments = command.len() as u32 + 1;
            if words.is_empty() {
                (words, bytes) = (command.words, command.bytes);
                words[..3].copy_from_slice(&[tag, policy, arguments]);
            } else {
                words.extend_from_slice(&[tag, policy, arguments]);
                words.extend_from_slice(&command.words[3..]);
                bytes.extend_from_slice(&command.bytes);
            }
        }
        if tries {
            self.hands.trying.extend_from_slice(&request.tags.borrow());
        }
        let (target, batch) = (self.target, Batch::new(&words, &[], true, &bytes));
        let taken = self.mutate(|manager, now| manager.submit(target, batch, now).is_ok());
        if !taken {
            // The target is gone: it was closed with its last handle.
            let tags = request.tags.borrow().clone();
            for tag in tags {
                let error = |name: &str| failure::closed().of_command(name);
                self.hands.settle(tag, |waiter| Err(error(&waiter.name)));
            }
        }
    }

    /// Whether the next command waits for a dial although the server is known to be away: the one that begins it. A client
    /// that lives for one request would be gone before a dial in the background has ended.
    fn tries(&mut self, policy: Policy) -> bool {
        if policy.waits || self.hands.state != State::Disabled || self.hands.dialling {
            return false;
        }
        let target = self.target;
        self.mutate(|manager, now| manager.connect(target, now));
        self.hands.dialling
    }

    /// The dial that this command began has failed.
    fn turn_away(&mut self, tag: u32) {
        let waiter = self.hands.waiters.get(tag as usize).and_then(Option::as_ref);
        let Some(waiter) = waiter.filter(|waiter| waiter.trial == Trial::Failed) else { return };
        let status = self.manager.status(self.target);
        let detail = status.and_then(|status| status.reason).map_or(0, |reason| reason as u32);
        let kind = Failure::Disabled as u32;
        let rejection = Rejection { kind, detail, sent: 0, server: &self.hands.server };
        let error = failure::rejected(&waiter.name, waiter.request.policy, rejection, status);
        let target = self.target;
        self.mutate(|manager, now| manager.abandon(target, tag, now));
        self.hands.settle(tag, |_| Err(error));
    }

    fn abandon(&mut self, request: &Rc<Request>) {
        let target = self.target;
        let tags = request.tags.borrow().clone();
        for tag in tags {
            let ours = self.hands.waiters.get(tag as usize).and_then(Option::as_ref);
            if ours.is_some_and(|waiter| Rc::ptr_eq(&waiter.request, request)) {
                self.mutate(|manager, now| manager.abandon(target, tag, now));
                self.hands.forget(tag);
            }
        }
    }

    /// Sees to it that the task wakes for the core's next deadline. Says whether time did anything.
    fn attend_time(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let now = self.now();
            let deadline = self.manager.deadline(SCOPE, now);
            match &mut self.timer {
                Timer::Due => {
                    self.timer = Timer::Off;
                    if deadline > now {
                        continue;
                    }
                    self.mutate(|manager, now| manager.advance(SCOPE, now));
                    return true;
                }
                Timer::Late(pause) => {
                    if pause.as_mut().poll(cx).is_pending() {
                        return false;
                    }
                    self.timer = Timer::Due;
                    return true;
                }
                _ if deadline <= now => self.timer = Timer::Late(self.hands.runtime.delay(Duration::ZERO)),
                // One that fires too early does no harm, and spares a timer for each command.
                Timer::Armed(at, pause) if *at <= deadline => {
                    if pause.as_mut().poll(cx).is_pending() {
                        return false;
                    }
                    self.timer = Timer::Off;
                }
                _ if deadline == Time::NEVER => return false,
                Timer::Off | Timer::Armed(..) => {
                    let millis = deadline.since(now).as_micros().div_ceil(1_000).clamp(1, 86_400_000);
                    let pause = self.hands.runtime.delay(Duration::from_millis(millis));
                    self.timer = Timer::Armed(deadline, pause);
                }
            }
        }
    }

    /// Whether nothing is left to be done, now and later.
    fn is_over(&self) -> bool {
        self.hands.state == State::Closed && self.hands.links.is_empty() && self.hands.ending.is_empty()
    }
}

impl Future for Engine {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let engine = &mut *self;
        engine.hands.mailbox.attend(cx.waker());
        // Woken from another request, which must not touch what is its own: it is woken again by that.
        if !engine.hands.runtime.is_here() {
            return Poll::Pending;
        }
        let mut rounds = 0;
        loop {
            // Read first: a link that has ended is known to have before anything is written to it.
            let mut moved = engine.read(cx);
            moved |= engine.take_mail();
            moved |= engine.write(cx);
            moved |= !moved && engine.attend_time(cx);
            if !moved {
                break;
            }
            rounds += 1;
            if rounds == MOST_ROUNDS {
                cx.waker().wake_by_ref();
                break;
            }
        }
        if let Some(stats) = engine.manager.stats(engine.target) {
            engine.hands.mailbox.stats.set(stats);
        }
        for waker in std::mem::take(&mut engine.hands.wakers) {
            waker.wake();
        }
        if engine.is_over() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Engine {
    /// Settles all requests, however the task ends.
    fn drop(&mut self) {
        let mailbox = self.mailbox();
        mailbox.end();
        for request in mailbox.requests.take() {
            for (index, command) in request.commands.take().iter().enumerate() {
                let error = failure::closed().of_command(&command.name());
                self.hands.wakers.extend(request.settle(index, Err(error)));
            }
        }
        let server = self.hands.server.clone();
        for tag in 0..self.hands.waiters.len() as u32 {
            self.hands.settle(tag, |waiter| {
                Err(failure::closed().of_command(&waiter.name).with(&server, super::Sent::Maybe, false, None))
            });
        }
        mailbox.settle(Err(failure::closed()));
        for waker in std::mem::take(&mut self.hands.wakers) {
            waker.wake();
        }
    }
}

/// The core's time never goes back.
fn latest(outages: &Outages, runtime: &dyn Runtime) -> Time {
    let now = Time::from_micros(runtime.now().as_micros() as u64);
    let latest = outages.latest.get().map_or(now, |latest| latest.max(now));
    outages.latest.set(Some(latest));
    latest
}
