//! Reads the options of a target from a JavaScript object.
//!
//! By hand: a derived deserialiser brings the printing of floats along, for error messages that nobody sees, and with
//! it a fifth of the module.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use crate::manager::Options;

/// A property that is missing or of another type is as if it had not been given: the shell has checked them.
pub(super) fn read(object: &JsValue) -> Options {
    let text = |name: &str| property(object, name).as_string();
    let number = |name: &str| property(object, name).as_f64().unwrap_or(0.0);
    let flag = |name: &str| property(object, name).as_bool().unwrap_or(false);
    Options {
        problem: text("problem"),
        url: text("url"),
        username: text("username"),
        password: text("password"),
        db: property(object, "db").as_f64(),
        name: text("name"),
        tls: flag("tls"),
        protocol: number("protocol"),
        dynamic_credentials: flag("dynamicCredentials"),
        resolves: flag("resolves"),
        connect_timeout: number("connectTimeout"),
        retry_base: number("retryBase"),
        retry_cap: number("retryCap"),
        max_staged: number("maxStaged"),
        max_staged_bytes: number("maxStagedBytes"),
        max_bulk: number("maxBulk"),
        max_depth: number("maxDepth"),
    }
}

// Seventeen copies of it would be three kilobytes.
#[inline(never)]
fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}
