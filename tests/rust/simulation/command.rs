//! Commands as the shell remembers and stages them.

use edgis::time::Duration;

use edgis::manager::{Policy, BYTES, LENGTH_BITS, OUTSIDE, TEXT};
use edgis::time::Time;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Replied,
    Error,
    Rejected { failure: u32, detail: u32, sent: u32 },
}

/// A command, whose tag is its place.
#[derive(Debug)]
pub struct Command {
    pub target: u32,
    /// The lane that it was submitted to, if that is not the shared one.
    pub lane: Option<u32>,
    pub key: String,
    pub policy: Policy,
    pub read_only: bool,
    pub submitted: Time,
    /// How long the world had been frozen by then.
    pub frozen: Duration,
    pub abandoned: bool,
    /// It was abandoned, and cannot have left.
    pub unsent: bool,
    pub ended: Option<Ended>,
    pub executed: u32,
    pub external: Vec<u8>,
}

/// What a command consists of, in words of the batch.
pub struct Words {
    pub meta: Vec<u32>,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Command {
    /// Puts a command into words; `size` is that of a reply, or of the external argument of a SET.
    pub fn new(
        tag: u32,
        target: u32,
        name: &str,
        size: usize,
        (number, policy): (u16, Policy),
        now: Time,
    ) -> (Command, Words) {
        let key = if name == "GET" && size > 0 { format!("k{tag}.{size}") } else { format!("k{tag}") };
        let external = if name == "SET" { vec![b'e'; size] } else { Vec::new() };
        let mut arguments: Vec<(u32, Vec<u8>)> = vec![(TEXT, name.into()), (TEXT, key.clone().into())];
        match name {
            "SET" if size > 0 => arguments.push((OUTSIDE, external.clone())),
            "SET" => arguments.push((BYTES, vec![0xff, b'\r', b'\n', 0])),
            "LRANGE" => arguments.extend([(TEXT, b"0".to_vec()), (TEXT, b"-1".to_vec())]),
            "DEL" | "SUBSCRIBE" => {
                arguments.extend([(TEXT, "é😀".into()), (OUTSIDE, b"".to_vec()), (BYTES, b"b".to_vec())])
            }
            _ => {}
        }
        let mut words = Words {
            meta: vec![tag, number.into(), arguments.len() as u32],
            text: String::new(),
            bytes: Vec::new(),
        };
        for (kind, argument) in &arguments {
            let mut length = argument.len();
            match *kind {
                TEXT => {
                    let text = std::str::from_utf8(argument).expect("texts are texts");
                    length = text.encode_utf16().count();
                    words.text.push_str(text);
                    words.text.push('|');
                }
                BYTES => words.bytes.extend_from_slice(argument),
                _ => {}
            }
            words.meta.push(kind << LENGTH_BITS | length as u32);
        }
        // To subscribe twice is the same as once.
        let subscribes = name.contains("SUBSCRIBE");
        let read_only = subscribes || matches!(name, "GET" | "ECHO" | "LRANGE" | "HGETALL");
        let command = Command {
            target,
            lane: None,
            key,
            policy,
            read_only,
            submitted: now,
            frozen: Duration::ZERO,
            abandoned: false,
            unsent: false,
            ended: None,
            executed: 0,
            external,
        };
        (command, words)
    }
}
