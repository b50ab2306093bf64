//! The boundary to JavaScript: numbers in, rows out. No decision about Redis is made here.
//!
//! All exports take numbers. What is more than a number stands in the regions of [`memory`], and what is to be done
//! comes back there; what is asked for comes back as a `JsValue`.

pub mod memory;
mod options;

use std::cell::Cell;

use js_sys::Promise;
use serde::{Serialize, Serializer};
use wasm_bindgen::prelude::*;

use crate::command::Refusal;
#[cfg(doc)]
use crate::manager::Options;
use crate::manager::{Batch, Endpoint, Manager, Policy, State};
use crate::resp::owned;
use crate::time::{Duration, Time};
use memory::Memory;

/// The engine's core. There is one a module instance, and so one a thread.
struct Core {
    manager: Manager,
    memory: Memory,
    /// The connection promise of each target: every caller gets this very promise while it is pending.
    connections: Vec<(u32, Promise)>,
}

thread_local! {
    /// It lives as long as the instance. While a call is in it, it is not here: a call that panics takes it along.
    static CORE: Cell<Option<&'static mut Core>> = const { Cell::new(None) };
}

#[inline(never)]
fn take() -> &'static mut Core {
    CORE.take().expect("start() comes first, and nothing comes after a panic")
}

#[inline(never)]
fn give(core: &'static mut Core) {
    CORE.set(Some(core));
}

fn with<T>(act: impl FnOnce(&mut Core) -> T) -> T {
    let core = take();
    let value = act(core);
    give(core);
    value
}

/// Runs `act` on the core and publishes what it wants done.
fn mutate<T>(now: f64, act: impl FnOnce(&mut Core, Time) -> T) -> T {
    with(|core| {
        let now = Time::from_millis(now);
        let value = act(core, now);
        let deadline = core.manager.deadline(core.manager.scope(), now);
        core.memory.publish(core.manager.output(), deadline);
        value
    })
}

/// A value on its way to JavaScript, where arrays of them are given names. Structs of their own would each bring a
/// serializer along.
enum Field<'a> {
    Nothing,
    Flag(bool),
    Number(f64),
    Text(&'a str),
}

impl<'a> Field<'a> {
    fn text(text: Option<&'a str>) -> Field<'a> {
        text.map_or(Field::Nothing, Field::Text)
    }
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Field::Nothing => serializer.serialize_unit(),
            Field::Flag(flag) => serializer.serialize_bool(flag),
            Field::Number(number) => serializer.serialize_f64(number),
            Field::Text(text) => serializer.serialize_str(text),
        }
    }
}

