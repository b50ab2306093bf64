//! Commands on their way in: to the link when it takes them, else to the queue, else back to the caller.

use crate::command::Role;
use crate::connection::{Deadline, Entry, Output, DATED};
use crate::error::{Failure, Reason, Sent};
use crate::time::{Duration, Time};

use super::batch::{Batch, Malformed, Outcome};
use super::lane::{Lane, State};
use super::target::Target;
use super::{Manager, Policy};

/// A command that waited in the shell, because a link took nothing or the event loop was blocked, may still be answered
/// if that comes so soon after it is handed over.
const GRACE: Duration = Duration::from_millis(50);

impl Manager {
    /// A tick's commands. Each is settled by a reply or a `REJECT` row, in this or a later mutation.
    pub fn submit(&mut self, target: u32, batch: Batch<'_>, now: Time) -> Result<(), Malformed> {
        self.begin_for(target);
        let lane = self.targets.get(target).and_then(Target::shared).ok_or(Malformed)?;
        self.submit_to_lane(lane, batch, now)
    }

    pub(super) fn submit_to_lane(
        &mut self,
        lane: u32,
        mut batch: Batch<'_>,
        now: Time,
    ) -> Result<(), Malformed> {
        self.close_if_idle(lane, now);
        if self.write_through(lane, &mut batch, now)? {
            return Ok(());
        }
        self.stage(lane, batch, now)
    }

    /// The usual case: there is a link and it takes commands.
    fn write_through(&mut self, number: u32, batch: &mut Batch<'_>, now: Time) -> Result<bool, Malformed> {
        let Manager { targets, lanes, links, policies, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return Err(Malformed) };
        let Some(link) = lane.link().and_then(|link| links.get_mut(link)) else { return Ok(false) };
        // Waiting commands go first.
        // Inside of a transaction a PING would be queued, and answered by EXEC.
        let probes = lane.role != Role::Exclusive;
        if probes && link.probe_if_idle(now, output) || !link.is_writable() || !lane.staged.is_empty() {
            return Ok(false);
        }
        let Some(target) = targets.get_mut(lane.target) else { return Err(Malformed) };
        let (mut dated, mut deadline) = (None, Deadline::new(now));
        let mut commands = 0u32;
        let from = output.frames.len();
        let most = target.config.as_ref().map_or(0, |config| config.max_pending);
        while let Some(outcome) = target.encoder.next(batch, lane.role, &mut output.frames)? {
            commands += 1;
            match outcome {
                Outcome::Framed { entry, from, .. } if link.inflight.len() >= most => {
                    output.reject(entry.tag, Failure::Full, 2, Sent::No);
                    output.frames.truncate(from);
                }
                Outcome::Framed { entry, from, .. } => {
                    let age = batch.age(now);
                    if dated != Some((entry.policy, age)) {
                        dated = Some((entry.policy, age));
                        deadline =
                            Deadline::new(now.after(left(policy_of(policies, entry.policy)?.command, age)));
                    }
                    link.inflight.push(entry, &output.frames.bytes[from as usize..], deadline);
                }
                Outcome::Refused { tag, refusal } => {
                    output.reject(tag, Failure::Refused, refusal as u32, Sent::No);
                }
            }
        }
        target.stats.commands += f64::from(commands);
        target.stats.bytes_out += f64::from(output.frames.len() - from);
        output.transmit(link.id, from);
        Ok(true)
    }

    fn stage(&mut self, number: u32, mut batch: Batch<'_>, now: Time) -> Result<(), Malformed> {
        self.consult(number, now);
        // Asked before the demand: the command that starts a background dial does not wait for it.
        let lane = self.lanes.get(number);
        let turned_away = lane.is_some_and(|lane| matches!(lane.state, State::Disabled { .. }));
        self.demand(number, now);
        let Manager { targets, lanes, policies, output, .. } = self;
        let Some(lane) = lanes.get_mut(number) else { return Err(Malformed) };
        let Some(target) = targets.get_mut(lane.target) else { return Err(Malformed) };
        while let Some(outcome) = target.encoder.next(&mut batch, lane.role, &mut lane.staged.frames)? {
            target.stats.commands += 1.0;
            match outcome {
                Outcome::Refused { tag, refusal } => {
                    output.reject(tag, Failure::Refused, refusal as u32, Sent::No);
                }
                Outcome::Framed { entry, size, .. } => {
                    let policy = policy_of(policies, entry.policy)?;
                    let wait = Wait { policy, age: batch.age(now), turned_away };
                    admit(target, lane, output, entry, size, wait, now);
                }
            }
        }
        self.write_staged(number, now);
        Ok(())
    }
}

fn policy_of(policies: &[Policy], policy: u16) -> Result<Policy, Malformed> {
    policies.get(usize::from(policy)).copied().ok_or(Malformed)
}

/// The rest of a budget after the time in the shell.
fn left(budget: Duration, age: Duration) -> Duration {
    budget.saturating_sub(age).max(budget.min(GRACE))
}

/// The terms on which a command waits.
struct Wait {
    policy: Policy,
    /// How long it has waited in the shell.
    age: Duration,
    /// The lane was disabled when they came.
    turned_away: bool,
}

/// Queues a command, or rejects it at once.
fn admit(
    target: &mut Target,
    lane: &mut Lane,
    output: &mut Output,
    mut entry: Entry,
    size: u64,
    wait: Wait,
    now: Time,
) {
    let Wait { policy, age, turned_away } = wait;
    if let Some((failure, detail)) = refusal(target, lane, size, policy, turned_away) {
        output.reject(entry.tag, failure, detail, Sent::No);
        lane.staged.refuse_last(entry.tag);
        return;
    }
    let mut wait = policy.connect;
    if lane.link().is_some() || policy.total {
        // There is a link, only not at this moment: its own deadline runs.
        entry.flags |= DATED;
        wait = policy.command;
    }
    lane.staged.push(entry, size, Deadline::new(now.after(left(wait, age))));
}

/// Why a command cannot wait, if it cannot.
fn refusal(
    target: &mut Target,
    lane: &Lane,
    size: u64,
    policy: Policy,
    turned_away: bool,
) -> Option<(Failure, u32)> {
    if lane.released {
        return Some((Failure::Closed, 0));
    }
    if let State::Closed((reason, _)) = lane.state {
        return Some((Failure::ConnectionLost, reason as u32));
    }
    if turned_away {
        let reason = lane.trouble().map(|(reason, _)| *reason);
        if !(policy.waits && reason.is_none_or(Reason::retryable)) {
            target.stats.disabled += 1.0;
            return Some((Failure::Disabled, reason.map_or(0, |reason| reason as u32)));
        }
    }
    let config = target.config.as_ref().ok()?;
    if lane.staged.len() >= config.max_staged {
        return Some((Failure::Full, 0));
    }
    (lane.staged.size() + size > config.max_staged_bytes as u64).then_some((Failure::Full, 1))
}
