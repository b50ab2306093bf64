//! The boundary to JavaScript: numbers in, rows out. No decision about Redis is made here.
//!
//! The exports that are called per tick take and return numbers only and hand everything else over in
//! [`memory`]; the others, called per dial or on request, speak `JsValue`.

pub mod memory;
mod options;

use std::cell::RefCell;

use js_sys::{Function, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::command::Refusal;
use crate::error::Reason;
#[cfg(doc)]
use crate::manager::Options;
use crate::manager::{Batch, Endpoint, Manager, Policy};
use crate::time::Time;
use memory::Memory;

/// The engine's core. There is one a module instance, and so one a thread.
struct Core {
    manager: Manager,
    memory: Memory,
    /// THE connection promise of each target: whoever asks while it is pending gets this very promise.
    connections: Vec<Option<Promise>>,
}

thread_local! {
    static CORE: RefCell<Option<Core>> = const { RefCell::new(None) };
}

/// Runs `act` on the core and publishes what it wants done.
fn mutate<T>(now: f64, act: impl FnOnce(&mut Core, Time) -> T) -> T {
    CORE.with_borrow_mut(|core| {
        let core = core.as_mut().expect("start() comes first");
        let now = Time::from_millis(now);
        let value = act(core, now);
        let deadline = core.manager.deadline(now);
        core.memory.publish(core.manager.output(), deadline);
        value
    })
}

fn read<T>(look: impl FnOnce(&Core) -> T) -> T {
    CORE.with_borrow(|core| look(core.as_ref().expect("start() comes first")))
}

/// Structs go over as tuples: their fields' names would bring a cache of strings along, and are known to the shell.
fn to_js(value: &impl Serialize) -> JsValue {
    serde_wasm_bindgen::to_value(value).unwrap_or(JsValue::UNDEFINED)
}

/// Makes the core; gives the address of the header. `seed` spreads backoffs.
#[wasm_bindgen]
pub fn start(seed: f64) -> u32 {
    let memory = Memory::new();
    let header = memory.header_address();
    let core = Core { manager: Manager::new(seed.to_bits()), memory, connections: Vec::new() };
    CORE.replace(Some(core));
    header
}

/// Registers a target; see [`Options`], and `src/wasm/options.rs` for how they are packed.
///
/// Gives an array of the target's number, host, port, Unix path, whether TLS is spoken, and its identity: what makes two
/// targets the same. The identity holds secrets: it is for comparing only.
#[wasm_bindgen]
pub fn configure(texts: &str, numbers: &[f64], now: f64) -> JsValue {
    let options = options::read(texts, numbers);
    let target = mutate(now, |core, now| core.manager.configure(&options, now));
    read(|core| {
        let Some(Ok(config)) = core.manager.config(target) else { return to_js(&(target,)) };
        let (host, port, path) = match &config.endpoint {
            Endpoint::Tcp { host, port } => (Some(host), Some(*port), None),
            Endpoint::Unix { path } => (None, None, Some(path)),
        };
        to_js(&(target, host, port, path, config.tls, config.identity()))
    })
}

/// Nobody holds the target any more.
#[wasm_bindgen]
pub fn release(target: u32, now: f64) {
    mutate(now, |core, now| core.manager.release(target, now));
}

/// The number of a policy, from milliseconds.
#[wasm_bindgen]
pub fn policy(connect: f64, command: f64, waits: bool, total: bool) -> u32 {
    let duration = |millis: f64| Time::from_millis(millis).since(Time::ZERO);
    let policy = Policy { connect: duration(connect), command: duration(command), waits, total };
    mutate(0.0, |core, _| u32::from(core.manager.policy(policy)))
}

/// Makes THE connection promise of a target and keeps it for everybody; `keep` gets its settler, so that the shell can
/// settle it even when this instance has died.
#[wasm_bindgen]
pub fn connection(target: u32, keep: &Function) -> Promise {
    let promise = Promise::new(&mut |resolve, _| {
        let _ = keep.call1(&JsValue::NULL, &resolve);
    });
    CORE.with_borrow_mut(|core| {
        let connections = &mut core.as_mut().expect("start() comes first").connections;
        let index = target as usize;
        if connections.len() <= index {
            connections.resize(index + 1, None);
        }
        connections[index] = Some(promise.clone());
    });
    promise
}

/// The connection promise of a target, if one was made.
#[wasm_bindgen]
pub fn current_connection(target: u32) -> Option<Promise> {
    read(|core| core.connections.get(target as usize).cloned().flatten())
}

/// Dies, as by a bug: for tests of what the shell does then.
#[wasm_bindgen]
pub fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable()
}

