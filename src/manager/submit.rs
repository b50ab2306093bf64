//! Commands on their way in: to the link when it takes them, else to the queue, else back to the caller.

use crate::connection::{Deadline, Entry, Output, DATED};
use crate::error::{Failure, Sent};
use crate::time::{Duration, Time};

use super::batch::{Batch, Malformed, Outcome};
use super::target::Target;
use super::{Manager, Policy};

/// A command that waited in the shell, because a link took nothing or the event loop was blocked, may still be answered
/// if that comes so soon after it is handed over.
const GRACE: Duration = Duration::from_millis(50);

impl Manager {
    /// A tick's commands. Each is settled by a reply or a `REJECT` row, in this or a later mutation.
    pub fn submit(&mut self, target: u32, mut batch: Batch<'_>, now: Time) -> Result<(), Malformed> {
        self.begin_for(target);
        self.close_if_idle(target, now);
        if self.write_through(target, &mut batch, now)? {
            return Ok(());
        }
        self.stage(target, batch, now)
    }

    /// The usual case: there is a link and it takes commands.
    fn write_through(&mut self, target: u32, batch: &mut Batch<'_>, now: Time) -> Result<bool, Malformed> {
        let Manager { targets, links, policies, output, .. } = self;
        let Some(known) = targets.get_mut(target) else { return Err(Malformed) };
        let Some(link) = known.link.and_then(|link| links.get_mut(link)) else { return Ok(false) };
        // What waits already goes first.
        if link.probe_if_idle(now, output) || !link.is_writable() || !known.staged.is_empty() {
            return Ok(false);
        }
        let (mut dated, mut deadline) = (None, Deadline::new(now));
        let mut commands = 0u32;
        let from = output.frames.len();
        let most = known.config.as_ref().map_or(0, |config| config.max_pending);
        while let Some(outcome) = known.encoder.next(batch, &mut output.frames)? {
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
        known.stats.commands += f64::from(commands);
        known.stats.bytes_out += f64::from(output.frames.len() - from);
        output.transmit(link.id, from);
        Ok(true)
    }

    fn stage(&mut self, target: u32, mut batch: Batch<'_>, now: Time) -> Result<(), Malformed> {
        self.consult(target, now);
        // Asked before the demand: the command that starts a background dial does not wait for it.
        let turned_away = self.target_mut(target).is_some_and(|known| known.turns_away());
        self.demand(target, now);
        let Manager { targets, policies, output, .. } = self;
        let Some(known) = targets.get_mut(target) else { return Err(Malformed) };
        loop {
            let outcome = known.encoder.next(&mut batch, &mut known.staged.frames)?;
            match outcome {
                None => break,
                Some(Outcome::Refused { tag, refusal }) => {
                    known.stats.commands += 1.0;
                    output.reject(tag, Failure::Refused, refusal as u32, Sent::No);
                }
                Some(Outcome::Framed { entry, size, .. }) => {
                    let policy = policy_of(policies, entry.policy)?;
                    let wait = Wait { policy, age: batch.age(now), turned_away };
                    admit(known, output, entry, size, wait, now);
                }
            }
        }
        self.write_staged(target, now);
        Ok(())
    }
}

fn policy_of(policies: &[Policy], policy: u16) -> Result<Policy, Malformed> {
    policies.get(usize::from(policy)).copied().ok_or(Malformed)
}

/// What is left of a budget after the time in the shell.
fn left(budget: Duration, age: Duration) -> Duration {
    budget.saturating_sub(age).max(budget.min(GRACE))
}

/// The terms on which a command waits.
struct Wait {
    policy: Policy,
    /// How long it has waited in the shell.
    age: Duration,
    /// The target is disabled.
    turned_away: bool,
}

/// Queues a command, or tells its caller at once why not.
fn admit(target: &mut Target, output: &mut Output, mut entry: Entry, size: u64, wait: Wait, now: Time) {
    let Wait { policy, age, turned_away } = wait;
    target.stats.commands += 1.0;
    if let Some((failure, detail)) = refusal(target, size, policy, turned_away) {
        output.reject(entry.tag, failure, detail, Sent::No);
        target.staged.refuse_last(entry.tag);
        return;
    }
    let mut wait = policy.connect;
    if target.link.is_some() || policy.total {
        // There is a link, only not at this moment: its own deadline runs.
        entry.flags |= DATED;
        wait = policy.command;
    }
    target.staged.push(entry, size, Deadline::new(now.after(left(wait, age))));
}

/// Why a command cannot wait, if it cannot.
fn refusal(target: &mut Target, size: u64, policy: Policy, turned_away: bool) -> Option<(Failure, u32)> {
    if target.released {
        return Some((Failure::Closed, 0));
    }
    let (reason, retryable) = match &target.trouble {
        Some((reason, _)) => (*reason as u32, reason.retryable()),
        None => (0, true),
    };
    if turned_away && !(policy.waits && retryable) {
        target.stats.disabled += 1.0;
        return Some((Failure::Disabled, reason));
    }
    let config = target.config.as_ref().ok()?;
    if target.staged.len() >= config.max_staged {
        return Some((Failure::Full, 0));
    }
    (target.staged.size() + size > config.max_staged_bytes as u64).then_some((Failure::Full, 1))
}
