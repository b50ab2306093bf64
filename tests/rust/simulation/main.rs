//! The whole core in virtual time, with a scripted server at the other end of each link.
//!
//! `SEED=7 cargo test --test simulation` runs one schedule again, `SCHEDULES=1000000` runs more of them.

mod command;
mod directed;
mod paths;
mod random;
mod replaced;
mod schedule;
mod server;
mod world;

use std::panic::{catch_unwind, resume_unwind};

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn any_order_of_events_keeps_every_promise() {
    if let Some(seed) = from_environment("SEED") {
        return schedule::run(seed);
    }
    for seed in 0..from_environment("SCHEDULES").unwrap_or(20_000) {
        if let Err(panic) = catch_unwind(|| schedule::run(seed)) {
            eprintln!("Run it again with SEED={seed}.");
            resume_unwind(panic);
        }
    }
}
