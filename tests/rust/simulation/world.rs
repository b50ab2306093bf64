//! The core's shell in virtual time: does what the rows say, and checks that they make sense.

use edgis::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use edgis::command::Role;
use edgis::error::Sent;
use edgis::manager::{Batch, Manager, Options, Policy, State};
use edgis::time::Time;

use crate::command::{Command, Ended, Words};
use crate::server::{Server, Temper};

/// What is built of a reply.
#[derive(Debug, Default)]
pub struct Building {
    pub tag: u32,
    pub error: bool,
    pub text: Vec<u8>,
}

/// A link as the transport knows it.
#[derive(Debug)]
pub struct Wire {
    pub target: u32,
    pub candidate: u32,
    /// Its lane, while it is open.
    pub lane: u32,
    pub opened: bool,
    pub blocked: bool,
    pub server: Server,
    /// Received, not consumed.
    pub carry: Vec<u8>,
    /// Bytes of a large value that do not pass through the core.
    pub diverted: usize,
    pub dropped: bool,
    pub building: Option<Building>,
}

/// See the module.
pub struct World {
    pub manager: Manager,
    pub now: Time,
    pub commands: Vec<Command>,
    pub wires: BTreeMap<u32, Wire>,
    /// Every link there ever was.
    pub opens: u32,
    pub dials: u32,
    pub states: BTreeMap<u32, Vec<(u32, u32)>>,
    /// Dials that wait for addresses or credentials.
    pub questions: Vec<(u32, u32)>,
    pub servers: fn(u32) -> Server,
    /// How long the clock ran on while no timer fired, all in all.
    pub frozen: Duration,
    /// Questions that have been answered.
    pub answered: Vec<(u32, u32)>,
    /// Targets that nobody holds any more.
    pub released: BTreeSet<u32>,
    pub background_dial: BTreeMap<u32, bool>,
    /// Whose each target is.
    pub scopes: BTreeMap<u32, u32>,
    /// The links that `LINK` rows spoke of, of each target, and whether changes are told on them.
    pub announced: BTreeMap<u32, Vec<(u32, bool)>>,
    /// What has been told of changes: names of keys, or all of them.
    pub changed: Vec<Option<String>>,
    /// The roles of the lanes that were opened, and their targets.
    pub roles: BTreeMap<u32, Role>,
    pub targets_of_lanes: BTreeMap<u32, u32>,
    /// The states of lanes, one after the other.
    pub lanes: BTreeMap<u32, Vec<u32>>,
    /// What was pushed: the lane, the kind and the elements.
    pub pushes: Vec<(u32, u8, Vec<String>)>,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            manager: Manager::new(seed),
            now: Time::from_millis(1_000.0),
            commands: Vec::new(),
            wires: BTreeMap::new(),
            opens: 0,
            dials: 0,
            states: BTreeMap::new(),
            questions: Vec::new(),
            servers: |_| Server::new(Temper::Good),
            frozen: Duration::ZERO,
            answered: Vec::new(),
            released: BTreeSet::new(),
            background_dial: BTreeMap::new(),
            scopes: BTreeMap::new(),
            announced: BTreeMap::new(),
            changed: Vec::new(),
            roles: BTreeMap::new(),
            targets_of_lanes: BTreeMap::new(),
            lanes: BTreeMap::new(),
            pushes: Vec::new(),
        }
    }

    pub fn target(&mut self, options: Options<'_>) -> u32 {
        let url = options.url.or(Some("redis://10.0.0.1"));
        let target = self.manager.configure(&Options { url, ..options }, self.now);
        self.scopes.insert(target, options.scope);
        self.states.insert(target, Vec::new());
        self.announced.insert(target, Vec::new());
        self.background_dial.remove(&target);
        self.released.remove(&target);
        target
    }

    // ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────

    /// Puts a command into words; `size` is that of a reply, or of the external argument of a SET.
    pub fn words(&mut self, target: u32, name: &str, size: usize, policy: Policy) -> Words {
        let tag = self.commands.len() as u32;
        let number = self.manager.policy(policy);
        let (mut command, words) = Command::new(tag, target, name, size, (number, policy), self.now);
        command.frozen = self.frozen;
        self.commands.push(command);
        words
    }

    pub fn submit_words(&mut self, target: u32, meta: &[u32], text: &str, bytes: &[u8]) {
        let batch = Batch::new(meta, text.as_bytes(), text.is_ascii(), bytes);
        self.manager.submit(target, batch, self.now).expect("well formed");
        self.drain(None);
    }

    /// Submits one command; its tag.
    pub fn submit(&mut self, target: u32, name: &str, policy: Policy) -> u32 {
        self.submit_sized(target, name, 0, policy)
    }

    /// The same of one with a size, as in [`World::words`].
    pub fn submit_sized(&mut self, target: u32, name: &str, size: usize, policy: Policy) -> u32 {
        let words = self.words(target, name, size, policy);
        self.submit_words(target, &words.meta, &words.text, &words.bytes);
        words.meta[0]
    }

    /// The command that was put into words last was cancelled in the shell: it must never leave.
    pub fn cancel_last(&mut self) {
        if let Some(command) = self.commands.last_mut() {
            (command.abandoned, command.unsent) = (true, true);
        }
    }

    /// Opens a lane.
    pub fn lane(&mut self, target: u32, role: Role) -> u32 {
        let lane = self.manager.lane(target, role, self.now).expect("the target is open");
        self.roles.insert(lane, role);
        self.targets_of_lanes.insert(lane, target);
        self.drain(None);
        lane
    }

    /// Submits one command to a lane; its tag.
    pub fn submit_to(&mut self, lane: u32, name: &str, policy: Policy) -> u32 {
        let target = self.targets_of_lanes[&lane];
        let words = self.words(target, name, 0, policy);
        self.commands.last_mut().expect("just made").lane = Some(lane);
        let batch = Batch::new(&words.meta, words.text.as_bytes(), words.text.is_ascii(), &words.bytes);
        self.manager.submit_to(lane, batch, self.now).expect("well formed");
        self.drain(None);
        words.meta[0]
    }

    pub fn release_lane(&mut self, lane: u32, is_clean: bool) {
        self.manager.release_lane(lane, is_clean, self.now);
        self.drain(None);
    }

    /// The links of a lane.
    pub fn links_of(&self, lane: u32) -> Vec<u32> {
        self.wires.iter().filter(|(_, wire)| wire.lane == lane).map(|(id, _)| *id).collect()
    }

    /// How a lane stands.
    pub fn lane_state(&self, lane: u32) -> &'static str {
        self.manager.lane_status(lane).map_or("gone", |status| status.state.name())
    }

    pub fn abandon(&mut self, tag: u32) {
        let command = &mut self.commands[tag as usize];
        if command.ended.is_none() {
            command.abandoned = true;
            let target = command.target;
            let sent = self.manager.abandon(target, tag, self.now);
            self.commands[tag as usize].unsent = sent == Sent::No;
            self.drain(None);
        }
    }

    pub fn ended(&self, tag: u32) -> Option<Ended> {
        self.commands[tag as usize].ended
    }

    /// Commands whose callers still wait.
    pub fn waiting(&self) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(|command| command.ended.is_none() && !command.abandoned)
    }

    // ── Targets ─────────────────────────────────────────────────────────────────────────────────────────────────

    pub fn connect(&mut self, target: u32) {
        self.manager.connect(target, self.now);
        self.drain(None);
    }

    pub fn track(&mut self, target: u32, prefix: &str) {
        self.manager.track(target, prefix);
        self.drain(None);
    }

    pub fn release(&mut self, target: u32) {
        self.released.insert(target);
        self.manager.release(target, self.now);
        self.drain(None);
    }

    /// A scope ends: its request was cancelled, or is over.
    pub fn forget(&mut self, scope: u32) {
        self.manager.forget(scope);
        assert!(self.manager.output().rows.is_empty(), "something was said of a scope that is no more");
        assert_eq!(self.manager.deadline(scope, self.now), Time::NEVER);
        let gone: Vec<u32> =
            self.states.keys().copied().filter(|target| self.scopes[target] == scope).collect();
        for target in gone {
            self.states.remove(&target);
            self.released.remove(&target);
            self.wires.retain(|_, wire| wire.target != target);
            self.questions.retain(|(asked, _)| *asked != target);
            let waits = |command: &&mut Command| command.target == target && command.ended.is_none();
            self.commands.iter_mut().filter(waits).for_each(|command| command.abandoned = true);
        }
    }

    pub fn state(&self, target: u32) -> &'static str {
        self.manager.status(target).map_or("closed", |status| status.state.name())
    }

    pub fn prepared(&mut self, addresses: &[&str], credentials: Option<(&str, &str)>) {
        let (target, dial) = self.question();
        let addresses = addresses.iter().map(|address| address.to_string()).collect();
        let credentials = credentials.map(|(user, password)| (user.to_string(), password.to_string()));
        self.manager.prepared(target, dial, addresses, credentials, self.now);
        self.drain(None);
    }

    pub fn unprepared(&mut self, code: &str) {
        let (target, dial) = self.question();
        self.manager.unprepared(target, dial, code, "no such name", self.now);
        self.drain(None);
    }

    fn question(&mut self) -> (u32, u32) {
        let question = self.questions.remove(0);
        self.answered.push(question);
        question
    }

    // ── Links ───────────────────────────────────────────────────────────────────────────────────────────────────

    pub fn links(&self, target: u32) -> Vec<u32> {
        self.wires.iter().filter(|(_, wire)| wire.target == target).map(|(id, _)| *id).collect()
    }

    /// The one link of a target.
    pub fn link(&self, target: u32) -> u32 {
        let links = self.links(target);
        assert_eq!(links.len(), 1, "links of target {target}");
        links[0]
    }

    pub fn accept(&mut self, link: u32) {
        let wire = self.wires.get_mut(&link).expect("a link");
        if std::mem::replace(&mut wire.opened, true) {
            return;
        }
        self.manager.opened(link, self.now);
        self.drain(None);
    }

    pub fn lose(&mut self, link: u32, code: &str) {
        self.manager.lost(link, code, "it was cut", self.now);
        self.drain(None);
        assert!(!self.wires.contains_key(&link), "a lost link was not closed");
    }

    pub fn block(&mut self, link: u32) {
        self.wires.get_mut(&link).expect("a link").blocked = true;
        self.manager.blocked(link);
    }

    pub fn unblock(&mut self, link: u32) {
        self.wires.get_mut(&link).expect("a link").blocked = false;
        self.manager.drained(link, self.now);
        self.drain(None);
    }

    /// The server reads what was written to it.
    pub fn work(&mut self, link: u32) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        wire.server.work();
        let executed = std::mem::take(&mut wire.server.executed);
        let lane = wire.lane;
        self.executed(lane, executed);
    }

    /// A server has executed commands that came by a link of this lane.
    pub fn executed(&mut self, lane: u32, executed: Vec<(String, String)>) {
        for (_, key) in executed {
            let tag: usize =
                key[1..key.find('.').unwrap_or(key.len())].parse().expect("a key tells its command");
            let command = &mut self.commands[tag];
            command.executed += 1;
            let expected = command.lane.unwrap_or(lane);
            let shared = command.lane.is_some() || !self.roles.contains_key(&lane);
            assert!(
                lane == expected && shared,
                "command {tag} of lane {:?} left by lane {lane}",
                command.lane
            );
            assert!(command.read_only || command.executed == 1, "command {tag} was executed twice");
        }
    }

    /// At most so many of the bytes that the server wrote arrive.
    pub fn deliver(&mut self, link: u32, most: usize) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        let count = most.min(wire.server.output.len());
        let mut chunk: Vec<u8> = wire.server.output.drain(..count).collect();
        let aside = wire.diverted.min(chunk.len());
        wire.diverted -= aside;
        let large: Vec<u8> = chunk.drain(..aside).collect();
        if let (Some(building), false) = (&mut wire.building, wire.dropped) {
            building.text.extend_from_slice(&large);
        }
        if chunk.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut wire.carry);
        bytes.extend(chunk);
        let consumed = self.manager.receive(link, &bytes, self.now);
        assert!(consumed <= bytes.len());
        self.drain(Some((link, &bytes)));
        if let Some(wire) = self.wires.get_mut(&link) {
            wire.carry = bytes[consumed..].to_vec();
            let arrived = wire.server.output.is_empty() && wire.carry.is_empty() && !wire.server.lied;
            assert!(!arrived || wire.server.told.is_empty(), "not told: {:?}", wire.server.told);
        }
    }

    /// The server answers everything and all of it arrives.
    pub fn serve(&mut self, link: u32) {
        loop {
            self.work(link);
            if self.wires.get(&link).is_none_or(|wire| wire.server.output.is_empty()) {
                return;
            }
            self.deliver(link, usize::MAX);
        }
    }

    /// A target whose only link is ready.
    pub fn ready(&mut self, options: Options) -> u32 {
        let target = self.target(options);
        self.connect(target);
        let link = self.link(target);
        self.accept(link);
        self.serve(link);
        assert_eq!(self.state(target), "ready");
        target
    }

    // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Time passes; the timer fires whenever it is due, `late` after its deadline.
    pub fn pass(&mut self, millis: u64, late: Duration) {
        let until = self.now.after(Duration::from_millis(millis));
        loop {
            let (due, scope) = self.deadline();
            if due.after(late) > until {
                break;
            }
            self.now = self.now.max(due.after(late));
            self.advance(scope);
        }
        self.now = until;
    }

    /// The process is suspended: the clock runs on and no timer fires, until something wakes it.
    pub fn freeze(&mut self, millis: u64) {
        let frozen = Duration::from_millis(millis);
        self.now = self.now.after(frozen);
        self.frozen = self.frozen + frozen;
    }

    /// The earliest deadline, and whose it is.
    pub fn deadline(&self) -> (Time, u32) {
        let of = |scope: &u32| (self.manager.deadline(*scope, self.now), *scope);
        self.scopes.values().map(of).min().unwrap_or((Time::NEVER, 0))
    }

    pub fn advance(&mut self, scope: u32) {
        for _ in 0..4 {
            self.manager.advance(scope, self.now);
            self.drain(None);
            if self.manager.deadline(scope, self.now) > self.now {
                return;
            }
        }
        panic!("the timer spins at {:?}", self.now);
    }

    /// What must be true at any time.
    pub fn check(&self) {
        let mut waiting: BTreeMap<u32, usize> = BTreeMap::new();
        for (index, command) in self.commands.iter().enumerate() {
            if command.ended.is_none() && !command.abandoned {
                let deadline = self.manager.deadline(self.scopes[&command.target], self.now);
                assert_ne!(deadline, Time::NEVER, "command {index} waits for ever");
                *waiting.entry(command.target).or_default() += 1;
            }
        }
        for target in &self.released {
            let closed = self.states[target].last().is_some_and(|(state, _)| *state == State::Closed as u32);
            assert!(closed || waiting.contains_key(target), "target {target} is open, and nobody waits");
        }
        for (target, count) in waiting {
            let (staged, inflight) = self.manager.backlog(target);
            assert!(
                staged <= count,
                "target {target} stages {staged} commands, of which {count} are waited for"
            );
            assert!(
                count <= staged + inflight,
                "{count} commands wait for {staged} staged and {inflight} in flight"
            );
        }
    }

    /// What must be true of every command at last.
    pub fn check_commands(&self, slack: Duration) {
        for (tag, command) in self.commands.iter().enumerate() {
            let Command { read_only, executed, ended, unsent, .. } = command;
            if let Some(Ended::Rejected { sent, .. }) = ended {
                let never = *sent == Sent::No as u32 && !read_only;
                assert!(!never || *executed == 0, "command {tag} was executed and rejected as not sent");
            }
            assert!(!unsent || *executed == 0, "command {tag} was executed and abandoned as not sent");
            let Policy { connect, command: reply, total, .. } = command.policy;
            let budget = if total { reply } else { (connect + reply) * 3 } + slack;
            let frozen = self.frozen.saturating_sub(command.frozen);
            let over = self.now.since(command.submitted) > budget + frozen;
            assert!(
                !over || ended.is_some() || command.abandoned,
                "command {tag} is over its time: {command:?}"
            );
        }
    }
}
