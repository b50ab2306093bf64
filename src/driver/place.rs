//! Tells which request is running: objects of one request of a Worker refuse to answer in another.
//!
//! The runtime does not identify requests, and which objects refuse changes between its versions: an `AbortSignal` did
//! until workerd 1.20260824. So two kinds of objects are probed, and one refusal is enough.
//!
//! - One end of a `WebSocketPair` that is never accepted: its `readyState` throws in every other request, on all versions
//!   from May 2024 on. Outside of any request none can be made.
//! - An `AsyncLocalStorage.snapshot()`: calling it throws in every other request, where the compatibility date is 2025-06-16 or
//!   later and `node:async_hooks` is there.
//!
//! The requests of a Durable Object are one place: they share sockets and timers.

use worker::js_sys::{self, Array, Function, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};

/// A request, or a Durable Object.
#[derive(Debug)]
pub(super) struct Place {
    socket: JsValue,
    snapshot: Option<Function>,
}

impl Place {
    /// The request that is being answered, if one is.
    pub(super) fn here() -> Option<Place> {
        let pair = Reflect::construct(&global("WebSocketPair")?, &Array::new()).ok()?;
        let socket = Reflect::get_u32(&pair, 0).ok()?;
        let place = Place { socket, snapshot: snapshot() };
        place.is_here().then_some(place)
    }

    /// Whether what runs now belongs to it.
    pub(super) fn is_here(&self) -> bool {
        Reflect::get(&self.socket, &"readyState".into()).is_ok()
            && self.snapshot.as_ref().is_none_or(|snapshot| answers(snapshot).is_some())
    }
}

fn global(name: &str) -> Option<Function> {
    member(&js_sys::global(), name)?.dyn_into().ok()
}

fn member(value: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(value, &name.into()).ok().filter(|member| !member.is_undefined())
}

fn snapshot() -> Option<Function> {
    let process = member(&js_sys::global(), "process")?;
    let builtin: Function = member(&process, "getBuiltinModule")?.dyn_into().ok()?;
    let hooks = builtin.call1(&process, &"node:async_hooks".into()).ok()?;
    let storage = member(&hooks, "AsyncLocalStorage")?;
    let make: Function = member(&storage, "snapshot")?.dyn_into().ok()?;
    make.call0(&storage).ok()?.dyn_into().ok()
}

/// Runs what does nothing in the place of the snapshot.
fn answers(snapshot: &Function) -> Option<JsValue> {
    snapshot.call1(&JsValue::UNDEFINED, &global("Object")?.into()).ok()
}
