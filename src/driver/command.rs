//! Commands, and what may stand in one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::manager::{BYTES, LENGTH_BITS};

/// The words of a command before those of its arguments: its tag, its policy, how many arguments it has.
const HEAD: usize = 3;
/// An argument can be no longer than its length has bits.
const LONGEST: usize = (1 << LENGTH_BITS) - 1;

/// A command with its arguments, which are bytes. Its `Debug` shows the name alone.
///
/// ```
/// use edgis::cmd;
///
/// let set = cmd("SET").arg("greeting").arg("hello").arg(("EX", 60));
/// assert_eq!(set.name(), "SET");
/// ```
#[derive(Clone)]
pub struct Command {
    /// As the core reads them; the name is the first argument.
    pub(super) words: Vec<u32>,
    pub(super) bytes: Vec<u8>,
    too_long: bool,
}

/// Begins a command. What [`Client::call`](super::Client::call) takes may be a tuple too, which is shorter.
pub fn cmd(name: &str) -> Command {
    Command::empty().arg(name)
}

impl Command {
    fn empty() -> Command {
        Command { words: vec![0; HEAD], bytes: Vec::new(), too_long: false }
    }

    pub(super) fn of(args: impl ToArgs) -> Command {
        let mut command = Command::empty();
        args.write_args(&mut Args(&mut command));
        command
    }

    /// Appends an argument, or several.
    #[must_use]
    pub fn arg(mut self, args: impl ToArgs) -> Command {
        args.write_args(&mut Args(&mut self));
        self
    }

    /// The name; empty when there is not even that.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.args().next().unwrap_or_default())
    }

    /// How many arguments it has, not counting the name.
    pub fn len(&self) -> usize {
        (self.words.len() - HEAD).saturating_sub(1)
    }

    /// Whether the name stands alone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name and the arguments.
    pub(super) fn args(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        self.words[HEAD..].iter().map(move |word| {
            let (arg, behind) = rest.split_at((word & LONGEST as u32) as usize);
            rest = behind;
            arg
        })
    }

    /// The mistake in the command, if there is one.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.too_long {
            return Some("an argument is longer than a gigabyte");
        }
        (self.words.len() == HEAD).then_some("there is no command: its name is the first argument")
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({}, {} arguments)", self.name(), self.len())
    }
}

/// Takes the arguments of a command.
pub struct Args<'a>(&'a mut Command);

impl Args<'_> {
    /// Appends one argument.
    pub fn push(&mut self, arg: &[u8]) {
        self.0.too_long |= arg.len() > LONGEST;
        let length = arg.len().min(LONGEST);
        self.0.bytes.extend_from_slice(&arg[..length]);
        self.0.words.push(BYTES << LENGTH_BITS | length as u32);
    }
}

