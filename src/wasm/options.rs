//! Reads the options of a target as the shell packs them, so that a cold start pays for one crossing and not for one a
//! property.

use crate::manager::Options;

/// In place of a number that is not given.
const NOT_GIVEN: u32 = u32::MAX;

/// `texts`, one after the other: problem, url, username, password, name, kind; an empty one is not given. `words`: the bytes
/// of each of them, then the numbers in the order below. `js/core/core.ts` packs them.
pub(super) fn read<'a>(words: &[u32], texts: &'a [u8]) -> Options<'a> {
    let mut words = words.iter().copied();
    let mut word = || words.next().unwrap_or(0);
    let mut rest = texts;
    let mut text = |length: u32| {
        let (text, behind) = rest.split_at_checked(length as usize)?;
        rest = behind;
        core::str::from_utf8(text).ok().filter(|text| !text.is_empty())
    };
    Options {
        problem: text(word()),
        url: text(word()),
        username: text(word()),
        password: text(word()),
        name: text(word()),
        kind: text(word()),
        db: Some(word()).filter(|db| *db != NOT_GIVEN),
        tls: word() != 0,
        protocol: word() as u8,
        dynamic_credentials: word() != 0,
        resolves: word() != 0,
        connect_timeout: word(),
        idle_timeout: word(),
        retry_base: word(),
        retry_cap: word(),
        max_staged: word(),
        max_staged_bytes: word(),
        max_pending: word(),
        max_bulk: word(),
        max_depth: word(),
        scope: word(),
    }
}
