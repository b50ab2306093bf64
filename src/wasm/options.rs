//! Reads the options of a target as the shell packs them, so that a cold start pays for one crossing and not for one a
//! property.

use crate::manager::Options;

/// In place of a number that is not given.
const NOT_GIVEN: u32 = u32::MAX;

/// `texts`, one after the other: problem, url, username, password, name, kind; an empty one is not given. `words`: the bytes
/// of each of them, then the numbers in the order below. `js/core/core.ts` packs them.
pub(super) fn read<'a>(words: &[u32], texts: &'a [u8]) -> Options<'a> {
    let mut word = [0; 21];
    for (word, given) in word.iter_mut().zip(words) {
        *word = *given;
    }
    let mut rest = texts;
    let [problem, url, username, password, name, kind] =
        [word[0], word[1], word[2], word[3], word[4], word[5]].map(|length| text(&mut rest, length));
    Options {
        problem,
        url,
        username,
        password,
        name,
        kind,
        db: Some(word[6]).filter(|db| *db != NOT_GIVEN),
        tls: word[7] != 0,
        protocol: word[8] as u8,
        dynamic_credentials: word[9] != 0,
        resolves: word[10] != 0,
        connect_timeout: word[11],
        idle_timeout: word[12],
        retry_base: word[13],
        retry_cap: word[14],
        max_staged: word[15],
        max_staged_bytes: word[16],
        max_pending: word[17],
        max_bulk: word[18],
        max_depth: word[19],
        // A route to one node never sends a write elsewhere, and no lane is lent yet.
        keeps_writes: false,
        max_lanes: 0,
        scope: word[20],
    }
}

fn text<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a str> {
    let (text, behind) = rest.split_at_checked(length as usize)?;
    *rest = behind;
    core::str::from_utf8(text).ok().filter(|text| !text.is_empty())
}
