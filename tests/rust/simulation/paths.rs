//! One situation each, in virtual time: what is written when, and to which address.

use edgis::time::Duration;

use edgis::error::{Failure, Phase, Reason, Sent};
use edgis::manager::{Batch, Malformed, Options, Policy, STAGED_AT, UNSENT};

use crate::command::Ended;
use crate::directed::{rejected, PATIENT, PROMPT};
use crate::server::{Server, Temper};
use crate::world::World;

fn pass(world: &mut World, millis: u64) {
    world.pass(millis, Duration::ZERO);
}

/// What has been written to a target's only link, which has just been accepted.
fn first_words(options: Options) -> String {
    let mut world = World::new(1);
    let target = world.target(options);
    world.submit(target, "GET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    String::from_utf8(world.wires[&link].server.input.clone()).unwrap()
}

#[test]
fn the_reads_before_the_first_write_ride_behind_hello() {
    let mut world = World::new(1);
    let target = world.target(Options::default());
    for name in ["GET", "HGETALL", "SET", "GET"] {
        world.submit(target, name, PROMPT);
    }
    let link = world.link(target);
    world.accept(link);
    world.work(link);
    let executed: Vec<u32> = world.commands.iter().map(|command| command.executed).collect();
    assert_eq!(executed, [1, 1, 0, 0]);
    world.serve(link);
    assert!(world.commands.iter().all(|command| command.ended == Some(Ended::Replied)));
}

#[test]
fn nothing_rides_where_it_could_run_as_another_user_or_elsewhere() {
    let password = Some("secret");
    assert!(first_words(Options::default()).contains("GET"));
    assert!(!first_words(Options { password, ..Options::default() }).contains("GET"));
    assert!(!first_words(Options { db: Some(1), ..Options::default() }).contains("GET"));
    assert!(!first_words(Options { protocol: 2, ..Options::default() }).contains("GET"));
}

#[test]
fn a_wrong_password_beside_a_permissive_default_user_runs_nothing() {
    for protocol in [2, 3] {
        let mut world = World::new(2);
        world.servers = |_| Server::locked(Temper::Good, "right", true);
        let target = world.target(Options { password: Some("wrong"), protocol, ..Options::default() });
        let tags = [world.submit(target, "GET", PROMPT), world.submit(target, "SET", PROMPT)];
        let link = world.link(target);
        world.accept(link);
        world.serve(link);
        for tag in tags {
            assert_eq!(world.ended(tag), rejected(Failure::Disabled, Reason::Auth as u32, Sent::No));
            assert_eq!(world.commands[tag as usize].executed, 0);
        }
    }
}

#[test]
fn a_server_without_hello_is_spoken_to_in_resp2() {
    let mut world = World::new(3);
    world.servers = |_| Server::new(Temper::Old);
    let target = world.target(Options { db: Some(2), password: Some("x"), ..Options::default() });
    let tag = world.submit(target, "HGETALL", PROMPT);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(tag), Some(Ended::Replied));
    let heard = &world.wires[&link].server.heard;
    assert_eq!(heard[..2], ["HELLO", "SELECT"]);
    assert_eq!(heard[heard.len() - 3..], ["AUTH", "SELECT", "PING"]);
}

#[test]
fn a_server_without_hello_that_wants_a_password_answers_no_command() {
    let mut world = World::new(4);
    world.servers = |_| Server::locked(Temper::Old, "x", false);
    let target = world.target(Options::default());
    let tag = world.submit(target, "GET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    // It rode behind HELLO, and so it has left.
    assert_eq!(world.ended(tag), rejected(Failure::Disabled, Reason::Auth as u32, Sent::Maybe));
}

#[test]
fn what_is_written_and_not_answered_is_limited_in_number() {
    let mut world = World::new(20);
    let target = world.ready(Options { max_pending: 2, ..Options::default() });
    let tags: Vec<u32> = (0..4).map(|_| world.submit(target, "GET", PROMPT)).collect();
    let full = rejected(Failure::Full, 2, Sent::No);
    assert_eq!([world.ended(tags[2]), world.ended(tags[3])], [full, full]);
    world.serve(world.link(target));
    assert_eq!([world.ended(tags[0]), world.ended(tags[1])], [Some(Ended::Replied); 2]);
    let next = world.submit(target, "GET", PROMPT);
    world.serve(world.link(target));
    assert_eq!(world.ended(next), Some(Ended::Replied));
}

#[test]
fn what_waits_is_limited_in_number() {
    let mut world = World::new(5);
    let target = world.target(Options { max_staged: 2, ..Options::default() });
    let tags = [0; 3].map(|_| world.submit(target, "SET", PROMPT));
    assert_eq!(tags.map(|tag| world.ended(tag)), [None, None, rejected(Failure::Full, 0, Sent::No)]);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    let after = [0; 3].map(|_| world.submit(target, "SET", PROMPT));
    world.serve(link);
    assert_eq!(after.map(|tag| world.ended(tag)), [Some(Ended::Replied); 3]);
}

#[test]
fn what_waits_is_limited_in_bytes_and_counts_what_the_shell_holds() {
    let mut world = World::new(6);
    let frame = "*3\r\n$3\r\nSET\r\n$2\r\nk0\r\n$1000\r\n\r\n".len() as u32 + 1000;
    let target = world.target(Options { max_staged_bytes: frame * 2, ..Options::default() });
    let tags = [0; 3].map(|_| {
        let words = world.words(target, "SET", 1000, PROMPT);
        world.submit_words(target, &words.meta, &words.text, &words.bytes);
        words.meta[0]
    });
    assert_eq!(tags.map(|tag| world.ended(tag)), [None, None, rejected(Failure::Full, 1, Sent::No)]);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(tags[1]), Some(Ended::Replied));
}

