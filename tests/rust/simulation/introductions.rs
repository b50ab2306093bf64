//! What a server learns of us and we of it, besides what the handshake needs.

use edgis::error::{Failure, Reason, Sent};
use edgis::manager::Options;

use crate::command::Ended;
use crate::directed::{rejected, PROMPT};
use crate::server::{Server, Temper};
use crate::world::World;

const CLUSTER: fn(u32) -> Server = |_| Server::new(Temper::Cluster);

fn heard(world: &World, target: u32) -> Vec<String> {
    world.wires[&world.link(target)].server.heard.clone()
}

#[test]
fn a_redirect_is_believed_where_the_server_is_one_of_a_cluster() {
    for protocol in [3, 2] {
        let mut world = World::new(1);
        world.servers = CLUSTER;
        let target = world.ready(Options { protocol, ..Options::default() });
        let link = world.link(target);
        let moved = world.submit(target, "SET", PROMPT);
        world.serve(link);
        assert_eq!(world.ended(moved), Some(Ended::Error));
        let status = world.manager.status(target).unwrap();
        assert_eq!(
            (world.state(target), status.reason),
            ("disabled", Some(Reason::Cluster)),
            "RESP{protocol}"
        );
        assert!(status.message.unwrap().contains("MOVED 3999"), "{status:?}");
    }
}

#[test]
fn one_that_a_script_makes_up_is_an_error_like_any() {
    for protocol in [3, 2] {
        let mut world = World::new(2);
        let target = world.ready(Options { protocol, ..Options::default() });
        for _ in 0..5 {
            let tags = [world.submit(target, "EVAL", PROMPT), world.submit(target, "INCR", PROMPT)];
            world.serve(world.link(target));
            assert_eq!(tags.map(|tag| world.ended(tag)), [Some(Ended::Error), Some(Ended::Replied)]);
        }
        assert_eq!((world.state(target), world.opens), ("ready", 1));
        let asked = heard(&world, target).iter().filter(|name| *name == "INFO").count();
        assert_eq!(asked, usize::from(protocol == 2), "asked once, and where HELLO has not told");
    }
}

#[test]
fn the_library_is_named_where_the_server_knows_how() {
    for (protocol, temper, expected) in
        [(3, Temper::Good, 2), (2, Temper::Good, 2), (3, Temper::Old, 0), (2, Temper::Old, 0)]
    {
        let mut world = World::new(3);
        world.servers = match temper {
            Temper::Old => |_| Server::new(Temper::Old),
            _ => |_| Server::new(Temper::Good),
        };
        let target = world.ready(Options { protocol, ..Options::default() });
        world.serve(world.link(target));
        let named = heard(&world, target).iter().filter(|name| *name == "CLIENT").count();
        assert_eq!(named, expected, "RESP{protocol}, {temper:?}");
    }
}

#[test]
fn a_proxy_that_hangs_up_on_what_it_does_not_know_is_asked_for_less() {
    let mut world = World::new(4);
    let target = world.target(Options { protocol: 2, ..Options::default() });
    let tag = world.submit(target, "GET", PROMPT);
    let link = world.link(target);
    world.accept(link);
    let said = String::from_utf8_lossy(&world.wires[&link].server.input).into_owned();
    assert!(said.contains("COMMAND"), "{said}");
    world.lose(link, "END");
    let link = world.link(target);
    world.accept(link);
    let said = String::from_utf8_lossy(&world.wires[&link].server.input).into_owned();
    assert!(!said.contains("COMMAND"), "{said}");
    world.serve(link);
    assert_eq!((world.ended(tag), world.opens), (Some(Ended::Replied), 2));
    // Cut again, it is what it looks like.
    let mut world = World::new(5);
    let target = world.target(Options { protocol: 2, ..Options::default() });
    let tag = world.submit(target, "GET", PROMPT);
    for _ in 0..2 {
        let link = world.link(target);
        world.accept(link);
        world.lose(link, "END");
    }
    assert_eq!(world.ended(tag), rejected(Failure::Disabled, Reason::Closed as u32, Sent::No));
}
