//! The task that owns a client's core and streams: what callers want goes in, what the core wants done is done.
//!
//! One poll is one turn: what has come is read, what callers want is submitted, what is to leave is written, and the core
//! is told of the time, until nothing moves any more. Everything that was submitted in a turn leaves in one write.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::connection::{self as rows, Row};
use crate::manager::{Batch, Endpoint, Manager, State};
use crate::resp::LAST;
use crate::time::Time;

use super::failure::{self, Rejection};
use super::link::{Link, News};
use super::mailbox::{Mailbox, Request};
use super::reply::Reply;
use super::runtime::{Runtime, Trouble};
use super::{Error, ErrorKind, Options};

/// Bytes that one read brings at the most.
const READ_BUFFER: usize = 64 << 10;
/// After so many rounds of one turn the other tasks of the thread have theirs.
const MOST_ROUNDS: usize = 64;
/// A stream that is to end in good order has this long for it.
const LAST_WORDS: Duration = Duration::from_secs(1);

thread_local! {
    /// Where reads go: it is needed for as long as a poll takes, so that all clients of a thread share it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A command that the core knows by its tag.
struct Waiter {
    request: Rc<Request>,
    index: usize,
    name: String,
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

/// What the core's rows act upon.
struct Hands {
    runtime: Rc<dyn Runtime>,
    mailbox: Rc<Mailbox>,
    endpoint: Option<(Endpoint, bool)>,
    server: String,
    links: Vec<Link>,
    /// Links that end in good order, and how long they have for it.
    ending: Vec<(Link, LocalBoxFuture<'static, ()>)>,
    waiters: Vec<Option<Waiter>>,
    free: Vec<u32>,
    dialling: bool,
    state: State,
    /// Callers to be woken once the core is out of reach.
    wakers: Vec<Waker>,
}

/// See the module.
pub(super) struct Engine {
    manager: Manager,
    target: u32,
    hands: Hands,
    timer: Timer,
    latest: Time,
}

impl Engine {
    pub(super) fn new(runtime: Rc<dyn Runtime>, options: &Options) -> Engine {
        let mut manager = Manager::new(runtime.seed());
        let now = time(runtime.now());
        let target = manager.configure(&options.of_core(), now);
        let config = manager.config(target).and_then(Result::ok);
        let endpoint = config.map(|config| (config.endpoint.clone(), config.tls));
        let server = config.map(|config| config.display()).unwrap_or_default();
        let mailbox = Mailbox::new(failure::status(manager.status(target)));
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
            state: State::Idle,
            wakers: Vec::new(),
        };
        Engine { manager, target, hands, timer: Timer::Off, latest: now }
    }

    pub(super) fn mailbox(&self) -> Rc<Mailbox> {
        self.hands.mailbox.clone()
    }

    pub(super) fn server(&self) -> &str {
        &self.hands.server
    }

    /// The core's time never goes back.
    fn now(&mut self) -> Time {
        self.latest = self.latest.max(time(self.hands.runtime.now()));
        self.latest
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
                    let now = self.now();
                    self.manager.drained(id, now);
                    self.drain(None);
                }
            }
        }
        self.hands.ending.retain_mut(|(link, patience)| {
            link.poll_end(cx).is_pending() && patience.as_mut().poll(cx).is_pending()
        });
        moved
    }

    fn tell(&mut self, id: u32, news: News, buffer: &[u8]) {
        let now = self.now();
        match news {
            News::Opened => {
                self.manager.opened(id, now);
                self.drain(None);
            }
            News::Received(count) => self.received(id, &buffer[..count], now),
            News::Lost(Trouble { code, text }) => {
                self.manager.lost(id, code, &text, now);
                self.drain(None);
            }
        }
    }

    fn received(&mut self, id: u32, chunk: &[u8], now: Time) {
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
        let consumed = self.manager.receive(id, bytes, now);
        self.drain(Some((id, bytes)));
        if let Some(link) = self.hands.links.iter_mut().find(|link| link.id == id) {
            link.carry = bytes[consumed..].to_vec();
        }
    }

    /// What callers want. Says whether they wanted anything.
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
            let now = self.now();
            self.manager.connect(self.target, now);
            self.drain(None);
            // Where no dial began, all that can be said is said.
            if !self.hands.dialling {
                self.hands.report(&self.manager, self.target);
            }
        }
        if mailbox.released.take() && self.hands.state != State::Closed {
            moved = true;
            let now = self.now();
            self.manager.release(self.target, now);
            self.drain(None);
        }
        moved
    }

    fn submit(&mut self, request: &Rc<Request>) {
        let commands = request.commands.take();
        if request.abandoned.get() {
            return;
        }
        let now = self.now();
        let policy = u32::from(self.manager.policy(request.policy));
        let (mut words, mut bytes) = (Vec::new(), Vec::new());
        for (index, command) in commands.into_iter().enumerate() {
            let name = command.name().into_owned();
            let tag = self.hands.wait(Waiter { request: request.clone(), index, name });
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
        let batch = Batch::new(&words, &[], true, &bytes);
        let taken = self.manager.submit(self.target, batch, now).is_ok();
        self.drain(None);
        if !taken {
            // The target is gone: it was closed with its last handle.
            let tags = request.tags.borrow().clone();
            for tag in tags {
                let error = |name: &str| failure::closed().of_command(name);
                self.hands.settle(tag, |waiter| Err(error(&waiter.name)));
            }
        }
    }

    fn abandon(&mut self, request: &Rc<Request>) {
        let now = self.now();
        let tags = request.tags.borrow().clone();
        for tag in tags {
            let ours = self.hands.waiters.get(tag as usize).and_then(Option::as_ref);
            if ours.is_some_and(|waiter| Rc::ptr_eq(&waiter.request, request)) {
                self.manager.abandon(self.target, tag, now);
                self.drain(None);
                self.hands.forget(tag);
            }
        }
    }

    /// Sees to it that the task wakes for the core's next deadline. Says whether time did anything.
    fn attend_time(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let now = self.now();
            let deadline = self.manager.deadline(0, now);
            match &mut self.timer {
                Timer::Due => {
                    self.timer = Timer::Off;
                    if deadline > now {
                        continue;
                    }
                    self.manager.advance(0, now);
                    self.drain(None);
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
    /// However it ends, nobody waits for ever.
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

impl Hands {
    fn wait(&mut self, waiter: Waiter) -> u32 {
        let tag = self.free.pop().unwrap_or_else(|| {
            self.waiters.push(None);
            self.waiters.len() as u32 - 1
        });
        self.waiters[tag as usize] = Some(waiter);
        tag
    }

    fn forget(&mut self, tag: u32) -> Option<Waiter> {
        let waiter = self.waiters.get_mut(tag as usize)?.take()?;
        self.free.push(tag);
        Some(waiter)
    }

    fn settle(&mut self, tag: u32, result: impl FnOnce(&Waiter) -> Result<Reply, Error>) {
        if let Some(waiter) = self.forget(tag) {
            let result = result(&waiter);
            self.wakers.extend(waiter.request.settle(waiter.index, result));
        }
    }

    fn token(&mut self, row: Row, source: Option<(u32, &[u8])>) {
        let Some((id, bytes)) = source else { return };
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        let Some(reply) = link.reply.token(row, bytes) else { return };
        debug_assert!(row[0] >> 8 & u32::from(LAST) != 0);
        let server = self.server.clone();
        self.settle(row[3], |waiter| match reply {
            Reply::Error(error) => {
                Err(error.of_command(&waiter.name).with(&server, super::Sent::Yes, false, None))
            }
            reply => Ok(reply),
        });
    }

    fn act(&mut self, [head, a, b, c]: Row, manager: &Manager, target: u32) {
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
                self.settle(a, |waiter| {
                    let rejection = Rejection { kind: head >> 8, detail: b, sent: c, server: &server };
                    Err(failure::rejected(
                        &waiter.name,
                        waiter.request.policy,
                        rejection,
                        manager.status(target),
                    ))
                });
                self.server = server;
            }
            rows::STATE => {
                self.state = failure::state(b);
                self.dialling &= !matches!(self.state, State::Ready | State::Disabled | State::Closed);
                self.report(manager, target);
            }
            rows::DIAL => self.dialling = true,
            // PREPARE and EXTERNAL are asked of those that look up names and hold back arguments.
            _ => {}
        }
    }

    /// Tells what is known of the connection, and those who wait for it how it ended.
    fn report(&mut self, manager: &Manager, target: u32) {
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

fn time(since: Duration) -> Time {
    Time::from_micros(since.as_micros() as u64)
}
