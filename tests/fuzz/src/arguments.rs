//! Arguments as the shell stages them: UTF-16 lengths beside one UTF-8 text, bytes, and what stays outside.

use std::collections::BTreeMap;

use edgis::connection::{EXTERNAL, OPEN, REJECT, TRANSMIT};
use edgis::error::Failure;
use edgis::manager::{Batch, Manager, Options, Policy, BYTES, CANCELLED, FRAMED, LENGTH_BITS, OUTSIDE, TEXT};
use edgis::resp::Limits;
use edgis::time::{Duration, Time};

use crate::random::Random;
use crate::tree::{read, Value};

const NAMES: [&str; 10] =
    ["GET", "set", "MGET", "EVAL", "XREAD", "CLIENT", "SUBSCRIBE", "ZRANGE", "OBJECT", "é😀"];
/// A high and a low surrogate, which are a character only together.
const HALVES: [u16; 2] = [0xd83d, 0xde00];

/// The first byte says whether the others are commands or nonsense.
pub fn arguments(data: &[u8]) {
    let mut choices = Random::of(data);
    if choices.below(4) == 0 {
        nonsense(choices);
    } else {
        commands(choices);
    }
}

/// A core whose only target, 0, has a link.
fn ready() -> Manager {
    let mut manager = Manager::new(1);
    let policy = Policy {
        connect: Duration::from_secs(1),
        command: Duration::from_secs(1),
        waits: false,
        total: false,
    };
    assert_eq!(manager.policy(policy), 0);
    let url = Some("redis://10.0.0.1");
    let target = manager.configure(&Options { url, ..Options::default() }, Time::ZERO);
    manager.connect(target, Time::ZERO);
    let link = manager.output().rows.iter().find(|row| row[0] == OPEN).expect("a link is opened")[1];
    manager.opened(link, Time::ZERO);
    manager.receive(link, b"%1\r\n$5\r\nproto\r\n:3\r\n+PONG\r\n", Time::ZERO);
    manager
}

/// What is staged and not handed over yet.
#[derive(Default)]
struct Stage {
    words: Vec<u32>,
    text: Vec<u16>,
    bytes: Vec<u8>,
}

/// What came of it.
#[derive(Default)]
struct Wire {
    written: Vec<u8>,
    refused: Vec<u32>,
}

impl Stage {
    fn hand_over(&mut self, manager: &mut Manager, outside: &BTreeMap<(u32, u32), Vec<u8>>, wire: &mut Wire) {
        let Stage { words, text, bytes } = std::mem::take(self);
        let encoded = String::from_utf16_lossy(&text);
        let batch = Batch::new(&words, encoded.as_bytes(), encoded.len() == text.len(), &bytes);
        manager.submit(0, batch, Time::ZERO).expect("it is well formed");
        let output = manager.output();
        for row in &output.rows {
            match row[0] & 0xff {
                TRANSMIT => {
                    let range = row[2] as usize..(row[2] + row[3]) as usize;
                    wire.written.extend_from_slice(&output.frames.bytes[range]);
                }
                EXTERNAL => wire.written.extend_from_slice(&outside[&(row[2], row[3])]),
                REJECT => {
                    assert_eq!(row[0] >> 8, Failure::Refused as u32);
                    wire.refused.push(row[1]);
                }
                other => panic!("a row of kind {other}"),
            }
        }
    }
}

/// Commands in any number of batches become the frames of those that are neither refused nor cancelled, in order.
fn commands(mut choices: Random) {
    let (mut manager, mut stage, mut wire) = (ready(), Stage::default(), Wire::default());
    let mut outside = BTreeMap::new();
    let (mut all, mut cancelled) = (Vec::new(), Vec::new());
    while !choices.is_spent() && all.len() < 40 {
        let tag = all.len() as u32;
        let count = choices.below(6);
        let is_cancelled = choices.percent(8);
        if is_cancelled {
            cancelled.push(tag);
        }
        stage.words.extend([if is_cancelled { CANCELLED } else { tag }, 0, count as u32 + 1]);
        let mut command = Vec::new();
        let mut externals = 0;
        for index in 0..=count {
            let kind = if index == 0 { choices.one_of(&[TEXT, BYTES]) } else { choices.below(4) as u32 };
            let argument = if index == 0 { name(&mut choices) } else { units(&mut choices) };
            let content = String::from_utf16_lossy(&argument).into_bytes();
            let length = match kind {
                TEXT => argument.len(),
                FRAMED => 1,
                _ => content.len(),
            };
            stage.words.push(kind << LENGTH_BITS | length as u32);
            match kind {
                TEXT => stage.text.extend(argument.into_iter().chain([choices.next() as u16 & 0x7f])),
                BYTES => stage.bytes.extend_from_slice(&content),
                OUTSIDE => {
                    outside.insert((tag, externals), content.clone());
                    externals += 1;
                }
                _ => {
                    let framed = [format!("${}\r\n", content.len()).as_bytes(), &content, b"\r\n"].concat();
                    stage.words.push(framed.len() as u32);
                    outside.insert((tag, externals), framed);
                    externals += 1;
                }
            }
            command.push(Value::Bulk(content));
        }
        all.push(command);
        if choices.percent(10) {
            stage.hand_over(&mut manager, &outside, &mut wire);
        }
    }
    stage.hand_over(&mut manager, &outside, &mut wire);
    let sent = |(tag, command): (usize, Vec<Value>)| {
        let tag = tag as u32;
        (!wire.refused.contains(&tag) && !cancelled.contains(&tag)).then_some(Value::Array(command))
    };
    let expected: Vec<Value> = all.into_iter().enumerate().filter_map(sent).collect();
    assert!(wire.refused.iter().all(|tag| !cancelled.contains(tag)));
    assert_eq!(read(Limits::default(), [&wire.written[..]]), (expected, false, None));
}

fn name(choices: &mut Random) -> Vec<u16> {
    match choices.below(NAMES.len() + 1) {
        0 => units(choices),
        known => NAMES[known - 1].encode_utf16().collect(),
    }
}

/// A JavaScript string.
fn units(choices: &mut Random) -> Vec<u16> {
    let length = choices.one_of(&[0, 1, 2, 3, 7, 8, 9, 17]);
    let form = choices.below(4);
    let unit = |_| match form {
        0 | 1 => 0x20 + choices.below(0x5f) as u16,
        2 => choices.one_of(&[HALVES[0], HALVES[1], 0x61, 0xe9, 0x20ac, 0xffff]),
        _ => (choices.next() << 8 | choices.next()) as u16,
    };
    (0..length).map(unit).collect()
}

/// Words and texts that need not agree: refused, or taken for something, but no panic.
fn nonsense(mut choices: Random) {
    let mut manager = ready();
    for _ in 0..4 {
        let mut words = Vec::new();
        for _ in 0..choices.below(20) {
            let small = choices.below(12) as u32;
            words.push(match choices.below(6) {
                0..=2 => small,
                3 => small | BYTES << LENGTH_BITS,
                4 => small | OUTSIDE << LENGTH_BITS,
                _ => u32::MAX >> small,
            });
        }
        let text: Vec<u8> = (0..choices.below(60)).map(|_| choices.next() as u8).collect();
        let bytes = vec![b'b'; choices.below(30)];
        let ascii = choices.percent(50);
        if manager.submit(0, Batch::new(&words, &text, ascii, &bytes), Time::ZERO).is_err() {
            // The shell replaces the core then.
            return;
        }
    }
    manager.release(0, Time::ZERO);
    manager.advance(0, Time::from_millis(10_000.0));
}
