//! What is large, or larger than allowed, where nobody expects it: the replies behind it still find their owners.

use edgis::error::{Failure, Sent};
use edgis::manager::Options;
use edgis::resp::{TOO_DEEP, TOO_LONG};

use crate::command::Ended;
use crate::directed::{rejected, PROMPT};
use crate::world::World;

/// The server says this of its own accord, and it arrives in pieces of such a length.
fn say(world: &mut World, target: u32, text: &str, piece: usize) {
    let link = world.link(target);
    world.wires.get_mut(&link).expect("a link").server.output.extend_from_slice(text.as_bytes());
    while !world.wires[&link].server.output.is_empty() {
        world.deliver(link, piece);
    }
}

fn bulk(length: usize) -> String {
    format!("${length}\r\n{}\r\n", "b".repeat(length))
}

fn answers(world: &mut World, target: u32) {
    let tag = world.submit(target, "GET", PROMPT);
    world.serve(world.link(target));
    assert_eq!((world.ended(tag), world.opens), (Some(Ended::Replied), 1));
}

#[test]
fn a_push_may_begin_with_anything_and_hold_anything() {
    for length in [3, 4_095, 4_096, 10_000] {
        for piece in [1, 4_100, 100_000] {
            let mut world = World::new(1);
            let target = world.target(Options { max_bulk: 8_000, ..Options::default() });
            world.track(target, "cache:");
            world.connect(target);
            let link = world.link(target);
            world.accept(link);
            world.serve(link);
            say(&mut world, target, &format!(">2\r\n{0}{0}", bulk(length)), piece);
            assert!(world.changed.is_empty());
            // Of a name that is not shown whole all that is known is that something has changed.
            let name = (length < 4_096).then(|| "b".repeat(length));
            world.wires.get_mut(&link).expect("a link").server.told.push_back(name);
            let tells = format!(">2\r\n+invalidate\r\n*1\r\n{}", bulk(length));
            if length < 4_096 || piece < length {
                say(&mut world, target, &tells, piece);
                assert_eq!(world.changed.len(), 1);
            } else {
                world.wires.get_mut(&link).expect("a link").server.told.clear();
            }
            answers(&mut world, target);
        }
    }
}

#[test]
fn a_large_answer_to_a_question_of_ours_is_one_all_the_same() {
    for piece in [1_000, 4_200, 100_000] {
        let mut world = World::new(2);
        let target = world.ready(Options::default());
        world.pass(11_000, edgis::time::Duration::ZERO);
        // The PING after idleness, whose answer is a lie.
        let tag = world.submit(target, "GET", PROMPT);
        let link = world.link(target);
        world.wires.get_mut(&link).expect("a link").server.input.clear();
        say(&mut world, target, &bulk(6_000), piece);
        world.serve(link);
        assert_eq!((world.ended(tag), world.opens), (Some(Ended::Replied), 1));
        answers(&mut world, target);
    }
}

#[test]
fn a_reply_over_a_limit_costs_its_own_command() {
    for (size, over) in [(40, None), (5_000, Some(TOO_LONG)), (9_000, Some(TOO_LONG))] {
        for piece in [7, 4_200, 100_000] {
            let mut world = World::new(3);
            let target = world.ready(Options { max_bulk: 1_000, ..Options::default() });
            let before = world.submit(target, "INCR", PROMPT);
            let tag = world.submit_sized(target, "GET", size, PROMPT);
            let after = world.submit(target, "GET", PROMPT);
            let link = world.link(target);
            world.work(link);
            while !world.wires[&link].server.output.is_empty() {
                world.deliver(link, piece);
            }
            let ended = match over {
                None => Some(Ended::Replied),
                Some(which) => rejected(Failure::TooLarge, which, Sent::Maybe),
            };
            assert_eq!(world.ended(tag), ended, "{size} {piece}");
            assert_eq!([before, after].map(|tag| world.ended(tag)), [Some(Ended::Replied); 2]);
            answers(&mut world, target);
        }
    }
    let mut world = World::new(4);
    let target = world.ready(Options { max_depth: 1, ..Options::default() });
    let flat = world.submit(target, "LRANGE", PROMPT);
    world.serve(world.link(target));
    assert_eq!(world.ended(flat), Some(Ended::Replied));
    let deep = world.submit(target, "GET", PROMPT);
    let link = world.link(target);
    world.wires.get_mut(&link).expect("a link").server.input.clear();
    say(&mut world, target, "*2\r\n*1\r\n*2\r\n:1\r\n$1\r\nx\r\n:2\r\n", 3);
    assert_eq!(world.ended(deep), rejected(Failure::TooLarge, TOO_DEEP, Sent::Maybe));
    answers(&mut world, target);
}
