//! The files of `tests/corpus/resp`: one small stream for every type of RESP, valid and not.

mod tree;

use edgis::resp::{Limits, ProtocolErrorKind as K};
use std::collections::BTreeMap;
use std::{fs, path::Path};
use tree::{read, Value};

fn corpus(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/resp").join(folder);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn simple(content: &str) -> Value {
    Value::Simple(text(content))
}

fn bulk(content: &str) -> Value {
    Value::Bulk(text(content))
}

fn doubles(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|number| Value::Double(text(number))).collect()
}

fn valid() -> Vec<(&'static str, Vec<Value>)> {
    use Value::{Array, Bool, Int, Map, Null, Push, Set, Skipped};
    vec![
        ("simple", vec![simple("OK")]),
        ("simple-utf8", vec![simple("é")]),
        ("error", vec![Value::Error(text("ERR unknown command"))]),
        ("blob-error", vec![Value::Error(text("SYNTAX invalid syntax"))]),
        ("integer", vec![Int(i64::MIN)]),
        ("bulk", vec![bulk("hello")]),
        ("bulk-binary", vec![Value::Bulk(b"\0\r\n\xff\r\n".to_vec())]),
        ("bulk-empty", vec![bulk("")]),
        ("null-bulk", vec![Null]),
        ("null-array", vec![Null]),
        ("null", vec![Null]),
        ("boolean", vec![Bool(true), Bool(false)]),
        ("double", doubles(&["3.25", "-1e-7", "inf", "-inf", "nan"])),
        ("big-number", vec![Value::BigNumber(text("3492890328409238509324850943850943825024385"))]),
        ("verbatim", vec![Value::Verbatim(text("Some string"))]),
        ("array", vec![Array(vec![Int(1), bulk("a"), Array(vec![])])]),
        ("map", vec![Map(vec![simple("first"), Int(1), simple("second"), Null])]),
        ("set", vec![Set(vec![simple("a"), simple("b")])]),
        ("push", vec![Push(vec![simple("invalidate"), Array(vec![bulk("k")])]), simple("OK")]),
        ("attribute", vec![Array(vec![Int(1), Int(2)])]),
        ("long-status", vec![simple(&"x".repeat(40_000)), simple("OK")]),
        ("too-deep", vec![Skipped, simple("OK")]),
        ("nested", vec![Array(vec![Array(vec![Array(vec![Map(vec![Set(vec![Int(1)]), Array(vec![])])])])])]),
    ]
}

const INVALID: [(&str, K); 24] = [
    ("unknown-type", K::UnknownType),
    ("bulk-length", K::BadLength),
    ("bulk-negative", K::BadLength),
    ("bulk-no-crlf", K::MissingCrlf),
    ("integer", K::BadInteger),
    ("integer-overflow", K::BadInteger),
    ("double", K::BadDouble),
    ("boolean", K::BadBool),
    ("big-number", K::BadBigNumber),
    ("null", K::BadNull),
    ("verbatim", K::BadVerbatim),
    ("blob-error", K::BadLength),
    ("array-count", K::BadLength),
    ("array-too-long", K::AggregateTooLong),
    ("map-count", K::BadLength),
    ("set-count", K::BadLength),
    ("push-count", K::BadLength),
    ("push-nested", K::NestedPush),
    ("attribute-count", K::BadLength),
    ("line-too-long", K::LineTooLong),
    ("streamed-string", K::Streamed),
    ("streamed-array", K::Streamed),
    ("streamed-map", K::Streamed),
    ("streamed-set", K::Streamed),
];

#[test]
fn valid_streams_give_their_values() {
    let mut files = corpus("valid");
    for (name, expected) in valid() {
        let bytes = files.remove(name).unwrap_or_else(|| panic!("no file {name}"));
        let expected = (expected, false, None);
        assert_eq!(read(Limits::default(), [&bytes[..]]), expected, "{name}");
        assert_eq!(
            read(Limits { big: 0, ..Limits::default() }, bytes.chunks(1)),
            expected,
            "{name}, byte by byte"
        );
    }
    assert!(files.is_empty(), "files that nothing is expected of: {:?}", files.keys());
}

#[test]
fn invalid_streams_give_their_errors() {
    let mut files = corpus("invalid");
    for (name, kind) in INVALID {
        let bytes = files.remove(name).unwrap_or_else(|| panic!("no file {name}"));
        for (_, _, error) in [read(Limits::default(), [&bytes[..]]), read(Limits::default(), bytes.chunks(1))]
        {
            assert_eq!(error.map(|error| error.kind), Some(kind), "{name}");
        }
    }
    assert!(files.is_empty(), "files that nothing is expected of: {:?}", files.keys());
}
