//! Lanes besides the shared one: each is opened, used, lost and got back, in virtual time.

use edgis::command::{Pushed, Role};
use edgis::error::{Failure, Reason, Sent};
use edgis::manager::{Options, Policy};
use edgis::time::Duration;

use crate::command::Ended;
use crate::directed::{rejected, PATIENT, PROMPT};
use crate::random::Random;
use crate::server::Server;
use crate::world::World;

/// A caller that blocks for as long as it takes.
const LONG: Policy = Policy { command: Duration::from_secs(3_600), ..PROMPT };

fn only_link(world: &World, lane: u32) -> u32 {
    let links = world.links_of(lane);
    assert_eq!(links.len(), 1, "links of lane {lane}");
    links[0]
}

/// Its link is accepted, and all that it is owed arrives.
fn open(world: &mut World, lane: u32) -> u32 {
    let link = only_link(world, lane);
    world.accept(link);
    world.serve(link);
    assert_eq!(world.lane_state(lane), "ready");
    link
}

fn server(world: &mut World, link: u32) -> &mut Server {
    &mut world.wires.get_mut(&link).expect("a link").server
}

fn messages(world: &mut World, lane: u32) -> Vec<String> {
    let all = std::mem::take(&mut world.pushes);
    let of = all.into_iter().filter(|(to, pushed, _)| *to == lane && *pushed == Pushed::Message as u8);
    of.map(|(.., elements)| elements.join(" ")).collect()
}

#[test]
fn each_role_is_opened_lost_and_got_back() {
    for role in [Role::Subscriber, Role::Exclusive, Role::Blocking] {
        let mut world = World::new(1);
        let target = world.ready(Options::default());
        let shared = world.link(target);
        let lane = world.lane(target, role);
        let link = open(&mut world, lane);
        world.lose(link, "ECONNRESET");
        assert_eq!(world.lane_state(lane), "connecting", "{role:?}");
        let link = open(&mut world, lane);
        world.release_lane(lane, true);
        assert!(world.links_of(lane).is_empty() || role.is_lent(), "{role:?}");
        let again = world.lane(target, role);
        assert_ne!(again, lane, "a number is never given twice");
        if role.is_lent() {
            assert_eq!(world.links_of(again), [link], "{role:?}: its link was kept for the next caller");
        } else {
            open(&mut world, again);
        }
        assert_eq!((world.links_of(world.wires[&shared].lane), world.state(target)), (vec![shared], "ready"));
        world.release(target);
        world.pass(20_000, Duration::ZERO);
        assert!(world.wires.is_empty() && world.state(target) == "closed", "{role:?}");
    }
}

#[test]
fn a_lane_needs_no_shared_link() {
    for role in [Role::Subscriber, Role::Exclusive, Role::Blocking] {
        let mut world = World::new(2);
        let target = world.target(Options::default());
        let lane = world.lane(target, role);
        open(&mut world, lane);
        assert_eq!((world.state(target), world.opens), ("idle", 1));
    }
}

#[test]
fn a_subscription_stands_on_the_links_that_follow_in_both_protocols() {
    for protocol in [3, 2] {
        let mut world = World::new(3);
        let target = world.target(Options { protocol, ..Options::default() });
        let lane = world.lane(target, Role::Subscriber);
        let link = open(&mut world, lane);
        let tags = ["SUBSCRIBE", "PSUBSCRIBE"].map(|name| world.submit_to(lane, name, PROMPT));
        let channel = format!("k{}", tags[0]);
        assert_eq!(tags.map(|tag| world.ended(tag)), [None; 2]);
        server(&mut world, link).publish(&channel, "too early");
        world.serve(link);
        assert_eq!(tags.map(|tag| world.ended(tag)), [Some(Ended::Replied); 2], "RESP{protocol}");
        // Four channels were named by the first command, one by the second.
        let confirmed =
            world.pushes.iter().filter(|(_, pushed, _)| *pushed == Pushed::Subscribe as u8).count();
        assert_eq!((confirmed, world.pushes.len()), (4, 5));
        for round in 0..3 {
            let link = only_link(&world, lane);
            server(&mut world, link).publish(&channel, "news");
            server(&mut world, link).publish("other", "no news");
            world.serve(link);
            assert_eq!(messages(&mut world, lane), [format!("{channel} news")], "{round}");
            world.lose(link, "ECONNRESET");
            let next = only_link(&world, lane);
            world.accept(next);
            // The server accepts it, and only then is asked for the channels.
            world.work(next);
            world.deliver(next, usize::MAX);
            assert_eq!(world.lane_state(lane), "connecting");
            world.serve(next);
            assert_eq!((world.lane_state(lane), world.wires[&next].server.subscriptions.len()), ("ready", 5));
            world.pass(2_000, Duration::ZERO);
        }
        let taken_back = world.submit_to(lane, "UNSUBSCRIBE", PROMPT);
        world.serve(only_link(&world, lane));
        assert_eq!(world.ended(taken_back), Some(Ended::Replied));
    }
}

