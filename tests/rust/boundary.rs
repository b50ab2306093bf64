//! The exported functions as the shell calls them: numbers in, rows and regions of linear memory out.
#![cfg(all(target_arch = "wasm32", feature = "js"))]

use edgis::connection::{CLOSE, DIAL, LINK, OPEN, PUSH, REJECT, STATE, TRANSMIT};
use edgis::error::{Failure, Reason, Sent};
use edgis::layout::{Word, CHUNK_BYTES, HEADER_WORDS, META_WORDS, TEXT_BYTES};
use edgis::manager::State;
use edgis::resp::{Kind, ASCII, FIRST, LAST};
use edgis::wasm;
use js_sys::{Array, ArrayBuffer, JsString, Object, Promise, Uint32Array, Uint8Array, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

#[cfg(feature = "browser-tests")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// The shell's side of linear memory.
struct Shell {
    header: u32,
    policy: u32,
}

impl Shell {
    fn new() -> Shell {
        let header = wasm::start(1.0);
        Shell { header, policy: wasm::policy(2_000, 1_000, false, false) }
    }

    fn buffer() -> ArrayBuffer {
        // It is another one after memory has grown.
        wasm_bindgen::memory().unchecked_into::<WebAssembly::Memory>().buffer().unchecked_into()
    }

    fn header(&self) -> Vec<u32> {
        Uint32Array::new_with_byte_offset_and_length(&Shell::buffer(), self.header, HEADER_WORDS as u32)
            .to_vec()
    }

    fn word(&self, word: Word) -> u32 {
        self.header()[word as usize]
    }

    fn bytes(address: u32, length: u32) -> Vec<u8> {
        Uint8Array::new_with_byte_offset_and_length(&Shell::buffer(), address, length).to_vec()
    }

    fn put(address: u32, bytes: &[u8]) {
        let length = bytes.len() as u32;
        Uint8Array::new_with_byte_offset_and_length(&Shell::buffer(), address, length).copy_from(bytes);
    }

    fn rows(&self) -> Vec<[u32; 4]> {
        let (at, count) = (self.word(Word::Rows), self.word(Word::RowCount));
        let words = Uint32Array::new_with_byte_offset_and_length(&Shell::buffer(), at, count * 4).to_vec();
        words.chunks_exact(4).map(|row| [row[0], row[1], row[2], row[3]]).collect()
    }

    fn deadline(&self) -> f64 {
        let header = self.header();
        let at = Word::Deadline as usize;
        f64::from_bits(u64::from(header[at]) | u64::from(header[at + 1]) << 32)
    }

    /// Writes texts one after the other; gives their lengths.
    fn texts<const N: usize>(&self, texts: [&str; N]) -> [usize; N] {
        Shell::put(self.word(Word::Text), texts.concat().as_bytes());
        texts.map(str::len)
    }

    /// Texts: problem, url, user, password, name, kind; then the db (not given) and thirteen more numbers.
    fn register(&self, url: &str) -> Array {
        let mut words = self.texts(["", url, "", "", "", ""]).map(|length| length as u32).to_vec();
        words.push(u32::MAX);
        words.resize(20, 0);
        self.put_words(&words);
        wasm::configure(0.0).unchecked_into()
    }

    fn configure(&self, url: &str) -> u32 {
        self.register(url).get(0).as_f64().unwrap() as u32
    }

    fn put_words(&self, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Shell::put(self.word(Word::Meta), &bytes);
    }

    fn submit(&self, target: u32, words: &[u32], text: &str, now: f64) -> bool {
        self.put_words(words);
        self.texts([text]);
        wasm::submit(target, words.len(), text.len(), text.is_ascii(), 0, now)
    }

    fn receive(&self, link: u32, bytes: &[u8], now: f64) {
        Shell::put(self.word(Word::Chunk), bytes);
        wasm::receive(link, bytes.len(), now);
    }

    /// A target whose link is ready, and the link.
    fn ready(&self) -> (u32, u32) {
        let target = self.configure("redis://10.0.0.1");
        wasm::connect(target, 1.0);
        let link = self.rows().iter().find(|row| row[0] == OPEN).expect("a link is asked for")[1];
        wasm::opened(link, 2.0);
        self.receive(link, b"%1\r\n$5\r\nproto\r\n:3\r\n+PONG\r\n", 3.0);
        assert_eq!(self.rows(), [[LINK, target, link, 0], [STATE, target, State::Ready as u32, 0]]);
        (target, link)
    }
}

#[wasm_bindgen_test]
fn the_header_leads_to_regions_that_do_not_touch() {
    let shell = Shell::new();
    let (meta, text, chunk) = (shell.word(Word::Meta), shell.word(Word::Text), shell.word(Word::Chunk));
    let size = Shell::buffer().byte_length();
    let mut regions = [
        (shell.header, HEADER_WORDS as u32 * 4),
        (meta, META_WORDS as u32 * 4),
        (text, TEXT_BYTES as u32),
        (chunk, CHUNK_BYTES as u32),
    ];
    regions.sort_unstable();
    for pair in regions.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{regions:?}");
    }
    assert!(regions[3].0 + regions[3].1 <= size);
    assert_eq!(meta % 4, 0, "it is read as words");
    shell.configure("redis://10.0.0.1");
    assert_eq!((shell.deadline(), shell.rows().len()), (f64::INFINITY, 0));
}

#[wasm_bindgen_test]
fn a_target_is_registered_by_what_it_is() {
    let shell = Shell::new();
    let registered = shell.register("rediss://app:secret@cache:7000/2");
    assert_eq!(registered.get(1).as_string().as_deref(), Some("cache"));
    assert_eq!(registered.get(2).as_f64(), Some(7000.0));
    assert!(registered.get(3).is_undefined() || registered.get(3).is_null());
    assert_eq!(registered.get(4).as_bool(), Some(true));
    let again = shell.register("rediss://app:secret@cache:7000/2");
    assert_eq!(registered.get(5), again.get(5));
    assert_ne!(registered.get(0), again.get(0));
}

