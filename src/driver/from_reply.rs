//! Replies as the types of Rust.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use super::reply::{pairs, Reply};
use super::Error;

/// Types that a reply converts into. If it does not convert, the error names the expected type and the actual one.
///
/// | asked for | made of |
/// |---|---|
/// | `()` | anything but an error |
/// | `bool` | a boolean, 0 and 1, the status `OK` |
/// | integers and floats | an integer, a double, a string or status of digits |
/// | `String` | a string that is UTF-8, a status, a number |
/// | `Vec<u8>` | a string, a status |
/// | `Option<T>` | `None` of null |
/// | `Vec<T>`, sets | an array, a set; of pairs also a map, and a flat array of twice as many |
/// | `HashMap`, `BTreeMap` | a map, an array of pairs, a flat array of twice as many |
/// | tuples | an array of that many |
/// | `Result<T, Error>` | anything: an error does not fail what is around it |
/// | [`Reply`] | anything but an error: as it came |
///
/// RESP2 knows neither maps nor doubles nor booleans; the types come out the same.
pub trait FromReply: Sized {
    /// Turns a reply into this.
    fn from_reply(reply: Reply) -> Result<Self, Error>;

    /// The same for what may have failed: only `Result` takes an error.
    #[doc(hidden)]
    fn from_result(result: Result<Reply, Error>) -> Result<Self, Error> {
        Self::from_reply(result?)
    }

    /// Bytes are a list of `u8`, and of nothing else.
    #[doc(hidden)]
    fn from_bytes(_: Vec<u8>) -> Option<Vec<Self>> {
        None
    }

    /// A list of such. Pairs may come flat.
    #[doc(hidden)]
    fn from_items(items: Vec<Reply>) -> Result<Vec<Self>, Error> {
        items.into_iter().map(|item| Self::from_result(checked(item))).collect()
    }
}

/// An error in a list is as an error alone.
fn checked(reply: Reply) -> Result<Reply, Error> {
    match reply {
        Reply::Error(error) => Err(error),
        other => Ok(other),
    }
}

fn mismatch<T>(expected: &str, found: &Reply) -> Result<T, Error> {
    match found {
        Reply::Error(error) => Err(error.clone()),
        other => Err(Error::mismatch(expected, other.type_name())),
    }
}

impl FromReply for Reply {
    fn from_reply(reply: Reply) -> Result<Reply, Error> {
        checked(reply)
    }
}

impl FromReply for () {
    fn from_reply(reply: Reply) -> Result<(), Error> {
        checked(reply).map(|_| ())
    }
}

impl<T: FromReply> FromReply for Result<T, Error> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        Ok(checked(reply).and_then(T::from_reply))
    }

    fn from_result(result: Result<Reply, Error>) -> Result<Self, Error> {
        Ok(T::from_result(result))
    }
}

impl<T: FromReply> FromReply for Option<T> {
    fn from_reply(reply: Reply) -> Result<Option<T>, Error> {
        match reply {
            Reply::Null => Ok(None),
            other => T::from_reply(other).map(Some),
        }
    }
}

impl FromReply for bool {
    fn from_reply(reply: Reply) -> Result<bool, Error> {
        match reply {
            Reply::Bool(value) => Ok(value),
            Reply::Int(value @ (0 | 1)) => Ok(value == 1),
            Reply::Status(status) if status == "OK" => Ok(true),
            other => mismatch("bool", &other),
        }
    }
}

impl FromReply for String {
    fn from_reply(reply: Reply) -> Result<String, Error> {
        match reply {
            Reply::Bytes(bytes) => {
                String::from_utf8(bytes).map_err(|_| Error::mismatch("String", "a string that is not UTF-8"))
            }
            Reply::Status(text) | Reply::BigNumber(text) => Ok(text),
            Reply::Int(value) => Ok(value.to_string()),
            Reply::Double(value) => Ok(value.to_string()),
            other => mismatch("String", &other),
        }
    }
}

/// The text of what may stand for a number.
fn digits(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        Reply::Status(text) | Reply::BigNumber(text) => Some(text),
        _ => None,
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromReply for $integer {
            fn from_reply(reply: Reply) -> Result<$integer, Error> {
                integer(stringify!($integer), &reply)
            }
        }
    )*};
}

fn integer<T: TryFrom<i64> + std::str::FromStr>(name: &str, reply: &Reply) -> Result<T, Error> {
    match reply {
        Reply::Int(value) => {
            T::try_from(*value).map_err(|_| Error::mismatch(name, "an integer that does not fit"))
        }
        other => match digits(other) {
            Some(text) => text
                .parse()
                .map_err(|_| Error::mismatch(name, &format!("{} that is no such number", other.type_name()))),
            None => mismatch(name, other),
        },
    }
}

