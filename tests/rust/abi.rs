//! The numbers of the boundary stand in Rust; this test writes them for TypeScript and fails when they differ.

use std::fmt::Write;

use edgis::command::Pushed;
use edgis::connection as rows;
use edgis::error::{Failure, Phase, Reason, Sent};
use edgis::layout::{Word, CHUNK_BYTES, META_WORDS, TEXT_BYTES};
use edgis::resp::Kind;

fn table(out: &mut String, name: &str, doc: &str, entries: &[(&str, u32)]) {
    write!(out, "\n/** {doc} */\n").unwrap();
    for (key, value) in entries {
        write!(out, "export const {name}").unwrap();
        for letter in key.chars() {
            out.push_str(if letter.is_ascii_uppercase() { "_" } else { "" });
            out.push(letter.to_ascii_uppercase());
        }
        writeln!(out, " = {value};").unwrap();
    }
}

fn generated() -> String {
    let mut out = String::from(
        "// Generated from src by `UPDATE_ABI=1 cargo test --test abi`. Do not edit.\n\
         // Constants each by itself, which the bundler puts in place of their names; it leaves members of objects alone.\n",
    );
    table(
        &mut out,
        "KIND",
        "Tokens of a reply: `src/resp/token.rs`.",
        &[
            ("Null", Kind::Null as u32),
            ("Simple", Kind::Simple as u32),
            ("Error", Kind::Error as u32),
            ("Int", Kind::Int as u32),
            ("Bulk", Kind::Bulk as u32),
            ("Double", Kind::Double as u32),
            ("Bool", Kind::Bool as u32),
            ("BigNumber", Kind::BigNumber as u32),
            ("Verbatim", Kind::Verbatim as u32),
            ("Array", Kind::Array as u32),
            ("Map", Kind::Map as u32),
            ("Set", Kind::Set as u32),
            ("Push", Kind::Push as u32),
            ("Big", Kind::Big as u32),
            ("BigEnd", Kind::BigEnd as u32),
        ],
    );
    table(
        &mut out,
        "FLAG",
        "Flags of a token.",
        &[
            ("First", u32::from(edgis::resp::FIRST)),
            ("Last", u32::from(edgis::resp::LAST)),
            ("Ascii", u32::from(edgis::resp::ASCII)),
            ("Skip", u32::from(edgis::resp::SKIP)),
            ("More", u32::from(edgis::resp::MORE)),
        ],
    );
    table(
        &mut out,
        "ROW",
        "Actions: `src/connection/output.rs`.",
        &[
            ("Action", rows::ACTION),
            ("Transmit", rows::TRANSMIT),
            ("External", rows::EXTERNAL),
            ("Open", rows::OPEN),
            ("Close", rows::CLOSE),
            ("Reject", rows::REJECT),
            ("State", rows::STATE),
            ("Prepare", rows::PREPARE),
            ("Abort", rows::ABORT),
            ("Dial", rows::DIAL),
            ("Link", rows::LINK),
            ("Push", rows::PUSH),
            ("Lane", rows::LANE),
        ],
    );
    table(
        &mut out,
        "PUSHED",
        "Kinds of pushes: `src/command/pushed.rs`.",
        &[("Invalidate", u32::from(Pushed::Invalidate as u8))],
    );
    table(
        &mut out,
        "FAILURE",
        "Why a command ends without a reply: `src/error.rs`.",
        &[
            ("Disabled", Failure::Disabled as u32),
            ("ConnectionLost", Failure::ConnectionLost as u32),
            ("Timeout", Failure::Timeout as u32),
            ("Protocol", Failure::Protocol as u32),
            ("Refused", Failure::Refused as u32),
            ("Closed", Failure::Closed as u32),
            ("Full", Failure::Full as u32),
            ("TooLarge", Failure::TooLarge as u32),
        ],
    );
    table(
        &mut out,
        "PHASE",
        "What a command waited for when its deadline passed.",
        &[("Connect", Phase::Connect as u32), ("Queue", Phase::Queue as u32), ("Reply", Phase::Reply as u32)],
    );
    table(
        &mut out,
        "SENT",
        "Whether the server may have seen a command.",
        &[("No", Sent::No as u32), ("Maybe", Sent::Maybe as u32)],
    );
    let states = [
        edgis::manager::State::Idle,
        edgis::manager::State::Connecting,
        edgis::manager::State::Ready,
        edgis::manager::State::Disabled,
        edgis::manager::State::Closed,
    ];
    let names: Vec<String> = states.iter().map(|state| format!("\"{}\"", state.name())).collect();
    write!(
        out,
        "\n/** States of a target, by number. */\nexport const STATES = [{}] as const;\n",
        names.join(", ")
    )
    .unwrap();
    let reasons: Vec<String> =
        (1..=u8::MAX).map_while(Reason::of).map(|reason| format!("  \"{}\",\n", reason.name())).collect();
    write!(
        out,
        "\n/** Reasons, by number. */\nexport const REASONS = [\n  \"\",\n{}] as const;\n",
        reasons.concat()
    )
    .unwrap();
    table(
        &mut out,
        "ARGUMENT",
        "Kinds of arguments in a batch, in the upper bits of their words: `src/manager/batch.rs`.",
        &[
            ("Text", edgis::manager::TEXT << edgis::manager::LENGTH_BITS),
            ("Bytes", edgis::manager::BYTES << edgis::manager::LENGTH_BITS),
            ("Outside", edgis::manager::OUTSIDE << edgis::manager::LENGTH_BITS),
            ("Framed", edgis::manager::FRAMED << edgis::manager::LENGTH_BITS),
        ],
    );
    writeln!(
        out,
        "\n/** In the place of a tag in a batch, or of a moment, and the mark of a tag that was not sent. */"
    )
    .unwrap();
    let marks = [
        ("CANCELLED", edgis::manager::CANCELLED),
        ("STAGED_AT", edgis::manager::STAGED_AT),
        ("JUST_NOW", edgis::manager::JUST_NOW),
        ("UNSENT", edgis::manager::UNSENT),
    ];
    for (name, value) in marks {
        writeln!(out, "export const {name} = {value};").unwrap();
    }
    table(
        &mut out,
        "HEADER",
        "Words of the header: `src/layout.rs`.",
        &[
            ("Rows", Word::Rows as u32),
            ("RowCount", Word::RowCount as u32),
            ("Frames", Word::Frames as u32),
            ("Received", Word::Received as u32),
            ("Deadline", Word::Deadline as u32),
            ("Meta", Word::Meta as u32),
            ("Text", Word::Text as u32),
            ("Chunk", Word::Chunk as u32),
        ],
    );
    writeln!(out, "\n/** Sizes of the regions: `src/layout.rs`. */").unwrap();
    for (name, size) in [("META_WORDS", META_WORDS), ("TEXT_BYTES", TEXT_BYTES), ("CHUNK_BYTES", CHUNK_BYTES)]
    {
        writeln!(out, "export const {name} = {size};").unwrap();
    }
    out
}

#[test]
fn the_shell_has_the_same_numbers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/js/core/abi.ts");
    let expected = generated();
    if std::env::var_os("UPDATE_ABI").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "js/core/abi.ts is stale: run `UPDATE_ABI=1 cargo test --test abi`");
}