#[test]
fn a_command_that_waits_outlives_a_failed_dial_and_begins_the_next() {
    let mut world = World::new(7);
    let target = world.target(Options::default());
    let (waits, prompt) = (world.submit(target, "SET", PATIENT), world.submit(target, "SET", PROMPT));
    world.lose(world.link(target), "ECONNREFUSED");
    assert_eq!(world.ended(prompt), rejected(Failure::Disabled, Reason::Refused as u32, Sent::No));
    pass(&mut world, 60);
    assert_eq!((world.ended(waits), world.dials), (None, 2));
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(waits), Some(Ended::Replied));
}

#[test]
fn a_command_waits_no_longer_than_its_connect_budget() {
    let mut world = World::new(8);
    let target = world.target(Options::default());
    let policy = Policy { connect: Duration::from_millis(300), ..PATIENT };
    let tag = world.submit(target, "SET", policy);
    pass(&mut world, 299);
    assert_eq!(world.ended(tag), None);
    pass(&mut world, 3);
    assert_eq!(world.ended(tag), rejected(Failure::Timeout, Phase::Connect as u32, Sent::No));
}

#[test]
fn what_can_never_work_is_not_waited_for() {
    let mut world = World::new(9);
    let target = world.target(Options::default());
    let tag = world.submit(target, "SET", PATIENT);
    world.lose(world.link(target), "ERUNTIME");
    assert_eq!(world.ended(tag), rejected(Failure::Disabled, Reason::Runtime as u32, Sent::No));
    let tag = world.submit(target, "SET", PATIENT);
    assert_eq!(world.ended(tag), rejected(Failure::Disabled, Reason::Runtime as u32, Sent::No));
}

/// A target with two addresses, whose dial has just begun.
fn racing(world: &mut World) -> u32 {
    let target =
        world.target(Options { url: Some("redis://localhost"), resolves: true, ..Options::default() });
    world.submit(target, "GET", PROMPT);
    world.prepared(&["[::1]:6379", "127.0.0.1:6379"], None);
    target
}

#[test]
fn an_address_that_accepts_and_closes_has_not_won() {
    let mut world = World::new(10);
    let target = racing(&mut world);
    let first = world.link(target);
    world.accept(first);
    world.lose(first, "END");
    let second = world.link(target);
    assert_eq!(world.wires[&second].candidate, 1, "it is not waited for");
    world.accept(second);
    world.serve(second);
    assert_eq!((world.ended(0), world.dials), (Some(Ended::Replied), 1));
    assert_eq!(world.manager.status(target).unwrap().address, Some("127.0.0.1:6379"));
}

#[test]
fn an_address_that_accepts_and_hangs_has_not_won() {
    let mut world = World::new(11);
    let target = racing(&mut world);
    let first = world.link(target);
    world.accept(first);
    pass(&mut world, 249);
    assert_eq!(world.links(target), [first]);
    pass(&mut world, 1);
    let second = *world.links(target).iter().find(|link| **link != first).unwrap();
    world.accept(second);
    world.serve(second);
    assert_eq!((world.ended(0), world.links(target)), (Some(Ended::Replied), vec![second]));
}

