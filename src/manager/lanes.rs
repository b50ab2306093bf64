//! Lanes besides the shared one: opened by a caller that needs a link with a role, and released by it.
//!
//! A lane is a number that a caller holds. Its link comes and goes as that of the shared lane does, with these differences:
//!
//! - A *subscriber* is dialled again by itself as long as it has subscriptions, and asks for them again before it is ready.
//! - An *exclusive* one that was used ends with its link: what was watched and what was queued went with it, so everything
//!   that waits on it is rejected, and so is what is submitted to it later. Its holder releases it and takes another.
//! - Of exclusive and of blocking lanes a node has so many links at the most, each. A lane beyond that waits for one that is
//!   released, and its commands wait as they wait for a dial. A link that is clean when its lane is released is handed to the
//!   lane that waits the longest, or kept for the next one for a while.
//! - Only the shared lane and a subscriber are replaced when they are doubted: the others may be silent for good reason.

use crate::command::Role;
use crate::time::{Duration, Time};

use super::batch::{Batch, Malformed};
use super::lane::{Lane, State};
use super::target::Status;
use super::Manager;

/// How long a link that is lent is kept for the next caller.
pub(super) const KEPT: Duration = Duration::from_secs(10);

impl Manager {
    /// Opens a lane of a target: its number, for [`Manager::submit_to`] and [`Manager::release_lane`]. `LANE` rows tell how
    /// it stands. None when the target is closed.
    pub fn lane(&mut self, target: u32, role: Role, now: Time) -> Option<u32> {
        self.begin_for(target);
        let opening = self.targets.get(target)?;
        let node = opening.route.node();
        if role == Role::Shared {
            return opening.shared();
        }
        let Ok(config) = &opening.config else { return None };
        if opening.released {
            return None;
        }
        let backoff = config.backoff;
        let kept = opening.nodes[node]
            .others
            .iter()
            .copied()
            .find(|number| self.lanes.get(*number).is_some_and(|lane| lane.is_kept && lane.role == role));
        let lane = match kept.and_then(|number| self.take_lane(number)) {
            // With a number of its own: the one before is dead.
            Some(lane) => Lane { is_kept: false, ..lane },
            None => Lane::new((target, node, role), backoff, now),
        };
        let link = lane.link();
        let number = self.lanes.insert(|_| lane);
        self.targets.get_mut(target)?.nodes[node].others.push(number);
        match link.and_then(|link| self.links.get_mut(link)) {
            Some(link) => {
                link.lane = number;
                self.changed(number, now);
            }
            None => self.demand(number, now),
        }
        Some(number)
    }

    /// A tick's commands for one lane, as [`Manager::submit`].
    pub fn submit_to(&mut self, lane: u32, batch: Batch<'_>, now: Time) -> Result<(), Malformed> {
        let taken = self.lanes.get_mut(lane).filter(|lane| !lane.is_kept).ok_or(Malformed)?;
        taken.is_used = true;
        let target = taken.target;
        self.begin_for(target);
        self.submit_to_lane(lane, batch, now)
    }

    /// The caller does not need its lane any more: what it has submitted is still done. `is_clean`: no transaction is open
    /// and nothing is watched, so that another caller may have the link.
    pub fn release_lane(&mut self, number: u32, is_clean: bool, now: Time) {
        let Some(lane) = self.lanes.get_mut(number).filter(|lane| lane.role != Role::Shared && !lane.is_kept)
        else {
            return;
        };
        let (target, node, role) = (lane.target, lane.node, lane.role);
        self.begin_for(target);
        if is_clean && role.is_lent() && self.is_unused(number) {
            return match self.waiting(target, node, role) {
                Some(next) => self.hand_on(number, next, now),
                None => self.keep(number, now),
            };
        }
        self.shut_down_lane(number, now);
    }

    /// The lane that a link belongs to.
    pub fn lane_of(&self, link: u32) -> Option<u32> {
        self.links.get(link).map(|link| link.lane)
    }

