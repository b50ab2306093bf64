//! A stream gives the same replies, or the same error, however it is cut.

use edgis::resp::Limits;

use crate::tree::read;

const CUTS: usize = 6;

/// A byte chooses the limits, six say where to cut, the others are the stream.
pub fn split(data: &[u8]) {
    let Some((head, stream)) = data.split_at_checked(1 + CUTS) else { return };
    let limits = Limits {
        depth: [2, 64][usize::from(head[0] & 1)],
        bulk: [100, 100_000][usize::from(head[0] >> 1 & 1)],
        line: [0, 32 << 10][usize::from(head[0] >> 2 & 1)],
        big: [0, 5, 16, 4096][usize::from(head[0] >> 3 & 3)],
    };
    let whole = read(limits, [stream]);
    assert_eq!(read(limits, pieces(stream, &head[1..])), whole, "cut");
    assert_eq!(read(limits, stream.chunks(1)), whole, "byte by byte");
}

/// The first pieces are as long as the cuts say, the last is the rest.
fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = stream.split_at(usize::from(*cut).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}
