//! Links that are replaced while commands are in flight on them, and callers with deadlines of their own.

use edgis::time::Duration;

use edgis::error::{Failure, Phase, Reason, Sent};
use edgis::manager::{Options, Policy};

use crate::command::Ended;
use crate::directed::{rejected, PROMPT};
use crate::server::{Server, Temper};
use crate::world::World;

const PATIENT: Policy = Policy { command: Duration::from_secs(20), ..PROMPT };
const BRIEF: Policy = Policy { command: Duration::from_millis(150), ..PROMPT };
const TOTAL: Policy = Policy { command: Duration::from_millis(300), total: true, ..PROMPT };

fn pass(world: &mut World, millis: u64) {
    world.pass(millis, Duration::ZERO);
}

/// A target whose link a brief caller has made doubtful, with a patient write on it; the link, its replacement, the tag.
fn doubted(world: &mut World) -> (u32, u32, u32, u32) {
    let target = world.ready(Options::default());
    let old = world.link(target);
    let patient = world.submit(target, "SET", PATIENT);
    world.submit(target, "GET", BRIEF);
    pass(world, 152);
    let new = *world.links(target).iter().find(|link| **link != old).expect("a second link is dialled");
    world.accept(new);
    world.serve(new);
    (target, old, new, patient)
}

#[test]
fn an_impatient_caller_costs_a_patient_one_nothing() {
    let mut world = World::new(1);
    let (target, old, new, patient) = doubted(&mut world);
    assert_eq!((world.links(target), world.ended(patient)), (vec![old, new], None));
    let next = world.submit(target, "SET", PROMPT);
    world.serve(new);
    assert_eq!(world.ended(next), Some(Ended::Replied), "the new link is used");
    world.serve(old);
    assert_eq!((world.links(target), world.ended(patient)), (vec![new], Some(Ended::Replied)));
    assert_eq!(world.state(target), "ready");
}

#[test]
fn what_waits_on_a_replaced_link_is_told_when_it_dies() {
    let mut world = World::new(2);
    let (target, old, new, patient) = doubted(&mut world);
    world.lose(old, "ECONNRESET");
    assert_eq!(world.ended(patient), rejected(Failure::ConnectionLost, Reason::Reset as u32, Sent::Maybe));
    assert_eq!((world.links(target), world.state(target)), (vec![new], "ready"));
}

#[test]
fn closing_waits_for_a_replaced_link_too() {
    let mut world = World::new(3);
    let (target, old, new, patient) = doubted(&mut world);
    world.release(target);
    assert_eq!(world.links(target), [old, new]);
    world.serve(old);
    assert_eq!((world.ended(patient), world.state(target)), (Some(Ended::Replied), "closed"));
    assert!(world.wires.is_empty());
}

#[test]
fn a_link_that_is_replaced_twice_over_leaves_one_behind_at_most() {
    let mut world = World::new(4);
    let (target, _, second, patient) = doubted(&mut world);
    world.submit(target, "SET", PATIENT);
    world.submit(target, "GET", BRIEF);
    pass(&mut world, 152);
    let third = *world.links(target).last().expect("a third link is dialled");
    world.accept(third);
    world.serve(third);
    assert_eq!(world.links(target), [second, third]);
    assert_eq!(world.ended(patient), rejected(Failure::ConnectionLost, Reason::Timeout as u32, Sent::Maybe));
}

#[test]
fn a_total_deadline_counts_the_dial() {
    let mut world = World::new(5);
    let target = world.target(Options::default());
    let tag = world.submit(target, "SET", TOTAL);
    pass(&mut world, 299);
    assert_eq!(world.ended(tag), None);
    pass(&mut world, 3);
    assert_eq!(world.ended(tag), rejected(Failure::Timeout, Phase::Connect as u32, Sent::No));
}

