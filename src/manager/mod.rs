//! The core's one entry: targets, dials, routing, retry.
//!
//! # The order of calls
//!
//! A [`Manager`] is driven from outside, by one caller at a time. Every method that takes `now` is a *mutation*; it
//! first clears the [`output`](Manager::output) of the one before, so **after each mutation drain the output
//! completely**: do what its rows say, in order. Then arm a timer for [`Manager::deadline`] and call
//! [`Manager::advance`] when it fires. `now` must never go back.
//!
//! - Commands come by [`Manager::submit`]; each is settled exactly once, by a reply (its tokens carry the tag) or by a
//!   `REJECT` row.
//! - `PREPARE` is answered by [`Manager::prepared`] or [`Manager::unprepared`], `OPEN` by [`Manager::opened`] or
//!   [`Manager::lost`], `CLOSE` by nothing: the link's name is dead from then on.
//! - Bytes come by [`Manager::receive`]; what it did not consume must be shown again, before what follows.

mod batch;
mod breaker;
mod close;
mod config;
mod connect;
mod dial;
mod endpoint;
mod idle;
mod lane;
mod lanes;
mod links;
mod node;
mod scope;
mod slots;
mod staged;
mod submit;
mod target;
mod url;

pub use batch::{
    Batch, Malformed, BYTES, CANCELLED, FRAMED, JUST_NOW, LENGTH_BITS, OUTSIDE, STAGED_AT, TEXT,
};
pub use breaker::Breakers;
pub use config::{Config, Invalid, Options};
pub use endpoint::Endpoint;
pub use target::{State, Stats, Status};

use crate::command::Role;
use crate::connection::{Deadline, Link, Output, LANE};
use crate::error::{Failure, Phase, Sent};
use crate::resp::owned;
use crate::time::{Duration, Time};
use lane::Lane;
use node::Node;
use slots::{place_of, Slots};
use target::Target;

/// How long commands may take, and whether they wait for a target that is disabled: what handles differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a command waits for a link.
    pub connect: Duration,
    /// How long it waits for its reply, once written.
    pub command: Duration,
    /// Wait, within `connect`, also when the target is disabled.
    pub waits: bool,
    /// `command` is the time for everything, counted from the submission: a caller's own `timeout`.
    pub total: bool,
}

/// Marks a tag, which never has this bit, as that of a command which was not sent.
pub const UNSENT: u32 = 1 << 31;

/// So many different policies are kept as they are; a program that computes its deadlines may have any number.
const EXACT_POLICIES: usize = 1_024;
/// Deadlines are compared in 31 bits of milliseconds, and a read that rides behind the handshake has the sum of both
/// durations: neither is longer than 12 days.
const LONGEST_MILLIS: u64 = (1 << 30) - 1;

impl Policy {
    fn with(self, duration: impl Fn(u64) -> u64) -> Policy {
        let changed = |before: Duration| Duration::from_millis(duration(before.as_micros().div_ceil(1_000)));
        Policy { connect: changed(self.connect), command: changed(self.command), ..self }
    }

    fn clamped(self) -> Policy {
        self.with(|millis| millis.min(LONGEST_MILLIS))
    }

    /// With durations of three binary digits, rounded up: at most a quarter longer. There are 30 · 4 such durations, and
    /// with both flags fewer than 61,000 policies, so that each has a number of its own.
    fn rounded(self) -> Policy {
        self.with(|millis| {
            let step = millis.checked_ilog2().map_or(1, |digits| 1 << digits.saturating_sub(2));
            millis.next_multiple_of(step).min(LONGEST_MILLIS)
        })
    }
}

/// See the module.
#[derive(Debug)]
pub struct Manager {
    targets: Slots<Target>,
    /// The scope of the target at each place: looked through in place of the targets, which are large.
    owners: Vec<u32>,
    lanes: Slots<Lane>,
    links: Slots<Link>,
    policies: Vec<Policy>,
    breakers: Breakers,
    output: Output,
    /// Whose target the last mutation concerned.
    scope: u32,
    random: u64,
    dials: u32,
}

impl Manager {
    /// `seed` spreads the backoffs of many processes; it need not be secret.
    pub fn new(seed: u64) -> Manager {
        Manager {
            targets: Slots::default(),
            owners: Vec::new(),
            lanes: Slots::default(),
            links: Slots::default(),
            policies: Vec::new(),
            breakers: Breakers::default(),
            output: Output::default(),
            scope: 0,
            random: seed | 1,
            dials: 0,
        }
    }

    /// Lends what is known of servers that are away to a manager, and takes it back: around each mutation, where several
    /// managers of one thread know it together. Their clocks must be one.
    pub fn exchange(&mut self, breakers: &mut Breakers) {
        core::mem::swap(&mut self.breakers, breakers);
    }