    /// How a lane stands.
    pub fn lane_status(&self, lane: u32) -> Option<Status<'_>> {
        Some(self.lanes.get(lane).filter(|lane| !lane.is_kept)?.status())
    }

    /// The server's number of the client behind a blocking lane: what `CLIENT UNBLOCK` wants, on another lane.
    pub fn client_id(&self, lane: u32) -> Option<i64> {
        self.links.get(self.lanes.get(lane)?.link()?)?.client_id()
    }

    fn take_lane(&mut self, number: u32) -> Option<Lane> {
        let lane = self.lanes.remove(number)?;
        if let Some(target) = self.targets.get_mut(lane.target) {
            target.nodes[lane.node].others.retain(|other| *other != number);
        }
        Some(lane)
    }

    /// Whether its link is ready, and as good as new.
    fn is_unused(&self, number: u32) -> bool {
        let Some(lane) = self.lanes.get(number) else { return false };
        let State::Ready { link, dial: None } = lane.state else { return false };
        let quiet = !lane.released && !lane.is_outdated && lane.staged.is_empty() && lane.retired.is_none();
        quiet && self.links.get(link).is_some_and(|link| link.is_unused())
    }

    /// The lane that has waited the longest for a link of this role.
    fn waiting(&self, target: u32, node: usize, role: Role) -> Option<u32> {
        let others = &self.targets.get(target)?.nodes.get(node)?.others;
        let waits = |lane: &Lane| {
            lane.role == role && !lane.is_kept && lane.wants_link() && matches!(lane.state, State::Idle)
        };
        others.iter().copied().find(|number| self.lanes.get(*number).is_some_and(waits))
    }

    /// A link goes from a lane that is released to one that waits.
    fn hand_on(&mut self, from: u32, to: u32, now: Time) {
        let Some(before) = self.take_lane(from) else { return };
        let Some(link) = before.link() else { return };
        let Manager { lanes, links, .. } = self;
        let (Some(lane), Some(open)) = (lanes.get_mut(to), links.get_mut(link)) else { return };
        open.lane = to;
        lane.address = before.address;
        lane.state = State::Ready { link, dial: None };
        self.changed(to, now);
        self.write_staged(to, now);
    }

    fn keep(&mut self, number: u32, now: Time) {
        if let Some(lane) = self.lanes.get_mut(number) {
            (lane.is_kept, lane.is_used, lane.since) = (true, false, now);
        }
    }

    /// Whether a lane may have a link, as far as their number goes.
    pub(super) fn has_room(&self, number: u32) -> bool {
        let Some(lane) = self.lanes.get(number).filter(|lane| lane.role.is_lent()) else { return true };
        let Some(target) = self.targets.get(lane.target) else { return false };
        let most = target.config.as_ref().map_or(0, |config| config.max_lanes);
        let others = target.nodes[lane.node].others.iter().filter(|other| **other != number);
        let uses =
            |other: &&Lane| other.role == lane.role && (other.link().is_some() || other.dial().is_some());
        others.filter_map(|other| self.lanes.get(*other)).filter(uses).count() < most
    }

    /// A lane needs a link and there is no room for another: it takes one that is kept, or waits for one.
    pub(super) fn wait_for_room(&mut self, number: u32, now: Time) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        lane.state = State::Idle;
        let role = lane.role;
        let Some(target) = self.targets.get(lane.target) else { return };
        let mut others = target.nodes[lane.node].others.iter().copied();
        let is_kept = |lane: &Lane| lane.is_kept && lane.role == role;
        let kept = others.find(|other| self.lanes.get(*other).is_some_and(is_kept));
        if let Some(kept) = kept.filter(|kept| self.is_unused(*kept)) {
            self.hand_on(kept, number, now);
        }
    }

    /// A lane has no link any more: one that waits for room may have a dial.
    pub(super) fn leaves_room(&mut self, number: u32, now: Time) {
        if let Some(lane) = self.lanes.get(number).filter(|lane| lane.role.is_lent()) {
            let (target, node, role) = (lane.target, lane.node, lane.role);
            self.make_room(target, node, role, now);
        }
    }

    /// A lane of this role is gone: one that waits for room may have a dial.
    pub(super) fn make_room(&mut self, target: u32, node: usize, role: Role, now: Time) {
        if let Some(next) = self.waiting(target, node, role).filter(|_| role.is_lent()) {
            self.demand(next, now);
        }
    }
}