/// Arguments of a command: text, bytes, numbers, and tuples, slices, options and maps of these.
///
/// Bytes (`Vec<u8>`, `&[u8]`, `b"..."`) are one argument; other slices, tuples and maps are as many as they have elements,
/// in order. `None` adds no argument, `true` is 1 and `false` 0.
///
/// ```
/// use edgis::{Args, ToArgs};
///
/// struct Ttl(u32);
///
/// impl ToArgs for Ttl {
///     fn write_args(&self, args: &mut Args<'_>) {
///         ("EX", self.0).write_args(args);
///     }
/// }
/// ```
pub trait ToArgs {
    /// Appends the arguments that this stands for.
    fn write_args(&self, args: &mut Args<'_>);

    /// Appends those of a slice: bytes are one argument.
    #[doc(hidden)]
    fn write_slice(items: &[Self], args: &mut Args<'_>)
    where
        Self: Sized,
    {
        for item in items {
            item.write_args(args);
        }
    }
}

impl ToArgs for Command {
    fn write_args(&self, args: &mut Args<'_>) {
        for arg in self.args() {
            args.push(arg);
        }
        args.0.too_long |= self.too_long;
    }
}

impl ToArgs for str {
    fn write_args(&self, args: &mut Args<'_>) {
        args.push(self.as_bytes());
    }
}

impl ToArgs for String {
    fn write_args(&self, args: &mut Args<'_>) {
        args.push(self.as_bytes());
    }
}

impl ToArgs for char {
    fn write_args(&self, args: &mut Args<'_>) {
        args.push(self.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl ToArgs for bool {
    fn write_args(&self, args: &mut Args<'_>) {
        args.push(if *self { b"1" } else { b"0" });
    }
}

impl ToArgs for u8 {
    fn write_args(&self, args: &mut Args<'_>) {
        args.push(self.to_string().as_bytes());
    }

    fn write_slice(items: &[u8], args: &mut Args<'_>) {
        args.push(items);
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl ToArgs for $number {
            fn write_args(&self, args: &mut Args<'_>) {
                args.push(self.to_string().as_bytes());
            }
        }
    )*};
}

// Floats in the shortest form that reads as the same number; infinity is "inf", as Redis wants it.
numbers!(i8, i16, u16, i32, u32, i64, u64, i128, u128, isize, usize, f32, f64);

impl<T: ToArgs> ToArgs for [T] {
    fn write_args(&self, args: &mut Args<'_>) {
        T::write_slice(self, args);
    }
}

impl<T: ToArgs, const N: usize> ToArgs for [T; N] {
    fn write_args(&self, args: &mut Args<'_>) {
        T::write_slice(self, args);
    }
}

impl<T: ToArgs> ToArgs for Vec<T> {
    fn write_args(&self, args: &mut Args<'_>) {
        T::write_slice(self, args);
    }
}

impl<T: ToArgs> ToArgs for Option<T> {
    fn write_args(&self, args: &mut Args<'_>) {
        if let Some(some) = self {
            some.write_args(args);
        }
    }
}

impl<T: ToArgs + ToOwned + ?Sized> ToArgs for Cow<'_, T> {
    fn write_args(&self, args: &mut Args<'_>) {
        self.as_ref().write_args(args);
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: ToArgs + ?Sized> ToArgs for $pointer {
            fn write_args(&self, args: &mut Args<'_>) {
                (**self).write_args(args);
            }
        }
    )*};
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

macro_rules! sets {
    ($($set:ident<$item:ident $(, $hasher:ident)?>),*) => {$(
        impl<$item: ToArgs $(, $hasher)?> ToArgs for $set<$item $(, $hasher)?> {
            fn write_args(&self, args: &mut Args<'_>) {
                self.iter().for_each(|item| item.write_args(args));
            }
        }
    )*};
}

sets!(HashSet<T, S>, BTreeSet<T>);

macro_rules! maps {
    ($($map:ident<$key:ident, $value:ident $(, $hasher:ident)?>),*) => {$(
        impl<$key: ToArgs, $value: ToArgs $(, $hasher)?> ToArgs for $map<$key, $value $(, $hasher)?> {
            fn write_args(&self, args: &mut Args<'_>) {
                self.iter().for_each(|(key, value)| (key, value).write_args(args));
            }
        }
    )*};
}

maps!(HashMap<K, V, S>, BTreeMap<K, V>);

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: ToArgs),+> ToArgs for ($($name,)+) {
            #[allow(non_snake_case)]
            fn write_args(&self, args: &mut Args<'_>) {
                let ($($name,)+) = self;
                $($name.write_args(args);)+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;

    fn args(of: impl ToArgs) -> Vec<Vec<u8>> {
        Command::of(of).args().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn tuples_lists_and_maps_are_their_elements_and_bytes_are_one() {
        assert_eq!(args(("SET", "k", 1.5, "EX", 60u8)), [&b"SET"[..], b"k", b"1.5", b"EX", b"60"]);
        assert_eq!(args(("MGET", &["a", "b"][..])), [b"MGET".to_vec(), b"a".into(), b"b".into()]);
        assert_eq!(args((b"SET", vec![0u8, 255], [1u8; 2])), [b"SET".to_vec(), vec![0, 255], vec![1, 1]]);
        let fields = BTreeMap::from([("a", 1), ("b", 2)]);
        assert_eq!(args(("HSET", "h", fields)).len(), 6);
        assert_eq!(args(("SET", "k", None::<&str>, Some("NX"), f64::INFINITY))[2..], [&b"NX"[..], b"inf"]);
        assert_eq!(args(cmd("GET").arg(String::from("k"))), [b"GET", &b"k"[..]]);
    }

    #[test]
    fn what_is_no_command_is_told() {
        assert!(Command::of(None::<&str>).problem().is_some());
        assert_eq!(Command::of("PING").problem(), None);
    }

    #[test]
    fn debug_shows_no_argument() {
        assert_eq!(format!("{:?}", cmd("SET").arg("key").arg("s3cret")), "Command(SET, 2 arguments)");
    }
}