#[test]
fn a_subscriber_is_dialled_until_it_is_back_without_anybody_asking() {
    let mut world = World::new(4);
    let target = world.target(Options::default());
    let lane = world.lane(target, Role::Subscriber);
    let link = open(&mut world, lane);
    world.submit_to(lane, "PSUBSCRIBE", PROMPT);
    world.serve(link);
    world.pass(60_000, Duration::ZERO);
    world.lose(link, "END");
    let mut refused = 0;
    while refused < 20 {
        for link in world.links_of(lane) {
            world.lose(link, "ECONNREFUSED");
            refused += 1;
        }
        world.pass(500, Duration::ZERO);
    }
    while world.links_of(lane).is_empty() {
        world.pass(100, Duration::ZERO);
    }
    let link = open(&mut world, lane);
    assert_eq!(world.wires[&link].server.subscriptions.len(), 1);
}

#[test]
fn an_idle_subscriber_in_resp2_understands_the_answer_to_its_ping() {
    let mut world = World::new(5);
    let target = world.target(Options { protocol: 2, ..Options::default() });
    let lane = world.lane(target, Role::Subscriber);
    let link = open(&mut world, lane);
    world.submit_to(lane, "PSUBSCRIBE", PROMPT);
    world.serve(link);
    world.pass(11_000, Duration::ZERO);
    let next = world.submit_to(lane, "PSUBSCRIBE", PROMPT);
    world.serve(link);
    assert_eq!((world.ended(next), world.links_of(lane)), (Some(Ended::Replied), vec![link]));
}

#[test]
fn a_transaction_is_nobody_elses_and_ends_with_its_link() {
    let mut world = World::new(6);
    let target = world.ready(Options::default());
    let lane = world.lane(target, Role::Exclusive);
    let link = open(&mut world, lane);
    let tags = ["WATCH", "GET", "MULTI", "INCR", "EXEC"].map(|name| world.submit_to(lane, name, PROMPT));
    let other = world.submit(target, "INCR", PROMPT);
    world.serve(link);
    assert_eq!((tags.map(|tag| world.ended(tag)), world.ended(other)), ([Some(Ended::Replied); 5], None));
    assert!(!world.wires[&link].server.watches);

    // A read may not run on another link, where nothing is watched, and nor may what has not left yet.
    let written = ["WATCH", "GET"].map(|name| world.submit_to(lane, name, PROMPT));
    world.block(link);
    let staged = world.submit_to(lane, "MULTI", PROMPT);
    world.lose(link, "ECONNRESET");
    let lost = |sent| rejected(Failure::ConnectionLost, Reason::Reset as u32, sent);
    assert_eq!(written.map(|tag| world.ended(tag)), [lost(Sent::Maybe); 2]);
    assert_eq!((world.ended(staged), world.lane_state(lane)), (lost(Sent::No), "closed"));
    let late = world.submit_to(lane, "EXEC", PROMPT);
    assert_eq!((world.ended(late), world.links_of(lane).len()), (lost(Sent::No), 0));
    world.release_lane(lane, false);
    let again = world.lane(target, Role::Exclusive);
    open(&mut world, again);
    let tag = world.submit_to(again, "WATCH", PROMPT);
    world.serve(only_link(&world, again));
    assert_eq!(world.ended(tag), Some(Ended::Replied));
}