fn to_js(fields: &[Field<'_>]) -> JsValue {
    serde_wasm_bindgen::to_value(fields).unwrap_or(JsValue::UNDEFINED)
}

/// Makes the core; gives the address of the header. `seed` spreads backoffs.
#[wasm_bindgen]
pub fn start(seed: f64) -> u32 {
    let memory = Memory::new();
    let header = memory.header_address();
    let core = Core { manager: Manager::new(seed.to_bits()), memory, connections: Vec::new() };
    CORE.set(Some(Box::leak(Box::new(core))));
    header
}

/// Registers a target whose [`Options`] stand in the words of a batch and in its text; `src/wasm/options.rs` says how.
///
/// Gives an array of the target's number, host, port, Unix path, whether TLS is spoken, its identity (what makes two
/// targets the same), and how many commands and bytes may wait. The identity holds secrets: it is for comparing only.
#[wasm_bindgen]
pub fn configure(now: f64) -> JsValue {
    mutate(now, |core, now| {
        let options = options::read(&core.memory.meta, &core.memory.text);
        let target = core.manager.configure(&options, now);
        let number = Field::Number(f64::from(target));
        let Some(Ok(config)) = core.manager.config(target) else { return to_js(&[number]) };
        let (host, port, path) = match &config.endpoint {
            Endpoint::Tcp { host, port } => {
                (Field::Text(host), Field::Number(f64::from(*port)), Field::Nothing)
            }
            Endpoint::Unix { path } => (Field::Nothing, Field::Nothing, Field::Text(path)),
        };
        let (tls, identity) = (Field::Flag(config.tls), config.identity());
        let most = [config.max_staged, config.max_staged_bytes].map(|most| Field::Number(most as f64));
        let [staged, bytes] = most;
        to_js(&[number, host, port, path, tls, Field::Text(&identity), staged, bytes])
    })
}

/// Releases a target: its last handle was closed.
#[wasm_bindgen]
pub fn release(target: u32, now: f64) {
    mutate(now, |core, now| core.manager.release(target, now));
}

/// The number of a policy, from milliseconds.
#[wasm_bindgen]
pub fn policy(connect: u32, command: u32, waits: bool, total: bool) -> u32 {
    let duration = |millis: u32| Duration::from_millis(u64::from(millis));
    let policy = Policy { connect: duration(connect), command: duration(command), waits, total };
    with(|core| u32::from(core.manager.policy(policy)))
}

/// Keeps THE connection promise of a target for everybody. Its settler is the shell's, so that it is settled even when
/// this instance has died.
#[wasm_bindgen]
pub fn keep_connection(target: u32, promise: Promise) {
    with(|core| {
        let Core { manager, connections, .. } = core;
        connections.retain(|(owner, _)| *owner != target && manager.config(*owner).is_some());
        connections.push((target, promise));
    });
}

/// The connection promise of a target, if there is one.
#[wasm_bindgen]
pub fn connection(target: u32) -> Option<Promise> {
    with(|core| {
        core.connections.iter().find(|(owner, _)| *owner == target).map(|(_, promise)| promise.clone())
    })
}

/// Dies, as by a bug: for tests of what the shell does then.
#[wasm_bindgen]
pub fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable()
}

/// Asks for the target to become ready.
#[wasm_bindgen]
pub fn connect(target: u32, now: f64) {
    mutate(now, |core, now| core.manager.connect(target, now));
}

/// Each link of the target is to tell of changes of keys with the prefix whose `length` bytes stand in the text.
#[wasm_bindgen]
pub fn track(target: u32, length: usize, now: f64) {
    mutate(now, |core, _| {
        let [prefix, ..] = core.memory.texts([length, 0, 0]);
        core.manager.track(target, prefix);
    });
}

/// A tick's commands: `words` of meta, then `text` bytes of UTF-8 and `bytes` bytes behind them. False when they do not
/// agree, which is a bug.
#[wasm_bindgen]
pub fn submit(target: u32, words: usize, text: usize, ascii: bool, bytes: usize, now: f64) -> bool {
    mutate(now, |core, now| {
        let Core { manager, memory, .. } = core;
        let (Some(meta), Some(all)) = (memory.meta.get(..words), memory.text.get(..text + bytes)) else {
            return false;
        };
        let (text, bytes) = all.split_at(text);
        manager.submit(target, Batch::new(meta, text, ascii, bytes), now).is_ok()
    })
}

/// `length` bytes have come on a link and stand in the chunk region.
#[wasm_bindgen]
pub fn receive(link: u32, length: usize, now: f64) {
    mutate(now, |core, now| {
        let Core { manager, memory, .. } = core;
        let bytes = memory.received(link, length);
        let rest = bytes.len() - manager.receive(link, bytes, now);
        if rest > 0 {
            memory.forget(&|link| manager.is_alive(link));
            memory.carry(link, rest, length);
        }
    });
}

/// The transport has connected a link.
#[wasm_bindgen]
pub fn opened(link: u32, now: f64) {
    mutate(now, |core, now| core.manager.opened(link, now));
}

/// The transport has let go of a link, or could not connect it: `code` and then `text` bytes say why.
#[wasm_bindgen]
pub fn lost(link: u32, code: usize, text: usize, now: f64) {
    mutate(now, |core, now| {
        let [code, text, _] = core.memory.texts([code, text, 0]);
        core.manager.lost(link, code, text, now);
    });
}

/// The transport asks not to be written to.
#[wasm_bindgen]
pub fn blocked(link: u32) {
    with(|core| core.manager.blocked(link));
}

/// The transport takes bytes again.
#[wasm_bindgen]
pub fn drained(link: u32, now: f64) {
    mutate(now, |core, now| core.manager.drained(link, now));
}

