//! The client for Rust programs: [`Client`], on Cloudflare Workers (feature `worker`) or on any runtime that is described
//! by [`Runtime`] (feature `client`).
//!
//! It drives the same core as the npm package: which commands are sent again, when a server is dialled, what a link is
//! doubted for, is decided by [`manager`](crate::manager) alone. Here are tasks, streams, timers and types.
//!
//! ```text
//!  caller ──call()──▶ Batch ──post──▶ Mailbox ──take──▶ Engine ──submit──▶ core
//!    ▲                                                    │ ▲  ◀── rows ──┘
//!    └──────────── Request: settled, woken ───────────────┘ └─ Link: stream
//! ```
//!
//! One task, spawned with the client, owns the core, the streams and the timer. It ends when the last handle is dropped;
//! if it ends earlier, pending calls fail.

mod client;
mod command;
mod engine;
mod error;
mod failure;
mod from_reply;
mod hands;
mod link;
mod mailbox;
mod options;
#[cfg(feature = "worker")]
mod place;
mod reply;
mod runtime;
#[cfg(feature = "worker")]
mod workers;

pub use crate::error::{Phase, Reason};
pub use crate::manager::{State, Stats};
pub use client::{Call, Client, Pipeline, Query};
pub use command::{cmd, Args, Command, ToArgs};
pub use error::{Error, ErrorKind, Sent};
pub use from_reply::{FromReplies, FromReply};
pub use mailbox::Status;
pub use options::Options;
pub use reply::Reply;
pub use runtime::{Endpoint, Outages, Runtime, Stream, Trouble};
#[cfg(feature = "worker")]
pub use workers::Workers;
