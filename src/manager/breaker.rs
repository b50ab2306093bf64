//! What targets of different scopes know of each other: whether their server can be reached.
//!
//! Where each request has links of its own, a server that is away would cost every request a dial. So targets that mean
//! the same share a breaker. The first dial that fails opens it, and others are disabled without a dial of their own; after
//! `retry_at` one of them tries, in the background. A request may be cancelled at any moment: its try can be taken over
//! once the budget of a dial is spent.

use core::fmt;

use crate::connection::Backoff;
use crate::error::Reason;
use crate::time::{Duration, Time};

use super::target::{State, Target};
use super::Manager;

/// An isolate that speaks to more servers forgets how it stood with the one that it asked for the longest ago.
const MOST: usize = 256;
/// Commands that wait while another scope tries look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// See the module. It holds secrets.
#[derive(Default)]
pub struct Breakers {
    known: Vec<Breaker>,
    count: u32,
}

struct Breaker {
    number: u32,
    /// What its targets mean. It holds secrets: it is for comparing only.
    key: String,
    joined: Time,
    /// Why the server cannot be reached; none while it can, as far as is known.
    trouble: Option<(Reason, String)>,
    address: Option<String>,
    retry_at: Time,
    backoff: Backoff,
    /// Until then a try is under way.
    tried_until: Time,
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Breakers {
    /// Gives a new target of a scope its breaker.
    pub(super) fn join(&mut self, target: &mut Target, kind: Option<&str>, now: Time) {
        let (Ok(config), true) = (&target.config, target.scope != 0) else { return };
        let key = [&config.identity(), " ", kind.unwrap_or_default()].concat();
        let index = self.known.iter().position(|known| known.key == key).unwrap_or_else(|| {
            if self.known.len() == MOST {
                let oldest = (0..MOST).min_by_key(|index| self.known[*index].joined).unwrap_or_default();
                self.known.swap_remove(oldest);
            }
            self.count = self.count.wrapping_add(1);
            let backoff = Backoff::new(config.backoff.0, config.backoff.1);
            self.known.push(Breaker {
                number: self.count,
                key,
                joined: now,
                trouble: None,
                address: None,
                retry_at: now,
                backoff,
                tried_until: now,
            });
            self.known.len() - 1
        });
        let breaker = &mut self.known[index];
        breaker.joined = now;
        target.breaker = Some(breaker.number);
        if breaker.trouble.is_some() {
            breaker.tell(target);
            target.state = State::Disabled;
        }
    }

    fn of(&mut self, target: &Target) -> Option<&mut Breaker> {
        let number = target.breaker?;
        self.known.iter_mut().find(|breaker| breaker.number == number)
    }

    /// A target has become disabled. A failure that tells nothing new, of a dial that began with the others, counts once.
    pub(super) fn opened(&mut self, target: &mut Target, slow: Option<Time>, now: Time, random: u64) {
        let Some(breaker) = self.of(target) else { return };
        if breaker.trouble.is_none() || now >= breaker.retry_at {
            breaker.trouble = target.trouble.clone();
            breaker.address = target.address.clone();
            breaker.retry_at = breaker.backoff.next(now, random);
            breaker.retry_at = slow.unwrap_or(breaker.retry_at);
            breaker.tried_until = now;
        }
        breaker.tell(target);
    }

    /// A link of the target is ready.
    pub(super) fn closed(&mut self, target: &Target, now: Time) {
        let Some(breaker) = self.of(target) else { return };
        breaker.trouble = None;
        breaker.backoff.reset();
        breaker.tried_until = now;
    }

    /// Whether the disabled target may try. If so, nobody else does for so long.
    pub(super) fn may_try(&mut self, target: &mut Target, budget: Duration, now: Time) -> bool {
        let Some(breaker) = self.of(target) else { return true };
        let may = breaker.tried_until <= now;
        if may {
            breaker.tried_until = now.after(budget);
        } else {
            target.retry_at = now.after(LOOK_AGAIN);
        }
        may
    }
}

impl Breaker {
    fn tell(&self, target: &mut Target) {
        target.trouble = self.trouble.clone();
        target.address = self.address.clone();
        target.retry_at = self.retry_at;
        target.backoff = self.backoff;
    }
}

impl Manager {
    /// Takes over what other scopes have found out about the server in the meantime.
    pub(super) fn consult(&mut self, target: u32, now: Time) {
        let Manager { targets, breakers, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        if known.link.is_some() || known.dial.is_some() {
            return;
        }
        let Some(breaker) = breakers.of(known) else { return };
        match (known.state, breaker.trouble.is_some()) {
            (State::Idle, true) => {
                breaker.tell(known);
                self.set_state(target, State::Disabled, now);
            }
            (State::Disabled, true) if known.retry_at < breaker.retry_at => {
                breaker.tell(known);
                self.turn_away(target);
            }
            (State::Disabled, false) => {
                breaker.tell(known);
                self.set_state(target, State::Idle, now);
            }
            _ => {}
        }
    }
}
