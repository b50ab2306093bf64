//! Scopes: whose input and output it is.
//!
//! On most runtimes there is one scope, number 0. Where a socket, a timer and a promise belong to the request that made
//! them, each request is a scope: targets and links belong to one, and no mutation of one scope acts on another.

use crate::time::Time;

use super::lane::{Lane, State};
use super::target::Target;
use super::Manager;

impl Manager {
    /// Begins a mutation.
    pub(super) fn begin(&mut self, scope: u32) {
        self.output.clear();
        self.scope = scope;
    }

    pub(super) fn begin_for(&mut self, target: u32) {
        let scope = self.targets.get(target).map(|target| target.scope);
        self.begin(scope.unwrap_or(self.scope));
    }

    pub(super) fn begin_for_link(&mut self, link: u32) {
        match self.links.get(link).map(|link| link.target) {
            Some(target) => self.begin_for(target),
            None => self.output.clear(),
        }
    }

    /// The scope that the last mutation concerned: the one whose timer is to be armed after it.
    pub fn scope(&self) -> u32 {
        self.scope
    }

    /// The scope's targets.
    fn numbers_of(&self, scope: u32) -> impl Iterator<Item = u32> + '_ {
        let owned = self.owners.iter().enumerate().filter(move |(_, owner)| **owner == scope);
        owned.filter_map(|(place, _)| self.targets.number_at(place))
    }

    /// The earliest moment at which [`Manager::advance`] has something to do in the scope.
    pub fn deadline(&self, scope: u32, now: Time) -> Time {
        let mut earliest = Time::NEVER;
        for target in self.numbers_of(scope).filter_map(|target| self.targets.get(target)) {
            for lane in target.lanes().filter_map(|lane| self.lanes.get(lane)) {
                earliest = earliest.min(self.lane_deadline(lane, now));
            }
        }
        earliest
    }

    fn lane_deadline(&self, lane: &Lane, now: Time) -> Time {
        let mut earliest = self.idle_end(lane);
        if let Some(dial) = lane.dial() {
            earliest = earliest.min(dial.next_deadline());
        } else if let (State::Disabled { retry_at, .. }, true) = (&lane.state, lane.wants_link()) {
            earliest = earliest.min(*retry_at);
        }
        if !lane.staged.is_empty() {
            earliest = earliest.min(lane.staged.deadline(now));
        }
        let links = lane.links().filter_map(|link| self.links.get(link));
        links.fold(earliest, |earliest, link| earliest.min(link.deadline(now)))
    }

    /// Time has passed in a scope.
    pub fn advance(&mut self, scope: u32, now: Time) {
        self.begin(scope);
        for place in 0..self.owners.len() {
            if self.owners[place] != scope {
                continue;
            }
            let target = self.targets.number_at(place).and_then(|target| self.targets.get(target));
            for lane in target.map_or_else(Vec::new, |target| target.lanes().collect()) {
                self.advance_dial(lane, now);
                self.advance_links(lane, now);
                self.close_if_idle(lane, now);
                self.settle_retired(lane, now);
                self.advance_staged(lane, now);
                self.finish(lane, now);
            }
        }
    }

    /// Forgets the targets and links of a scope that has ended, without a row about them. Its callers are gone, and no other
    /// request may settle their promises.
    pub fn forget(&mut self, scope: u32) {
        self.begin(scope);
        for place in 0..self.owners.len() {
            if self.owners[place] != scope {
                continue;
            }
            let gone = self.targets.number_at(place).and_then(|target| self.targets.remove(target));
            for lane in gone.iter().flat_map(Target::lanes) {
                let lane = self.lanes.remove(lane);
                for link in lane.iter().flat_map(Lane::links) {
                    self.links.remove(link);
                }
            }
        }
    }
}
