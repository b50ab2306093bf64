//! What becomes of targets as their dials and links come and go. What is tried again is decided in [`retry`].

use crate::connection::{Deadline, Entry, Event, Introduction, Link, CLOSE, DATED, DIAL, IDLE_PROBE, OPEN};
use crate::error::{Failure, Reason, Sent};
use crate::resp::owned;
use crate::retry::{self, Address, Kind, Redial, Stage, Verdict};
use crate::time::{Duration, Time};

use super::dial::{Dial, Outcome};
use super::staged::Staged;
use super::target::{State, Target};
use super::{Manager, Policy};

/// Wrong credentials, and a server that sends us elsewhere, are tried again this slowly: a person must mend them.
const SLOW_RETRY: Duration = Duration::from_secs(30);
/// After a link was lost, addresses that refuse are tried again for this long before the target is disabled: so a
/// restart of the server that takes a moment goes unnoticed.
const PATIENCE: Duration = Duration::from_millis(150);
/// A link that dies sooner was not worth much; after a few of them in a row, back off.
const SHORT_LIFE: Duration = Duration::from_secs(1);
const SHORT_LIVES: u32 = 3;
/// A server that serves no more as it did is asked for its successor this often at the most.
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
    /// Somebody needs the target.
    pub(super) fn demand(&mut self, target: u32, now: Time) {
        self.consult(target, now);
        let Manager { targets, breakers, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        known.unasked = false;
        if !known.may_dial(now) {
            return;
        }
        let in_background = known.state == State::Disabled;
        let budget = known.config.as_ref().map_or(Duration::ZERO, |config| config.connect);
        if !in_background || breakers.may_try(known, budget, now) {
            self.begin_dial(target, now, in_background, Duration::ZERO);
        }
    }

    pub(super) fn begin_dial(&mut self, target: u32, now: Time, in_background: bool, patience: Duration) {
        self.dials = self.dials.wrapping_add(1);
        let number = self.dials;
        let Some(known) = self.target_mut(target) else { return };
        let Ok(config) = &known.config else { return };
        let prepare = config.needs_lookup() || config.dynamic_credentials;
        let mut dial = Dial::new(number, now, config.connect, in_background);
        dial.patience = now.after(patience);
        if !prepare {
            dial.prepared(vec![config.display()], None, now, config.connect);
        }
        known.dial = Some(dial);
        known.stats.dials += 1.0;
        self.output.action(DIAL, target, number, u32::from(in_background));
        if !in_background {
            self.set_state(target, State::Connecting, now);
        }
        if prepare {
            self.prepare(target, number);
        }
        self.race(target, now);
    }

    /// Opens links to the addresses whose time has come.
    pub(super) fn race(&mut self, target: u32, now: Time) {
        let Manager { targets, links, output, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        let (Ok(config), Some(dial)) = (&known.config, &mut known.dial) else { return };
        while let Some(candidate) = dial.next_candidate(now) {
            let bare = dial.candidates[candidate].bare;
            let introduction = Introduction { bare, ..config.introduction.clone() };
            let id = links.insert(|id| Link::new(id, target, candidate, introduction, config.limits, now));
            dial.candidates[candidate].outcome = Outcome::Trying(id);
            output.action(OPEN, id, target, candidate as u32);
        }
    }

    /// The transport has connected a link.
    pub fn opened(&mut self, link: u32, now: Time) {
        self.begin_for_link(link);
        let Manager { targets, links, output, policies, .. } = self;
        let Some(open) = links.get_mut(link) else { return };
        let Some(known) = targets.get_mut(open.target) else { return };
        open.opened(now, output);
        if open.allows_riders() && known.link.is_none() {
            known.staged.write(open, true, now, Manager::deadlines(policies, now), output);
        }
        known.stats.bytes_out += f64::from(output.frames.len());
    }

    /// Bytes have come. Says how many were consumed; the rest must be shown again, before what follows.
    pub fn receive(&mut self, link: u32, bytes: &[u8], now: Time) -> usize {
        self.begin_for_link(link);
        let Manager { targets, links, output, .. } = self;
        let Some(open) = links.get_mut(link) else { return bytes.len() };
        let Some(known) = targets.get_mut(open.target) else { return bytes.len() };
        known.stats.bytes_in += bytes.len() as f64;
        let doubted = known.dial.as_ref().is_some_and(|dial| !dial.outdates) && known.link == Some(link);
        let retired = known.retired == Some(link);
        let released = known.released;
        let (consumed, event) = open.receive(bytes, now, output);
        let target = open.target;
        match event {
            // It may have been the last reply that somebody waits for.
            Event::None if released => self.finish(target, now),
            Event::None => {}
            Event::Ready => self.link_ready(target, link, now),
            Event::Failed(reason, text) => self.link_failed(link, reason, text, now),
            Event::Outdated => self.link_outdated(target, link, now),
            Event::Drained if retired => {}
            Event::Drained => self.link_drained(target, link, now),
        }
        if retired {
            self.settle_retired(target, now);
        }
        if doubted {
            self.trust_again(target, link);
        }
        consumed
    }

    /// The transport has let go of a link, or could not connect it. `code` is the runtime's name for it.
    pub fn lost(&mut self, link: u32, code: &str, text: &str, now: Time) {
        self.begin_for_link(link);
        let told = Reason::wait_of_code(code).map(|wait| now.after(wait.min(SLOW_RETRY)));
        if let Some(known) =
            self.links.get_mut(link).map(|link| link.target).and_then(|id| self.target_mut(id))
        {
            known.told_retry = told;
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
        let target = open.target;
        self.write_staged(target, now);
        self.finish(target, now);
    }

    pub(super) fn write_staged(&mut self, target: u32, now: Time) {
        let Manager { targets, links, output, policies, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        let Some(link) = known.link.and_then(|link| links.get_mut(link)) else { return };
        if link.is_writable() {
            let from = output.frames.len();
            known.staged.write(link, false, now, Manager::deadlines(policies, now), output);
            known.stats.bytes_out += f64::from(output.frames.len() - from);
        }
    }

    fn link_ready(&mut self, target: u32, link: u32, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        let is_new = known.link != Some(link);
        if is_new {
            let old = known.link.replace(link);
            let dial = known.dial.take();
            let candidate = self.links.get(link).map_or(0, |link| link.candidate);
            let Manager { targets, breakers, .. } = self;
            let Some(known) = targets.get_mut(target) else { return };
            known.address =
                dial.as_ref().and_then(|dial| Some(dial.candidates.get(candidate)?.address.clone()));
            known.winner = known.address.clone();
            known.stats.connects += 1.0;
            if known.short_lives < SHORT_LIVES {
                known.backoff.reset();
            }
            breakers.closed(known, now);
            self.discard_dial(dial, Some(link), Reason::Timeout, now);
            if let Some(old) = old {
                self.retire(old, now);
            }
            match self.target_mut(target) {
                // A link that was doubted has been replaced: that is no change of state.
                Some(known) if known.state == State::Ready => known.since = now,
                _ => self.set_state(target, State::Ready, now),
            }
        }
        let before = self.output.frames.len();
        self.write_staged(target, now);
        // A request's link may have served already, and end before it is listed: there it is not worth a write of its own.
        if is_new && (self.scope == 0 || self.output.frames.len() > before) {
            let Manager { links, output, .. } = self;
            // In the same write as the first commands, and behind them: what waits may be large, and is not copied.
            if let Some(link) = links.get_mut(link) {
                link.introduce_library(output);
            }
        }
        self.finish(target, now);
    }

    /// A link was replaced, by doubt or because its server serves no more. What may be sent again moves to the new one;
    /// the other commands may still be answered here.
    fn retire(&mut self, link: u32, now: Time) {
        let Manager { targets, links, policies, .. } = self;
        let Some(old) = links.get_mut(link) else { return };
        let target = old.target;
        let Some(known) = targets.get_mut(target) else { return };
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
        known.stats.resent += returned.len() as f64;
        known.staged.give_back(returned);
        if let Some(before) = known.retired.replace(link) {
            self.discard(before, Reason::Timeout, now);
        }
        self.settle_retired(target, now);
    }

    /// Closes a link that was replaced once nobody waits for anything on it.
    pub(super) fn settle_retired(&mut self, target: u32, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        if let Some(link) = known.retired {
            if self.links.get(link).is_some_and(|link| link.inflight.is_waited_for()) {
                return;
            }
            if let Some(known) = self.target_mut(target) {
                known.retired = None;
            }
            if self.links.get(link).is_some() {
                self.hang_up(link, 0);
            }
        }
        self.finish(target, now);
    }

    /// The server behind the link is loading its dataset, or has become a replica: whoever answers at the same address
    /// now is asked whether it serves. Until then the link is used as it is.
    fn link_outdated(&mut self, target: u32, link: u32, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        let is_used = known.link == Some(link) && known.dial.is_none() && !known.released;
        if !is_used || now < known.next_outdated {
            return;
        }
        known.next_outdated = now.after(OUTDATED_RETRY);
        self.begin_dial(target, now, true, Duration::ZERO);
        if let Some(dial) = self.target_mut(target).and_then(|known| known.dial.as_mut()) {
            dial.outdates = true;
        }
    }

    /// A link that was doubted has spoken: the dial that was to replace it is not needed.
    fn trust_again(&mut self, target: u32, link: u32) {
        let Some(known) = self.target_mut(target) else { return };
        if known.link != Some(link) {
            return;
        }
        let dial = known.dial.take();
        self.hang_up_dial(dial);
    }

    pub(super) fn link_failed(&mut self, link: u32, reason: Reason, text: String, now: Time) {
        let Some(failed) = self.links.get(link) else { return };
        let (target, candidate) = (failed.target, failed.candidate);
        let is_retired = |known: &Target| known.retired == Some(link);
        let asked_much = failed.may_have_asked_too_much();
        let quiet_since = failed.inflight.is_empty().then(|| failed.heard());
        let random = self.draw();
        self.discard(link, reason, now);
        let Some(known) = self.target_mut(target) else { return };
        if is_retired(known) {
            return self.settle_retired(target, now);
        }
        if known.link == Some(link) {
            known.link = None;
            return self.link_lost(target, reason, text, quiet_since, now);
        }
        let Some(dial) = &mut known.dial else { return };
        if !dial.trying().any(|trying| trying == link) {
            return;
        }
        let next = dial.failed(candidate, asked_much, (reason, text), now, random);
        let address = Some(&dial.candidates[candidate].address);
        if next != Address::AskLess && known.winner.as_ref() == address {
            known.winner = None;
        }
        if dial.is_lost() {
            self.dial_failed(target, None, now);
        } else {
            self.race(target, now);
            // The reads that rode on it may have been the last that somebody waited for.
            self.finish(target, now);
        }
    }

    /// The link that commands were written to is gone. When nothing was in flight on it: since when.
    fn link_lost(&mut self, target: u32, reason: Reason, text: String, quiet_since: Option<Time>, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        if known.released {
            return self.abort(target, now);
        }
        let address = known.address.clone().unwrap_or_default();
        known.trouble = Some((reason, ["the connection to ", &address, " was lost: ", &text].concat()));
        let lived = now.since(known.since);
        known.short_lives = if lived < SHORT_LIFE { known.short_lives + 1 } else { 0 };
        if retry::server(reason) == Redial::Slowly || known.short_lives > SHORT_LIVES {
            return self.disable(target, now);
        }
        // What was dialled again for nobody and not used either would be dialled for ever, at a server that closes what is
        // idle within seconds.
        let unused = known.unasked && lived >= SHORT_LIFE && reason == Reason::Closed;
        let is_idle = |quiet| now.since(quiet) >= IDLE_PROBE || unused && quiet <= known.since;
        let was_idle = quiet_since.is_some_and(is_idle);
        match &mut known.dial {
            // It was doubted with reason, and the dial to replace it is under way.
            Some(dial) => {
                dial.in_background = false;
                self.set_state(target, State::Connecting, now);
            }
            // Servers close links that nobody uses: let it be until somebody needs one.
            None if was_idle && known.staged.is_empty() => self.set_state(target, State::Idle, now),
            None => {
                known.unasked = known.staged.is_empty();
                self.begin_dial(target, now, false, PATIENCE);
            }
        }
    }

    /// No address of the dial answered; `cause` is given when it did not get as far as addresses.
    pub(super) fn dial_failed(&mut self, target: u32, cause: Option<(Reason, String)>, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        let Some(dial) = known.dial.take() else { return };
        known.winner = None;
        let (reason, story, address) = match cause {
            Some((reason, text)) => (reason, text, None),
            None => dial.verdict(),
        };
        let hides = reason == Reason::Timeout && known.config.as_ref().is_ok_and(|config| config.tls);
        let idea = if hides { " (a port without TLS keeps silent too: try redis://)" } else { "" };
        let name = known.config.as_ref().map(super::config::Config::display).unwrap_or_default();
        // Of the only address, which is the name itself, there is no need to speak twice.
        let told = story.strip_prefix(&*name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&story);
        known.trouble = Some((reason, ["cannot connect to ", &name, ": ", told, idea].concat()));
        if dial.outdates && known.link.is_some() && retry::keeps_outdated(reason) {
            return self.discard_dial(Some(dial), None, reason, now);
        }
        known.address = address;
        // The server may only be busy: who has time is still answered by the link that was to be replaced.
        if let Some(link) = known.link.take() {
            self.retire(link, now);
        }
        self.discard_dial(Some(dial), None, reason, now);
        self.disable(target, now);
        if self.target_mut(target).is_some_and(|known| known.released) {
            self.abort(target, now);
        }
    }

    fn disable(&mut self, target: u32, now: Time) {
        let random = self.draw();
        let Manager { targets, breakers, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        let reason = known.reason();
        // To wait for longer than those who were asked would be in vain.
        let slow = match known.told_retry.take() {
            Some(told) => (told > now).then_some(told),
            None => (retry::server(reason) == Redial::Slowly).then(|| now.after(SLOW_RETRY)),
        };
        let next = known.backoff.next(now, random);
        known.retry_at = slow.unwrap_or(next);
        breakers.opened(known, slow, now, random);
        self.turn_away(target);
        self.set_state(target, State::Disabled, now);
    }

    /// Tells those who do not want to wait for a disabled target, or would in vain.
    pub(super) fn turn_away(&mut self, target: u32) {
        let Manager { targets, policies, output, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        let reason = known.reason();
        let disabled = &mut known.stats.disabled;
        known.staged.remove(|entry| {
            let patient = policies[usize::from(entry.policy)].waits;
            match retry::command(reason, Stage::Staged { patient }, entry.kind(), entry.resent()) {
                Verdict::Again => false,
                Verdict::Reject(failure) => {
                    *disabled += 1.0;
                    output.reject(entry.tag, failure, reason as u32, entry.sent());
                    true
                }
            }
        });
    }

    /// Closes a link. Its read-only commands go back to the queue, the callers of the others are told.
    pub(super) fn discard(&mut self, link: u32, reason: Reason, now: Time) {
        let Manager { targets, links, output, policies, .. } = self;
        let Some(mut gone) = links.remove(link) else { return };
        output.action(CLOSE, link, 0, 0);
        let Some(known) = targets.get_mut(gone.target) else { return };
        let stage = if gone.is_accepted() { Stage::Written } else { Stage::Riding };
        // Of a released target a dial still goes on for what waits, but there is no link after the last.
        let is_last = known.released && known.link == Some(link);
        let mut returned = Staged::for_all_of(&gone.inflight);
        gone.inflight.take(|entry, frame| {
            if !entry.is_waited_for() {
                return;
            }
            // As if its frame were not kept: there is no link to send it on.
            let kind = if is_last { Kind::Unkept } else { entry.kind() };
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
        known.stats.resent += returned.len() as f64;
        known.staged.give_back(returned);
    }

    /// The last handle is gone: what its commands need is still done, within their deadlines.
    pub(super) fn shut_down(&mut self, target: u32, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        known.released = true;
        if known.link.is_none() && known.dial.as_ref().is_none_or(|dial| dial.in_background) {
            return self.abort(target, now);
        }
        self.finish(target, now);
    }

    /// Lets go of a target that nobody holds, once nothing of it waits to be written.
    pub(super) fn finish(&mut self, target: u32, now: Time) {
        let Manager { targets, links, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        if !known.released || !known.staged.is_empty() || known.retired.is_some() {
            return;
        }
        let Some(id) = known.link else {
            let rides = |link: &Link| link.target == target && link.inflight.is_waited_for();
            if !links.iter().any(rides) {
                self.abort(target, now);
            }
            return;
        };
        let dial = known.dial.take();
        self.hang_up_dial(dial);
        let Some(link) = self.links.get_mut(id) else { return self.closed(target, now) };
        if link.drain() {
            self.link_drained(target, id, now);
        } else if !link.inflight.is_waited_for() {
            // Everybody was told that no reply came in time: the server has no more claim to the link.
            self.hang_up(id, 0);
            self.closed(target, now);
        }
    }

    /// Lets go of a target that nobody holds and that has no link.
    fn abort(&mut self, target: u32, now: Time) {
        let Some(known) = self.target_mut(target) else { return };
        let (dial, retired) = (known.dial.take(), known.retired.take());
        self.discard_dial(dial, None, Reason::Closed, now);
        if let Some(retired) = retired {
            self.discard(retired, Reason::Closed, now);
        }
        let Manager { targets, output, .. } = self;
        let Some(known) = targets.get_mut(target) else { return };
        known.staged.remove(|entry| {
            output.reject(entry.tag, Failure::Closed, 0, Sent::No);
            true
        });
        self.closed(target, now);
    }

    fn link_drained(&mut self, target: u32, link: u32, now: Time) {
        self.hang_up(link, 1);
        self.closed(target, now);
    }

    fn closed(&mut self, target: u32, now: Time) {
        self.set_state(target, State::Closed, now);
        self.targets.remove(target);
    }
}
