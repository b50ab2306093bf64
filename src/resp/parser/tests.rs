use super::*;
use crate::resp::{MORE, TOO_DEEP, TOO_LONG};

fn parser() -> Parser {
    Parser::new(Limits::default())
}

/// Everything that one buffer gives: its tokens, and what was consumed or why not.
fn read(parser: &mut Parser, buf: &[u8]) -> (Vec<Token>, Result<usize, ProtocolError>) {
    let mut tokens = Vec::new();
    let result = parser.parse(buf, |token| tokens.push(token));
    (tokens, result)
}

fn token(kind: Kind, flags: u8, a: u32, b: u32) -> Token {
    Token { kind, flags, a, b }
}

const WHOLE: u8 = FIRST | LAST;

#[test]
fn scalars_at_top_level_start_and_complete_a_reply() {
    let cases: [(&[u8], Token); 16] = [
        (b"+OK\r\n", token(Kind::Simple, WHOLE | ASCII, 1, 3)),
        (b"+\r\n", token(Kind::Simple, WHOLE | ASCII, 1, 1)),
        ("+é\r\n".as_bytes(), token(Kind::Simple, WHOLE, 1, 3)),
        (b"-ERR x\r\n", token(Kind::Error, WHOLE | ASCII, 1, 6)),
        (b"$3\r\na\xffb\r\n", token(Kind::Bulk, WHOLE, 4, 7)),
        (b"$9\r\n12345678\x80\r\n", token(Kind::Bulk, WHOLE, 4, 13)),
        (b"$0\r\n\r\n", token(Kind::Bulk, WHOLE | ASCII, 4, 4)),
        (b"$-1\r\n", token(Kind::Null, WHOLE, 0, 0)),
        (b"*-1\r\n", token(Kind::Null, WHOLE, 0, 0)),
        (b"_\r\n", token(Kind::Null, WHOLE, 0, 0)),
        (b"#t\r\n", token(Kind::Bool, WHOLE, 1, 0)),
        (b"#f\r\n", token(Kind::Bool, WHOLE, 0, 0)),
        (b",-1.5e3\r\n", token(Kind::Double, WHOLE | ASCII, 1, 7)),
        (b"(-12\r\n", token(Kind::BigNumber, WHOLE | ASCII, 1, 4)),
        (b"=7\r\ntxt:abc\r\n", token(Kind::Verbatim, WHOLE | ASCII, 8, 11)),
        (b"!3\r\nERR\r\n", token(Kind::Error, WHOLE | ASCII, 4, 7)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read(&mut parser(), bytes), (vec![expected], Ok(bytes.len())), "{}", bytes.escape_ascii());
    }
}

#[test]
fn integers_cover_64_bits() {
    for n in [0, 1, -1, 42, i64::from(u32::MAX), -4_294_967_296, 999_999_999_999_999_999, i64::MAX, i64::MIN]
    {
        let (tokens, result) = read(&mut parser(), format!(":{n}\r\n").as_bytes());
        assert!(result.is_ok());
        assert_eq!(tokens[0].int(), n);
    }
    assert_eq!(read(&mut parser(), b":+7\r\n").0[0].int(), 7);
    assert_eq!(read(&mut parser(), b":-000000000000000000007\r\n").0[0].int(), -7);
}

#[test]
fn aggregates_are_emitted_at_their_header() {
    let (tokens, result) = read(&mut parser(), b"*2\r\n%1\r\n+k\r\n:1\r\n~0\r\n");
    let expected = vec![
        token(Kind::Array, FIRST, 2, 0),
        token(Kind::Map, 0, 1, 0),
        token(Kind::Simple, ASCII, 9, 10),
        token(Kind::Int, 0, 1, 0),
        token(Kind::Set, LAST, 0, 0),
    ];
    assert_eq!((tokens, result), (expected, Ok(20)));
    for (bytes, kind) in [(b"*0\r\n", Kind::Array), (b"%0\r\n", Kind::Map), (b">0\r\n", Kind::Push)] {
        assert_eq!(read(&mut parser(), bytes).0, [token(kind, WHOLE, 0, 0)]);
    }
}

#[test]
fn attributes_are_dropped_wherever_they_stand() {
    let bytes = b"|1\r\n+ttl\r\n|1\r\n+x\r\n*1\r\n+y\r\n:3\r\n*1\r\n|1\r\n+a\r\n*0\r\n|0\r\n+v\r\n";
    let (tokens, result) = read(&mut parser(), bytes);
    let at = bytes.len() as u32 - 3;
    assert_eq!(tokens, [token(Kind::Array, FIRST, 1, 0), token(Kind::Simple, LAST | ASCII, at, at + 1)]);
    assert_eq!(result, Ok(bytes.len()));
}

