//! One attempt to reach a node: all its addresses, one after the other and side by side.
//!
//! After RFC 8305 ("Happy Eyeballs"), with a stricter notion of success: an address has won only when the server
//! behind it has answered the handshake. One that accepts and closes, or accepts and is silent, has not.

use crate::error::Reason;
use crate::resp::owned;
use crate::retry::{self, Address};
use crate::time::{Duration, Time};

/// The next address is tried after this long at the latest.
const STAGGER: Duration = Duration::from_millis(250);

/// An address of a dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `host:port` or a path, for people.
    pub address: String,
    /// How it stands.
    pub outcome: Outcome,
    /// It is asked nothing that one can do without.
    pub bare: bool,
}

/// How an address of a dial stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not tried yet.
    Waiting,
    /// This link goes to it.
    Trying(u32),
    /// It failed.
    Failed(Reason, String),
}

/// See the module.
#[derive(Debug)]
pub struct Dial {
    /// Its number: answers to another one's questions, which come late, are ignored.
    pub number: u32,
    /// When it is given up.
    pub deadline: Time,
    /// Empty until the addresses are known.
    pub candidates: Vec<Candidate>,
    /// It is to replace a link whose server serves less than it did: it goes on when that link speaks.
    pub outdates: bool,
    /// Until then addresses that fail are tried again: a server that is restarting is back in a moment.
    pub patience: Time,
    /// The address that answered last time goes first.
    first: usize,
    stagger: Duration,
    next: Time,
}

impl Dial {
    /// Begins; the addresses come later.
    pub fn new(number: u32, now: Time, budget: Duration) -> Dial {
        Dial {
            number,
            deadline: now.after(budget),
            candidates: Vec::new(),
            outdates: false,
            patience: now,
            first: 0,
            stagger: STAGGER,
            next: now,
        }
    }

    /// The addresses are known, in the order in which they are to be tried, but for the one that answered last time.
    pub fn prepared(&mut self, addresses: Vec<String>, winner: Option<&str>, now: Time, budget: Duration) {
        self.first = addresses.iter().position(|address| Some(address.as_str()) == winner).unwrap_or(0);
        let count = addresses.len().max(1) as u32;
        self.stagger = STAGGER.min(budget / (2 * count));
        self.next = now;
        for address in addresses {
            self.candidates.push(Candidate { address, outcome: Outcome::Waiting, bare: false });
        }
    }

    /// The address to try now, if it is time for one.
    pub fn next_candidate(&mut self, now: Time) -> Option<usize> {
        let waits = |candidate: &Candidate| candidate.outcome == Outcome::Waiting;
        let first = self.candidates.get(self.first).is_some_and(waits).then_some(self.first);
        let waiting = first.or_else(|| self.candidates.iter().position(waits))?;
        if self.next > now {
            return None;
        }
        self.next = now.after(self.stagger);
        Some(waiting)
    }

    /// An address failed: the next one need not wait. When none is left they are tried again while patience lasts.
    /// `asked_much`: it was cut off in the handshake, perhaps for a question that it does not know.
    pub fn failed(
        &mut self,
        candidate: usize,
        asked_much: bool,
        (reason, text): (Reason, String),
        now: Time,
        random: u64,
    ) -> Address {
        self.next = now;
        let next = retry::address(reason, asked_much, now < self.patience);
        let failed = &mut self.candidates[candidate];
        if next == Address::AskLess {
            (failed.outcome, failed.bare) = (Outcome::Waiting, true);
            return next;
        }
        failed.outcome = Outcome::Failed(reason, text);
        if next == Address::Shortly && self.is_lost() {
            for candidate in &mut self.candidates {
                candidate.outcome = Outcome::Waiting;
            }
            self.next = now.after(Duration::from_micros(5_000 + random % 10_000));
        }
        next
    }

    /// Whether every address has failed.
    pub fn is_lost(&self) -> bool {
        !self.candidates.is_empty()
            && self.candidates.iter().all(|candidate| matches!(candidate.outcome, Outcome::Failed(..)))
    }

