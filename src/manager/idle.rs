//! Links that nobody uses: closed when the time is over that the user gives them. A host that suspends its functions keeps
//! their connections open, and each counts against the server's limit.

use crate::connection::Link;
use crate::time::{Duration, Time};

use super::target::{State, Target};
use super::Manager;

impl Manager {
    /// When the link of a target will have been unused for too long.
    pub(super) fn idle_end(&self, target: &Target) -> Time {
        let limit = target.config.as_ref().map_or(Duration::ZERO, |config| config.idle);
        if limit == Duration::ZERO {
            return Time::NEVER;
        }
        self.unused(target).map_or(Time::NEVER, |link| link.heard().after(limit))
    }

    /// Its link, if nothing is under way on it and nothing is about to be.
    fn unused(&self, target: &Target) -> Option<&Link> {
        let quiet = target.state == State::Ready && target.dial.is_none() && !target.released;
        let nothing = target.retired.is_none() && target.staged.is_empty();
        self.links.get(target.link?).filter(|link| quiet && nothing && link.is_unused())
    }

    /// Closes the link if it has been unused for too long: also before it is used again, for the timer may have slept.
    pub(super) fn close_if_idle(&mut self, target: u32, now: Time) {
        let Some(known) = self.targets.get(target) else { return };
        if self.idle_end(known) > now {
            return;
        }
        let Some(link) = self.target_mut(target).and_then(|known| known.link.take()) else { return };
        self.hang_up(link, 1);
        self.set_state(target, State::Idle, now);
    }
}
