//! The subscriptions of a link, as the server has confirmed them: what a link that follows it asks for again.

use crate::command::Pushed;

/// The commands that subscribe, in the order of the lists.
const COMMANDS: [Pushed; 3] = [Pushed::Subscribe, Pushed::Psubscribe, Pushed::Ssubscribe];
const NAMES: [&[u8]; 3] = [b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE"];

/// Channels, patterns and sharded channels, each list in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    lists: [Vec<Vec<u8>>; 3],
}

impl Standing {
    /// The server has confirmed that a channel is subscribed to, or is not any more.
    pub fn confirm(&mut self, pushed: Pushed, channel: &[u8]) {
        let Some((list, adds)) = pushed.confirms() else { return };
        let list = &mut self.lists[list];
        match list.binary_search_by(|other| other.as_slice().cmp(channel)) {
            Err(place) if adds => list.insert(place, channel.to_vec()),
            Ok(place) if !adds => drop(list.remove(place)),
            _ => {}
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(Vec::is_empty)
    }

    /// The commands that ask for all of it: how the server confirms each, and its arguments.
    pub fn commands(&self) -> impl Iterator<Item = (Pushed, Vec<&[u8]>)> {
        let full = (0..COMMANDS.len()).filter(|list| !self.lists[*list].is_empty());
        full.map(|list| {
            let channels = self.lists[list].iter().map(Vec::as_slice);
            (COMMANDS[list], core::iter::once(NAMES[list]).chain(channels).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confirmed_stands_until_it_is_taken_back() {
        let mut standing = Standing::default();
        for channel in ["b", "a", "b", "c"] {
            standing.confirm(Pushed::Subscribe, channel.as_bytes());
        }
        standing.confirm(Pushed::Psubscribe, b"a*");
        standing.confirm(Pushed::Unsubscribe, b"b");
        standing.confirm(Pushed::Unsubscribe, b"never");
        standing.confirm(Pushed::Message, b"d");
        let commands: Vec<_> = standing.commands().collect();
        let expected: [(Pushed, Vec<&[u8]>); 2] = [
            (Pushed::Subscribe, vec![b"SUBSCRIBE", b"a", b"c"]),
            (Pushed::Psubscribe, vec![b"PSUBSCRIBE", b"a*"]),
        ];
        assert_eq!(commands, expected);
        for (pushed, channel) in
            [(Pushed::Unsubscribe, "a"), (Pushed::Unsubscribe, "c"), (Pushed::Punsubscribe, "a*")]
        {
            standing.confirm(pushed, channel.as_bytes());
        }
        assert!(standing.is_empty());
    }
}
