//! Any bytes, also from a caller that breaks the reader's contract: no panic, and nothing beyond the limits.

use edgis::resp::{Kind, Limits, Parser, Token, MORE, SKIP, TOO_DEEP};

/// Four bytes are the limits, one says in pieces of which size the others come.
pub fn limits(data: &[u8]) {
    let Some((head, stream)) = data.split_at_checked(5) else { return };
    let limits = Limits {
        depth: head[0].into(),
        bulk: u64::from(head[1]) * 40,
        line: usize::from(head[2]) * 4,
        big: usize::from(head[3]) * 8,
    };
    let mut parser = Parser::new(limits);
    let (mut open, mut flat, mut error) = (Vec::new(), false, None);
    // Nothing is shown again and what is diverted is shown all the same: the replies mean nothing then, but no harm is done.
    for piece in stream.chunks(usize::from(head[4]).max(1)) {
        let parsed = parser.parse(piece, |token| check(token, piece, limits, &mut open, &mut flat));
        match (error, parsed) {
            (Some(error), again) => assert_eq!(again, Err(error), "an error stays"),
            (None, Ok(consumed)) => assert!(consumed <= piece.len()),
            (None, Err(found)) => {
                error = Some(found);
                assert!(!found.to_string().is_empty());
            }
        }
        assert!(parser.big_missing() <= limits.bulk);
    }
    parser.reset();
    assert_eq!(parser.parse(b"+OK\r\n", |_| {}), Ok(5), "a reader that was reset reads");
}

/// `open` counts what each aggregate still waits for; `flat`: the reply is nested too deep, and its tokens mean nothing.
fn check(token: Token, piece: &[u8], limits: Limits, open: &mut Vec<u64>, flat: &mut bool) {
    let length = u64::from(token.b).wrapping_sub(token.a.into());
    let line = limits.line.max(32) as u64;
    match token.kind {
        Kind::Bulk | Kind::Verbatim | Kind::Error | Kind::Simple | Kind::BigNumber => {
            assert!(length <= limits.bulk, "{token:?}")
        }
        Kind::Double => assert!(length <= line, "{token:?}"),
        Kind::Big => {
            assert!(u64::from(token.a) <= limits.bulk && token.b as usize <= piece.len(), "{token:?}")
        }
        _ => {}
    }
    if matches!(
        token.kind,
        Kind::Bulk | Kind::Verbatim | Kind::Error | Kind::Simple | Kind::Double | Kind::BigNumber
    ) {
        assert!(
            piece.get(token.a as usize..token.b as usize).is_some(),
            "{token:?} of {} bytes",
            piece.len()
        );
    }
    if token.flags & (SKIP | MORE) != 0 || token.kind == Kind::Big {
        return;
    }
    *flat |= token.kind == Kind::Skipped && token.a == TOO_DEEP;
    if *flat {
        if token.is_last() {
            *flat = false;
            open.clear();
        }
        return;
    }
    let values = u64::from(token.a) * if token.kind == Kind::Map { 2 } else { 1 };
    if matches!(token.kind, Kind::Array | Kind::Map | Kind::Set | Kind::Push) && values > 0 {
        open.push(values);
        assert!(open.len() <= limits.depth.clamp(1, 128), "deeper than the limit");
        return;
    }
    while let Some(left) = open.last_mut() {
        *left -= 1;
        if *left > 0 {
            break;
        }
        open.pop();
    }
    assert_eq!(token.is_last(), open.is_empty(), "{token:?}");
}
