//! Scopes: whose input and output it is.
//!
//! On most runtimes there is one scope, number 0. Where a socket, a timer and a promise belong to the request that made
//! them, each request is a scope: targets and links belong to one, and no mutation of one scope acts on another.

use crate::time::Time;

use super::target::{State, Target};
use super::Manager;

impl Manager {
    /// Begins a mutation.
    pub(super) fn begin(&mut self, scope: u32) {
        self.output.clear();
        self.scope = scope;
    }

    pub(super) fn begin_for(&mut self, target: u32) {
        let scope = self.targets.get(target).map(|known| known.scope);
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
            if let Some(dial) = &target.dial {
                earliest = earliest.min(dial.next_deadline());
            } else if target.state == State::Disabled && !target.staged.is_empty() {
                earliest = earliest.min(target.retry_at);
            }
            if !target.staged.is_empty() {
                earliest = earliest.min(target.staged.deadline(now));
            }
            earliest = earliest.min(self.idle_end(target));
            let links = target.links().filter_map(|link| self.links.get(link));
            earliest = links.fold(earliest, |earliest, link| earliest.min(link.deadline(now)));
        }
        earliest
    }

    /// Time has passed in a scope.
    pub fn advance(&mut self, scope: u32, now: Time) {
        self.begin(scope);
        for place in 0..self.owners.len() {
            if self.owners[place] != scope {
                continue;
            }
            let Some(target) = self.targets.number_at(place) else { continue };
            self.advance_dial(target, now);
            self.advance_links(target, now);
            self.close_if_idle(target, now);
            self.settle_retired(target, now);
            self.advance_staged(target, now);
            self.finish(target, now);
        }
    }

    /// A scope is no more: its targets and links are forgotten, and nothing is said of them. Whoever waits there does so in
    /// vain, and nobody else may tell him.
    pub fn forget(&mut self, scope: u32) {
        self.begin(scope);
        for place in 0..self.owners.len() {
            if self.owners[place] != scope {
                continue;
            }
            let gone = self.targets.number_at(place).and_then(|target| self.targets.remove(target));
            for link in gone.iter().flat_map(Target::links) {
                self.links.remove(link);
            }
        }
    }
}
