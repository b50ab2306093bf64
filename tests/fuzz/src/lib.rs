//! What is fuzzed, one function a target. Each takes any bytes and panics where the core breaks a promise.
//!
//! The bytes of a target are read from the front, so that what a fuzzer appends or changes later leaves the beginning
//! as it was. `split`, `limits` and `url` begin with a head of a fixed length; `manager` is a schedule of the
//! simulation (`tests/rust/simulation`), whose every choice takes a byte.

mod arguments;
mod limits;
mod split;
mod url;

// Of the simulation's and the properties' modules, whose tests use more of them.
#[allow(dead_code)]
#[path = "../../rust/simulation/command.rs"]
mod command;
#[allow(dead_code)]
#[path = "../../rust/simulation/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../../rust/simulation/schedule.rs"]
mod schedule;
#[allow(dead_code)]
#[path = "../../rust/simulation/server.rs"]
mod server;
#[path = "../../rust/simulation/shell.rs"]
mod shell;
#[allow(dead_code)]
#[path = "../../rust/tree.rs"]
mod tree;
#[allow(dead_code)]
#[path = "../../rust/simulation/world.rs"]
mod world;

pub use arguments::arguments;
pub use limits::limits;
pub use split::split;
pub use url::url;

/// Operations on the whole core, in any order, with servers that may say anything: each command is settled exactly once,
/// in time, with a reply of its own, and nothing is left at the end.
pub fn manager(data: &[u8]) {
    schedule::run_bytes(data);
}