#[test]
fn a_transaction_that_was_idle_is_asked_nothing() {
    let mut world = World::new(7);
    let target = world.target(Options::default());
    let lane = world.lane(target, Role::Exclusive);
    let link = open(&mut world, lane);
    world.submit_to(lane, "MULTI", PROMPT);
    world.serve(link);
    world.pass(60_000, Duration::ZERO);
    let exec = world.submit_to(lane, "EXEC", PROMPT);
    world.serve(link);
    assert_eq!(world.ended(exec), Some(Ended::Replied));
}

#[test]
fn a_lane_that_is_not_clean_takes_its_link_with_it() {
    let mut world = World::new(8);
    let target = world.target(Options::default());
    let lane = world.lane(target, Role::Exclusive);
    let link = open(&mut world, lane);
    world.submit_to(lane, "WATCH", PROMPT);
    world.serve(link);
    world.release_lane(lane, false);
    assert!(!world.wires.contains_key(&link));
    // And one that still owes an answer does not go to another caller either.
    let lane = world.lane(target, Role::Blocking);
    let link = open(&mut world, lane);
    let tag = world.submit_to(lane, "BLPOP", LONG);
    world.work(link);
    world.abandon(tag);
    world.release_lane(lane, true);
    assert!(!world.wires.contains_key(&link));
}

#[test]
fn a_pool_is_bounded_and_whoever_comes_later_waits() {
    let mut world = World::new(9);
    let target = world.target(Options { max_lanes: 3, ..Options::default() });
    let lanes: Vec<u32> = (0..8).map(|_| world.lane(target, Role::Blocking)).collect();
    let tags: Vec<u32> = lanes.iter().map(|lane| world.submit_to(*lane, "BLPOP", LONG)).collect();
    assert_eq!(world.opens, 3);
    for lane in &lanes[..3] {
        open(&mut world, *lane);
        assert_eq!(world.manager.client_id(*lane), Some(77));
    }
    for (index, lane) in lanes.iter().enumerate() {
        if world.links_of(*lane).is_empty() {
            // The link of one that was lost leaves room as well.
            panic!("lane {index} has no link");
        }
        let link = only_link(&world, *lane);
        if world.lane_state(*lane) != "ready" {
            open(&mut world, *lane);
        }
        world.work(link);
        server(&mut world, link).unblock();
        world.serve(link);
        assert_eq!(world.ended(tags[index]), Some(Ended::Replied));
        match index {
            2 => world.release_lane(*lane, false),
            _ => world.release_lane(*lane, true),
        }
        assert!(world.links(target).len() <= 3);
    }
    assert!(world.opens <= 4, "{} links for eight callers", world.opens);
    // A link that was kept is closed when no lane takes it.
    assert_eq!(world.links(target).len(), 3);
    world.pass(10_100, Duration::ZERO);
    assert_eq!(world.links(target).len(), 0);
}

#[test]
fn a_command_that_blocks_is_not_doubted() {
    let mut world = World::new(10);
    let target = world.ready(Options::default());
    let lane = world.lane(target, Role::Blocking);
    let link = open(&mut world, lane);
    let brief = world.submit_to(lane, "BLPOP", PROMPT);
    world.work(link);
    world.pass(1_100, Duration::ZERO);
    assert!(world.ended(brief).is_some());
    assert_eq!((world.opens, world.links_of(lane)), (2, vec![link]), "no link is to replace it");
}

