//! The properties of commands: whether one may be sent twice, whether it blocks, whether it would
//! break a shared link, and how its RESP2 reply differs from its RESP3 reply.

mod pushed;
mod refusal;
mod role;
mod rule;
mod shape;
mod table;

pub use pushed::Pushed;
pub use refusal::Refusal;
pub use role::Role;
pub use shape::Shape;

/// The arguments of a command, without its name.
pub trait Args {
    /// How many there are.
    fn len(&self) -> usize;

    /// The argument at `index`, counted from 0; `None` behind the last.
    fn get(&self, index: usize) -> Option<&[u8]>;

    /// Whether the argument at `index` is there, but what it says is not known.
    fn is_hidden(&self, _index: usize) -> bool {
        false
    }

    /// True when there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: AsRef<[u8]>> Args for [T] {
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        <[T]>::get(self, index).map(AsRef::as_ref)
    }
}

/// The properties of one command with its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Info {
    /// A union of [`Info::READ_ONLY`] and [`Info::BLOCKING`].
    pub flags: u8,
    /// How a RESP2 reply must be reshaped.
    pub shape: Shape,
    /// Why the command may not be sent on a shared link, if so.
    pub refusal: Option<Refusal>,
}

impl Info {
    /// Changes nothing on the server, so it may be sent again when the link was lost before its reply.
    pub const READ_ONLY: u8 = 1;
    /// May hold up every command behind it for as long as its own timeout says.
    pub const BLOCKING: u8 = 2;

    /// True when the command may be sent again.
    #[inline]
    pub const fn is_read_only(&self) -> bool {
        self.flags & Self::READ_ONLY != 0
    }

    /// True when the command may hold up those behind it.
    #[inline]
    pub const fn is_blocking(&self) -> bool {
        self.flags & Self::BLOCKING != 0
    }
}

/// The properties of the command `name` (in any case) with `args`.
///
/// An unknown command has no flags, so it is never sent twice.
#[inline]
pub fn classify<A: Args + ?Sized>(name: &[u8], args: &A) -> Info {
    match table::find(name) {
        Some(rule) => rule.apply(args),
        None => Info::default(),
    }
}

/// The properties of the command `name` with any arguments; `None` if they depend on the arguments.
#[inline]
pub fn by_name(name: &[u8]) -> Option<Info> {
    match table::find(name) {
        Some(rule::Rule::Is(info)) => Some(*info),
        Some(_) => None,
        None => Some(Info::default()),
    }
}