/// The addresses of a dial are known, in one text with one a line; behind it, where a function gives them and
/// `secret` says so, user and password.
#[wasm_bindgen]
pub fn prepared(
    target: u32,
    dial: u32,
    addresses: usize,
    secret: bool,
    user: usize,
    password: usize,
    now: f64,
) {
    mutate(now, |core, now| {
        let [addresses, user, password] = core.memory.texts([addresses, user, password]);
        // The library's search for the ends of lines is larger than the whole of this.
        let mut lines = Vec::new();
        for line in addresses.as_bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            lines.push(owned(core::str::from_utf8(line).unwrap_or_default()));
        }
        let credentials = secret.then(|| (owned(user), owned(password)));
        core.manager.prepared(target, dial, lines, credentials, now);
    });
}

/// The addresses or credentials of a dial cannot be had: `code` and then `text` bytes say why.
#[wasm_bindgen]
pub fn unprepared(target: u32, dial: u32, code: usize, text: usize, now: f64) {
    mutate(now, |core, now| {
        let [code, text, _] = core.memory.texts([code, text, 0]);
        core.manager.unprepared(target, dial, code, text, now);
    });
}

/// Gives up the commands whose tags stand in the first `count` words of a batch. Those that the server cannot have seen
/// are marked there with [`UNSENT`](crate::manager::UNSENT).
#[wasm_bindgen]
pub fn abandon_all(target: u32, count: usize, now: f64) {
    mutate(now, |core, now| {
        let Core { manager, memory, .. } = core;
        if let Some(tags) = memory.meta.get_mut(..count) {
            manager.abandon_all(target, tags, now);
        }
    });
}

/// Time has passed in a scope.
#[wasm_bindgen]
pub fn advance(scope: u32, now: f64) {
    mutate(now, |core, now| core.manager.advance(scope, now));
}

/// Forgets a scope that has ended, without rows about it.
#[wasm_bindgen]
pub fn forget(scope: u32) {
    mutate(0.0, |core, _| {
        let Core { manager, memory, .. } = core;
        manager.forget(scope);
        memory.forget(&|link| manager.is_alive(link));
    });
}

/// A target's [`Status`](crate::manager::Status): an array of the numbers of its state and reason, its message, the
/// reason's hint, whether it will be dialled again, since when not before when, its address, attempts, and since when.
#[wasm_bindgen]
pub fn status(target: u32) -> JsValue {
    with(|core| {
        let Some(status) = core.manager.status(target) else { return JsValue::UNDEFINED };
        let reason = status.reason.map_or(Field::Nothing, |reason| Field::Number(f64::from(reason as u8)));
        let disabled = status.reason.filter(|_| status.state == State::Disabled);
        to_js(&[
            Field::Number(f64::from(status.state as u8)),
            reason,
            Field::text(status.message),
            Field::text(status.reason.map(|reason| reason.hint())),
            disabled.map_or(Field::Nothing, |reason| Field::Flag(reason.retryable())),
            status.retry_at.map_or(Field::Nothing, Field::Number),
            Field::text(status.address),
            Field::Number(f64::from(status.attempts)),
            Field::Number(status.since),
        ])
    })
}

/// A target's [`Stats`](crate::manager::Stats): an array of its fields in the order of their declaration.
#[wasm_bindgen]
pub fn stats(target: u32) -> JsValue {
    with(|core| {
        let Some(stats) = core.manager.stats(target) else { return JsValue::UNDEFINED };
        let counts = [
            stats.dials,
            stats.connects,
            stats.state_changes,
            stats.commands,
            stats.timeouts,
            stats.disabled,
            stats.resent,
            stats.bytes_in,
            stats.bytes_out,
            stats.pushes_dropped,
        ];
        to_js(&counts.map(Field::Number))
    })
}

/// Why a command was refused and what to use instead.
#[wasm_bindgen]
pub fn refusal_text(refusal: u8) -> JsValue {
    Refusal::of(refusal).map_or(JsValue::UNDEFINED, |refusal| JsValue::from_str(refusal.text()))
}