#[test]
fn no_role_carries_what_another_is_for() {
    let mut world = World::new(11);
    let target = world.ready(Options::default());
    let refused = |world: &World, tag| matches!(world.ended(tag), Some(Ended::Rejected { failure, .. }) if failure == Failure::Refused as u32);
    for (role, permitted) in [
        (Role::Subscriber, &["PSUBSCRIBE"][..]),
        (Role::Exclusive, &["WATCH", "MULTI", "BLPOP"]),
        (Role::Blocking, &["BLPOP"]),
    ] {
        for name in ["PSUBSCRIBE", "WATCH", "MULTI", "BLPOP", "MONITOR", "SELECT", "QUIT"] {
            let lane = world.lane(target, role);
            let tag = world.submit_to(lane, name, PATIENT);
            assert_eq!(refused(&world, tag), !permitted.contains(&name), "{role:?} {name}");
            world.release_lane(lane, false);
            world.pass(5_000, Duration::ZERO);
        }
    }
    for name in ["PSUBSCRIBE", "WATCH", "MULTI", "BLPOP"] {
        let tag = world.submit(target, name, PROMPT);
        assert!(refused(&world, tag), "{name}");
    }
}

#[test]
fn a_released_target_ends_its_lanes() {
    let mut world = World::new(12);
    let target = world.ready(Options::default());
    let lanes = [Role::Subscriber, Role::Exclusive, Role::Blocking].map(|role| world.lane(target, role));
    for lane in lanes {
        open(&mut world, lane);
    }
    let blocks = world.submit_to(lanes[2], "BLPOP", PROMPT);
    let link = only_link(&world, lanes[2]);
    world.work(link);
    world.release(target);
    assert_eq!((world.links(target), world.ended(blocks)), (vec![link], None));
    assert_eq!(world.manager.lane(target, Role::Blocking, world.now), None);
    server(&mut world, link).unblock();
    world.serve(link);
    assert_eq!((world.ended(blocks), world.state(target)), (Some(Ended::Replied), "closed"));
    assert!(world.wires.is_empty());
}

#[test]
fn frames_of_writes_that_are_kept_are_not_sent_again_when_the_link_dies() {
    let mut world = World::new(13);
    let target = world.ready(Options { keeps_writes: true, ..Options::default() });
    let (read, write) = (world.submit(target, "GET", PROMPT), world.submit(target, "INCR", PROMPT));
    world.lose(world.link(target), "ECONNRESET");
    assert_eq!(world.ended(write), rejected(Failure::ConnectionLost, Reason::Reset as u32, Sent::Maybe));
    let link = world.link(target);
    world.accept(link);
    world.serve(link);
    assert_eq!((world.ended(read), world.commands[write as usize].executed), (Some(Ended::Replied), 1));
}

#[test]
fn pushes_that_nobody_wants_are_counted() {
    let mut world = World::new(14);
    let target = world.ready(Options::default());
    let link = world.link(target);
    for text in
        [">2\r\n$10\r\ninvalidate\r\n_\r\n", ">3\r\n+message\r\n+a\r\n+b\r\n", ">0\r\n", ">1\r\n:1\r\n"]
    {
        server(&mut world, link).output.extend_from_slice(text.as_bytes());
        world.deliver(link, usize::MAX);
    }
    assert_eq!(world.manager.stats(target).map(|stats| stats.pushes_dropped), Some(4.0));
    assert!(world.pushes.is_empty() && world.changed.is_empty());
}

