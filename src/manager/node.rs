//! One server of a target, and the lanes that lead to it.

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    /// Shared with the nodes of other scopes for the same server.
    pub(super) breaker: Option<u32>,
    /// The address that answered the last dial: the next one begins with it.
    pub(super) winner: Option<String>,
    /// The lane that everybody's commands take.
    pub(super) shared: u32,
    /// The lanes of other roles.
    pub(super) others: Vec<u32>,
}

impl Node {
    /// Its lanes, the shared one first.
    pub(super) fn lanes(&self) -> impl Iterator<Item = u32> + '_ {
        core::iter::once(self.shared).chain(self.others.iter().copied())
    }
}