/// Somebody wants the target to be ready.
#[wasm_bindgen]
pub fn connect(target: u32, now: f64) {
    mutate(now, |core, now| core.manager.connect(target, now));
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
            memory.forget(|link| manager.is_alive(link));
            memory.carry(link, rest, length);
        }
    });
}

/// The transport has connected a link.
#[wasm_bindgen]
pub fn opened(link: u32, now: f64) {
    mutate(now, |core, now| core.manager.opened(link, now));
}

/// The transport has let go of a link, or could not connect it.
#[wasm_bindgen]
pub fn lost(link: u32, code: &str, text: &str, now: f64) {
    mutate(now, |core, now| core.manager.lost(link, code, text, now));
}

/// The transport asks not to be written to.
#[wasm_bindgen]
pub fn blocked(link: u32) {
    CORE.with_borrow_mut(|core| core.as_mut().expect("start() comes first").manager.blocked(link));
}

/// The transport takes bytes again.
#[wasm_bindgen]
pub fn drained(link: u32, now: f64) {
    mutate(now, |core, now| core.manager.drained(link, now));
}

/// The addresses (one a line; and the credentials, where a function gives them) of a dial are known.
#[wasm_bindgen]
pub fn prepared(
    target: u32,
    dial: u32,
    addresses: &str,
    user: Option<String>,
    password: Option<String>,
    now: f64,
) {
    let credentials = password.map(|password| (user.unwrap_or_default(), password));
    let addresses = addresses.lines().map(String::from).collect();
    mutate(now, |core, now| core.manager.prepared(target, dial, addresses, credentials, now));
}

/// The addresses or credentials of a dial cannot be had.
#[wasm_bindgen]
pub fn unprepared(target: u32, dial: u32, code: &str, text: &str, now: f64) {
    mutate(now, |core, now| core.manager.unprepared(target, dial, code, text, now));
}

/// The caller of a command does not wait any more.
#[wasm_bindgen]
pub fn abandon(target: u32, tag: u32, now: f64) {
    mutate(now, |core, now| core.manager.abandon(target, tag, now));
}

/// Time has passed.
#[wasm_bindgen]
pub fn advance(now: f64) {
    mutate(now, |core, now| core.manager.advance(now));
}

/// A target's [`Status`](crate::manager::Status): an array of its fields in the order of their declaration.
#[wasm_bindgen]
pub fn status(target: u32) -> JsValue {
    read(|core| {
        let Some(status) = core.manager.status(target) else { return JsValue::UNDEFINED };
        to_js(&(
            status.state,
            status.reason,
            status.message,
            status.hint,
            status.retryable,
            status.retry_at,
            status.address,
            status.attempts,
            status.since,
        ))
    })
}

/// A target's [`Stats`](crate::manager::Stats): an array of its fields in the order of their declaration.
#[wasm_bindgen]
pub fn stats(target: u32) -> JsValue {
    read(|core| {
        let Some(stats) = core.manager.stats(target) else { return JsValue::UNDEFINED };
        to_js(&[
            stats.dials,
            stats.connects,
            stats.state_changes,
            stats.commands,
            stats.timeouts,
            stats.disabled,
            stats.resent,
            stats.bytes_in,
            stats.bytes_out,
        ])
    })
}

/// Why a command was refused and what to use instead.
#[wasm_bindgen]
pub fn refusal_text(refusal: u8) -> Option<String> {
    Refusal::of(refusal).map(|refusal| refusal.text().to_string())
}

/// The name of a reason.
#[wasm_bindgen]
pub fn reason_name(reason: u8) -> Option<String> {
    Reason::of(reason).map(|reason| reason.name().to_string())
}
