//! The client of the feature `client` on a native executor, against real servers and against peers that misbehave.

mod calls;
mod chaos;
mod dropped;
mod faults;
mod memory;
mod native;
mod outages;
mod peer;
mod redis;
mod types;