    /// The actions of the last mutation.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Registers a target. With options that make no sense it is disabled from the start, and so it is when others of its
    /// kind, in other scopes, have just found that its server does not answer. Scope 0 has nothing to do with others.
    pub fn configure(&mut self, options: &Options<'_>, now: Time) -> u32 {
        self.begin(options.scope);
        let config = Config::new(options);
        let number = self.targets.insert(|_| Target::new(config, options.scope));
        self.owners.resize(self.targets.places(), options.scope);
        self.owners[place_of(number)] = options.scope;
        let Manager { targets, lanes, breakers, .. } = self;
        let Some(target) = targets.get_mut(number) else { return number };
        let backoff = target.config.as_ref().map_or_else(|_| Default::default(), |config| config.backoff);
        let mut lane = Lane::new((number, target.nodes.len(), Role::Shared), backoff, now);
        let mut breaker = None;
        match &target.config {
            Ok(config) => {
                breaker = breakers.join(config, options.scope, options.kind, now);
                if let Some(outage) = breakers.outage(breaker) {
                    outage.disable(&mut lane);
                }
            }
            Err(invalid) => {
                let (trouble, retry_at) = (invalid.clone(), Time::NEVER);
                lane.state = lane::State::Disabled { trouble, retry_at, dial: None };
            }
        }
        let shared = lanes.insert(|_| lane);
        target.nodes.push(Node { breaker, winner: None, shared, others: Vec::new() });
        number
    }

    /// The settings of a target, or why there are none.
    pub fn config(&self, target: u32) -> Option<Result<&Config, &Invalid>> {
        Some(self.targets.get(target)?.config.as_ref())
    }

    /// The last handle of the target was closed: its links drain and close, and its number is never used again.
    pub fn release(&mut self, target: u32, now: Time) {
        self.begin_for(target);
        self.shut_down(target, now);
    }

    /// The number of a policy; equal ones share it. Of very many different ones the durations are rounded up by a
    /// quarter at most.
    pub fn policy(&mut self, policy: Policy) -> u16 {
        let policy = policy.clamped();
        let find = |policies: &[Policy], policy| policies.iter().position(|other| *other == policy);
        if let Some(number) = find(&self.policies, policy) {
            return number as u16;
        }
        let policy = if self.policies.len() < EXACT_POLICIES { policy } else { policy.rounded() };
        let number = find(&self.policies, policy).unwrap_or_else(|| {
            self.policies.push(policy);
            self.policies.len() - 1
        });
        number as u16
    }

    /// A caller wants the target to be ready: begins a dial where one may begin.
    pub fn connect(&mut self, target: u32, now: Time) {
        self.begin_for(target);
        if let Some(lane) = self.targets.get(target).and_then(Target::shared) {
            self.demand(lane, now);
        }
    }

    /// From now on the server is asked to push changes of keys with this prefix, too, on each link of the target. No prefix
    /// may be the beginning of another.
    pub fn track(&mut self, target: u32, prefix: &str) {
        self.begin_for(target);
        let Manager { targets, links, output, .. } = self;
        let Some(Ok(config)) = targets.get_mut(target).map(|target| &mut target.config) else { return };
        let tracking = &mut config.introduction.tracking;
        if tracking.iter().any(|other| other == prefix) {
            return;
        }
        tracking.push(owned(prefix));
        let shared = |link: &&mut Link| link.target == target && link.role == Role::Shared;
        for link in links.iter_mut().filter(shared) {
            link.track(prefix, output);
        }
    }

    /// The caller of this command does not wait any more; its reply is dropped when it comes. Returns whether the server
    /// may have seen it.
    pub fn abandon(&mut self, target: u32, tag: u32, now: Time) -> Sent {
        self.begin_for(target);
        let sent = self.give_up(target, tag);
        self.settle_all_retired(target, now);
        sent
    }

    fn give_up(&mut self, target: u32, tag: u32) -> Sent {
        let Manager { targets, lanes, links, output, .. } = self;
        let Some(target) = targets.get(target) else { return Sent::Maybe };
        for number in target.lanes() {
            let Some(lane) = lanes.get_mut(number) else { continue };
            if let Some(entry) = lane.staged.abandon(tag) {
                return entry.sent();
            }
            // It may ride on a link that is still being dialled.
            for link in lane.links() {
                if links.get_mut(link).is_some_and(|link| link.abandon(tag, output)) {
                    return Sent::Maybe;
                }
            }
        }
        Sent::Maybe
    }

    /// The callers of these commands do not wait any more. Marks those that the server
    /// cannot have seen with [`UNSENT`].
    pub fn abandon_all(&mut self, target: u32, tags: &mut [u32], now: Time) {
        self.begin_for(target);
        for tag in tags {
            if self.give_up(target, *tag) == Sent::No {
                *tag |= UNSENT;
            }
        }
        self.settle_all_retired(target, now);
    }

    fn settle_all_retired(&mut self, target: u32, now: Time) {
        let lanes = self.targets.get(target).map_or_else(Vec::new, |target| target.lanes().collect());
        for lane in lanes {
            self.settle_retired(lane, now);
        }
    }