#[test]
fn an_incomplete_token_is_not_consumed() {
    let bytes = b"+OK\r\n*2\r\n$3\r\nabc\r\n$3\r\nab";
    assert_eq!(read(&mut parser(), bytes).1, Ok(18));
    for cut in 0..5 {
        assert_eq!(read(&mut parser(), &b"+OK\r\n"[..cut]), (vec![], Ok(0)));
    }
}

#[test]
fn a_partial_line_is_searched_once() {
    let mut parser = parser();
    let line = b"+abc\rdef\r\n";
    for (end, scanned) in [(1, 0), (4, 3), (5, 3), (6, 5), (8, 7), (9, 7)] {
        assert_eq!(read(&mut parser, &line[..end]), (vec![], Ok(0)));
        assert_eq!(parser.scanned, scanned, "after {end}");
    }
    let (tokens, _) = read(&mut parser, line);
    assert_eq!(tokens, [token(Kind::Simple, WHOLE | ASCII, 1, 8)]);
    assert_eq!(parser.scanned, 0);
}

fn big() -> Parser {
    Parser::new(Limits { big: 8, ..Limits::default() })
}

#[test]
fn a_big_value_is_diverted() {
    let mut parser = big();
    let (tokens, result) = read(&mut parser, b"*2\r\n$10\r\nabc");
    assert_eq!(tokens, [token(Kind::Array, FIRST, 2, 0), token(Kind::Big, 0, 10, 9)]);
    assert_eq!((result, parser.big_missing()), (Ok(12), 7));
    // The caller has moved the other seven bytes; the CRLF itself comes in two pieces.
    assert_eq!(read(&mut parser, b""), (vec![], Ok(0)));
    assert_eq!(parser.big_missing(), 7, "no bytes, no news");
    assert_eq!(read(&mut parser, b"\r"), (vec![], Ok(0)));
    assert_eq!(parser.big_missing(), 0, "nothing to divert any more");
    let (tokens, result) = read(&mut parser, b"\r\n:1\r\n");
    assert_eq!(tokens, [token(Kind::BigEnd, 0, 0, 0), token(Kind::Int, LAST, 1, 0)]);
    assert_eq!((result, parser.big_missing()), (Ok(6), 0));
}

#[test]
fn a_big_value_whose_crlf_is_cut_is_consumed_all_the_same() {
    for (text, begins) in [(b"$8\r\n12345678\r".as_slice(), 4), (b"=8\r\ntxt:5678\r", 8)] {
        for end in [12, 13] {
            let mut parser = big();
            let first = token(Kind::Big, FIRST, 12 - begins, begins);
            assert_eq!(read(&mut parser, &text[..end]), (vec![first], Ok(12)));
            assert_eq!(parser.big_missing(), 0);
            assert_eq!(read(&mut parser, b"\r\n"), (vec![token(Kind::BigEnd, LAST, 0, 0)], Ok(2)));
        }
    }
}

#[test]
fn only_bulks_that_are_long_and_not_all_there_are_big() {
    assert_eq!(read(&mut big(), b"$8\r\n12345678\r\n").0[0].kind, Kind::Bulk);
    assert_eq!(read(&mut big(), b"$7\r\n123456"), (vec![], Ok(0)), "below the threshold");
    assert_eq!(read(&mut big(), b"=8\r\ntxt"), (vec![], Ok(0)), "its format is not there yet");
    let begins = token(Kind::Big, FIRST, 4, 8);
    assert_eq!(
        read(&mut big(), b"=8\r\ntxt:"),
        (vec![begins], Ok(8)),
        "the format is no part of a verbatim string"
    );
    assert_eq!(read(&mut big(), b"!8\r\nERR"), (vec![], Ok(0)), "blob error");
    let (tokens, _) = read(&mut big(), b"$8\r\n");
    assert_eq!(tokens, [token(Kind::Big, FIRST, 8, 4)], "nothing of its content is there");
}

#[test]
fn a_big_value_alone_is_a_whole_reply() {
    let mut parser = big();
    assert!(read(&mut parser, b"$8\r\n").0[0].is_first());
    assert_eq!(read(&mut parser, b"\r\n").0, [token(Kind::BigEnd, LAST, 0, 0)]);
}

#[test]
fn a_big_value_inside_an_attribute_is_to_be_dropped() {
    let mut parser = big();
    assert_eq!(read(&mut parser, b"|1\r\n+k\r\n$8\r\nab").0, [token(Kind::Big, SKIP, 8, 12)]);
    let (tokens, _) = read(&mut parser, b"\r\n+v\r\n");
    let expected = [token(Kind::BigEnd, SKIP, 0, 0), token(Kind::Simple, WHOLE | ASCII, 3, 4)];
    assert_eq!(tokens, expected);
}

