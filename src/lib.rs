//! edgis is a Redis connector for edge runtimes. This crate is its core: the protocol, the state machines of the
//! connections, and every decision about them; and, as a feature, a client for Rust programs.
//!
//! # The client
//!
//! With the feature `worker` there is `Client`, for Cloudflare Workers in Rust; `client` alone is the same for any runtime
//! that implements the trait `Runtime`. `worker` needs Rust 1.91, the rest 1.85.
//!
//! # The core
//!
//! The core is *sans-I/O*. It opens no socket, reads no clock and draws no random number: bytes, the time and a random
//! seed are arguments, and what has to be done (dial, transmit, settle a promise, wake me at) comes out as rows. Nothing
//! in it is async and nothing runs in the background. The order of calls is described at [`manager::Manager`].
//!
//! | module | what it knows |
//! |---|---|
//! | [`resp`] | the grammar of RESP2 and RESP3, nothing else |
//! | [`retry`] | what is tried again after a failure |
//! | [`command`] | which commands may be sent again, which are refused, how RESP2 replies are reshaped |
//! | [`connection`] | one link to one address: handshake, what is in flight, deadlines |
//! | [`manager`] | targets, handles, dials, staging, retry; the one entry to the core |
//! | [`layout`] | where the core and the shell meet in linear memory |
//! | `driver` (features `client` and `worker`) | the client for Rust programs: tasks, streams, types |
//! | `wasm` (feature `js`) | how rows and regions of linear memory meet JavaScript |

// Makes the tests compile the guide's program.
#[cfg(all(doctest, feature = "worker"))]
#[doc = include_str!("../docs/rust.md")]
pub struct Guide;

pub mod command;
pub mod connection;
#[cfg(feature = "client")]
pub mod driver;
pub mod error;
pub mod layout;
pub mod manager;
pub mod resp;
pub mod retry;
pub mod time;
#[cfg(feature = "js")]
pub mod wasm;

#[cfg(feature = "worker")]
pub use driver::Workers;
#[cfg(feature = "client")]
pub use driver::{
    cmd, Args, Call, Client, Command, Error, ErrorKind, FromReplies, FromReply, Options, Phase, Pipeline,
    Query, Reason, Reply, Runtime, Sent, State, Stats, Status, ToArgs,
};