#[test]
fn the_address_that_answered_goes_first_until_it_fails() {
    let mut world = World::new(21);
    let target = racing(&mut world);
    let first = world.link(target);
    world.lose(first, "ECONNREFUSED");
    let second = world.link(target);
    let candidate = |world: &World, link: u32| world.wires[&link].candidate;
    assert_eq!((candidate(&world, second), world.opens), (1, 2));
    world.accept(second);
    world.serve(second);
    pass(&mut world, 2_000);

    world.lose(second, "ECONNRESET");
    world.prepared(&["[::1]:6379", "127.0.0.1:6379"], None);
    let third = world.link(target);
    assert_eq!(candidate(&world, third), 1, "the one that answered");
    world.lose(third, "ECONNREFUSED");
    let fourth = world.link(target);
    assert_eq!(candidate(&world, fourth), 0);
    world.accept(fourth);
    world.serve(fourth);
    pass(&mut world, 2_000);

    world.lose(fourth, "ECONNRESET");
    world.prepared(&["127.0.0.1:6379", "[::1]:6379"], None);
    assert_eq!(candidate(&world, world.link(target)), 1, "wherever it stands in the list");
}

#[test]
fn a_read_that_rode_to_what_is_no_redis_moves_to_the_next_address() {
    let mut world = World::new(22);
    world.servers = |opens| Server::new(if opens == 1 { Temper::Garbage } else { Temper::Good });
    let target = racing(&mut world);
    let first = world.link(target);
    world.accept(first);
    world.serve(first);
    let second = world.link(target);
    world.accept(second);
    world.serve(second);
    assert_eq!(world.ended(0), Some(Ended::Replied));
}