integers!(i8, i16, u16, i32, u32, i64, u64, i128, u128, isize, usize);

impl FromReply for u8 {
    fn from_reply(reply: Reply) -> Result<u8, Error> {
        integer("u8", &reply)
    }

    fn from_bytes(bytes: Vec<u8>) -> Option<Vec<u8>> {
        Some(bytes)
    }
}

impl FromReply for f64 {
    fn from_reply(reply: Reply) -> Result<f64, Error> {
        match reply {
            Reply::Double(value) => Ok(value),
            Reply::Int(value) => Ok(value as f64),
            other => match digits(&other).map(str::parse) {
                Some(Ok(value)) => Ok(value),
                Some(Err(_)) => {
                    Err(Error::mismatch("f64", &format!("{} that is no number", other.type_name())))
                }
                None => mismatch("f64", &other),
            },
        }
    }
}

impl FromReply for f32 {
    fn from_reply(reply: Reply) -> Result<f32, Error> {
        f64::from_reply(reply).map(|value| value as f32)
    }
}

impl<T: FromReply> FromReply for Vec<T> {
    fn from_reply(reply: Reply) -> Result<Vec<T>, Error> {
        match reply {
            Reply::Array(items) | Reply::Set(items) => T::from_items(items),
            Reply::Map(pairs) => {
                let pair = |(key, value)| T::from_reply(Reply::Array(vec![key, value]));
                pairs.into_iter().map(pair).collect()
            }
            Reply::Bytes(bytes) => T::from_bytes(bytes).ok_or_else(|| Error::mismatch("a list", "a string")),
            Reply::Status(text) => {
                T::from_bytes(text.into_bytes()).ok_or_else(|| Error::mismatch("a list", "a status"))
            }
            other => mismatch("a list", &other),
        }
    }
}

/// The pairs of what stands for a map.
fn entries<K: FromReply, V: FromReply>(reply: Reply) -> Result<Vec<(K, V)>, Error> {
    let list = match reply {
        Reply::Map(pairs) => pairs,
        Reply::Array(items) => {
            let nested = items.iter().all(|item| matches!(item, Reply::Array(pair) if pair.len() == 2));
            if nested {
                let halves = |item| if let Reply::Array(pair) = item { pair } else { Vec::new() };
                pairs(items.into_iter().flat_map(halves).collect())
            } else if items.len() % 2 == 0 {
                pairs(items)
            } else {
                return Err(Error::mismatch("a map", "an array that is not made of pairs"));
            }
        }
        other => return mismatch("a map", &other),
    };
    let pair = |(key, value)| Ok((K::from_reply(key)?, V::from_result(checked(value))?));
    list.into_iter().map(pair).collect()
}

impl<K: FromReply + Eq + Hash, V: FromReply, S: BuildHasher + Default> FromReply for HashMap<K, V, S> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        Ok(entries(reply)?.into_iter().collect())
    }
}

impl<K: FromReply + Ord, V: FromReply> FromReply for BTreeMap<K, V> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        Ok(entries(reply)?.into_iter().collect())
    }
}

impl<T: FromReply + Eq + Hash, S: BuildHasher + Default> FromReply for HashSet<T, S> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        Ok(Vec::from_reply(reply)?.into_iter().collect())
    }
}

impl<T: FromReply + Ord> FromReply for BTreeSet<T> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        Ok(Vec::from_reply(reply)?.into_iter().collect())
    }
}

/// The replies of a pipeline as one value: a tuple of as many, or a `Vec`.
///
/// An error of one command fails the whole, unless its place is a `Result`.
pub trait FromReplies: Sized {
    /// Turns the replies into this.
    fn from_replies(replies: Vec<Result<Reply, Error>>) -> Result<Self, Error>;
}

impl<T: FromReply> FromReplies for Vec<T> {
    fn from_replies(replies: Vec<Result<Reply, Error>>) -> Result<Vec<T>, Error> {
        replies.into_iter().map(T::from_result).collect()
    }
}

impl FromReplies for () {
    fn from_replies(replies: Vec<Result<Reply, Error>>) -> Result<(), Error> {
        replies.into_iter().try_for_each(|reply| reply.map(|_| ()))
    }
}