    /// The links that are being tried.
    pub fn trying(&self) -> impl Iterator<Item = u32> + '_ {
        self.candidates.iter().filter_map(|candidate| match candidate.outcome {
            Outcome::Trying(link) => Some(link),
            _ => None,
        })
    }

    /// When there is something to do.
    pub fn next_deadline(&self) -> Time {
        if self.candidates.iter().any(|candidate| candidate.outcome == Outcome::Waiting) {
            self.next.min(self.deadline)
        } else {
            self.deadline
        }
    }

    /// The whole story in one sentence, and the reason that tells most: what a server said tells more than what a
    /// network did, and that more than silence.
    pub fn verdict(&self) -> (Reason, String, Option<String>) {
        let mut best: Option<(u8, Reason, &str)> = None;
        let mut story = String::new();
        for candidate in &self.candidates {
            let (reason, text) = match &candidate.outcome {
                Outcome::Failed(reason, text) => (*reason, text.as_str()),
                Outcome::Trying(_) => (Reason::Timeout, "no answer in time"),
                Outcome::Waiting => (Reason::Timeout, "not tried in time"),
            };
            let before = if story.is_empty() { "" } else { "; " };
            story = [&story, before, &candidate.address, ": ", text].concat();
            let weight = weight(reason);
            if best.is_none_or(|(heaviest, ..)| weight > heaviest) {
                best = Some((weight, reason, &candidate.address));
            }
        }
        match best {
            Some((_, reason, address)) => (reason, story, Some(owned(address))),
            None => (
                Reason::Timeout,
                owned("its addresses (or credentials, where a function gives them) were not there in time"),
                None,
            ),
        }
    }
}

fn weight(reason: Reason) -> u8 {
    match reason {
        Reason::Auth
        | Reason::Denied
        | Reason::Loading
        | Reason::MaxClients
        | Reason::Cluster
        | Reason::Busy => 3,
        Reason::Tls | Reason::Protocol => 2,
        Reason::Timeout => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(addresses: &[&str]) -> Dial {
        let mut dial = Dial::new(1, Time::ZERO, Duration::from_secs(2));
        let addresses = addresses.iter().map(|address| address.to_string()).collect();
        dial.prepared(addresses, None, Time::ZERO, Duration::from_secs(2));
        dial
    }

    #[test]
    fn the_next_address_starts_at_the_stagger_or_at_a_failure() {
        let mut dial = dial(&["a", "b", "c"]);
        assert_eq!(dial.next_candidate(Time::ZERO), Some(0));
        dial.candidates[0].outcome = Outcome::Trying(1);
        assert_eq!(dial.next_candidate(Time::from_millis(249.0)), None);
        assert_eq!(dial.next_candidate(Time::from_millis(250.0)), Some(1));
        dial.candidates[1].outcome = Outcome::Trying(2);
        dial.failed(0, false, (Reason::Refused, "refused".into()), Time::from_millis(251.0), 0);
        assert_eq!(dial.next_candidate(Time::from_millis(251.0)), Some(2));
        assert!(!dial.is_lost());
    }

    #[test]
    fn ten_addresses_share_the_budget() {
        let mut dial = dial(&["a"; 10]);
        assert_eq!(dial.next_candidate(Time::ZERO), Some(0));
        dial.candidates[0].outcome = Outcome::Trying(1);
        assert_eq!(dial.next_candidate(Time::from_millis(100.0)), Some(1));
    }

    #[test]
    fn the_verdict_names_every_address_and_the_most_telling_reason() {
        let mut dial = dial(&["[::1]:6379", "127.0.0.1:6379"]);
        dial.failed(0, false, (Reason::Closed, "closed before an answer".into()), Time::ZERO, 0);
        dial.failed(1, false, (Reason::Auth, "NOAUTH".into()), Time::ZERO, 0);
        let (reason, story, address) = dial.verdict();
        assert_eq!((reason, address.as_deref()), (Reason::Auth, Some("127.0.0.1:6379")));
        assert_eq!(story, "[::1]:6379: closed before an answer; 127.0.0.1:6379: NOAUTH");
    }

    #[test]
    fn patience_tries_again_and_ends() {
        let mut dial = dial(&["a"]);
        dial.patience = Time::from_millis(100.0);
        dial.failed(0, false, (Reason::Refused, "refused".into()), Time::from_millis(1.0), 0);
        assert!(!dial.is_lost());
        dial.failed(0, false, (Reason::Refused, "refused".into()), Time::from_millis(101.0), 0);
        assert!(dial.is_lost());
    }
}