#[test]
fn a_total_deadline_goes_on_once_the_command_is_written() {
    let mut world = World::new(6);
    let target = world.target(Options::default());
    let tags = [world.submit(target, "GET", TOTAL), world.submit(target, "SET", TOTAL)];
    pass(&mut world, 200);
    let link = world.link(target);
    world.accept(link);
    world.work(link);
    world.deliver(link, 1_000);
    pass(&mut world, 102);
    let late = rejected(Failure::Timeout, Phase::Reply as u32, Sent::Maybe);
    assert_eq!(world.ended(tags[1]), late, "it is not counted anew");
}

#[test]
fn a_total_deadline_outlives_a_lost_link() {
    let mut world = World::new(7);
    let target = world.ready(Options::default());
    let tag = world.submit(target, "GET", TOTAL);
    pass(&mut world, 200);
    world.lose(world.link(target), "ECONNRESET");
    pass(&mut world, 99);
    assert_eq!(world.ended(tag), None);
    pass(&mut world, 3);
    assert_eq!(world.ended(tag), rejected(Failure::Timeout, Phase::Connect as u32, Sent::Maybe));
}

#[test]
fn a_server_that_is_loading_disables_the_target_and_is_tried_again() {
    let mut world = World::new(8);
    world.servers = |opens| Server::new(if opens == 1 { Temper::Loading } else { Temper::Good });
    let target = world.target(Options::default());
    let tag = world.submit(target, "SET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.ended(tag), rejected(Failure::Disabled, Reason::Loading as u32, Sent::No));
    pass(&mut world, 60);
    world.connect(target);
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.state(target), "ready");
}

/// A target whose server has become another, and said so to one write.
fn turned(world: &mut World, temper: Temper) -> (u32, u32) {
    let target = world.ready(Options::default());
    let old = world.link(target);
    world.wires.get_mut(&old).expect("it is ready").server.temper = temper;
    let told = world.submit(target, "SET", PROMPT);
    world.serve(old);
    assert_eq!(world.ended(told), Some(Ended::Error), "its caller gets the server's words");
    assert_eq!((world.state(target), world.links(target).len()), ("ready", 2));
    (target, old)
}

#[test]
fn a_server_that_begins_to_load_is_found_out_and_loses_no_command() {
    let mut world = World::new(9);
    world.servers = |opens| Server::new(if opens == 1 { Temper::Good } else { Temper::Loading });
    let (target, old) = turned(&mut world, Temper::Loading);
    let write = world.submit(target, "SET", PROMPT);
    let new = *world.links(target).last().expect("asked whether it serves");
    world.accept(new);
    world.serve(new);
    assert_eq!((world.state(target), world.ended(write)), ("disabled", None));
    world.serve(old);
    assert_eq!(world.ended(write), Some(Ended::Error));
    assert!(world.wires.is_empty());
}

#[test]
fn a_replica_is_replaced_by_whoever_answers_at_its_address() {
    let mut world = World::new(10);
    let (target, old) = turned(&mut world, Temper::Replica);
    let read = world.submit(target, "GET", PROMPT);
    world.serve(old);
    assert_eq!(world.ended(read), Some(Ended::Replied), "meanwhile it is used as it is");
    let new = *world.links(target).last().expect("a second link");
    world.accept(new);
    world.serve(new);
    assert_eq!((world.links(target), world.state(target)), (vec![new], "ready"));
}

#[test]
fn a_replica_is_better_than_nobody_and_not_asked_all_the_time() {
    let mut world = World::new(11);
    let (target, old) = turned(&mut world, Temper::Replica);
    world.lose(*world.links(target).last().expect("a second link"), "ECONNREFUSED");
    assert_eq!((world.links(target), world.state(target)), (vec![old], "ready"));
    for _ in 0..10 {
        world.submit(target, "SET", PROMPT);
        world.serve(old);
        pass(&mut world, 400);
    }
    assert_eq!(world.dials, 2);
    pass(&mut world, 1_000);
    world.submit(target, "SET", PROMPT);
    world.serve(old);
    assert_eq!(world.dials, 3);
}
