//! Scopes keep to themselves, but for what they know of a server.

use edgis::error::{Failure, Reason, Sent};
use edgis::manager::Options;
use edgis::time::Duration;

use crate::command::Ended;
use crate::directed::{rejected, PATIENT, PROMPT};
use crate::world::World;

fn of(scope: u32) -> Options<'static> {
    Options { scope, ..Options::default() }
}

fn disabled(reason: Reason) -> Option<Ended> {
    rejected(Failure::Disabled, reason as u32, Sent::No)
}

/// Time passes that only one scope hears of: the timers of cancelled requests never fire.
fn pass(world: &mut World, millis: u64, scope: u32) {
    world.now = world.now.after(Duration::from_millis(millis));
    world.advance(scope);
}

#[test]
fn no_timer_of_a_scope_tells_another_anything() {
    let mut world = World::new(1);
    let (first, second) = (world.ready(of(1)), world.ready(of(2)));
    let (one, other) = (world.submit(first, "GET", PROMPT), world.submit(second, "GET", PROMPT));
    pass(&mut world, 1_500, 2);
    assert_eq!((world.ended(one), world.ended(other).is_some()), (None, true));
    pass(&mut world, 0, 1);
    assert!(world.ended(one).is_some());
}

#[test]
fn a_scope_that_ends_leaves_nothing_and_disturbs_nobody() {
    let mut world = World::new(2);
    let (first, second) = (world.ready(of(1)), world.ready(of(2)));
    let (gone, stays) = (world.submit(first, "SET", PROMPT), world.submit(second, "GET", PROMPT));
    let dead = world.link(first);
    world.forget(1);
    assert!(!world.manager.is_alive(dead) && world.manager.status(first).is_none());
    world.serve(world.link(second));
    assert_eq!((world.ended(gone), world.ended(stays)), (None, Some(Ended::Replied)));
    let next = world.target(of(3));
    assert_ne!(next, first, "a number is never given twice");
}

#[test]
fn the_second_scope_knows_what_the_first_has_found_out() {
    let mut world = World::new(3);
    let first = world.target(of(1));
    world.connect(first);
    world.lose(world.link(first), "ECONNREFUSED");
    let second = world.target(of(2));
    assert_eq!(world.state(second), "disabled");
    let told = world.submit(second, "GET", PROMPT);
    assert_eq!((world.ended(told), world.dials), (disabled(Reason::Refused), 1));
    assert_eq!(world.manager.status(first), world.manager.status(second));
}

#[test]
fn other_servers_and_other_kinds_have_breakers_of_their_own() {
    let mut world = World::new(4);
    let first = world.target(of(1));
    world.connect(first);
    world.lose(world.link(first), "ECONNREFUSED");
    for options in
        [Options { url: Some("redis://10.0.0.2"), ..of(2) }, Options { kind: Some("other"), ..of(2) }, of(0)]
    {
        let other = world.target(options);
        assert_eq!(world.state(other), "idle");
    }
}

#[test]
fn one_scope_tries_and_its_success_is_known_to_all() {
    let mut world = World::new(5);
    let targets: Vec<u32> = (1..=20).map(|scope| world.target(of(scope))).collect();
    world.connect(targets[0]);
    world.lose(world.link(targets[0]), "ECONNREFUSED");
    world.now = world.now.after(Duration::from_millis(60));
    let tried: Vec<u32> = targets.iter().map(|target| world.submit(*target, "GET", PROMPT)).collect();
    assert_eq!(world.dials, 2, "one of them tries");
    assert!(tried.iter().all(|tag| world.ended(*tag) == disabled(Reason::Refused)), "nobody waits for it");
    let link = world.link(targets[0]);
    world.accept(link);
    world.serve(link);
    let after = world.submit(targets[7], "GET", PROMPT);
    assert_eq!((world.ended(after), world.state(targets[7])), (None, "connecting"));
    let link = world.link(targets[7]);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(after), Some(Ended::Replied));
}

#[test]
fn a_try_whose_request_was_cancelled_is_taken_over() {
    let mut world = World::new(6);
    let (first, second) = (world.target(of(1)), world.target(of(2)));
    world.connect(first);
    world.lose(world.link(first), "ECONNREFUSED");
    world.now = world.now.after(Duration::from_millis(60));
    world.connect(first);
    assert_eq!(world.dials, 2);
    world.forget(1);
    world.connect(second);
    assert_eq!(world.dials, 2, "it may still be under way");
    world.now = world.now.after(Duration::from_millis(2_000));
    world.connect(second);
    assert_eq!(world.dials, 3);
}

#[test]
fn what_waits_while_another_scope_tries_goes_on_when_that_has_succeeded() {
    let mut world = World::new(7);
    let (first, second) = (world.target(of(1)), world.target(of(2)));
    world.connect(first);
    world.lose(world.link(first), "ECONNREFUSED");
    world.now = world.now.after(Duration::from_millis(60));
    world.connect(first);
    let waits = world.submit(second, "SET", PATIENT);
    let link = world.link(first);
    world.accept(link);
    world.serve(link);
    world.pass(60, Duration::ZERO);
    let link = world.link(second);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(waits), Some(Ended::Replied));
}

#[test]
fn a_hundred_dials_that_fail_together_count_once() {
    let mut world = World::new(8);
    let targets: Vec<u32> = (1..=100).map(|scope| world.target(of(scope))).collect();
    for target in &targets {
        world.connect(*target);
    }
    for target in &targets {
        world.lose(world.link(*target), "ECONNREFUSED");
    }
    let attempts = world.manager.status(targets[99]).map(|status| status.attempts);
    assert!(attempts <= Some(2), "{attempts:?}: the wait may have been over at once");
}
