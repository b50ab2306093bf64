//! What holds for every stream of replies, every chunk boundary and every batch of arguments.
#![cfg(not(target_arch = "wasm32"))]

mod tree;

use edgis::resp::{array_header, bulk, Bytes, Limits, Parser, TextArguments};
use proptest::collection::vec;
use proptest::prelude::*;
use tree::{read, Value};

/// A value on the wire, with the attributes that stand before it.
#[derive(Clone, Debug)]
struct Wire {
    attributes: Option<Vec<Wire>>,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Null(&'static str),
    BlobError(Vec<u8>),
    Scalar(Value),
    Aggregate(char, Vec<Wire>),
}

impl Wire {
    fn write(&self, out: &mut Vec<u8>) {
        if let Some(attributes) = &self.attributes {
            aggregate(out, '|', attributes);
        }
        match &self.form {
            Form::Null(text) => out.extend_from_slice(text.as_bytes()),
            Form::BlobError(text) => blob(out, '!', b"", text),
            Form::Scalar(value) => scalar(out, value),
            Form::Aggregate(kind, items) => aggregate(out, *kind, items),
        }
    }

    fn value(&self) -> Value {
        match &self.form {
            Form::Null(_) => Value::Null,
            Form::BlobError(text) => Value::Error(text.clone()),
            Form::Scalar(value) => value.clone(),
            Form::Aggregate(kind, items) => {
                let items = items.iter().map(Wire::value).collect();
                match kind {
                    '*' => Value::Array(items),
                    '%' => Value::Map(items),
                    '~' => Value::Set(items),
                    _ => Value::Push(items),
                }
            }
        }
    }
}

fn aggregate(out: &mut Vec<u8>, kind: char, items: &[Wire]) {
    let count = if matches!(kind, '%' | '|') { items.len() / 2 } else { items.len() };
    out.extend_from_slice(format!("{kind}{count}\r\n").as_bytes());
    items.iter().for_each(|item| item.write(out));
}

fn blob(out: &mut Vec<u8>, kind: char, prefix: &[u8], text: &[u8]) {
    out.extend_from_slice(format!("{kind}{}\r\n", prefix.len() + text.len()).as_bytes());
    out.extend_from_slice(prefix);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn scalar(out: &mut Vec<u8>, value: &Value) {
    let (kind, text) = match value {
        Value::Bulk(text) => return blob(out, '$', b"", text),
        Value::Verbatim(text) => return blob(out, '=', b"txt:", text),
        Value::Simple(text) => (b'+', text.clone()),
        Value::Error(text) => (b'-', text.clone()),
        Value::Int(n) => (b':', n.to_string().into_bytes()),
        Value::Double(text) => (b',', text.clone()),
        Value::BigNumber(text) => (b'(', text.clone()),
        Value::Bool(yes) => (b'#', vec![if *yes { b't' } else { b'f' }]),
        _ => unreachable!("not a scalar"),
    };
    out.push(kind);
    out.extend_from_slice(&text);
    out.extend_from_slice(b"\r\n");
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    // A lone CR or LF is content; only both end the line. A CR at the end would move it.
    vec(prop_oneof![8 => 0x20..0x7fu8, 1 => Just(b'\r'), 1 => Just(b'\n'), 1 => 0x80..=0xffu8], 0..40)
        .prop_map(|mut line| {
            while let Some(at) = line.windows(2).position(|pair| pair == b"\r\n") {
                line.remove(at);
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            line
        })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..24), 2 => "[ -~]{0,60}".prop_map(String::into_bytes), 1 => vec(any::<u8>(), 60..300)]
}

fn leaf() -> impl Strategy<Value = Form> {
    let scalar = prop_oneof![
        line().prop_map(Value::Simple),
        line().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Int),
        (-200..200i64).prop_map(Value::Int),
        bytes().prop_map(Value::Bulk),
        bytes().prop_map(Value::Bulk),
        bytes().prop_map(Value::Verbatim),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof!["-?[0-9]{1,9}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?", "-?inf", "nan"]
            .prop_map(|text| Value::Double(text.into_bytes())),
        "[+-]?[0-9]{1,60}".prop_map(|text| Value::BigNumber(text.into_bytes())),
    ];
    prop_oneof![
        12 => scalar.prop_map(Form::Scalar),
        2 => prop_oneof![Just("_\r\n"), Just("$-1\r\n"), Just("*-1\r\n")].prop_map(Form::Null),
        1 => bytes().prop_map(Form::BlobError),
    ]
}

fn wire() -> impl Strategy<Value = Wire> {
    let plain = leaf().prop_map(|form| Wire { attributes: None, form });
    plain.prop_recursive(5, 60, 6, |inner| {
        let pairs = |inner: BoxedStrategy<Wire>| {
            vec((inner.clone(), inner), 0..4)
                .prop_map(|pairs| pairs.into_iter().flat_map(|(key, value)| [key, value]).collect::<Vec<_>>())
        };
        let inner = inner.boxed();
        let form = prop_oneof![
            4 => leaf(),
            3 => vec(inner.clone(), 0..6).prop_map(|items| Form::Aggregate('*', items)),
            1 => vec(inner.clone(), 0..6).prop_map(|items| Form::Aggregate('~', items)),
            2 => pairs(inner.clone()).prop_map(|items| Form::Aggregate('%', items)),
        ];
        (proptest::option::weighted(0.2, pairs(inner)), form)
            .prop_map(|(attributes, form)| Wire { attributes, form })
    })
}

fn top() -> impl Strategy<Value = Wire> {
    let push =
        vec(wire(), 0..4).prop_map(|items| Wire { attributes: None, form: Form::Aggregate('>', items) });
    prop_oneof![5 => wire(), 1 => push]
}

