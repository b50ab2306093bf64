//! The reader and the encoder as wasm, where their loops are other code (`simd128`) than in the native tests.
//! Run in Node by `wasm-pack test --node`, and in a browser with the feature `browser-tests`.
#![cfg(target_arch = "wasm32")]

use edgis::resp::{bulk, Bytes, Kind, Limits, Parser, TextArguments, Token, ASCII};
use wasm_bindgen_test::wasm_bindgen_test;

#[cfg(feature = "browser-tests")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Longer than four vectors, so that every loop has a whole round, a part and a rest.
const LONGEST: usize = 70;

fn parse(stream: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let consumed = Parser::new(Limits::default()).parse(stream, |token| tokens.push(token)).unwrap();
    assert_eq!(consumed, stream.len());
    tokens
}

#[wasm_bindgen_test]
fn bulks_of_every_length_keep_their_place_and_their_ascii_flag() {
    for length in 0..=LONGEST {
        for foreign in 0..=length {
            let mut content = vec![b'a'; length];
            if let Some(byte) = content.get_mut(foreign) {
                *byte = 0x80;
            }
            let mut stream = Bytes::new();
            bulk(&mut stream, &content);
            let [token] = parse(&stream)[..] else { panic!("one reply, one token") };
            assert_eq!(token.kind, Kind::Bulk);
            assert_eq!(&stream[token.a as usize..token.b as usize], content);
            assert_eq!(
                token.flags & ASCII != 0,
                foreign == length,
                "length {length}, foreign byte at {foreign}"
            );
        }
    }
}

#[wasm_bindgen_test]
fn lines_of_every_length_end_where_they_end() {
    for length in 0..=LONGEST {
        let stream = format!("+{}\r\n:{length}\r\n", "x".repeat(length));
        let [line, number] = parse(stream.as_bytes())[..] else { panic!("two replies, two tokens") };
        assert_eq!((line.a as usize, line.b as usize), (1, 1 + length));
        assert_eq!(number.int(), length as i64);
    }
}

#[wasm_bindgen_test]
fn a_reply_may_arrive_in_any_two_chunks() {
    let stream = b"*3\r\n$5\r\nhello\r\n:-42\r\n%1\r\n+key\r\n,1.5\r\n";
    let whole: Vec<Kind> = parse(stream).iter().map(|token| token.kind).collect();
    for cut in 0..=stream.len() {
        let mut parser = Parser::new(Limits::default());
        let mut kinds = Vec::new();
        let consumed = parser.parse(&stream[..cut], |token| kinds.push(token.kind)).unwrap();
        parser.parse(&stream[consumed..], |token| kinds.push(token.kind)).unwrap();
        assert_eq!(kinds, whole, "cut at {cut}");
    }
}

#[wasm_bindgen_test]
fn a_length_near_the_size_of_all_memory_is_counted() {
    let mut parser = Parser::new(Limits { bulk: u64::MAX, ..Limits::default() });
    let stream = b"$4294967295\r\nabc";
    let mut tokens = Vec::new();
    assert_eq!(parser.parse(stream, |token| tokens.push(token)), Ok(stream.len()));
    assert_eq!((tokens[0].kind, tokens[0].a, tokens[0].b), (Kind::Big, u32::MAX, 13));
    assert_eq!(parser.big_missing(), u64::from(u32::MAX) - 3);
    // And one over it is skipped.
    let mut parser = Parser::new(Limits { bulk: u64::MAX, ..Limits::default() });
    assert_eq!(parser.parse(b"$4294967296\r\nabc", |_| {}), Ok(16));
    assert_eq!(parser.big_missing(), 0);
}

#[wasm_bindgen_test]
fn arguments_are_cut_by_their_utf16_lengths() {
    let arguments = ["", "plain", "é", "日本語", "a😀b", "tail"];
    let text: String = arguments.iter().flat_map(|argument| [argument, "\n"]).collect();
    let mut cut = TextArguments::new(text.as_bytes(), false);
    for argument in arguments {
        let units = argument.encode_utf16().count() as u32;
        assert_eq!(cut.next(units), Some(argument.as_bytes()));
    }
    assert!(cut.is_done());
}