#[test]
fn what_is_not_resp_is_an_error_that_latches() {
    use ProtocolErrorKind as K;
    let cases: [(&[u8], K, u8); 32] = [
        (b"HTTP/1.1 400\r\n", K::UnknownType, b'H'),
        (b"\0", K::UnknownType, 0),
        (b"$x\r\n", K::BadLength, b'$'),
        (b"$\r\n", K::BadLength, b'$'),
        (b"$-2\r\n", K::BadLength, b'$'),
        (b"$+1\r\n", K::BadLength, b'$'),
        (b"$99999999999999999999\r\n", K::BadLength, b'$'),
        (b"$1 \r\n", K::BadLength, b'$'),
        (b"%-1\r\n", K::BadLength, b'%'),
        (b">-1\r\n", K::BadLength, b'>'),
        (b"=-1\r\n", K::BadLength, b'='),
        (b"!-1\r\n", K::BadLength, b'!'),
        (b"|-1\r\n", K::BadLength, b'|'),
        (b"*4294967296\r\n", K::AggregateTooLong, b'*'),
        (b"$1\r\nab\n", K::MissingCrlf, b'b'),
        (b"$1\r\na\rb", K::MissingCrlf, b'b'),
        (b":1x\r\n", K::BadInteger, b':'),
        (b":\r\n", K::BadInteger, b':'),
        (b":--1\r\n", K::BadInteger, b':'),
        (b":9223372036854775808\r\n", K::BadInteger, b':'),
        (b":\xff\r\n", K::BadInteger, b':'),
        (b",one\r\n", K::BadDouble, b','),
        (b",\r\n", K::BadDouble, b','),
        (b"#x\r\n", K::BadBool, b'#'),
        (b"(12a\r\n", K::BadBigNumber, b'('),
        (b"(-\r\n", K::BadBigNumber, b'('),
        (b"_x\r\n", K::BadNull, b'_'),
        (b"=3\r\ntxt\r\n", K::BadVerbatim, b'='),
        (b"*1\r\n>1\r\n", K::NestedPush, b'>'),
        (b"|1\r\n>0\r\n", K::NestedPush, b'>'),
        (b"$?\r\n", K::Streamed, b'$'),
        (b"*?\r\n", K::Streamed, b'*'),
    ];
    for (bytes, kind, byte) in cases {
        let mut parser = parser();
        let error = ProtocolError { kind, byte };
        assert_eq!(read(&mut parser, bytes).1, Err(error), "{}", bytes.escape_ascii());
        assert_eq!(read(&mut parser, b"+OK\r\n"), (vec![], Err(error)), "latched");
        parser.reset();
        assert_eq!(read(&mut parser, b"+OK\r\n").1, Ok(5), "usable after a reset");
    }
}

#[test]
fn tokens_before_an_error_are_emitted() {
    assert_eq!(read(&mut parser(), b"+OK\r\n+OK\r\n?").0.len(), 2);
}

#[test]
fn lines_of_numbers_end_at_their_limit_however_they_are_cut() {
    let limits = Limits { line: 40, ..Limits::default() };
    let full = format!(",{}\r\n", "1".repeat(40));
    assert_eq!(read(&mut Parser::new(limits), full.as_bytes()).1, Ok(43));
    let too_long = Err(ProtocolError { kind: ProtocolErrorKind::LineTooLong, byte: b',' });
    let over = format!(",{}\r\n", "1".repeat(41));
    assert_eq!(read(&mut Parser::new(limits), over.as_bytes()).1, too_long);
    let mut parser = Parser::new(limits);
    assert_eq!(read(&mut parser, &full.as_bytes()[..42]).1, Ok(0));
    assert_eq!(read(&mut parser, full.replace('\n', "1").as_bytes()).1, too_long);
}

fn skipped(flags: u8, a: u32) -> Token {
    Token { kind: Kind::Skipped, flags, a, b: 0 }
}

#[test]
fn a_long_text_comes_in_parts() {
    let mut parser = Parser::new(Limits { big: 4, ..Limits::default() });
    assert_eq!(read(&mut parser, b"*2\r\n-ERR").1, Ok(4));
    let (tokens, consumed) = read(&mut parser, b"-ERR a\r");
    assert_eq!(tokens, [Token { kind: Kind::Error, flags: MORE | ASCII, a: 1, b: 6 }]);
    assert_eq!(consumed, Ok(6), "the first half of a CRLF is shown again");
    let (tokens, consumed) = read(&mut parser, b"\rb\xff");
    assert_eq!((&tokens[..], consumed), (&[Token { kind: Kind::Error, flags: MORE, a: 0, b: 3 }][..], Ok(3)));
    assert_eq!(read(&mut parser, b"\r"), (vec![], Ok(0)));
    let (tokens, consumed) = read(&mut parser, b"\r\n(1\r\n");
    assert_eq!(tokens[0], Token { kind: Kind::Error, flags: ASCII, a: 0, b: 0 });
    assert_eq!(tokens[1].flags, LAST | ASCII);
    assert_eq!(consumed, Ok(6));
}

