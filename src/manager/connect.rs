//! Dials: when they begin, what they try, and what a lane is without a link.

use crate::command::Role;
use crate::connection::{Introduction, Link, CLOSE, DIAL, OPEN, PREPARE};
use crate::error::Reason;
use crate::resp::owned;
use crate::retry::{self, Redial, Stage, Verdict};
use crate::time::{Duration, Time};

use super::breaker::Outage;
use super::dial::{Dial, Outcome};
use super::lane::{State, Trouble};
use super::Manager;

/// Wrong credentials, and a server that sends us elsewhere, are tried again this slowly: a person must mend them.
pub(super) const SLOW_RETRY: Duration = Duration::from_secs(30);

impl Manager {
    /// A command needs the lane, or a caller wants it to be ready.
    pub(super) fn demand(&mut self, number: u32, now: Time) {
        self.consult(number, now);
        let Some(lane) = self.lanes.get_mut(number) else { return };
        lane.unasked = false;
        if !lane.may_dial(now) {
            return;
        }
        if !self.has_room(number) {
            return self.wait_for_room(number, now);
        }
        let Manager { targets, lanes, breakers, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get(lane.target) else { return };
        let Ok(config) = &target.config else { return };
        if let State::Disabled { retry_at, .. } = &mut lane.state {
            if let Err(look_again) = breakers.may_try(target.nodes[lane.node].breaker, config.connect, now) {
                *retry_at = look_again;
                return;
            }
        }
        self.begin_dial(number, None, now);
    }

    /// Begins a dial: for an idle lane in the foreground, with the `trouble` that ended the link before, and else in the
    /// background.
    pub(super) fn begin_dial(&mut self, number: u32, trouble: Option<Trouble>, now: Time) {
        self.dials = self.dials.wrapping_add(1);
        let Manager { targets, lanes, output, dials, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get_mut(lane.target) else { return };
        let Ok(config) = &target.config else { return };
        let prepare = config.needs_lookup() || config.dynamic_credentials;
        let id = *dials;
        let mut dial = Dial::new(id, now, config.connect);
        if !prepare {
            dial.prepared(vec![config.display()], None, now, config.connect);
        }
        let in_background = !matches!(lane.state, State::Idle);
        lane.state = match core::mem::take(&mut lane.state) {
            State::Ready { link, .. } => State::Ready { link, dial: Some(dial) },
            State::Disabled { trouble, retry_at, .. } => {
                State::Disabled { trouble, retry_at, dial: Some(dial) }
            }
            state @ (State::Connecting { .. } | State::Closed(_)) => {
                debug_assert!(false, "a dial begins on a lane that is {state:?}");
                lane.state = state;
                return;
            }
            State::Idle => State::Connecting { dial, trouble },
        };
        target.stats.dials += 1.0;
        if lane.role == Role::Shared {
            output.action(DIAL, lane.target, id, u32::from(in_background));
        }
        if !in_background {
            self.changed(number, now);
        }
        let Manager { lanes, output, .. } = self;
        if let (true, Some(lane)) = (prepare, lanes.get(number)) {
            output.action(PREPARE, lane.target, id, 0);
        }
        self.race(number, now);
    }

    /// Opens links to the addresses whose time has come.
    pub(super) fn race(&mut self, number: u32, now: Time) {
        let Manager { targets, lanes, links, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get(lane.target) else { return };
        let (of, role, keeps_writes) = (lane.target, lane.role, target.route.keeps_writes());
        let standing = lane.standing.clone();
        let (Ok(config), Some(dial)) = (&target.config, lane.dial_mut()) else { return };
        while let Some(candidate) = dial.next_candidate(now) {
            let bare = dial.candidates[candidate].bare;
            let mut introduction = Introduction { bare, ..config.introduction.clone() };
            if role != Role::Shared {
                introduction.tracking = Vec::new();
                introduction.standing = standing.clone();
                introduction.needs_id = role == Role::Blocking;
            }
            let id = links.insert(|id| {
                let mut link = Link::new(id, (of, number, role), candidate, introduction, config.limits, now);
                link.inflight.keep_writes(keeps_writes);
                link
            });
            dial.candidates[candidate].outcome = Outcome::Trying(id);
            output.action(OPEN, id, of, candidate as u32);
        }
    }

    /// The lane of a target whose dial has this number and waits for its addresses.
    fn preparing(&self, target: u32, dial: u32) -> Option<u32> {
        self.targets.get(target)?.lanes().find(|number| {
            let known = self.lanes.get(*number).and_then(|lane| lane.dial());
            known.is_some_and(|known| known.number == dial && known.candidates.is_empty())
        })
    }

    /// The addresses (and the credentials, where a function gives them) of a dial are known.
    pub fn prepared(
        &mut self,
        target: u32,
        dial: u32,
        addresses: Vec<String>,
        credentials: Option<(String, String)>,
        now: Time,
    ) {
        self.begin_for(target);
        let Some(number) = self.preparing(target, dial) else { return };
        let Manager { targets, lanes, .. } = self;
        let (Some(target), Some(lane)) = (targets.get_mut(target), lanes.get_mut(number)) else { return };
        let winner = target.nodes[lane.node].winner.as_deref();
        let (Ok(config), Some(dial)) = (&mut target.config, lane.dial_mut()) else { return };
        if credentials.is_some() {
            config.introduction.credentials = credentials;
        }
        if addresses.is_empty() {
            return self.dial_failed(number, Some((Reason::Dns, owned("the name has no address"))), now);
        }
        dial.prepared(addresses, winner, now, config.connect);
        self.race(number, now);
    }

    /// The addresses or credentials of a dial cannot be had.
    pub fn unprepared(&mut self, target: u32, dial: u32, code: &str, text: &str, now: Time) {
        self.begin_for(target);
        if let Some(number) = self.preparing(target, dial) {
            self.dial_failed(number, Some((Reason::of_code(code), owned(text))), now);
        }
    }

    pub(super) fn advance_dial(&mut self, number: u32, now: Time) {
        let Some(lane) = self.lanes.get(number) else { return };
        match lane.dial() {
            Some(dial) if dial.deadline <= now => self.dial_failed(number, None, now),
            Some(_) => self.race(number, now),
            None => {
                if matches!(lane.state, State::Disabled { .. }) && lane.wants_link() {
                    self.demand(number, now);
                }
            }
        }
    }

    /// No address of the dial answered; `cause` is given when it did not get as far as addresses.
    pub(super) fn dial_failed(&mut self, number: u32, cause: Option<Trouble>, now: Time) {
        let Manager { targets, lanes, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get_mut(lane.target) else { return };
        if lane.dial().is_none() {
            return;
        }
        let (link, Some(dial)) = lane.leave() else { return };
        target.nodes[lane.node].winner = None;
        let (reason, story, address) = match cause {
            Some((reason, text)) => (reason, text, None),
            None => dial.verdict(),
        };
        let hides = reason == Reason::Timeout && target.config.as_ref().is_ok_and(|config| config.tls);
        let idea = if hides { " (a port without TLS keeps silent too: try redis://)" } else { "" };
        let name = target.config.as_ref().map(super::config::Config::display).unwrap_or_default();
        // Does not repeat the only address if it is the name itself.
        let short = story.strip_prefix(&*name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&story);
        let text = ["cannot connect to ", &name, ": ", short, idea].concat();
        match link {
            Some(link) if dial.outdates && retry::keeps_outdated(reason) => {
                lane.state = State::Ready { link, dial: None };
                return self.discard_dial(Some(dial), None, reason, now);
            }
            _ => lane.address = address,
        }
        // The server may only be busy: commands that have time are still answered by the link that was to be replaced.
        if let Some(link) = link {
            self.retire(link, now);
        }
        self.discard_dial(Some(dial), None, reason, now);
        self.disable(number, (reason, text), now);
        if self.lanes.get(number).is_some_and(|lane| lane.released) {
            self.abort(number, now);
        }
    }

    /// The lane is without link and dial, and is not dialled again before some time has passed.
    pub(super) fn disable(&mut self, number: u32, trouble: Trouble, now: Time) {
        let random = self.draw();
        let Manager { targets, lanes, breakers, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get(lane.target) else { return };
        // A relay that has said when it dials again need not be asked earlier.
        let slow = match lane.peer_retry_at.take() {
            Some(retry_at) => (retry_at > now).then_some(retry_at),
            None => (retry::server(trouble.0) == Redial::Slowly).then(|| now.after(SLOW_RETRY)),
        };
        let next = lane.backoff.next(now, random);
        let (address, backoff) = (lane.address.take(), lane.backoff);
        let mut outage = Outage { trouble, address, retry_at: slow.unwrap_or(next), backoff };
        breakers.opened(target.nodes[lane.node].breaker, &mut outage, slow, now, random);
        outage.disable(lane);
        self.turn_away(number);
        self.changed(number, now);
        self.leaves_room(number, now);
    }

    /// Rejects the commands that do not want to wait for a disabled lane, or cannot gain from it.
    pub(super) fn turn_away(&mut self, number: u32) {
        let Manager { targets, lanes, policies, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(target) = targets.get_mut(lane.target) else { return };
        let State::Disabled { trouble: (reason, _), .. } = &lane.state else { return };
        lane.staged.remove(|entry| {
            let patient = policies[usize::from(entry.policy)].waits;
            match retry::command(*reason, Stage::Staged { patient }, entry.kind(), entry.resent()) {
                Verdict::Again => false,
                Verdict::Reject(failure) => {
                    target.stats.disabled += 1.0;
                    output.reject(entry.tag, failure, *reason as u32, entry.sent());
                    true
                }
            }
        });
    }

    /// Closes a link on which nothing is waited for.
    pub(super) fn hang_up(&mut self, link: u32, gracefully: u32) {
        self.links.remove(link);
        self.output.action(CLOSE, link, gracefully, 0);
    }

    /// The same with the links of a dial that is given up.
    pub(super) fn hang_up_dial(&mut self, dial: Option<Dial>) {
        for link in dial.iter().flat_map(Dial::trying) {
            self.hang_up(link, 0);
        }
    }

    /// Closes the links of a dial, but the one that has won; what rode on them waits for the next one.
    pub(super) fn discard_dial(
        &mut self,
        dial: Option<Dial>,
        winner: Option<u32>,
        reason: Reason,
        now: Time,
    ) {
        for link in dial.iter().flat_map(Dial::trying).filter(|link| Some(*link) != winner) {
            self.discard(link, reason, now);
        }
    }
}
