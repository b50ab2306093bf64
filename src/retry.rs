//! Whether a failure is followed by another try: of a command, of an address, of a server. Decided here and nowhere else.
//!
//! `nature` is the one match over all reasons, and no match of this file has a `_` arm: a reason, a state of a command or
//! an error of a server that is added does not compile before its consequences are decided.

use crate::error::{Failure, Reason, ServerError};

/// The most times that a command is sent again, so that one that kills every link it is sent on ends, too.
pub const MOST_RESENT: u8 = 2;

/// Classes of reasons that lead to the same decisions.
#[derive(Clone, Copy)]
enum Nature {
    /// Nothing listens: a server that restarts is back in a moment.
    Absent,
    /// The peer hung up: it restarts, or is a proxy that does not know a command of the handshake.
    HungUp,
    /// The server is up, but serves no client for now.
    NotServing,
    /// The peer does not speak RESP, or exceeded the limits: it would do so again.
    Nonsense,
    /// A person must fix it at the server.
    Standing,
    /// It may pass by itself.
    Passing,
    /// Only another configuration helps.
    Final,
}

fn nature(reason: Reason) -> Nature {
    match reason {
        Reason::Refused => Nature::Absent,
        Reason::Reset | Reason::Closed => Nature::HungUp,
        Reason::Loading => Nature::NotServing,
        Reason::Protocol => Nature::Nonsense,
        Reason::Auth | Reason::Cluster => Nature::Standing,
        Reason::Dns
        | Reason::Unreachable
        | Reason::Tls
        | Reason::Timeout
        | Reason::MaxClients
        | Reason::Denied
        | Reason::Internal
        | Reason::Credentials
        | Reason::Object
        | Reason::Busy
        | Reason::Resources
        | Reason::Path
        | Reason::Unknown => Nature::Passing,
        Reason::Unconfigured
        | Reason::BadUrl
        | Reason::BadOption
        | Reason::Wasm
        | Reason::Runtime
        | Reason::Certificate
        | Reason::Permission => Nature::Final,
    }
}

/// How far a command had got when its link or its server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for a link. `patient`: its caller wants to wait also while the server cannot be reached.
    Staged {
        /// See the variant.
        patient: bool,
    },
    /// It was written behind a handshake that the server has not answered.
    Riding,
    /// It was written to a link that the server had accepted.
    Written,
}

/// Whether a command can be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It changes nothing, and its frame is kept.
    ReadOnly,
    /// It may change something; its frame may be kept, for a server that says that it did not run.
    Writes,
    /// Its frame is not kept.
    Unkept,
}

/// The decision about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits for the next link, and is sent there.
    Again,
    /// Its caller is told.
    Reject(Failure),
}

/// Decides about a command whose link was lost, or whose server cannot be reached, for `reason`. `resent`: how often it
/// was sent again already.
pub fn command(reason: Reason, stage: Stage, kind: Kind, resent: u8) -> Verdict {
    let nature = nature(reason);
    match (stage, kind) {
        (Stage::Staged { patient }, Kind::ReadOnly | Kind::Writes | Kind::Unkept) => match nature {
            Nature::Final => Verdict::Reject(Failure::Disabled),
            Nature::Absent
            | Nature::HungUp
            | Nature::NotServing
            | Nature::Nonsense
            | Nature::Standing
            | Nature::Passing => {
                if patient {
                    Verdict::Again
                } else {
                    Verdict::Reject(Failure::Disabled)
                }
            }
        },
        (Stage::Riding | Stage::Written, Kind::Writes | Kind::Unkept) => Verdict::Reject(lost(nature)),
        (Stage::Riding | Stage::Written, Kind::ReadOnly) if resent >= MOST_RESENT => {
            Verdict::Reject(lost(nature))
        }
        // A peer that never answered the handshake was no server: another address may be one.
        (Stage::Riding, Kind::ReadOnly) => Verdict::Again,
        (Stage::Written, Kind::ReadOnly) => match nature {
            Nature::Nonsense => Verdict::Reject(Failure::Protocol),
            Nature::Absent
            | Nature::HungUp
            | Nature::NotServing
            | Nature::Standing
            | Nature::Passing
            | Nature::Final => Verdict::Again,
        },
    }
}

/// How the caller of a command that had left is told.
fn lost(nature: Nature) -> Failure {
    match nature {
        Nature::Nonsense => Failure::Protocol,
        Nature::Absent
        | Nature::HungUp
        | Nature::NotServing
        | Nature::Standing
        | Nature::Passing
        | Nature::Final => Failure::ConnectionLost,
    }
}

/// Whether a read-only command may be written behind a handshake. Not for the last time: addresses that accept and close
/// would use up all of them, and it can still wait for one that answers.
pub fn may_ride(resent: u8) -> bool {
    resent < MOST_RESENT
}

/// When a server that failed is dialled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redial {
    /// After the backoff.
    Backoff,
    /// Rarely: a person has to fix it.
    Slowly,
    /// Not before it is configured anew.
    Never,
}