#[test]
fn a_command_that_rides_on_a_link_that_hangs_ends_in_time() {
    let mut world = World::new(12);
    let target = world.target(Options { connect_timeout: 60_000, ..Options::default() });
    let tag = world.submit(target, "GET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    pass(&mut world, 3_003);
    assert_eq!(world.ended(tag), rejected(Failure::Timeout, Phase::Reply as u32, Sent::Maybe));
}

#[test]
fn the_story_of_a_failed_dial_names_every_address() {
    let mut world = World::new(13);
    let target = racing(&mut world);
    world.lose(world.link(target), "ECONNREFUSED");
    world.lose(world.link(target), "ECONNREFUSED");
    let message = world.manager.status(target).unwrap().message.unwrap();
    assert!(message.contains("[::1]:6379") && message.contains("127.0.0.1:6379"), "{message}");
}

#[test]
fn a_released_target_drains_and_closes() {
    let mut world = World::new(14);
    let target = world.ready(Options::default());
    let tag = world.submit(target, "SET", PROMPT);
    let link = world.link(target);
    world.release(target);
    let late = world.submit(target, "GET", PROMPT);
    assert_eq!(world.ended(late), rejected(Failure::Closed, 0, Sent::No));
    assert_eq!((world.ended(tag), world.links(target)), (None, vec![link]));
    world.serve(link);
    assert_eq!((world.ended(tag), world.links(target).len()), (Some(Ended::Replied), 0));
    assert_eq!(world.state(target), "closed");
}

#[test]
fn a_released_target_whose_server_is_silent_closes_when_its_commands_have_ended() {
    let mut world = World::new(15);
    let target = world.ready(Options::default());
    let tag = world.submit(target, "SET", PROMPT);
    world.release(target);
    pass(&mut world, 1_002);
    assert_eq!(world.ended(tag), rejected(Failure::Timeout, Phase::Reply as u32, Sent::Maybe));
    assert_eq!((world.state(target), world.links(target).len(), world.dials), ("closed", 0, 1));
}

#[test]
fn a_released_target_closes_with_the_last_reply_that_somebody_waits_for() {
    let mut world = World::new(24);
    let target = world.ready(Options::default());
    let link = world.link(target);
    let brief = Policy { command: Duration::from_millis(100), ..PROMPT };
    let tags = [world.submit(target, "SET", PROMPT), world.submit(target, "SET", brief)];
    world.release(target);
    pass(&mut world, 102);
    assert!(world.ended(tags[1]).is_some());
    world.work(link);
    world.deliver(link, "+k0\r\n".len());
    assert_eq!(world.ended(tags[0]), Some(Ended::Replied));
    assert_eq!(world.state(target), "closed", "the other reply may never come");
}

#[test]
fn what_was_asked_before_the_release_is_still_done_by_the_dial() {
    let mut world = World::new(16);
    let target = world.target(Options::default());
    let tags = [world.submit(target, "GET", PROMPT), world.submit(target, "SET", PROMPT)];
    let link = world.link(target);
    world.accept(link);
    world.release(target);
    world.serve(link);
    assert_eq!(tags.map(|tag| world.ended(tag)), [Some(Ended::Replied); 2]);
    assert_eq!((world.state(target), world.links(target).len()), ("closed", 0));
}

#[test]
fn a_released_target_closes_when_the_candidate_fails_that_answered_its_last_read() {
    let mut world = World::new(25);
    let target = racing(&mut world);
    let first = world.link(target);
    world.accept(first);
    pass(&mut world, 250);
    assert_eq!(world.links(target).len(), 2, "another address is tried meanwhile");
    world.release(target);
    // It answers everything, and once more than it was asked: what says so much has not won.
    world.work(first);
    world.wires.get_mut(&first).unwrap().server.output.extend_from_slice(b"+more\r\n");
    world.deliver(first, usize::MAX);
    assert_eq!(world.ended(0), Some(Ended::Replied));
    assert_eq!((world.state(target), world.links(target)), ("closed", vec![]), "nobody waits for the other");
}

#[test]
fn what_waited_in_the_shell_has_what_is_left_of_its_time_and_a_moment_at_least() {
    for (waited, left) in [(300, 700), (980, 50), (5_000, 50)] {
        for is_blocked in [false, true] {
            let mut world = World::new(17);
            let target = world.ready(Options::default());
            let link = world.link(target);
            if is_blocked {
                world.block(link);
            }
            let words = world.words(target, "SET", 0, PROMPT);
            let moment = world.now.as_whole_millis() as u32;
            world.now = world.now.after(Duration::from_millis(waited));
            world.submit_words(
                target,
                &[&[STAGED_AT, moment][..], &words.meta].concat(),
                &words.text,
                &words.bytes,
            );
            pass(&mut world, left - 2);
            assert_eq!(world.ended(0), None, "{waited} {is_blocked}");
            pass(&mut world, 4);
            assert!(world.ended(0).is_some(), "{waited} {is_blocked}");
        }
    }
}

#[test]
fn callers_that_give_up_together_are_told_which_commands_cannot_have_left() {
    let mut world = World::new(21);
    let target = world.ready(Options::default());
    let link = world.link(target);
    let sent = world.submit(target, "SET", PROMPT);
    world.block(link);
    let staged = world.submit(target, "SET", PROMPT);
    let mut tags = [staged, sent, 77];
    for tag in [sent, staged] {
        world.commands[tag as usize].abandoned = true;
    }
    world.manager.abandon_all(target, &mut tags, world.now);
    world.drain(None);
    assert_eq!(tags, [staged | UNSENT, sent, 77]);
    world.unblock(link);
    let next = world.submit(target, "GET", PROMPT);
    world.serve(link);
    assert_eq!(
        (world.ended(sent), world.ended(staged), world.ended(next)),
        (None, None, Some(Ended::Replied))
    );
    assert_eq!(world.commands[staged as usize].executed, 0);
}

#[test]
fn a_policy_that_nobody_has_made_is_malformed() {
    for policy in [1, 65_535] {
        let mut world = World::new(19);
        let target = world.ready(Options::default());
        world.submit(target, "GET", PROMPT);
        let words = [0, policy, 1, 4];
        let batch = Batch::new(&words, b"PING|", true, b"");
        assert_eq!(world.manager.submit(target, batch, world.now), Err(Malformed));
    }
}

#[test]
fn a_blocked_link_gets_its_commands_when_it_has_drained() {
    let mut world = World::new(18);
    let target = world.ready(Options::default());
    let link = world.link(target);
    world.block(link);
    let tag = world.submit(target, "SET", PROMPT);
    assert!(world.wires[&link].server.input.is_empty());
    world.unblock(link);
    world.serve(link);
    assert_eq!(world.ended(tag), Some(Ended::Replied));
    world.block(link);
    let tag = world.submit(target, "SET", PROMPT);
    pass(&mut world, 1_002);
    assert_eq!(world.ended(tag), rejected(Failure::Timeout, Phase::Queue as u32, Sent::No));
}

#[test]
fn a_read_that_waits_on_links_that_hang_waits_once() {
    let mut world = World::new(23);
    let target = world.target(Options::default());
    let read = world.submit(target, "GET", PATIENT);
    let began = world.now;
    while world.ended(read).is_none() {
        for link in world.links(target) {
            world.accept(link);
        }
        pass(&mut world, 100);
    }
    // The connect budget once, not once a dial.
    assert!(world.now.since(began) <= Duration::from_millis(2_300), "{:?}", world.now.since(began));
}
