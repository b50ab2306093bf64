//! A target: its settings, its nodes, and the route that chooses a node for a command.

use crate::error::Reason;

use super::batch::Encoder;
use super::config::{Config, Invalid};
use super::node::Node;

/// The value of `status().state`: the state of the shared lane of the target's node. The numbers are part of the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Not used yet, or unused for so long that its link was closed.
    Idle = 0,
    /// A dial is under way; commands wait for it.
    Connecting = 1,
    /// Commands are written.
    Ready = 2,
    /// The last dial failed; commands are told at once, unless they ask to wait.
    Disabled = 3,
    /// The last handle was closed.
    Closed = 4,
}

impl State {
    /// The name that users see.
    pub fn name(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Connecting => "connecting",
            State::Ready => "ready",
            State::Disabled => "disabled",
            State::Closed => "closed",
        }
    }
}

/// Counters of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Dials begun.
    pub dials: f64,
    /// Links that became ready.
    pub connects: f64,
    /// State changes.
    pub state_changes: f64,
    /// Commands accepted, refused or rejected.
    pub commands: f64,
    /// Commands whose deadline passed.
    pub timeouts: f64,
    /// Commands rejected because the target was disabled.
    pub disabled: f64,
    /// Commands that were sent again after their link died.
    pub resent: f64,
    /// Bytes received.
    pub bytes_in: f64,
    /// Bytes sent, those that the shell holds not included.
    pub bytes_out: f64,
    /// Pushes of the server that were not wanted, and dropped.
    pub pushes_dropped: f64,
}

/// The result of `status()`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status<'a> {
    /// Where it stands.
    pub state: State,
    /// Why it is disabled, or why its link was lost. It knows what to do about it.
    pub reason: Option<Reason>,
    /// Describes what happened, with every address that was tried.
    pub message: Option<&'a str>,
    /// When it is disabled and can be dialled again: not before this moment, in the caller's milliseconds.
    pub retry_at: Option<f64>,
    /// The address that answered, or that failed.
    pub address: Option<&'a str>,
    /// Dials that failed since the last success.
    pub attempts: u32,
    /// Since when it is in this state, in the caller's milliseconds.
    pub since: f64,
}

/// The way from a command to its node, and its demands on links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// There is one node, and it takes everything.
    One {
        /// Frames of writes are kept until they are answered, up to the limit of a link. One node has no use for them: a
        /// server that sends commands elsewhere has.
        keeps_writes: bool,
    },
}

impl Route {
    /// The node, by its place in [`Target::nodes`].
    pub(super) fn node(self) -> usize {
        match self {
            Route::One { .. } => 0,
        }
    }

    /// Whether the frames of writes are kept until they are answered.
    pub(super) fn keeps_writes(self) -> bool {
        match self {
            Route::One { keeps_writes } => keeps_writes,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Result<Config, Invalid>,
    /// The request, or the thread, that it belongs to.
    pub(super) scope: u32,
    /// Its last handle was closed.
    pub(super) released: bool,
    pub(super) route: Route,
    pub(super) nodes: Vec<Node>,
    pub(super) encoder: Encoder,
    pub(super) stats: Stats,
}

impl Target {
    /// With no node yet.
    pub(super) fn new(config: Result<Config, Invalid>, scope: u32) -> Target {
        let keeps_writes = config.as_ref().is_ok_and(|config| config.keeps_writes);
        Target {
            config,
            scope,
            released: false,
            route: Route::One { keeps_writes },
            nodes: Vec::new(),
            encoder: Encoder::default(),
            stats: Stats::default(),
        }
    }

    /// The lane that everybody's commands take.
    #[inline]
    pub(super) fn shared(&self) -> Option<u32> {
        self.nodes.get(self.route.node()).map(|node| node.shared)
    }

    /// All its lanes.
    pub(super) fn lanes(&self) -> impl Iterator<Item = u32> + '_ {
        self.nodes.iter().flat_map(Node::lanes)
    }
}