/// A low threshold, so that small values take the big way.
fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![Just(16), Just(0), Just(4096)].prop_map(|big| Limits { big, ..Limits::default() })
}

/// Bytes that look enough like RESP to get past the first one.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop_oneof!["[$*%~>|=!:+,(#_-][0-9?tf-]{0,3}\r\n", "[$=!][0-9]\r\n[a-z:]{0,9}\r\n", "\r\n?"]
            .prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..6),
        2 => top().prop_map(|wire| { let mut out = Vec::new(); wire.write(&mut out); out }),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Cuts `bytes` at `cuts`, which are taken modulo its length.
fn split<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut from = 0;
    let mut chunks: Vec<&[u8]> =
        cuts.iter().map(|&to| &bytes[core::mem::replace(&mut from, to)..to]).collect();
    chunks.push(&bytes[from..]);
    chunks
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_split_of_a_stream_gives_its_replies(
        stream in vec(top(), 1..6),
        limits in limits(),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = Vec::new();
        stream.iter().for_each(|wire| wire.write(&mut bytes));
        let expected: Vec<Value> = stream.iter().map(Wire::value).collect();
        let expected = (expected, false, None);
        prop_assert_eq!(&read(limits, [&bytes[..]]), &expected, "in one piece");
        prop_assert_eq!(&read(limits, split(&bytes, &cuts)), &expected, "cut at random");
        prop_assert_eq!(&read(limits, bytes.chunks(1)), &expected, "byte by byte");
    }

    #[test]
    fn any_bytes_end_alike_however_they_are_cut(
        bytes in prop_oneof![soup(), vec(any::<u8>(), 0..64)],
        limits in limits(),
        line in prop_oneof![Just(0), Just(32 << 10)],
        depth in prop_oneof![Just(2), Just(64)],
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let limits = Limits { line, depth, bulk: 100_000, ..limits };
        let whole = read(limits, [&bytes[..], b"+OK\r\n"]);
        let bytes = [&bytes[..], b"+OK\r\n"].concat();
        prop_assert_eq!(&read(limits, split(&bytes, &cuts)), &whole);
        prop_assert_eq!(&read(limits, bytes.chunks(1)), &whole);
    }

    #[test]
    fn buffers_that_break_the_contract_do_no_harm(
        buffers in vec(prop_oneof![soup(), vec(any::<u8>(), 0..32)], 0..8),
        limits in limits(),
    ) {
        // Nothing is presented again, and what is diverted is shown all the same.
        let mut parser = Parser::new(limits);
        for buf in &buffers {
            let before = parser.parse(buf, |_| ());
            prop_assert!(before.map_or(true, |consumed| consumed <= buf.len()));
        }
    }
}

/// A unit of a JavaScript string: mostly ASCII, but every surrogate is likely.
fn unit() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 0x20..0x7fu16, 2 => 0x80..0xd800u16, 2 => 0xd800..0xdc00u16, 2 => 0xdc00..0xe000u16, 1 => any::<u16>()]
}

fn arguments() -> impl Strategy<Value = Vec<Vec<u16>>> {
    let ascii = vec(vec(0..0x80u16, 0..40), 0..8);
    let any = vec(prop_oneof![vec(unit(), 0..12), vec(0x20..0x7fu16, 0..40)], 0..8);
    prop_oneof![1 => ascii, 3 => any]
}

/// As a JavaScript TextEncoder converts: a lone surrogate becomes U+FFFD.
fn text_encoder(units: &[u16]) -> Vec<u8> {
    String::from_utf16_lossy(units).into_bytes()
}

/// All arguments as one text, each followed by `separator`: what the shell stages.
fn staged(arguments: &[Vec<u16>], separator: u16) -> (Vec<u8>, usize) {
    let units: Vec<u16> =
        arguments.iter().flat_map(|argument| argument.iter().copied().chain([separator])).collect();
    (text_encoder(&units), units.len())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_argument_arrives_as_its_own_utf8(arguments in arguments(), separator in 0..0x80u16) {
        let (text, units) = staged(&arguments, separator);
        let mut command = Bytes::new();
        array_header(&mut command, arguments.len() as u32);
        let ascii_or_not = if units == text.len() { &[true, false][..] } else { &[false] };
        for &ascii in ascii_or_not {
            let mut cursor = TextArguments::new(&text, ascii);
            for argument in &arguments {
                let taken = cursor.next(argument.len() as u32);
                prop_assert_eq!(taken, Some(&text_encoder(argument)[..]), "ascii: {}", ascii);
                if ascii == ascii_or_not[0] {
                    bulk(&mut command, taken.unwrap());
                }
            }
            prop_assert!(cursor.is_done());
        }
        let sent = arguments.iter().map(|argument| Value::Bulk(text_encoder(argument))).collect();
        prop_assert_eq!(read(Limits::default(), [&command[..]]), (vec![Value::Array(sent)], false, None));
    }

    #[test]
    fn wrong_lengths_and_any_text_do_no_harm(
        text in prop_oneof![vec(any::<u8>(), 0..64), arguments().prop_map(|arguments| staged(&arguments, 0).0)],
        lengths in vec(prop_oneof![4 => 0..20u32, 1 => any::<u32>()], 0..12),
        ascii in any::<bool>(),
    ) {
        let mut cursor = TextArguments::new(&text, ascii);
        let mut refused = false;
        let mut taken = 0;
        for units in lengths {
            let argument = cursor.next(units);
            prop_assert!(!refused || argument.is_none(), "a refusal latches");
            refused = argument.is_none();
            taken += argument.map_or(0, |argument| argument.len() + 1);
            prop_assert!(taken <= text.len());
        }
    }
}
