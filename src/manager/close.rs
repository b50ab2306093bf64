//! The end of lanes and targets: what their commands need is still done, within their deadlines.

use crate::command::Role;
use crate::connection::LANE;
use crate::error::{Failure, Reason, Sent};
use crate::time::Time;

use super::lane::State;
use super::{target, Manager};

impl Manager {
    /// No handle holds the target any more.
    pub(super) fn shut_down(&mut self, target: u32, now: Time) {
        let Some(closing) = self.targets.get_mut(target) else { return };
        closing.released = true;
        for number in closing.lanes().collect::<Vec<_>>() {
            self.shut_down_lane(number, now);
        }
    }

    /// Begins to close a lane that has no handle left.
    pub(super) fn shut_down_lane(&mut self, number: u32, now: Time) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        lane.released = true;
        match lane.state {
            State::Closed(_) => {
                // Its end was told when its link was lost.
                lane.is_kept = true;
                self.abort(number, now);
            }
            State::Idle | State::Disabled { .. } => self.abort(number, now),
            State::Connecting { .. } | State::Ready { .. } => self.finish(number, now),
        }
    }

    /// Closes a lane without handles, once nothing of it waits to be written.
    pub(super) fn finish(&mut self, number: u32, now: Time) {
        let Manager { lanes, links, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        if !lane.released || !lane.staged.is_empty() || lane.retired.is_some() {
            return;
        }
        let Some(id) = lane.link() else {
            let rides = |link| links.get(link).is_some_and(|link| link.inflight.is_waited_for());
            if !lane.links().any(rides) {
                self.abort(number, now);
            }
            return;
        };
        let dial = lane.take_background_dial();
        self.hang_up_dial(dial);
        let Some(link) = self.links.get_mut(id) else { return self.closed(number, now) };
        if link.drain() {
            self.link_drained(number, id, now);
        } else if !link.inflight.is_waited_for() {
            // All callers were told that no reply came in time: the server has no more claim to the link.
            self.hang_up(id, 0);
            self.closed(number, now);
        }
    }

    /// Closes a lane without handles and without a link.
    pub(super) fn abort(&mut self, number: u32, now: Time) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        let ((_, dial), retired) = (lane.leave(), lane.retired.take());
        self.discard_dial(dial, None, Reason::Closed, now);
        if let Some(retired) = retired {
            self.discard(retired, Reason::Closed, now);
        }
        let Manager { lanes, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        lane.staged.remove(|entry| {
            output.reject(entry.tag, Failure::Closed, 0, Sent::No);
            true
        });
        self.closed(number, now);
    }

    pub(super) fn link_drained(&mut self, number: u32, link: u32, now: Time) {
        self.hang_up(link, 1);
        self.closed(number, now);
    }

    /// Removes a lane, and with its last lane a target without handles.
    fn closed(&mut self, number: u32, now: Time) {
        let Some(lane) = self.lanes.remove(number) else { return };
        if lane.role != Role::Shared && !lane.is_kept {
            self.output.action(LANE, number, target::State::Closed as u32, 0);
        }
        let Some(target) = self.targets.get_mut(lane.target) else { return };
        if let Some(node) = target.nodes.get_mut(lane.node) {
            node.others.retain(|other| *other != number);
        }
        let is_last = target.released && target.lanes().all(|other| self.lanes.get(other).is_none());
        if is_last {
            self.close_target(lane.target);
        } else {
            self.make_room(lane.target, lane.node, lane.role, now);
        }
    }
}
