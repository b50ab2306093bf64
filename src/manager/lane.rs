//! A way to a node: one link at a time, and what waits for it.
//!
//! ```text
//!          demand                 the handshake is answered
//!  Idle ──────────▶ Connecting ──────────────────────────────▶ Ready ──▶ removed, with the last handle
//!   ▲                │      ▲                                  │  │
//!   │     no address │      └────────── the link is lost ──────┤  └ a dial may be about to replace the link
//!   │     answered   ▼                                         │
//!   │               Disabled ── demand after retry_at: a dial in the background ──▶ Ready
//!   └────────── unused for too long, or lost while unused
//! ```
//!
//! The data of a state is in its variant: a dial exists only where there is a place for its result, and a link only if it
//! is ready to be written to, except [`retired`](Lane::retired) ones.

use crate::command::Role;
use crate::connection::{Backoff, Standing};
use crate::error::Reason;
use crate::time::{Duration, Time};

use super::dial::Dial;
use super::staged::Staged;
use super::target;

/// Why a lane has no link, in a sentence.
pub(super) type Trouble = (Reason, String);

/// See the module's picture.
#[derive(Debug, Default)]
pub(super) enum State {
    /// No link is wanted.
    #[default]
    Idle,
    /// Commands wait for the dial.
    Connecting {
        dial: Dial,
        /// Why the link before it was lost.
        trouble: Option<Trouble>,
    },
    /// Commands are written to the link.
    Ready {
        link: u32,
        /// It is to replace the link, which is doubted or serves less than it did.
        dial: Option<Dial>,
    },
    /// The last dial failed; commands are rejected at once, unless they ask to wait.
    Disabled {
        trouble: Trouble,
        /// No dial begins before.
        retry_at: Time,
        /// It tries whether the node can be reached again, while commands are still rejected: a breaker's half-open state.
        dial: Option<Dial>,
    },
    /// The link was lost, and with it what the lane was for.
    Closed(Trouble),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) target: u32,
    /// The place of its node among the target's.
    pub(super) node: usize,
    pub(super) role: Role,
    pub(super) state: State,
    /// Since when it is in this state.
    pub(super) since: Time,
    /// It has no handle left, and ends once its commands have.
    pub(super) released: bool,
    /// It was released with a link that is as good as new, which is kept for the next caller.
    pub(super) is_kept: bool,
    /// Commands were submitted to it.
    pub(super) is_used: bool,
    /// The server behind its link serves less than it did: another caller had better have another link.
    pub(super) is_outdated: bool,
    /// Subscriptions of its last link.
    pub(super) standing: Standing,
    /// A link that was replaced while commands were in flight on it: it stays until they are answered or overdue.
    pub(super) retired: Option<u32>,
    pub(super) staged: Staged,
    pub(super) backoff: Backoff,
    /// The address that answered, or that failed.
    pub(super) address: Option<String>,
    /// No dial begins before this moment because the server behind the link serves less than it did.
    pub(super) next_outdated: Time,
    /// When the peer, a relay with its own core, dials again: it need not be asked earlier.
    pub(super) peer_retry_at: Option<Time>,
    /// The dial that is under way, or that led to the link, was begun because a link was lost, and no command has needed it
    /// since.
    pub(super) unasked: bool,
    /// Links in a row that died within a second of becoming ready.
    pub(super) short_lives: u32,
}

impl Lane {
    pub(super) fn new(
        (target, node, role): (u32, usize, Role),
        backoff: (Duration, Duration),
        now: Time,
    ) -> Lane {
        Lane {
            target,
            node,
            role,
            state: State::Idle,
            since: now,
            released: false,
            is_kept: false,
            is_used: false,
            is_outdated: false,
            standing: Standing::default(),
            retired: None,
            staged: Staged::default(),
            backoff: Backoff::new(backoff.0, backoff.1),
            address: None,
            next_outdated: Time::ZERO,
            peer_retry_at: None,
            unasked: false,
            short_lives: 0,
        }
    }

