//! Writes commands: always an array of bulk strings, the one form every server takes.

use super::Bytes;

/// Appends the head of a command of `argc` arguments (its name is one of them): `*argc\r\n`.
#[inline]
pub fn array_header(out: &mut Bytes, argc: u32) {
    header(out, b'*', u64::from(argc));
}

/// Appends the head of an argument of `len` bytes: `$len\r\n`. The bytes and a `\r\n` must follow.
#[inline]
pub fn bulk_header(out: &mut Bytes, len: u64) {
    header(out, b'$', len);
}

/// Appends one whole argument: `$len\r\n`, the bytes, `\r\n`.
#[inline]
pub fn bulk(out: &mut Bytes, bytes: &[u8]) {
    bulk_header(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A whole command, from arguments that are all there.
#[inline(never)]
pub fn frame(out: &mut Bytes, arguments: &[&[u8]]) {
    long_header(out, b'*', arguments.len() as u64);
    for argument in arguments {
        long_header(out, b'$', argument.len() as u64);
        out.append(argument);
        out.append(b"\r\n");
    }
}

#[inline(always)]
fn header(out: &mut Bytes, kind: u8, n: u64) {
    // Nearly every header is one of these two; a constant length spares the copy loop.
    if n < 10 {
        out.extend_from_slice(&[kind, b'0' + n as u8, b'\r', b'\n']);
    } else if n < 100 {
        let n = n as u8;
        out.extend_from_slice(&[kind, b'0' + n / 10, b'0' + n % 10, b'\r', b'\n']);
    } else {
        long_header(out, kind, n);
    }
}

fn long_header(out: &mut Bytes, kind: u8, mut n: u64) {
    // kind + 20 digits of u64::MAX + CRLF
    let mut line = [0u8; 23];
    line[21] = b'\r';
    line[22] = b'\n';
    let mut at = 21;
    loop {
        at -= 1;
        line[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    at -= 1;
    line[at] = kind;
    out.append(&line[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_width_are_decimal() {
        let mut widths = vec![0, 1, 9, 10, 11, 99, 100, 101, 999, u64::from(u32::MAX), u64::MAX];
        widths.extend((0..20).map(|e| 10u64.pow(e)));
        for n in widths {
            let mut out = Bytes::new();
            bulk_header(&mut out, n);
            assert!(out == format!("${n}\r\n"));
        }
        let mut out = Bytes::new();
        array_header(&mut out, u32::MAX);
        assert!(out == b"*4294967295\r\n");
    }

    #[test]
    fn a_command_is_appended_behind_what_is_there() {
        let mut out = Bytes::new();
        out.extend_from_slice(b"x");
        array_header(&mut out, 2);
        bulk(&mut out, b"GET");
        bulk(&mut out, b"");
        assert!(out == b"x*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    }
}
