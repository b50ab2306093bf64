//! Moves lanes as their links open, receive and fail. [`retry`] decides what is tried again.

use crate::command::Role;
use crate::connection::{Deadline, Entry, Event, CLOSE, DATED, IDLE_PROBE};
use crate::error::{Failure, Reason, Sent};
use crate::resp::owned;
use crate::retry::{self, Address, Kind, Redial, Stage, Verdict};
use crate::time::{Duration, Time};

use super::connect::SLOW_RETRY;
use super::lane::{State, Trouble};
use super::staged::Staged;
use super::{Manager, Policy};

/// After a link was lost, addresses that refuse are tried again for this long before the lane is disabled: so a restart of
/// the server that takes a moment goes unnoticed.
const PATIENCE: Duration = Duration::from_millis(150);
/// A link that dies sooner was not worth much; after a few of them in a row, back off.
const SHORT_LIFE: Duration = Duration::from_secs(1);
const SHORT_LIVES: u32 = 3;
/// A server that serves less than it did is asked for its successor this often at the most.
const OUTDATED_RETRY: Duration = Duration::from_secs(5);

/// A command that is to be sent again, and how long it may wait for that.
fn again(policies: &[Policy], entry: Entry, stage: Stage, now: Time) -> (Entry, Deadline) {
    let policy = policies[usize::from(entry.policy)];
    let wait = match stage {
        _ if policy.total => entry.wait(now),
        Stage::Written => policy.connect,
        // A link that was never accepted is part of the same wait: it does not begin anew.
        Stage::Riding | Stage::Staged { .. } => entry.wait(now).saturating_sub(policy.command),
    };
    let mut entry = entry.again();
    // Otherwise it waits for its reply anew.
    entry.flags = if policy.total { entry.flags | DATED } else { entry.flags & !DATED };
    (entry, Deadline::new(now.after(wait)))
}

impl Manager {
    /// The transport has connected a link.
    pub fn opened(&mut self, link: u32, now: Time) {
        self.begin_for_link(link);
        let Manager { targets, lanes, links, output, policies, .. } = self;
        let Some(link) = links.get_mut(link) else { return };
        let Some(lane) = lanes.get_mut(link.lane) else { return };
        link.opened(now, output);
        if link.allows_riders() && lane.link().is_none() {
            lane.staged.write(link, true, now, Manager::deadlines(policies, now), output);
        }
        if let Some(target) = targets.get_mut(lane.target) {
            target.stats.bytes_out += f64::from(output.frames.len());
        }
    }

    /// Bytes have come. Returns how many were consumed; the rest must be shown again, before what follows.
    pub fn receive(&mut self, link: u32, bytes: &[u8], now: Time) -> usize {
        self.begin_for_link(link);
        let Manager { targets, lanes, links, output, .. } = self;
        let Some(open) = links.get_mut(link) else { return bytes.len() };
        let number = open.lane;
        let Some(lane) = lanes.get(number) else { return bytes.len() };
        if let Some(target) = targets.get_mut(lane.target) {
            target.stats.bytes_in += bytes.len() as f64;
        }
        let doubted = lane.link() == Some(link) && lane.dial().is_some_and(|dial| !dial.outdates);
        let retired = lane.retired == Some(link);
        let released = lane.released;
        let (consumed, event) = open.receive(bytes, now, output);
        if let Some(target) = targets.get_mut(lane.target) {
            target.stats.pushes_dropped += f64::from(open.take_unwanted());
        }
        match event {
            // It may have been the last reply that a caller waits for.
            Event::None if released => self.finish(number, now),
            Event::None => {}
            Event::Ready => self.link_ready(number, link, now),
            Event::Failed(reason, text) => self.link_failed(link, reason, text, now),
            Event::Outdated => self.link_outdated(number, link, now),
            Event::Drained if retired => {}
            Event::Drained => self.link_drained(number, link, now),
        }
        if retired {
            self.settle_retired(number, now);
        }
        if doubted {
            self.trust_again(number, link);
        }
        consumed
    }

