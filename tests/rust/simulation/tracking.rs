//! Which link it is that answers, and what the server tells of changes on it.

use edgis::connection::{ACTION, LINK};
use edgis::manager::Options;
use edgis::time::Duration;

use crate::command::Ended;
use crate::directed::PROMPT;
use crate::server::{Server, Temper};
use crate::world::World;

const OLD_SERVER: fn(u32) -> Server = |_| Server::new(Temper::Old);
const SECRETIVE: fn(u32) -> Server = |_| {
    let mut server = Server::new(Temper::Good);
    server.secretive = true;
    server
};

/// Whether changes are told on the links that there have been, one after the other.
fn told(world: &World, target: u32) -> Vec<bool> {
    world.announced[&target].iter().map(|(_, told)| *told).collect()
}

fn tell(world: &mut World, target: u32, key: Option<&str>) {
    let link = world.link(target);
    world.wires.get_mut(&link).expect("a link").server.tell(key);
    world.serve(link);
}

#[test]
fn changes_are_told_on_the_link_and_on_the_one_that_follows_it() {
    let mut world = World::new(1);
    let target = world.target(Options::default());
    world.track(target, "cache:");
    world.connect(target);
    for round in 1..=3 {
        let link = world.link(target);
        world.accept(link);
        world.serve(link);
        assert_eq!(told(&world, target), vec![true; round]);
        tell(&mut world, target, Some("a"));
        tell(&mut world, target, None);
        let expected = [Some("cache:a".to_string()), Some("cache:é".to_string()), None];
        assert_eq!(world.changed.split_off(0), expected);
        world.submit(target, "SET", PROMPT);
        world.lose(link, "ECONNRESET");
    }
}

#[test]
fn a_link_that_is_ready_is_asked_as_it_is() {
    let mut world = World::new(2);
    let target = world.ready(Options::default());
    assert_eq!(told(&world, target), [false]);
    world.track(target, "cache:");
    world.track(target, "other:");
    world.serve(world.link(target));
    assert_eq!((told(&world, target), world.opens), (vec![false, true, true], 1));
    tell(&mut world, target, Some("a"));
    let names = ["cache:a", "cache:é", "other:a", "other:é"].map(|name| Some(name.to_string()));
    assert_eq!(world.changed.split_off(0), names);
    assert!(world.links(target).iter().all(|link| world.manager.is_alive(*link)));
}

#[test]
fn the_link_that_follows_is_asked_for_every_prefix_once() {
    let mut world = World::new(5);
    let target = world.ready(Options::default());
    for prefix in ["cache:", "other:", "cache:"] {
        world.track(target, prefix);
    }
    let link = world.link(target);
    world.serve(link);
    world.submit(target, "SET", PROMPT);
    world.lose(link, "ECONNRESET");
    let next = world.link(target);
    world.accept(next);
    world.serve(next);
    assert_eq!(world.wires[&next].server.tracking, ["cache:", "other:"]);
}

#[test]
fn names_come_in_any_pieces() {
    for size in 1..40 {
        let mut world = World::new(3);
        let target = world.target(Options::default());
        world.track(target, "cache:");
        world.connect(target);
        let link = world.link(target);
        world.accept(link);
        world.work(link);
        world.wires.get_mut(&link).expect("a link").server.tell(Some("key"));
        while !world.wires[&link].server.output.is_empty() {
            world.deliver(link, size);
        }
        assert_eq!((world.changed.len(), world.state(target)), (2, "ready"), "in pieces of {size}");
    }
}

#[test]
fn nobody_relies_on_a_server_that_cannot_or_will_not_tell() {
    for (servers, protocol) in [(OLD_SERVER, 0), (SECRETIVE, 0), (|_| Server::new(Temper::Good), 2)] {
        for early in [false, true] {
            let mut world = World::new(4);
            world.servers = servers;
            let target = world.target(Options { protocol, ..Options::default() });
            if early {
                world.track(target, "cache:");
            }
            world.connect(target);
            let link = world.link(target);
            world.accept(link);
            world.track(target, "cache:");
            world.serve(link);
            assert_eq!(world.state(target), "ready");
            assert!(told(&world, target).iter().all(|told| !told), "{:?}", told(&world, target));
            let get = world.submit(target, "GET", PROMPT);
            world.serve(link);
            assert_eq!(world.ended(get), Some(Ended::Replied));
        }
    }
}

#[test]
fn another_link_is_named_before_what_rides_behind_its_handshake_is_answered() {
    let mut world = World::new(5);
    let target = world.ready(Options::default());
    let (first, get) = (world.link(target), world.submit(target, "GET", PROMPT));
    world.lose(first, "ECONNRESET");
    let second = world.link(target);
    world.accept(second);
    world.work(second);
    world.deliver(second, usize::MAX);
    let rows = &world.manager.output().rows;
    let position = |found: &dyn Fn(u32) -> bool| rows.iter().position(|row| found(row[0] & 0xff));
    assert!(position(&|kind| kind == LINK) < position(&|kind| kind < ACTION), "{rows:?}");
    assert_eq!((world.ended(get), told(&world, target).len()), (Some(Ended::Replied), 2));
}

#[test]
fn a_link_that_takes_over_from_a_doubted_one_is_another() {
    let mut world = World::new(6);
    let target = world.target(Options::default());
    world.track(target, "cache:");
    world.connect(target);
    let first = world.link(target);
    world.accept(first);
    world.serve(first);
    world.wires.get_mut(&first).expect("a link").server.temper = Temper::Silent;
    world.submit(target, "GET", PROMPT);
    world.pass(1_100, Duration::ZERO);
    let second = *world.links(target).last().expect("the dial that is to replace it");
    world.accept(second);
    world.serve(second);
    let links: Vec<u32> = world.announced[&target].iter().map(|(link, _)| *link).collect();
    assert_eq!((links, told(&world, target)), (vec![first, second], vec![true, true]));
}

#[test]
fn a_link_that_falls_back_to_resp2_is_the_one_that_answers_only_once_it_is_ready() {
    let mut world = World::new(7);
    let target = world.ready(Options::default());
    let first = world.link(target);
    world.submit(target, "GET", PROMPT);
    world.pass(1_100, Duration::ZERO);
    let second = *world.links(target).last().expect("the dial that is to replace it");
    world.wires.get_mut(&second).expect("a link").server.temper = Temper::Old;
    world.accept(second);
    // HELLO is refused, and what is asked in its place is not answered yet.
    world.work(second);
    world.deliver(second, usize::MAX);
    let links = |world: &World| world.announced[&target].iter().map(|(link, _)| *link).collect::<Vec<u32>>();
    assert_eq!(links(&world), [first]);
    world.track(target, "cache:");
    world.serve(first);
    assert_eq!(links(&world), [first, first], "it tells of changes now");
    assert_eq!(world.links(target), [first], "it has spoken, and is trusted again");
}
