//! Looks at the bytes of one line or value.

use super::ASCII;

/// Reads up to 18 digits, which fit every integer, and says where they end.
#[inline(always)]
pub(super) fn digits(buf: &[u8], start: usize) -> (u64, usize) {
    let mut n = 0;
    let mut at = start;
    while let Some(byte) = buf.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || at == start + 18 {
            break;
        }
        n = n * 10 + u64::from(digit);
        at += 1;
    }
    (n, at)
}

/// A number made of digits only that fits 64 bits.
pub fn whole(text: &[u8]) -> Option<u64> {
    let digits = (!text.is_empty()).then_some(text)?;
    digits.iter().try_fold(0u64, |n, byte| {
        let digit = byte.wrapping_sub(b'0');
        n.checked_mul(10)?.checked_add(u64::from(digit)).filter(|_| digit <= 9)
    })
}

/// Any integer that fits 64 bits, with an optional sign.
#[cold]
pub(super) fn long_int(text: &[u8]) -> Option<i64> {
    let magnitude = whole(unsigned(text))?;
    if text[0] == b'-' {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

fn unsigned(text: &[u8]) -> &[u8] {
    match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    }
}

pub(super) fn is_integer(text: &[u8]) -> bool {
    let magnitude = unsigned(text);
    !magnitude.is_empty() && magnitude.iter().all(u8::is_ascii_digit)
}

/// Loose on purpose: converting the value is left to its reader; this only rejects what cannot be a number.
pub(super) fn is_double(text: &[u8]) -> bool {
    let magnitude = unsigned(text);
    is_word(magnitude, b"inf")
        || is_word(magnitude, b"nan")
        || (magnitude.first().is_some_and(|b| b.is_ascii_digit() || *b == b'.')
            && magnitude.iter().any(u8::is_ascii_digit)
            && magnitude.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')))
}

/// Whether `text` is the word, in any case.
#[inline(never)]
pub fn is_word(text: &[u8], word: &[u8]) -> bool {
    text.eq_ignore_ascii_case(word)
}

/// [`ASCII`] if every byte is below 0x80. One byte a step: most lines are two bytes long.
#[inline(never)]
pub(super) fn short_ascii_flag(bytes: &[u8]) -> u8 {
    if bytes.iter().fold(0, |seen, byte| seen | byte) < 0x80 {
        ASCII
    } else {
        0
    }
}

/// [`ASCII`] if every byte is below 0x80. Sixteen bytes a step: the build does not vectorise loops.
#[inline(always)]
pub(super) fn ascii_flag(bytes: &[u8]) -> u8 {
    let mut chunks = bytes.chunks_exact(16);
    let mut seen = 0u128;
    for chunk in &mut chunks {
        let mut word = [0; 16];
        word.copy_from_slice(chunk);
        seen |= u128::from_ne_bytes(word);
    }
    let tail = chunks.remainder().iter().fold(0, |seen, byte| seen | byte);
    if (seen & 0x8080_8080_8080_8080_8080_8080_8080_8080) == 0 && tail < 0x80 {
        ASCII
    } else {
        0
    }
}
