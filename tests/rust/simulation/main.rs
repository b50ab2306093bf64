//! The whole core in virtual time, with a scripted server at the other end of each link.
//!
//! `SEED=7 cargo test --test simulation` runs one schedule again, `SCHEDULES=1000000` runs more of them. The schedules
//! of `tests/fuzz/corpus/manager` are those that a fuzzer found to differ from each other.

mod command;
mod directed;
mod introductions;
mod lanes;
mod oversized;
mod paths;
mod random;
mod replaced;
mod schedule;
mod scopes;
mod server;
mod shell;
mod tracking;
mod world;

use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn any_order_of_events_keeps_every_promise() {
    if let Some(seed) = from_environment("SEED") {
        return schedule::run(seed);
    }
    let schedules = from_environment("SCHEDULES").unwrap_or(100_000);
    let next = AtomicU64::new(0);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= schedules {
            return;
        }
        if let Err(panic) = catch_unwind(|| schedule::run(seed)) {
            eprintln!("Run it again with SEED={seed}.");
            next.store(schedules, Ordering::Relaxed);
            resume_unwind(panic);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn what_a_fuzzer_found_keeps_every_promise() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/manager");
    let mut count = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is checked in") {
        let path = entry.expect("a file").path();
        if let Err(panic) = catch_unwind(|| schedule::run_bytes(&std::fs::read(&path).expect("it is a file")))
        {
            eprintln!("The schedule is {}.", path.display());
            resume_unwind(panic);
        }
        count += 1;
    }
    assert!(count > 20, "{count} schedules");
}
