//! The role of a link decides which commands it carries.

use super::Refusal;

/// See the module. The numbers are part of the boundary to the shell.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// Everybody's commands: none that would change the link for the others.
    #[default]
    Shared = 0,
    /// Subscriptions and the messages of their channels. A server limits what it buffers for such a link, and closes it
    /// where a channel is revoked; in RESP2 it takes no other commands.
    Subscriber = 1,
    /// One caller's: what is watched, and whether a transaction is open, belongs to the link.
    Exclusive = 2,
    /// One caller's command that waits for something to happen on the server.
    Blocking = 3,
}

impl Role {
    /// Whether a link of this role carries what is refused on a shared one.
    pub const fn permits(self, refusal: Refusal) -> bool {
        match refusal {
            Refusal::Subscription => matches!(self, Role::Subscriber),
            Refusal::Transaction => matches!(self, Role::Exclusive),
            Refusal::Blocking => matches!(self, Role::Exclusive | Role::Blocking),
            Refusal::Monitor
            | Refusal::Select
            | Refusal::Auth
            | Refusal::Hello
            | Refusal::Reset
            | Refusal::Quit
            | Refusal::ClientReply
            | Refusal::Tracking
            | Refusal::Replication
            | Refusal::ReadMode
            | Refusal::Asking
            | Refusal::Debugger => false,
        }
    }

    /// Whether links of this role are lent to one caller at a time, and kept for the next.
    pub const fn is_lent(self) -> bool {
        match self {
            Role::Shared | Role::Subscriber => false,
            Role::Exclusive | Role::Blocking => true,
        }
    }
}
