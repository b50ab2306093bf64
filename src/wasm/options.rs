//! Reads the options of a target as the shell packs them: one text and one row of numbers, so that a cold start pays for
//! one crossing and not for one a property.

use crate::manager::Options;

/// Stands between the texts; none of them may hold it.
const SEPARATOR: char = '\0';

/// `texts`: problem, url, username, password, name; an empty one is not given. `numbers`: db (NaN when not given), tls,
/// protocol, dynamic credentials, resolves, connect timeout, retry base and cap, staged, staged bytes, pending, bulk,
/// depth.
/// `js/core/core.ts` packs them.
pub(super) fn read(texts: &str, numbers: &[f64]) -> Options {
    let mut texts = texts.split(SEPARATOR);
    let mut text = || texts.next().filter(|text| !text.is_empty()).map(String::from);
    let mut numbers = numbers.iter().copied();
    let mut number = || numbers.next().unwrap_or(0.0);
    Options {
        problem: text(),
        url: text(),
        username: text(),
        password: text(),
        name: text(),
        db: Some(number()).filter(|db| !db.is_nan()),
        tls: number() != 0.0,
        protocol: number(),
        dynamic_credentials: number() != 0.0,
        resolves: number() != 0.0,
        connect_timeout: number(),
        retry_base: number(),
        retry_cap: number(),
        max_staged: number(),
        max_staged_bytes: number(),
        max_pending: number(),
        max_bulk: number(),
        max_depth: number(),
    }
}
