//! Links that are not used: closed when the time is over that the user gives them. A host that suspends its functions keeps
//! their connections open, and each counts against the server's limit.

use crate::command::Role;
use crate::connection::Link;
use crate::time::{Duration, Time};

use super::lane::{Lane, State};
use super::lanes::KEPT;
use super::Manager;

impl Manager {
    /// When the link of a lane will have been unused for too long.
    pub(super) fn idle_end(&self, lane: &Lane) -> Time {
        let config = self.targets.get(lane.target).and_then(|target| target.config.as_ref().ok());
        let limit = match lane.role {
            // Kept for the next caller. One that a caller holds is that one's.
            Role::Exclusive | Role::Blocking if lane.is_kept => KEPT,
            Role::Exclusive | Role::Blocking | Role::Subscriber => Duration::ZERO,
            Role::Shared => config.map_or(Duration::ZERO, |config| config.idle),
        };
        if limit == Duration::ZERO {
            return Time::NEVER;
        }
        if lane.is_kept {
            return lane.since.after(limit);
        }
        self.unused(lane).map_or(Time::NEVER, |link| link.heard().after(limit))
    }

    /// Its link, if nothing is under way on it and nothing is about to be.
    fn unused(&self, lane: &Lane) -> Option<&Link> {
        let State::Ready { link, dial: None } = lane.state else { return None };
        let quiet = !lane.released && lane.retired.is_none() && lane.staged.is_empty();
        self.links.get(link).filter(|link| quiet && link.is_unused())
    }

    /// Closes the link if it has been unused for too long: also before it is used again, for the timer may have slept.
    pub(super) fn close_if_idle(&mut self, number: u32, now: Time) {
        let Some(lane) = self.lanes.get(number) else { return };
        if self.idle_end(lane) > now {
            return;
        }
        if lane.is_kept {
            return self.shut_down_lane(number, now);
        }
        let Some(lane) = self.lanes.get_mut(number) else { return };
        if let (Some(link), _) = lane.leave() {
            self.hang_up(link, 1);
            self.changed(number, now);
        }
    }
}
