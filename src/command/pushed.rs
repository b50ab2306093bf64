//! Kinds of pushes, told by their first word.

/// The kind of a push. The numbers are part of the boundary to the shell.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// One that is not listed here.
    Other = 0,
    /// Keys have changed: client-side caching.
    Invalidate = 1,
    /// A message of a channel.
    Message = 2,
    /// A message of a pattern.
    Pmessage = 3,
    /// A message of a sharded channel.
    Smessage = 4,
    /// A channel is subscribed to from now on.
    Subscribe = 5,
    /// A pattern is.
    Psubscribe = 6,
    /// A sharded channel is.
    Ssubscribe = 7,
    /// A channel is not subscribed to any more.
    Unsubscribe = 8,
    /// A pattern is not.
    Punsubscribe = 9,
    /// A sharded channel is not: also when its slot has left the server.
    Sunsubscribe = 10,
    /// The answer to a PING on a RESP2 link with subscriptions: not pushed, but of the same form.
    Pong = 11,
}

impl Pushed {
    const NAMED: [(&'static str, Pushed); 11] = [
        ("invalidate", Pushed::Invalidate),
        ("message", Pushed::Message),
        ("pmessage", Pushed::Pmessage),
        ("smessage", Pushed::Smessage),
        ("subscribe", Pushed::Subscribe),
        ("psubscribe", Pushed::Psubscribe),
        ("ssubscribe", Pushed::Ssubscribe),
        ("unsubscribe", Pushed::Unsubscribe),
        ("punsubscribe", Pushed::Punsubscribe),
        ("sunsubscribe", Pushed::Sunsubscribe),
        ("pong", Pushed::Pong),
    ];

    /// From the first word of a push, or from the name of the command that leads to it.
    pub fn of(name: &[u8]) -> Pushed {
        let named = Pushed::NAMED.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        named.map_or(Pushed::Other, |(_, pushed)| *pushed)
    }

    /// From its number.
    pub fn of_number(number: u8) -> Pushed {
        Pushed::NAMED.get(usize::from(number).wrapping_sub(1)).map_or(Pushed::Other, |(_, pushed)| *pushed)
    }

    /// The list of subscriptions that a confirmation changes, and whether it adds to it.
    pub const fn confirms(self) -> Option<(usize, bool)> {
        match self {
            Pushed::Subscribe => Some((0, true)),
            Pushed::Psubscribe => Some((1, true)),
            Pushed::Ssubscribe => Some((2, true)),
            Pushed::Unsubscribe => Some((0, false)),
            Pushed::Punsubscribe => Some((1, false)),
            Pushed::Sunsubscribe => Some((2, false)),
            Pushed::Other
            | Pushed::Invalidate
            | Pushed::Message
            | Pushed::Pmessage
            | Pushed::Smessage
            | Pushed::Pong => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_push_has_its_name_and_its_number() {
        for (name, pushed) in Pushed::NAMED {
            assert_eq!(Pushed::of(name.as_bytes()), pushed);
            assert_eq!(Pushed::of(name.to_uppercase().as_bytes()), pushed);
            assert_eq!(Pushed::of_number(pushed as u8), pushed);
        }
        assert_eq!((Pushed::of(b"news"), Pushed::of_number(0)), (Pushed::Other, Pushed::Other));
        assert_eq!(Pushed::of_number(99), Pushed::Other);
    }
}
