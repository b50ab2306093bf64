//! Whether a server can be reached, as nodes of different scopes share it.
//!
//! Where each request has links of its own, a server that is away would cost every request a dial. So nodes that mean the
//! same server share a breaker. The first dial that fails opens it, and others are disabled without a dial of their own;
//! after `retry_at` one of them tries, in the background. A request may be cancelled at any moment: its try can be taken over
//! once the budget of a dial is spent.

use core::fmt;

use crate::connection::Backoff;
use crate::time::{Duration, Time};

use super::config::Config;
use super::lane::{Lane, State, Trouble};
use super::Manager;

/// An isolate that speaks to more servers forgets the one that it joined the longest ago.
const MOST: usize = 256;
/// Commands that wait while another scope tries look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// See the module. It holds secrets.
#[derive(Default)]
pub struct Breakers {
    all: Vec<Breaker>,
    count: u32,
}

struct Breaker {
    number: u32,
    /// The identity of a node. It holds secrets: for comparison only.
    key: String,
    joined: Time,
    /// Why the server cannot be reached; none while it can, as far as is known.
    trouble: Option<Trouble>,
    address: Option<String>,
    retry_at: Time,
    backoff: Backoff,
    /// Until then a try is under way.
    tried_until: Time,
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers").field("all", &self.all.len()).finish_non_exhaustive()
    }
}

/// That a server cannot be reached, as a lane or a breaker remembers it.
pub(super) struct Outage {
    pub(super) trouble: Trouble,
    /// The address that failed.
    pub(super) address: Option<String>,
    pub(super) retry_at: Time,
    pub(super) backoff: Backoff,
}

impl Outage {
    /// Disables a lane that has neither link nor dial.
    pub(super) fn disable(self, lane: &mut Lane) {
        lane.address = self.address;
        lane.backoff = self.backoff;
        lane.state = State::Disabled { trouble: self.trouble, retry_at: self.retry_at, dial: None };
    }
}

impl Breakers {
    /// The breaker of a new node, where other scopes may have it too.
    pub(super) fn join(&mut self, config: &Config, scope: u32, kind: Option<&str>, now: Time) -> Option<u32> {
        if scope == 0 {
            return None;
        }
        let key = [&config.identity(), " ", kind.unwrap_or_default()].concat();
        let index = self.all.iter().position(|breaker| breaker.key == key).unwrap_or_else(|| {
            if self.all.len() == MOST {
                let oldest = (0..MOST).min_by_key(|index| self.all[*index].joined).unwrap_or_default();
                self.all.swap_remove(oldest);
            }
            self.count = self.count.wrapping_add(1);
            let backoff = Backoff::new(config.backoff.0, config.backoff.1);
            self.all.push(Breaker {
                number: self.count,
                key,
                joined: now,
                trouble: None,
                address: None,
                retry_at: now,
                backoff,
                tried_until: now,
            });
            self.all.len() - 1
        });
        let breaker = &mut self.all[index];
        breaker.joined = now;
        Some(breaker.number)
    }

    fn of(&mut self, number: Option<u32>) -> Option<&mut Breaker> {
        let number = number?;
        self.all.iter_mut().find(|breaker| breaker.number == number)
    }

    /// Why its server cannot be reached, as far as is known.
    pub(super) fn outage(&mut self, number: Option<u32>) -> Option<Outage> {
        self.of(number)?.outage()
    }

    /// A dial has failed. A failure that tells nothing new, of a dial that began with the others, counts once: `outage`
    /// becomes what they all know.
    pub(super) fn opened(
        &mut self,
        number: Option<u32>,
        outage: &mut Outage,
        slow: Option<Time>,
        now: Time,
        random: u64,
    ) {
        let Some(breaker) = self.of(number) else { return };
        if breaker.trouble.is_none() || now >= breaker.retry_at {
            breaker.trouble = Some(outage.trouble.clone());
            breaker.address = outage.address.clone();
            breaker.retry_at = breaker.backoff.next(now, random);
            breaker.retry_at = slow.unwrap_or(breaker.retry_at);
            breaker.tried_until = now;
        }
        if let Some(common) = breaker.outage() {
            *outage = common;
        }
    }

    /// A link is ready.
    pub(super) fn closed(&mut self, number: Option<u32>, now: Time) {
        let Some(breaker) = self.of(number) else { return };
        breaker.trouble = None;
        breaker.backoff.reset();
        breaker.tried_until = now;
    }

    /// Whether a disabled lane may try. If so, no other does for so long; if not, when to look again.
    pub(super) fn may_try(&mut self, number: Option<u32>, budget: Duration, now: Time) -> Result<(), Time> {
        let Some(breaker) = self.of(number) else { return Ok(()) };
        if breaker.tried_until > now {
            return Err(now.after(LOOK_AGAIN));
        }
        breaker.tried_until = now.after(budget);
        Ok(())
    }
}

impl Breaker {
    fn outage(&self) -> Option<Outage> {
        let trouble = self.trouble.clone()?;
        let (address, retry_at, backoff) = (self.address.clone(), self.retry_at, self.backoff);
        Some(Outage { trouble, address, retry_at, backoff })
    }
}

impl Manager {
    /// Takes over what other scopes have found out about the server in the meantime.
    pub(super) fn consult(&mut self, number: u32, now: Time) {
        let Manager { targets, lanes, breakers, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let node = targets.get(lane.target).and_then(|target| target.nodes.get(lane.node));
        let Some(breaker) = node.and_then(|node| breakers.of(node.breaker)) else { return };
        match (&lane.state, breaker.outage()) {
            (State::Idle, Some(outage)) => {
                outage.disable(lane);
                self.changed(number, now);
            }
            (State::Disabled { retry_at, dial: None, .. }, Some(outage)) if *retry_at < outage.retry_at => {
                outage.disable(lane);
                self.turn_away(number);
            }
            (State::Disabled { dial: None, .. }, None) => {
                lane.address = breaker.address.clone();
                lane.backoff = breaker.backoff;
                lane.state = State::Idle;
                self.changed(number, now);
            }
            _ => {}
        }
    }
}