    /// The transport has let go of a link, or could not connect it. `code` is the runtime's name for the cause.
    pub fn lost(&mut self, link: u32, code: &str, text: &str, now: Time) {
        self.begin_for_link(link);
        let peer_retry_at = Reason::wait_of_code(code).map(|wait| now.after(wait.min(SLOW_RETRY)));
        let Manager { lanes, links, .. } = self;
        if let Some(lane) = links.get(link).and_then(|link| lanes.get_mut(link.lane)) {
            lane.peer_retry_at = peer_retry_at;
        }
        self.link_failed(link, Reason::of_code(code), owned(text), now);
    }

    /// The transport asks not to be written to.
    pub fn blocked(&mut self, link: u32) {
        if let Some(link) = self.links.get_mut(link) {
            link.set_blocked(true);
        }
    }

    /// The transport takes bytes again.
    pub fn drained(&mut self, link: u32, now: Time) {
        self.begin_for_link(link);
        let Some(open) = self.links.get_mut(link) else { return };
        open.set_blocked(false);
        let number = open.lane;
        self.write_staged(number, now);
        self.finish(number, now);
    }

    pub(super) fn write_staged(&mut self, number: u32, now: Time) {
        let Manager { targets, lanes, links, output, policies, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let Some(link) = lane.link().and_then(|link| links.get_mut(link)) else { return };
        if link.is_writable() {
            let from = output.frames.len();
            lane.staged.write(link, false, now, Manager::deadlines(policies, now), output);
            if let Some(target) = targets.get_mut(lane.target) {
                target.stats.bytes_out += f64::from(output.frames.len() - from);
            }
        }
    }

    fn link_ready(&mut self, number: u32, link: u32, now: Time) {
        let Manager { targets, lanes, links, breakers, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let is_new = lane.link() != Some(link);
        if is_new {
            let Some(target) = targets.get_mut(lane.target) else { return };
            let node = &mut target.nodes[lane.node];
            let (old, dial) = lane.leave();
            lane.state = State::Ready { link, dial: None };
            let candidate = links.get(link).map_or(0, |link| link.candidate);
            lane.address =
                dial.as_ref().and_then(|dial| Some(dial.candidates.get(candidate)?.address.clone()));
            node.winner = lane.address.clone();
            target.stats.connects += 1.0;
            if lane.short_lives < SHORT_LIVES {
                lane.backoff.reset();
            }
            breakers.closed(node.breaker, now);
            self.discard_dial(dial, Some(link), Reason::Timeout, now);
            match old {
                // A link that was doubted has been replaced: the state stays as it is.
                Some(old) => {
                    self.retire(old, now);
                    if let Some(lane) = self.lanes.get_mut(number) {
                        lane.since = now;
                    }
                }
                None => self.changed(number, now),
            }
        }
        let before = self.output.frames.len();
        let is_shared = self.lanes.get(number).is_some_and(|lane| lane.role == Role::Shared);
        self.write_staged(number, now);
        // A request's link may have served already, and end before it is listed: there it is not worth a write of its own.
        if is_new && is_shared && (self.scope == 0 || self.output.frames.len() > before) {
            let Manager { links, output, .. } = self;
            // In the same write as the first commands, and behind them: what waits may be large, and is not copied.
            if let Some(link) = links.get_mut(link) {
                link.introduce_library(output);
            }
        }
        self.finish(number, now);
    }

    /// A link was replaced, by doubt or because its server serves less. What may be sent again moves to the new one; the
    /// other commands may still be answered here.
    pub(super) fn retire(&mut self, link: u32, now: Time) {
        let Manager { targets, lanes, links, policies, .. } = self;
        let Some(old) = links.get_mut(link) else { return };
        let number = old.lane;
        let Some(lane) = lanes.get_mut(number) else { return };
        let mut returned = Staged::for_all_of(&old.inflight);
        old.retire(|entry, frame| {
            match retry::command(Reason::Timeout, Stage::Written, entry.kind(), entry.resent()) {
                Verdict::Again => {
                    let (entry, deadline) = again(policies, *entry, Stage::Written, now);
                    returned.add(entry, frame, deadline);
                    true
                }
                // It may still be answered here.
                Verdict::Reject(_) => false,
            }
        });
        if let Some(target) = targets.get_mut(lane.target) {
            target.stats.resent += returned.len() as f64;
        }
        lane.staged.give_back(returned);
        if let Some(before) = lane.retired.replace(link) {
            self.discard(before, Reason::Timeout, now);
        }
        self.settle_retired(number, now);
    }

    /// Closes a link that was replaced once nothing is waited for on it.
    pub(super) fn settle_retired(&mut self, number: u32, now: Time) {
        let Manager { lanes, links, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        if let Some(link) = lane.retired {
            if links.get(link).is_some_and(|link| link.inflight.is_waited_for()) {
                return;
            }
            lane.retired = None;
            if links.get(link).is_some() {
                self.hang_up(link, 0);
            }
        }
        self.finish(number, now);
    }

    /// The server behind the link is loading its dataset, or has become a replica: whatever answers at the same address
    /// now is asked whether it serves. Until then the link is used as it is.
    fn link_outdated(&mut self, number: u32, link: u32, now: Time) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        let is_used = matches!(lane.state, State::Ready { link: used, dial: None } if used == link);
        if lane.role != Role::Shared {
            lane.is_outdated = true;
            return;
        }
        if !is_used || lane.released || now < lane.next_outdated {
            return;
        }
        lane.next_outdated = now.after(OUTDATED_RETRY);
        self.begin_dial(number, None, now);
        if let Some(dial) = self.lanes.get_mut(number).and_then(|lane| lane.dial_mut()) {
            dial.outdates = true;
        }
    }

    /// A link that was doubted has spoken: the dial that was to replace it is not needed.
    fn trust_again(&mut self, number: u32, link: u32) {
        let Some(lane) = self.lanes.get_mut(number).filter(|lane| lane.link() == Some(link)) else { return };
        let dial = lane.take_background_dial();
        self.hang_up_dial(dial);
    }

    pub(super) fn link_failed(&mut self, link: u32, reason: Reason, text: String, now: Time) {
        let Some(failed) = self.links.get(link) else { return };
        let (number, candidate) = (failed.lane, failed.candidate);
        let asked_much = failed.may_have_asked_too_much();
        let quiet_since = failed.inflight.is_empty().then(|| failed.heard());
        let random = self.draw();
        self.discard(link, reason, now);
        let Manager { targets, lanes, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        if lane.retired == Some(link) {
            return self.settle_retired(number, now);
        }
        if lane.link() == Some(link) {
            return self.link_lost(number, (reason, text), quiet_since, now);
        }
        let Some(target) = targets.get_mut(lane.target) else { return };
        let winner = &mut target.nodes[lane.node].winner;
        let Some(dial) = lane.dial_mut() else { return };
        if !dial.trying().any(|trying| trying == link) {
            return;
        }
        let next = dial.failed(candidate, asked_much, (reason, text), now, random);
        if next != Address::AskLess && winner.as_ref() == Some(&dial.candidates[candidate].address) {
            *winner = None;
        }
        if dial.is_lost() {
            self.dial_failed(number, None, now);
        } else {
            self.race(number, now);
            // The reads that rode on it may have been the last that a caller waited for.
            self.finish(number, now);
        }
    }

    /// The link that commands were written to is gone. When nothing was in flight on it: since when.
    fn link_lost(&mut self, number: u32, (reason, text): Trouble, quiet_since: Option<Time>, now: Time) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        let (_, dial) = lane.leave();
        if lane.released {
            self.discard_dial(dial, None, Reason::Closed, now);
            return self.abort(number, now);
        }
        let address = lane.address.clone().unwrap_or_default();
        let trouble = (reason, ["the connection to ", &address, " was lost: ", &text].concat());
        if lane.role == Role::Exclusive && lane.is_used {
            return self.close_exclusive(number, trouble, now);
        }
        if lane.is_kept {
            return self.abort(number, now);
        }
        let lived = now.since(lane.since);
        lane.short_lives = if lived < SHORT_LIFE { lane.short_lives + 1 } else { 0 };
        if retry::server(reason) == Redial::Slowly || lane.short_lives > SHORT_LIVES {
            return self.disable(number, trouble, now);
        }
        // A server that closes idle links within seconds would otherwise be redialled for ever, although each new link
        // stays unused.
        let unused = lane.unasked && lived >= SHORT_LIFE && reason == Reason::Closed;
        let is_idle = |quiet| now.since(quiet) >= IDLE_PROBE || unused && quiet <= lane.since;
        let was_idle = quiet_since.is_some_and(is_idle);
        match dial {
            // It was doubted with reason, and the dial to replace it is under way.
            Some(dial) => {
                lane.state = State::Connecting { dial, trouble: Some(trouble) };
                self.changed(number, now);
            }
            // Servers close links that are not used: no other is opened before a command needs one.
            None if was_idle && !lane.wants_link() => {
                self.changed(number, now);
                self.leaves_room(number, now);
            }
            None => {
                lane.unasked = !lane.wants_link();
                self.begin_dial(number, Some(trouble), now);
                if let Some(dial) = self.lanes.get_mut(number).and_then(|lane| lane.dial_mut()) {
                    dial.patience = now.after(PATIENCE);
                }
            }
        }
    }

    /// The link of an exclusive lane that was used is gone: nothing that waits on it may run on another.
    fn close_exclusive(&mut self, number: u32, trouble: Trouble, now: Time) {
        let Manager { lanes, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return };
        let reason = trouble.0 as u32;
        lane.staged.remove(|entry| {
            output.reject(entry.tag, Failure::ConnectionLost, reason, Sent::No);
            true
        });
        lane.state = State::Closed(trouble);
        self.changed(number, now);
        self.leaves_room(number, now);
    }

    /// Closes a link. What may be sent again goes back to the queue, the other commands are rejected.
    pub(super) fn discard(&mut self, link: u32, reason: Reason, now: Time) {
        let Manager { targets, lanes, links, output, policies, .. } = self;
        let Some(mut gone) = links.remove(link) else { return };
        output.action(CLOSE, link, 0, 0);
        let Some(lane) = lanes.get_mut(gone.lane) else { return };
        let stage = if gone.is_accepted() { Stage::Written } else { Stage::Riding };
        // Of a released lane a dial still goes on for what waits, but there is no link after the last.
        let is_last = lane.released && lane.link() == Some(link);
        // The state of a transaction is lost with its link.
        let is_alone = lane.role == Role::Exclusive;
        if lane.link() == Some(link) {
            lane.standing = gone.take_standing();
        }
        let mut returned = Staged::for_all_of(&gone.inflight);
        gone.inflight.take(|entry, frame| {
            if !entry.is_waited_for() {
                return;
            }
            // Treats its frame as not kept: no further link will send it.
            let kind = if is_last || is_alone { Kind::Unkept } else { entry.kind() };
            match retry::command(reason, stage, kind, entry.resent()) {
                Verdict::Again => {
                    let (entry, deadline) = again(policies, entry, stage, now);
                    returned.add(entry, frame, deadline);
                }
                Verdict::Reject(failure) => {
                    output.reject(entry.tag, failure, reason as u32, Sent::Maybe);
                }
            }
        });
        if let Some(target) = targets.get_mut(lane.target) {
            target.stats.resent += returned.len() as f64;
        }
        lane.staged.give_back(returned);
    }

    pub(super) fn advance_links(&mut self, number: u32, now: Time) {
        let Manager { lanes, links, policies, output, targets, .. } = self;
        let Some(lane) = lanes.get(number) else { return };
        let Some(target) = targets.get_mut(lane.target) else { return };
        let mut silent = false;
        // Those of a dial too: commands may ride on them.
        for id in lane.links() {
            let Some(link) = links.get_mut(id) else { continue };
            let expired = link.expire(now, |policy| policies[policy as usize].command, output);
            target.stats.timeouts += f64::from(expired.commands);
            silent |= expired.silent && lane.link() == Some(id);
        }
        let State::Ready { link, dial } = &lane.state else { return };
        let id = *link;
        if links.get(id).is_some_and(|link| link.is_probe_due(now)) {
            self.link_failed(id, Reason::Timeout, owned("no answer to a PING after idleness"), now);
        } else if silent && lane.role == Role::Subscriber {
            self.link_failed(id, Reason::Timeout, owned("no answer in time"), now);
        } else if silent && lane.role == Role::Shared && dial.is_none() && !lane.released {
            // Doubt: a second link is dialled, and if that answers it takes over.
            self.begin_dial(number, None, now);
        }
    }
}