#[wasm_bindgen_test]
fn everybody_gets_the_same_connection_promise() {
    let shell = Shell::new();
    let target = shell.configure("redis://10.0.0.1");
    assert!(wasm::connection(target).is_none());
    let promise = Promise::resolve(&JsValue::NULL);
    wasm::keep_connection(target, promise.clone());
    for _ in 0..2 {
        assert!(Object::is(&promise, &wasm::connection(target).unwrap()));
    }
    assert!(wasm::connection(target + 1).is_none());
}

#[wasm_bindgen_test]
fn a_command_goes_out_as_a_frame_and_its_reply_comes_back_as_a_row() {
    let shell = Shell::new();
    let (target, link) = shell.ready();
    assert!(shell.submit(target, &[7, shell.policy, 2, 3, 3], "GET|key|", 4.0));
    let [[TRANSMIT, to, from, length]] = shell.rows()[..] else { panic!("{:?}", shell.rows()) };
    assert_eq!(to, link);
    let frame = Shell::bytes(shell.word(Word::Frames) + from, length);
    assert_eq!(frame, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
    assert_eq!(shell.deadline(), 1_005.0, "rounded up to a whole millisecond");

    shell.receive(link, b"$5\r\nhel", 5.0);
    assert_eq!(shell.rows().len(), 0);
    shell.receive(link, b"lo\r\n:-2\r\n", 6.0);
    let first = shell.rows()[0];
    assert_eq!(first[0], Kind::Bulk as u32 | u32::from(FIRST | LAST | ASCII) << 8);
    assert_eq!(Shell::bytes(shell.word(Word::Received) + first[1], first[2] - first[1]), b"hello");
    assert_eq!(first[3], 7);
    // What nobody had asked for is no RESP conversation.
    assert!(shell.rows().iter().any(|row| row[0] == CLOSE && row[1] == link));
}

#[wasm_bindgen_test]
fn words_that_do_not_agree_are_reported() {
    let shell = Shell::new();
    let (target, _) = shell.ready();
    assert!(!shell.submit(target, &[7, shell.policy, 1, 50], "GET|", 4.0));
    assert!(!wasm::submit(target, META_WORDS + 1, 0, true, 0, 4.0));
    assert!(!wasm::submit(999, 0, 0, true, 0, 4.0));
}

#[wasm_bindgen_test]
fn a_refused_command_has_a_text() {
    let shell = Shell::new();
    let (target, _) = shell.ready();
    assert!(shell.submit(target, &[9, shell.policy, 2, 9, 1], "SUBSCRIBE|c|", 4.0));
    let [[head, 9, refusal, sent]] = shell.rows()[..] else { panic!("{:?}", shell.rows()) };
    assert_eq!((head, sent), (REJECT | (Failure::Refused as u32) << 8, Sent::No as u32));
    let has_text = |refusal| wasm::refusal_text(refusal).as_string().is_some_and(|text| !text.is_empty());
    assert!(has_text(refusal as u8));
    for refusal in 1..=15 {
        assert!(has_text(refusal), "{refusal}");
    }
    assert!(!has_text(0) && !has_text(16));
}

#[wasm_bindgen_test]
fn a_status_tells_why_and_what_to_do() {
    let shell = Shell::new();
    let target = shell.configure("redis://10.0.0.1");
    wasm::connect(target, 1.0);
    let link = shell.rows().iter().find(|row| row[0] == OPEN).expect("a link is asked for")[1];
    assert_eq!(shell.rows()[0][0], DIAL);
    let [code, text] = shell.texts(["ECONNREFUSED", "nobody listens"]);
    wasm::lost(link, code, text, 2.0);
    let status: Array = wasm::status(target).unchecked_into();
    let text = |index: u32| status.get(index).dyn_into::<JsString>().map(String::from).unwrap_or_default();
    let number = |index: u32| status.get(index).as_f64();
    assert_eq!(number(0), Some(f64::from(State::Disabled as u8)));
    assert_eq!(number(1), Some(f64::from(Reason::Refused as u8)));
    assert!(text(2).contains("10.0.0.1:6379: nobody listens"), "{}", text(2));
    assert!(text(3).contains("start Redis"), "{}", text(3));
    assert_eq!(status.get(4), JsValue::TRUE);
    assert!(status.get(5).as_f64().is_some_and(|retry_at| (2.0..=52.0).contains(&retry_at)));
    let stats: Array = wasm::stats(target).unchecked_into();
    assert_eq!(stats.get(0).as_f64(), Some(1.0), "dials");
    assert!(wasm::status(999).is_undefined());
}

#[wasm_bindgen_test]
fn changes_are_told_once_the_server_has_agreed_to() {
    let shell = Shell::new();
    let (target, link) = shell.ready();
    let [length] = shell.texts(["cache:"]);
    wasm::track(target, length, 4.0);
    let [[TRANSMIT, to, ..]] = shell.rows()[..] else { panic!("{:?}", shell.rows()) };
    assert_eq!(to, link);
    shell.receive(link, b"+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$7\r\ncache:a\r\n", 5.0);
    let [same, changed] = shell.rows()[..] else { panic!("{:?}", shell.rows()) };
    assert_eq!(same, [LINK | 1 << 8, target, link, 1]);
    assert_eq!(changed[0] & 0xff, PUSH);
    let name = Shell::bytes(shell.word(Word::Received) + changed[1], changed[2] - changed[1]);
    assert_eq!(name, b"cache:a");
}
