//! One situation each, in virtual time: dials, loss, doubt, time.

use edgis::time::Duration;

use edgis::error::{Failure, Phase, Reason, Sent};
use edgis::manager::{Options, Policy};

use crate::command::Ended;
use crate::server::{Server, Temper};
use crate::world::World;

pub const PROMPT: Policy =
    Policy { connect: Duration::from_secs(2), command: Duration::from_secs(1), waits: false, total: false };
pub const PATIENT: Policy = Policy { waits: true, ..PROMPT };

pub fn rejected(failure: Failure, detail: u32, sent: Sent) -> Option<Ended> {
    Some(Ended::Rejected { failure: failure as u32, detail, sent: sent as u32 })
}

fn disabled(reason: Reason) -> Option<Ended> {
    rejected(Failure::Disabled, reason as u32, Sent::No)
}

fn pass(world: &mut World, millis: u64) {
    world.pass(millis, Duration::ZERO);
}

#[test]
fn a_thousand_connects_and_commands_share_one_dial() {
    let mut world = World::new(1);
    let target = world.target(Options::default());
    for _ in 0..1_000 {
        world.connect(target);
        world.submit(target, "GET", PROMPT);
    }
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!((world.dials, world.opens), (1, 1));
    assert!(world.commands.iter().all(|command| command.ended == Some(Ended::Replied)));
}

#[test]
fn a_failed_dial_disables_until_a_command_after_retry_at_dials_in_the_background() {
    let mut world = World::new(2);
    let target = world.target(Options::default());
    let first = world.submit(target, "GET", PROMPT);
    world.lose(world.link(target), "ECONNREFUSED");
    assert_eq!((world.ended(first), world.state(target)), (disabled(Reason::Refused), "disabled"));

    let retry_at = world.manager.status(target).unwrap().retry_at.unwrap();
    assert!(retry_at <= world.now.as_millis() + 50.0, "the first bound of the backoff is 50 ms");
    pass(&mut world, 60);
    let second = world.submit(target, "GET", PROMPT);
    assert_eq!(
        world.ended(second),
        disabled(Reason::Refused),
        "it does not wait for the dial that it begins"
    );
    assert_eq!((world.dials, world.state(target)), (2, "disabled"));
    let third = world.submit(target, "SET", PROMPT);
    assert_eq!((world.ended(third), world.dials), (disabled(Reason::Refused), 2));

    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.state(target), "ready");
}

#[test]
fn before_retry_at_nobody_dials() {
    let mut world = World::new(3);
    let target = world.target(Options { retry_base: 1_000, ..Options::default() });
    world.connect(target);
    world.lose(world.link(target), "ECONNREFUSED");
    let retry_at = world.manager.status(target).unwrap().retry_at.unwrap();
    while world.now.as_millis() + 1.0 < retry_at {
        world.connect(target);
        assert_eq!(world.dials, 1);
        pass(&mut world, 1);
    }
    pass(&mut world, 2);
    world.connect(target);
    assert_eq!(world.dials, 2);
}

#[test]
fn a_lost_link_sends_reads_again_and_tells_of_writes() {
    let mut world = World::new(4);
    let target = world.ready(Options::default());
    let (read, write) = (world.submit(target, "GET", PROMPT), world.submit(target, "INCR", PROMPT));
    world.lose(world.link(target), "ECONNRESET");
    assert_eq!(world.ended(write), rejected(Failure::ConnectionLost, Reason::Reset as u32, Sent::Maybe));
    assert_eq!((world.ended(read), world.state(target)), (None, "connecting"));
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(read), Some(Ended::Replied));
    assert_eq!(world.commands[write as usize].executed, 1, "it had been executed, and was not sent again");
}

#[test]
fn a_read_that_kills_every_link_is_sent_three_times_at_most() {
    let mut world = World::new(5);
    let target = world.ready(Options::default());
    let read = world.submit(target, "GET", PROMPT);
    for _ in 0..2 {
        world.lose(world.link(target), "ECONNRESET");
        pass(&mut world, 16);
        let link = world.link(target);
        world.accept(link);
        assert_eq!(world.ended(read), None);
    }
    let link = world.link(target);
    // The handshake is answered, and the read is not.
    world.work(link);
    world.deliver(link, usize::MAX);
    world.work(link);
    world.lose(link, "ECONNRESET");
    assert_eq!(world.ended(read), rejected(Failure::ConnectionLost, Reason::Reset as u32, Sent::Maybe));
    assert_eq!(world.commands[read as usize].executed, 3);
}

#[test]
fn a_server_that_restarts_in_a_moment_goes_unnoticed() {
    let mut world = World::new(6);
    let target = world.ready(Options::default());
    pass(&mut world, 2_000);
    world.lose(world.link(target), "END");
    let write = world.submit(target, "SET", PROMPT);
    for _ in 0..5 {
        world.lose(world.link(target), "ECONNREFUSED");
        assert_eq!(world.state(target), "connecting");
        pass(&mut world, 16);
    }
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!((world.ended(write), world.dials), (Some(Ended::Replied), 2));
}