    /// The public status of a target: that of its shared lane.
    pub fn status(&self, target: u32) -> Option<Status<'_>> {
        Some(self.lanes.get(self.targets.get(target)?.shared()?)?.status())
    }

    /// Counters of a target.
    pub fn stats(&self, target: u32) -> Option<Stats> {
        Some(self.targets.get(target)?.stats)
    }

    /// Whether the link is not gone yet.
    pub fn is_alive(&self, link: u32) -> bool {
        self.links.get(link).is_some()
    }

    /// How many commands of a target are not settled: those not written, and those written.
    pub fn backlog(&self, target: u32) -> (usize, usize) {
        let lanes = self.targets.get(target).map_or_else(Vec::new, |target| target.lanes().collect());
        let (mut staged, mut written) = (0, 0);
        for lane in lanes.into_iter().filter_map(|lane| self.lanes.get(lane)) {
            staged += lane.staged.len();
            written +=
                lane.links().filter_map(|link| Some(self.links.get(link)?.inflight.len())).sum::<usize>();
        }
        (staged, written)
    }

    fn advance_staged(&mut self, number: u32, now: Time) {
        let Manager { targets, lanes, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get_mut(lane.target) else { return };
        if lane.staged.is_empty() || lane.staged.deadline(now) > now {
            return;
        }
        let is_dialled = lane.dial().is_some() && lane.link().is_none();
        let phase = if is_dialled { Phase::Connect } else { Phase::Queue };
        lane.staged.remove(|entry| {
            let due = entry.is_due(now);
            if due {
                target.stats.timeouts += 1.0;
                output.reject(entry.tag, Failure::Timeout, phase as u32, entry.sent());
            }
            due
        });
    }

    /// xorshift64* (Vigna): spreads backoffs, guards nothing.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A lane has changed its state.
    fn changed(&mut self, number: u32, now: Time) {
        let Manager { targets, lanes, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        lane.since = now;
        let (state, reason) = (lane.public_state() as u32, lane.trouble().map(|(reason, _)| *reason));
        if lane.role != Role::Shared {
            if !lane.is_kept {
                output.action(LANE, number, state, reason.map_or(0, |reason| reason as u32));
            }
            return;
        }
        let Some(target) = targets.get_mut(lane.target) else { return };
        target.stats.state_changes += 1.0;
        output.state(lane.target, state, reason);
    }

    /// The last lane of a target that no handle holds is gone.
    fn close_target(&mut self, target: u32) {
        self.targets.remove(target);
        self.output.state(target, State::Closed as u32, None);
    }

    /// The deadline of a command that is written now.
    fn deadlines(policies: &[Policy], now: Time) -> impl Fn(u16) -> Deadline + '_ {
        move |policy| Deadline::new(now.after(policies[policy as usize].command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(connect: u64, command: u64) -> Policy {
        let (connect, command) = (Duration::from_millis(connect), Duration::from_millis(command));
        Policy { connect, command, waits: false, total: false }
    }

    #[test]
    fn no_two_policies_are_confused_however_many_there_are() {
        let mut manager = Manager::new(1);
        for connect in 1..400 {
            for command in 1..400 {
                let asked = policy(connect * 7, command * 11);
                let number = manager.policy(asked);
                let given = manager.policies[usize::from(number)];
                for (asked, given) in [(asked.connect, given.connect), (asked.command, given.command)] {
                    assert!(
                        given >= asked && given.as_micros() * 4 <= asked.as_micros() * 5,
                        "{asked:?} {given:?}"
                    );
                }
            }
        }
        assert!(manager.policies.len() < 6_000, "{}", manager.policies.len());
        assert_eq!(manager.policy(policy(7, 11)), 0, "the first ones stay as they are");
    }

    #[test]
    fn numbers_suffice_for_all_rounded_policies() {
        let mut durations: Vec<u64> = (0..=30)
            .flat_map(|digits| (0..64).map(move |part| (1u64 << digits) * (64 + part) / 64))
            .collect();
        durations
            .iter_mut()
            .for_each(|millis| *millis = policy(*millis, 1).clamped().rounded().connect.as_micros() / 1_000);
        durations.sort_unstable();
        durations.dedup();
        assert!(
            4 * durations.len().pow(2) + EXACT_POLICIES <= usize::from(u16::MAX) + 1,
            "{}",
            durations.len()
        );
    }

    #[test]
    fn the_sum_of_the_longest_durations_is_a_deadline_like_any_other() {
        let mut manager = Manager::new(1);
        let number = manager.policy(policy(13 * 86_400_000, u32::MAX.into()));
        let given = manager.policies[usize::from(number)];
        let mut entry = crate::connection::Entry::new(1, number, 0, 0);
        let now = Time::from_millis(5.0);
        entry.set_deadline(Deadline::new(now.after(given.connect).after(given.command)));
        assert!(!entry.is_due(now));
        assert!(entry.left(now) > i32::MAX - 10);
    }
}