/// One schedule: anything that may happen to lanes, in any order.
fn play(mut random: Random) {
    let mut world = World::new(random.next());
    let most = random.one_of(&[1, 2, 3]);
    let options = Options {
        max_lanes: most,
        protocol: random.one_of(&[0, 0, 2]),
        keeps_writes: random.percent(50),
        max_pending: random.one_of(&[0, 0, 3]),
        ..Options::default()
    };
    let target = world.target(options);
    let trouble = random.one_of(&[0, 5, 30]);
    let mut lanes: Vec<(u32, Role)> = Vec::new();
    for _ in 0..20 + random.below(80) {
        match random.below(20) {
            0..=1 => {
                let role = random.one_of(&[Role::Subscriber, Role::Exclusive, Role::Blocking]);
                lanes.push((world.lane(target, role), role));
            }
            2..=3 => {
                world.submit(target, random.one_of(&["GET", "SET", "INCR"]), PATIENT);
            }
            4..=7 if !lanes.is_empty() => {
                let (lane, role) = random.one_of(&lanes);
                let names: &[&str] = match role {
                    Role::Subscriber => &["PSUBSCRIBE", "SUBSCRIBE", "PUNSUBSCRIBE"],
                    Role::Exclusive => &["WATCH", "GET", "INCR", "SET"],
                    _ => &["BLPOP", "GET"],
                };
                world.submit_to(lane, random.one_of(names), random.one_of(&[PROMPT, PATIENT]));
            }
            8 if !lanes.is_empty() => {
                let (lane, _) = lanes.swap_remove(random.below(lanes.len()));
                let is_clean = world.links_of(lane).iter().all(|link| !world.wires[link].server.watches);
                world.release_lane(lane, is_clean);
            }
            9 => {
                let waiting: Vec<usize> = (0..world.commands.len())
                    .filter(|tag| world.commands[*tag].ended.is_none() && !world.commands[*tag].abandoned)
                    .collect();
                if !waiting.is_empty() {
                    world.abandon(random.one_of(&waiting) as u32);
                }
            }
            10..=11 => world.pass(random.one_of(&[0, 1, 20, 300, 1_100, 11_000]), Duration::ZERO),
            _ => touch(&mut world, &mut random, trouble),
        }
        world.check_commands(Duration::from_millis(180));
        check_lanes(&world, &lanes, most as usize);
    }
    for (lane, _) in lanes {
        world.release_lane(lane, false);
    }
    let mut rounds = 0;
    while world.waiting().next().is_some() {
        rounds += 1;
        assert!(rounds < 20, "somebody still waits: {:?}", world.waiting().next());
        world.pass(1_000, Duration::ZERO);
    }
    world.release(target);
    world.pass(20_000, Duration::ZERO);
    assert!(world.wires.is_empty(), "links are left: {:?}", world.manager);
    assert_eq!(world.state(target), "closed");
}

/// Something happens to a link.
fn touch(world: &mut World, random: &mut Random, trouble: usize) {
    let links: Vec<u32> = world.wires.keys().copied().collect();
    if links.is_empty() {
        return;
    }
    let link = random.one_of(&links);
    let accident = random.percent(trouble);
    if !world.wires[&link].opened {
        return match accident {
            true => world.lose(link, random.one_of(&["ECONNREFUSED", "EHOSTUNREACH"])),
            false => world.accept(link),
        };
    }
    match random.below(6) {
        _ if accident => world.lose(link, random.one_of(&["END", "ECONNRESET"])),
        0 => server(world, link).unblock(),
        1 => {
            let channels: Vec<String> = server(world, link).subscriptions.iter().cloned().collect();
            if !channels.is_empty() {
                let channel = random.one_of(&(0..channels.len()).collect::<Vec<_>>());
                server(world, link).publish(&channels[channel], "news");
            }
        }
        2 if world.wires[&link].blocked => world.unblock(link),
        2 => world.block(link),
        3 => {
            world.work(link);
            world.deliver(link, random.one_of(&[1, 7, 30, 1_000]));
        }
        _ => world.serve(link),
    }
}

/// Invariants of lanes.
fn check_lanes(world: &World, lanes: &[(u32, Role)], most: usize) {
    for role in [Role::Exclusive, Role::Blocking] {
        let used = world.wires.values().filter(|wire| world.roles.get(&wire.lane) == Some(&role));
        // Those that are released may end while others begin: a link that drains is nobody's room.
        let held = lanes.iter().filter(|(_, of)| *of == role).count();
        assert!(used.count() <= most, "{role:?}: more than {most} links, {held} lanes are held");
    }
    for wire in world.wires.values() {
        if wire.server.watches {
            assert_eq!(world.roles.get(&wire.lane), Some(&Role::Exclusive));
        }
    }
}

#[test]
fn any_order_of_events_on_lanes_keeps_every_promise() {
    if let Some(seed) = crate::from_environment("LANES_SEED") {
        return play(Random::new(seed));
    }
    for seed in 0..crate::from_environment("SCHEDULES").unwrap_or(100_000) / 5 {
        if let Err(panic) = std::panic::catch_unwind(|| play(Random::new(seed))) {
            eprintln!("Run it again with LANES_SEED={seed}.");
            std::panic::resume_unwind(panic);
        }
    }
}