/// When a server is dialled again after a dial or a link that failed for `reason`.
pub fn server(reason: Reason) -> Redial {
    match nature(reason) {
        Nature::Absent | Nature::HungUp | Nature::NotServing | Nature::Nonsense | Nature::Passing => {
            Redial::Backoff
        }
        Nature::Standing => Redial::Slowly,
        Nature::Final => Redial::Never,
    }
}

impl Reason {
    /// Whether a later dial may go better without anybody changing the configuration.
    pub fn retryable(self) -> bool {
        server(self) != Redial::Never
    }
}

/// The decision about an address that failed, within its dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// It is tried again at once and asked only for what is needed.
    AskLess,
    /// It is tried again in a moment, once all others have failed too.
    Shortly,
    /// It has failed.
    GiveUp,
}

/// Decides about an address that failed for `reason`. `asked_much`: it was cut in a handshake that asked for more than
/// necessary. `is_patient`: the dial replaces a link that was lost a moment ago.
pub fn address(reason: Reason, asked_much: bool, is_patient: bool) -> Address {
    let shortly = if is_patient { Address::Shortly } else { Address::GiveUp };
    match nature(reason) {
        Nature::HungUp if asked_much => Address::AskLess,
        Nature::HungUp | Nature::Absent | Nature::NotServing => shortly,
        Nature::Nonsense | Nature::Standing | Nature::Passing | Nature::Final => Address::GiveUp,
    }
}

/// Whether a link whose server serves less than it did is still used when the dial that was to replace it fails for
/// `reason`. A replica is better than nothing, but a server that is still loading serves no client.
pub fn keeps_outdated(reason: Reason) -> bool {
    match nature(reason) {
        Nature::NotServing => false,
        Nature::Absent
        | Nature::HungUp
        | Nature::Nonsense
        | Nature::Standing
        | Nature::Passing
        | Nature::Final => true,
    }
}

/// The news about a server in an error reply to a caller's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing: it concerns its command.
    None,
    /// Another server at the same address may serve better.
    Outdated,
    /// The command belongs to another server.
    Elsewhere,
}

/// Decides about a link after an error reply to a caller's command. The caller gets the reply in any case.
pub fn answer(error: ServerError) -> Notice {
    match error {
        ServerError::Cluster => Notice::Elsewhere,
        ServerError::Loading | ServerError::ReadOnly => Notice::Outdated,
        ServerError::NoHello
        | ServerError::Auth
        | ServerError::MaxClients
        | ServerError::Denied
        | ServerError::Busy
        | ServerError::Command => Notice::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::ReadOnly, Kind::Writes, Kind::Unkept];

    fn reasons() -> impl Iterator<Item = Reason> {
        (1..=u8::MAX).map_while(Reason::of)
    }

    #[test]
    fn a_command_that_may_have_run_is_sent_again_only_if_it_is_read_only_and_three_times_in_all() {
        for reason in reasons() {
            for kind in KINDS {
                for stage in [Stage::Riding, Stage::Written] {
                    let verdicts = [0, 1, 2, 3].map(|resent| command(reason, stage, kind, resent));
                    let nonsense = reason == Reason::Protocol && stage == Stage::Written;
                    let again = kind == Kind::ReadOnly && !nonsense;
                    assert_eq!(
                        verdicts.map(|verdict| verdict == Verdict::Again),
                        [again, again, false, false],
                        "{reason:?} {kind:?} {stage:?}"
                    );
                    assert!(!verdicts.contains(&Verdict::Reject(Failure::Disabled)));
                }
            }
        }
    }

    #[test]
    fn a_staged_command_waits_if_its_caller_does_and_a_dial_may_go_better() {
        for (reason, kind) in reasons().flat_map(|reason| KINDS.map(|kind| (reason, kind))) {
            let verdict = |patient| command(reason, Stage::Staged { patient }, kind, 2);
            assert_eq!(verdict(true) == Verdict::Again, reason.retryable(), "{reason:?}");
            assert_eq!(verdict(false), Verdict::Reject(Failure::Disabled));
        }
    }

    #[test]
    fn reads_ride_but_for_the_last_time() {
        assert_eq!([0, 1, 2].map(may_ride), [true, true, false]);
    }

    #[test]
    fn only_the_user_can_mend_a_configuration() {
        assert!(!Reason::BadUrl.retryable());
        assert!(Reason::Auth.retryable(), "a rotated secret must recover without a restart");
        assert_eq!([Reason::Auth, Reason::Cluster].map(server), [Redial::Slowly; 2]);
    }

    #[test]
    fn an_address_is_tried_again_only_where_a_moment_may_change_something() {
        for reason in reasons() {
            let again = [Reason::Refused, Reason::Reset, Reason::Closed, Reason::Loading].contains(&reason);
            assert_eq!(address(reason, false, true) == Address::Shortly, again, "{reason:?}");
            assert_eq!(address(reason, false, false), Address::GiveUp);
            let less = [Reason::Reset, Reason::Closed].contains(&reason);
            assert_eq!(address(reason, true, false) == Address::AskLess, less, "{reason:?}");
        }
    }
}