#[test]
fn patience_after_a_loss_ends() {
    let mut world = World::new(7);
    let target = world.ready(Options::default());
    pass(&mut world, 2_000);
    world.lose(world.link(target), "END");
    pass(&mut world, 151);
    world.lose(world.link(target), "ECONNREFUSED");
    assert_eq!(world.state(target), "disabled");
}

#[test]
fn links_that_die_young_lead_to_backoff() {
    let mut world = World::new(8);
    let target = world.ready(Options::default());
    for _ in 0..3 {
        world.lose(world.link(target), "END");
        let link = world.link(target);
        world.accept(link);
        world.serve(link);
        assert_eq!(world.state(target), "ready");
    }
    world.lose(world.link(target), "END");
    assert_eq!((world.state(target), world.opens), ("disabled", 4));
}

#[test]
fn a_silent_link_is_doubted_and_replaced() {
    let mut world = World::new(9);
    let target = world.ready(Options::default());
    let silent = world.link(target);
    let (read, write) = (world.submit(target, "GET", PROMPT), world.submit(target, "SET", PROMPT));
    pass(&mut world, 1_002);
    let late = rejected(Failure::Timeout, Phase::Reply as u32, Sent::Maybe);
    assert_eq!((world.ended(read), world.ended(write)), (late, late));
    assert_eq!((world.state(target), world.dials), ("ready", 2));

    let (read, write) = (world.submit(target, "GET", PROMPT), world.submit(target, "SET", PROMPT));
    let second = *world.links(target).iter().find(|link| **link != silent).unwrap();
    world.accept(second);
    world.serve(second);
    assert_eq!(world.ended(read), Some(Ended::Replied), "a read moves to the new link");
    assert_eq!((world.links(target), world.ended(write)), (vec![silent, second], None));
    pass(&mut world, 1_002);
    assert_eq!((world.links(target), world.ended(write)), (vec![second], late));
    let states: Vec<u32> = world.states[&target].iter().map(|(state, _)| *state).collect();
    assert_eq!(states, [1, 2], "the doubt and its end are nobody's business");
}

#[test]
fn a_doubted_link_that_speaks_is_trusted_again() {
    let mut world = World::new(10);
    let target = world.ready(Options::default());
    let slow = world.link(target);
    world.submit(target, "GET", PROMPT);
    pass(&mut world, 1_002);
    assert_eq!(world.links(target).len(), 2);
    world.serve(slow);
    assert_eq!(world.links(target), [slow]);
    let read = world.submit(target, "GET", PROMPT);
    world.serve(slow);
    assert_eq!(world.ended(read), Some(Ended::Replied));
}

#[test]
fn when_neither_the_doubted_link_nor_its_replacement_answers_the_target_is_disabled() {
    let mut world = World::new(11);
    let target = world.ready(Options::default());
    world.submit(target, "GET", PROMPT);
    pass(&mut world, 1_002);
    let waiting = world.submit(target, "SET", PROMPT);
    pass(&mut world, 2_002);
    assert!(world.ended(waiting).is_some());
    assert_eq!((world.state(target), world.links(target).len()), ("disabled", 0));
}

#[test]
fn an_idle_link_is_asked_for_a_sign_of_life_before_it_is_trusted() {
    let mut world = World::new(12);
    let target = world.ready(Options::default());
    let link = world.link(target);
    pass(&mut world, 9_999);
    world.submit(target, "GET", PROMPT);
    world.serve(link);
    pass(&mut world, 10_000);
    let write = world.submit(target, "SET", PROMPT);
    assert!(world.wires[&link].server.input.ends_with(b"PING\r\n"), "only a PING has been written");
    world.serve(link);
    assert_eq!(world.ended(write), Some(Ended::Replied));
    assert_eq!(world.wires[&link].server.heard.iter().filter(|name| *name == "PING").count(), 2);
}