macro_rules! tuples {
    ($count:literal $($name:ident)+) => {
        impl<$($name: FromReply),+> FromReply for ($($name,)+) {
            fn from_reply(reply: Reply) -> Result<Self, Error> {
                let items = match reply {
                    Reply::Array(items) | Reply::Set(items) => items,
                    other => return mismatch(concat!("an array of ", $count), &other),
                };
                let found = items.len();
                let mut items = items.into_iter();
                if found != $count {
                    let found = format!("an array of {found}");
                    return Err(Error::mismatch(concat!("an array of ", $count), &found));
                }
                Ok(($($name::from_result(items.next().map_or(Ok(Reply::Null), checked))?,)+))
            }

            fn from_items(items: Vec<Reply>) -> Result<Vec<Self>, Error> {
                let nested = items.iter().all(|item| matches!(item, Reply::Array(_) | Reply::Set(_) | Reply::Error(_)));
                if nested || items.len().checked_rem($count) != Some(0) {
                    return items.into_iter().map(|item| Self::from_result(checked(item))).collect();
                }
                let mut rows = Vec::with_capacity(items.len() / $count);
                let mut items = items.into_iter();
                while items.len() > 0 {
                    rows.push(Self::from_reply(Reply::Array(items.by_ref().take($count).collect()))?);
                }
                Ok(rows)
            }
        }

        impl<$($name: FromReply),+> FromReplies for ($($name,)+) {
            fn from_replies(replies: Vec<Result<Reply, Error>>) -> Result<Self, Error> {
                let found = replies.len();
                if found != $count {
                    let found = format!("a pipeline of {found}");
                    return Err(Error::mismatch(concat!("a pipeline of ", $count), &found));
                }
                let mut replies = replies.into_iter();
                Ok(($($name::from_result(replies.next().unwrap_or(Ok(Reply::Null)))?,)+))
            }
        }
    };
}

tuples!(1 A);
tuples!(2 A B);
tuples!(3 A B C);
tuples!(4 A B C D);
tuples!(5 A B C D E);
tuples!(6 A B C D E F);
tuples!(7 A B C D E F G);
tuples!(8 A B C D E F G H);
tuples!(9 A B C D E F G H I);
tuples!(10 A B C D E F G H I J);
tuples!(11 A B C D E F G H I J K);
tuples!(12 A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ErrorKind;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.into())
    }

    #[test]
    fn pairs_come_nested_flat_or_as_a_map() {
        let flat = || vec![bytes("a"), bytes("1"), bytes("b"), bytes("2")];
        let nested = flat().chunks(2).map(|pair| Reply::Array(pair.to_vec())).collect::<Vec<_>>();
        let wanted = vec![("a".to_string(), 1.0), ("b".to_string(), 2.0)];
        for reply in [Reply::Array(flat()), Reply::Array(nested.clone()), Reply::Map(pairs(flat()))] {
            assert_eq!(Vec::<(String, f64)>::from_reply(reply.clone()).unwrap(), wanted);
            let map = BTreeMap::<String, f64>::from_reply(reply).unwrap();
            assert_eq!(map.into_iter().collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn a_mismatch_names_both_types_and_no_value() {
        let error = i64::from_reply(bytes("s3cret")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Type);
        assert_eq!(error.to_string(), "expected i64, found a string that is no such number");
        let error = <(i64, i64)>::from_reply(Reply::Array(vec![Reply::Int(1)])).unwrap_err();
        assert_eq!(error.to_string(), "expected an array of 2, found an array of 1");
        assert!(u8::from_reply(Reply::Int(256)).is_err());
        assert!(i64::from_reply(Reply::Null).is_err(), "null is no number");
        assert_eq!(Option::<i64>::from_reply(Reply::Null).unwrap(), None);
    }

    #[test]
    fn an_error_in_a_list_stays_where_a_result_is_asked_for() {
        let list = || Reply::Array(vec![Reply::Int(1), Reply::Error(Error::reply("ERR no"))]);
        assert_eq!(Vec::<i64>::from_reply(list()).unwrap_err().to_string(), "ERR no");
        let each = Vec::<Result<i64, Error>>::from_reply(list()).unwrap();
        assert!(each[0].is_ok() && each[1].is_err());
        assert!(Reply::from_reply(list()).is_ok());
    }

    #[test]
    fn bytes_are_bytes() {
        assert_eq!(Vec::<u8>::from_reply(Reply::Bytes(vec![0, 255])).unwrap(), [0, 255]);
        assert!(String::from_reply(Reply::Bytes(vec![255])).is_err());
        assert!(Vec::<String>::from_reply(bytes("x")).is_err());
    }
}
