//! Cuts the one text of a batch back into its arguments.

/// Arguments that arrive as ONE UTF-8 text, each followed by one ASCII separator byte, with lengths in UTF-16 units.
///
/// The shell appends the arguments of a batch to one string and encodes it in one go, so it knows their lengths in
/// UTF-16 units but not in bytes. The separator keeps a high surrogate that ends one argument from fusing with a low
/// one that begins the next; without it user text could shift every later boundary.
///
/// Lengths and text come from the other side of the boundary: no value of theirs makes this panic, and after the first
/// `None` every later answer is `None`.
#[derive(Clone, Debug)]
pub struct TextArguments<'a> {
    text: &'a [u8],
    at: usize,
    ascii: bool,
}

impl<'a> TextArguments<'a> {
    /// Starts at the first argument of `text`. `ascii` promises that the text has as many bytes as UTF-16 units, so
    /// that lengths are taken as byte lengths.
    #[inline]
    pub const fn new(text: &'a [u8], ascii: bool) -> Self {
        Self { text, at: 0, ascii }
    }

    /// The bytes of the next argument, which is `units` UTF-16 units long; its separator is skipped.
    ///
    /// `None` if the text is too short, if `units` ends inside a character, or if the byte after the argument is not
    /// ASCII.
    #[inline]
    pub fn next(&mut self, units: u32) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let len = if self.ascii { Some(units as usize) } else { byte_len(rest, units as usize) };
        if let Some(len) = len {
            // `rest` is longer than `len`, or there is no separator.
            if rest.get(len).is_some_and(u8::is_ascii) {
                self.at += len + 1;
                return Some(&rest[..len]);
            }
        }
        self.at = usize::MAX;
        None
    }

    /// True when every byte of the text has been taken: a batch must end here, or its lengths were wrong.
    #[inline]
    pub const fn is_done(&self) -> bool {
        self.at == self.text.len()
    }
}

/// How many bytes at the start of `text` make `units` UTF-16 units.
fn byte_len(text: &[u8], units: usize) -> Option<usize> {
    let mut at = 0;
    let mut left = units;
    while left > 0 {
        // One non-ASCII argument makes the whole batch non-ASCII: most text is still ASCII and taken 8 bytes a step.
        if left >= 8 {
            if let Some(Ok(word)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
                if u64::from_le_bytes(word) & 0x8080_8080_8080_8080 == 0 {
                    at += 8;
                    left -= 8;
                    continue;
                }
            }
        }
        let (bytes, width) = match *text.get(at)? {
            0x00..=0x7f => (1, 1),
            0xc0..=0xdf => (2, 1),
            0xe0..=0xef => (3, 1),
            0xf0..=0xff => (4, 2),
            // A continuation byte cannot lead: the boundary before it was wrong.
            0x80..=0xbf => return None,
        };
        left = usize::checked_sub(left, width)?;
        at += bytes;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_lengths_are_bytes() {
        let mut arguments = TextArguments::new(b"SET\0key\0\0", true);
        assert_eq!(arguments.next(3), Some(&b"SET"[..]));
        assert_eq!(arguments.next(3), Some(&b"key"[..]));
        assert_eq!(arguments.next(0), Some(&b""[..]));
        assert!(arguments.is_done());
        assert_eq!(arguments.next(0), None);
    }

    #[test]
    fn lengths_count_utf16_units() {
        let text = "a\0äöü\0€uro and more\0😀\0\0".as_bytes();
        let mut arguments = TextArguments::new(text, false);
        assert_eq!(arguments.next(1), Some("a".as_bytes()));
        assert_eq!(arguments.next(3), Some("äöü".as_bytes()));
        assert_eq!(arguments.next(13), Some("€uro and more".as_bytes()));
        assert_eq!(arguments.next(2), Some("😀".as_bytes()));
        assert_eq!(arguments.next(0), Some(&b""[..]));
        assert!(arguments.is_done());
    }

    #[test]
    fn a_wrong_boundary_is_refused_and_latches() {
        let cases: [(&[u8], u32); 6] = [
            ("😀\0".as_bytes(), 1),
            ("€\0".as_bytes(), 0),
            (b"abc", 3),
            (b"abc\0", 9),
            (b"\x80a\0", 1),
            (b"abc\0", u32::MAX),
        ];
        for (text, units) in cases {
            let mut arguments = TextArguments::new(text, false);
            assert_eq!(arguments.next(units), None, "{text:?} {units}");
            assert_eq!(arguments.next(0), None, "{text:?} latches");
            assert!(!arguments.is_done());
        }
        assert_eq!(TextArguments::new(b"abc", true).next(u32::MAX), None);
    }
}