#[test]
fn a_link_that_is_unused_for_as_long_as_the_user_allows_is_closed_and_not_before() {
    let mut world = World::new(29);
    let target = world.ready(Options { idle_timeout: 5_000, ..Options::default() });
    let link = world.link(target);
    pass(&mut world, 4_900);
    let slow = world.submit(target, "GET", PATIENT);
    pass(&mut world, 900);
    assert_eq!(world.links(target), [link], "a reply is waited for");
    world.serve(link);
    pass(&mut world, 4_998);
    assert_eq!((world.links(target), world.state(target)), (vec![link], "ready"));
    pass(&mut world, 4);
    assert_eq!((world.links(target).len(), world.state(target)), (0, "idle"));
    assert_eq!((world.ended(slow), world.dials), (Some(Ended::Replied), 1), "nobody asks for another");
    let next = world.submit(target, "SET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!((world.ended(next), world.dials), (Some(Ended::Replied), 2));
}

#[test]
fn what_was_unused_for_too_long_in_a_sleep_is_closed_before_it_is_used() {
    let mut world = World::new(30);
    let target = world.ready(Options { idle_timeout: 5_000, ..Options::default() });
    let old = world.link(target);
    // No timer has fired when the first command comes.
    world.now = world.now.after(Duration::from_secs(3_600));
    let write = world.submit(target, "SET", PROMPT);
    assert!(!world.links(target).contains(&old), "it has not even been asked for a sign of life");
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!((world.ended(write), world.dials), (Some(Ended::Replied), 2));
}

#[test]
fn an_idle_link_that_gives_no_sign_of_life_is_replaced_and_no_write_is_lost() {
    let mut world = World::new(13);
    let target = world.ready(Options::default());
    let dead = world.link(target);
    pass(&mut world, 60_000);
    let write = world.submit(target, "SET", PROMPT);
    pass(&mut world, 250);
    let link = world.link(target);
    assert_ne!(link, dead);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(write), Some(Ended::Replied));
}

#[test]
fn wrong_credentials_are_tried_again_after_thirty_seconds_with_fresh_ones() {
    let mut world = World::new(14);
    world.servers = |_| Server::locked(Temper::Good, "new", true);
    let target = world.target(Options { dynamic_credentials: true, ..Options::default() });
    let first = world.submit(target, "GET", PATIENT);
    world.prepared(&["10.0.0.1:6379"], Some(("", "old")));
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.state(target), "disabled");
    pass(&mut world, 2_100);
    assert_eq!(world.ended(first), rejected(Failure::Timeout, Phase::Queue as u32, Sent::No));
    assert_eq!(world.commands[first as usize].executed, 0, "nothing runs as another user");
    pass(&mut world, 27_000);
    world.connect(target);
    assert_eq!(world.dials, 1);
    pass(&mut world, 1_000);
    world.connect(target);
    assert_eq!(world.dials, 2);
    world.prepared(&["10.0.0.1:6379"], Some(("", "new")));
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.state(target), "ready");
}

#[test]
fn time_never_runs_out_for_a_dial_that_is_not_needed() {
    let mut world = World::new(15);
    let target = world.target(Options::default());
    world.connect(target);
    pass(&mut world, 2_001);
    assert_eq!((world.state(target), world.links(target).len()), ("disabled", 0));
    pass(&mut world, 3_600_000);
    assert_eq!(world.dials, 1, "redials are made on demand");
}

#[test]
fn a_dial_that_hangs_rejects_when_its_budget_is_spent() {
    let mut world = World::new(16);
    let target = world.target(Options::default());
    let write = world.submit(target, "SET", PROMPT);
    pass(&mut world, 1_999);
    assert_eq!(world.ended(write), None);
    pass(&mut world, 3);
    assert_eq!((world.ended(write), world.state(target)), (disabled(Reason::Timeout), "disabled"));
}

#[test]
fn a_link_that_nobody_used_is_let_go_until_somebody_needs_one() {
    let mut world = World::new(15);
    let target = world.ready(Options::default());
    let link = world.link(target);
    pass(&mut world, 60_000);
    world.lose(link, "END");
    assert_eq!(world.state(target), "idle");
    assert!(world.links(target).is_empty());
    let read = world.submit(target, "GET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(read), Some(Ended::Replied));
}

#[test]
fn a_link_that_was_dialled_again_for_nobody_is_not_dialled_for_ever() {
    // A server that closes what is idle for two seconds.
    let mut world = World::new(17);
    let target = world.ready(Options::default());
    let link = world.link(target);
    let read = world.submit(target, "GET", PROMPT);
    world.serve(link);
    assert_eq!(world.ended(read), Some(Ended::Replied));
    pass(&mut world, 2_000);
    world.lose(link, "END");
    assert_eq!((world.state(target), world.dials), ("connecting", 2), "somebody has just used it");
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    pass(&mut world, 2_000);
    world.lose(link, "END");
    assert_eq!((world.state(target), world.dials), ("idle", 2));
    let write = world.submit(target, "SET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(write), Some(Ended::Replied));
}

#[test]
fn a_read_outlives_many_dials_to_what_accepts_and_closes() {
    let mut world = World::new(18);
    let target = world.target(Options { retry_base: 10, retry_cap: 10, ..Options::default() });
    let read = world.submit(target, "GET", PATIENT);
    for _ in 0..10 {
        let link = world.link(target);
        world.accept(link);
        world.lose(link, "END");
        assert_eq!(world.ended(read), None);
        pass(&mut world, 11);
    }
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!((world.ended(read), world.commands[read as usize].executed), (Some(Ended::Replied), 3));
}