#[test]
fn what_is_too_long_is_read_to_its_end_and_not_shown() {
    let limits = Limits { bulk: 10, line: 40, big: 4, ..Limits::default() };
    let long = "9".repeat(30);
    for reply in [
        format!("${}\r\n{long}\r\n", long.len()),
        format!("={}\r\ntxt:{long}\r\n", long.len() + 4),
        format!("!{}\r\n{long}\r\n", long.len()),
        format!("+{long}\r\n"),
        format!("-{long}\r\n"),
        format!("({long}\r\n"),
    ] {
        let stream = format!("{reply}*2\r\n{reply}:1\r\n+OK\r\n");
        let mut parser = Parser::new(limits);
        let (tokens, consumed) = read(&mut parser, stream.as_bytes());
        assert_eq!(consumed, Ok(stream.len()));
        assert_eq!(tokens[..2], [skipped(FIRST | MORE, TOO_LONG), skipped(LAST, TOO_LONG)], "{reply}");
        assert_eq!(tokens[3..5], [skipped(MORE, TOO_LONG), skipped(0, TOO_LONG)], "{reply}");
        assert_eq!(tokens[5].kind, Kind::Int);
        // Byte by byte: what is there of a text is shown before it is known to be too long.
        let (mut at, mut end, mut last) = (0, 0, skipped(0, 0));
        while at < reply.len() {
            end += 1;
            at += parser.parse(&reply.as_bytes()[at..end], |token| last = token).expect("well formed");
        }
        assert_eq!((last.kind, last.is_last()), (Kind::Skipped, true), "{reply}");
    }
}

#[test]
fn a_number_fits_every_line_limit_however_it_is_cut() {
    let limits = Limits { line: 0, ..Limits::default() };
    for bytes in [&b":-9223372036854775808\r\n"[..], b":1000000\r\n", b"$000000000000000001\r\na\r\n"] {
        let mut parser = Parser::new(limits);
        for end in 0..bytes.len() {
            assert_eq!(read(&mut parser, &bytes[..end]), (vec![], Ok(0)), "{}", bytes.escape_ascii());
        }
        assert_eq!(read(&mut parser, bytes).1, Ok(bytes.len()));
    }
}

#[test]
fn nesting_ends_at_its_limit() {
    let limits = Limits { depth: 3, ..Limits::default() };
    assert_eq!(read(&mut Parser::new(limits), b"*1\r\n*1\r\n*0\r\n").0.len(), 3);
    // Deeper values are counted, so that the next reply is found.
    for inner in
        ["*0\r\n", "*1\r\n:1\r\n", "%1\r\n:1\r\n*2\r\n*1\r\n:2\r\n*0\r\n", "|1\r\n:1\r\n*0\r\n:1\r\n"]
    {
        let stream = format!("*1\r\n*2\r\n*1\r\n{inner}:1\r\n+OK\r\n");
        let (tokens, consumed) = read(&mut Parser::new(limits), stream.as_bytes());
        assert_eq!((tokens[3], consumed), (skipped(0, TOO_DEEP), Ok(stream.len())), "{inner:?}");
        let ends: Vec<_> = tokens.iter().filter(|token| token.is_last()).map(|token| token.kind).collect();
        assert_eq!(ends, [Kind::Int, Kind::Simple], "{inner:?}");
    }
    // A limit beyond the stack is the stack's.
    let limits = Limits { depth: usize::MAX, ..limits };
    let mut parser = Parser::new(limits);
    assert_eq!(read(&mut parser, "*1\r\n".repeat(STACK).as_bytes()).0.len(), STACK);
    assert_eq!(read(&mut parser, b"*0\r\n"), (vec![skipped(LAST, TOO_DEEP)], Ok(4)));
    // No more is counted than can be.
    let mut parser = Parser::new(Limits { depth: 1, ..limits });
    let heads = "%4294967295\r\n".repeat(10_000);
    assert!(read(&mut parser, heads.as_bytes()).1.is_ok());
}

#[test]
fn the_message_shows_one_byte_and_names_streams() {
    let error = |bytes: &[u8]| read(&mut parser(), bytes).1.unwrap_err().to_string();
    assert_eq!(error(b"HTTP secret"), "the server's reply starts with 'H', which is no RESP type");
    assert_eq!(error(b"%?\r\n"), "the server sent a streamed map ('%?'), which is not supported");
    assert!(error(b"\x16\x03").contains(r"'\x16'"));
}