    /// The link that commands are written to.
    #[inline]
    pub(super) fn link(&self) -> Option<u32> {
        match self.state {
            State::Ready { link, .. } => Some(link),
            State::Idle | State::Connecting { .. } | State::Disabled { .. } | State::Closed(_) => None,
        }
    }

    /// The dial that is under way.
    pub(super) fn dial(&self) -> Option<&Dial> {
        match &self.state {
            State::Connecting { dial, .. } => Some(dial),
            State::Ready { dial, .. } | State::Disabled { dial, .. } => dial.as_ref(),
            State::Idle | State::Closed(_) => None,
        }
    }

    /// As [`Lane::dial`].
    pub(super) fn dial_mut(&mut self) -> Option<&mut Dial> {
        match &mut self.state {
            State::Connecting { dial, .. } => Some(dial),
            State::Ready { dial, .. } | State::Disabled { dial, .. } => dial.as_mut(),
            State::Idle | State::Closed(_) => None,
        }
    }

    /// Takes out the dial of a lane that stays as it is without: commands do not wait for it.
    pub(super) fn take_background_dial(&mut self) -> Option<Dial> {
        match &mut self.state {
            State::Ready { dial, .. } | State::Disabled { dial, .. } => dial.take(),
            State::Idle | State::Connecting { .. } | State::Closed(_) => None,
        }
    }

    /// Leaves whatever state it is in; gives the link and the dial that it had.
    pub(super) fn leave(&mut self) -> (Option<u32>, Option<Dial>) {
        match core::mem::take(&mut self.state) {
            State::Idle | State::Closed(_) => (None, None),
            State::Connecting { dial, .. } => (None, Some(dial)),
            State::Ready { link, dial } => (Some(link), dial),
            State::Disabled { dial, .. } => (None, dial),
        }
    }

    /// All its links.
    pub(super) fn links(&self) -> impl Iterator<Item = u32> + '_ {
        let dialled = self.dial().into_iter().flat_map(Dial::trying);
        self.link().into_iter().chain(self.retired).chain(dialled)
    }

    /// Why it is disabled, or why the link before its dial was lost.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        match &self.state {
            State::Connecting { trouble, .. } => trouble.as_ref(),
            State::Disabled { trouble, .. } | State::Closed(trouble) => Some(trouble),
            State::Idle | State::Ready { .. } => None,
        }
    }

    /// Whether something waits for a link that a later dial may bring.
    pub(super) fn wants_link(&self) -> bool {
        !self.staged.is_empty() || !self.standing.is_empty() && !self.released
    }

    /// Whether a dial may begin now.
    pub(super) fn may_dial(&self, now: Time) -> bool {
        match &self.state {
            State::Idle => true,
            State::Disabled { trouble, retry_at, dial } => {
                dial.is_none() && trouble.0.retryable() && now >= *retry_at
            }
            State::Connecting { .. } | State::Ready { .. } | State::Closed(_) => false,
        }
    }

    /// Its state as users see it.
    pub(super) fn public_state(&self) -> target::State {
        match self.state {
            State::Idle => target::State::Idle,
            State::Connecting { .. } => target::State::Connecting,
            State::Ready { .. } => target::State::Ready,
            State::Disabled { .. } => target::State::Disabled,
            State::Closed(_) => target::State::Closed,
        }
    }

    pub(super) fn status(&self) -> target::Status<'_> {
        let retry_at = match &self.state {
            State::Disabled { trouble, retry_at, .. } => trouble.0.retryable().then(|| retry_at.as_millis()),
            State::Idle | State::Connecting { .. } | State::Ready { .. } | State::Closed(_) => None,
        };
        target::Status {
            state: self.public_state(),
            reason: self.trouble().map(|(reason, _)| *reason),
            message: self.trouble().map(|(_, text)| text.as_str()),
            retry_at,
            address: self.address.as_deref(),
            attempts: self.backoff.attempts(),
            since: self.since.as_millis(),
        }
    }
}
