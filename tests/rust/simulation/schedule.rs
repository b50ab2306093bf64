//! One schedule: everything that may happen to a core, in any order, by a seed or by the bytes of a fuzzer.

use edgis::time::Duration;

use edgis::manager::{Options, Policy, CANCELLED, STAGED_AT};
use edgis::time::Time;

use crate::random::Random;
use crate::server::{Server, Temper};
use crate::world::World;

const POLICIES: [(u64, u64, bool); 4] =
    [(2_000, 1_000, false), (2_000, 1_000, true), (150, 80, false), (400, 50, true)];
const COMMANDS: [&str; 9] = ["GET", "GET", "ECHO", "LRANGE", "HGETALL", "SET", "INCR", "DEL", "LPUSH"];
/// Timers fire this late at the most.
const LATE: usize = 20;
const SCOPES: u32 = 3;
/// Of a fuzzer's schedule.
const MOST_STEPS: usize = 400;
/// What a liar may say next; most of it is the beginning of something.
const LIES: [&[u8]; 31] = [
    b"+OK\r\n",
    b"+PONG\r\n",
    b"-ERR no\r\n",
    b":7\r\n",
    b"_\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"$2\r\nab\r\n",
    b"=8\r\ntxt:abcd\r\n",
    b"!3\r\nERR\r\n",
    b"(12345678901234567890\r\n",
    b"*2\r\n",
    b"%1\r\n",
    b"~1\r\n",
    b">2\r\n",
    b"$10\r\ninvalidate\r\n",
    b"|1\r\n",
    b"$5000\r\n",
    b"$0\r\n\r\n",
    b"\r\n",
    b"$",
    b"*",
    b"-MOVED 1 10.0.0.9:6379\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-ERR unknown command\r\n",
    b"-LOADING not yet\r\n",
    b"-ERR max number of clients reached\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
];

/// What kind of world it is: a schedule in which everything fails teaches little about what works.
struct Mood {
    /// Chance of an accident where one is possible, in percent.
    trouble: usize,
    /// Passwords and databases of the targets.
    password: Option<&'static str>,
    databases: u32,
    permissive: bool,
}

struct Schedule {
    world: World,
    random: Random,
    mood: Mood,
    targets: Vec<u32>,
}

/// Runs the schedule of a seed; panics where something is wrong.
pub fn run(seed: u64) {
    play(Random::new(seed));
}

/// Runs the schedule that bytes stand for; panics where something is wrong.
pub fn run_bytes(bytes: &[u8]) {
    play(Random::of(bytes));
}

fn play(mut random: Random) {
    let mood = Mood {
        trouble: random.one_of(&[0, 2, 10, 30, 60]),
        password: random.one_of(&[None, None, None, Some("secret")]),
        databases: random.one_of(&[16, 16, 1]),
        permissive: random.percent(50),
    };
    let mut schedule = Schedule { world: World::new(random.next()), random, mood, targets: Vec::new() };
    for _ in 0..=schedule.random.below(2) {
        schedule.configure();
    }
    let steps = match schedule.random {
        Random::Seeded(_) => 20 + schedule.random.below(60),
        Random::Bytes(_) => MOST_STEPS,
    };
    for _ in 0..steps {
        if schedule.random.is_spent() {
            break;
        }
        schedule.step();
        schedule.world.check_commands(slack());
        schedule.check_links();
    }
    schedule.end();
}

fn slack() -> Duration {
    Duration::from_millis(LATE as u64 * 8 + 20)
}

impl Schedule {
    fn configure(&mut self) {
        let random = &mut self.random;
        let host = random.one_of(&["10.0.0.1", "cache"]);
        let password = random.one_of(&[None, None, Some("secret"), Some("wrong")]);
        let url = format!("redis://{host}");
        let target = self.world.target(Options {
            url: Some(&url),
            password,
            db: random.one_of(&[None, None, Some(3)]),
            name: random.one_of(&[None, Some("app")]),
            protocol: random.one_of(&[0, 0, 3, 2]),
            resolves: true,
            scope: random.one_of(&[0, 0, 1, 2]),
            dynamic_credentials: random.percent(10),
            connect_timeout: random.one_of(&[0, 200]),
            // No draw of its own: what is in the corpora keeps its meaning.
            idle_timeout: if host == "cache" { 5_000 } else { 0 },
            max_pending: random.one_of(&[0, 0, 3]),
            max_staged: random.one_of(&[0, 0, 3]),
            max_staged_bytes: random.one_of(&[0, 0, 200]),
            max_bulk: random.one_of(&[0, 0, 0, 1_000]),
            max_depth: random.one_of(&[0, 0, 0, 1]),
            ..Options::default()
        });
        self.targets.push(target);
    }

    fn target(&mut self) -> Option<u32> {
        let count = self.targets.len();
        (count > 0).then(|| self.targets[self.random.below(count)])
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..=29 => self.submit(),
            30..=32 => {
                if let Some(target) = self.target() {
                    self.world.connect(target);
                }
            }
            33 => self.track(),
            34..=79 => self.transport(),
            80..=81 => self.abandon(),
            82 if self.random.percent(30) => self.release(),
            83 => self.late_news(),
            84 if self.random.percent(20) => self.forget(),
            84..=85 => self.thaw(),
            _ => self.pass(),
        }
    }

    fn track(&mut self) {
        let told = self.random.one_of(&[None, Some("key"), Some("key")]);
        match self.target() {
            Some(target) if self.random.percent(50) => self.world.track(target, "cache:"),
            _ => self.world.wires.values_mut().for_each(|wire| wire.server.tell(told)),
        }
    }

    fn submit(&mut self) {
        let Some(target) = self.target() else { return };
        let (mut meta, mut text, mut bytes) = (Vec::new(), String::new(), Vec::new());
        for _ in 0..=self.random.below(4) {
            let name = if self.random.percent(3) { "SUBSCRIBE" } else { self.random.one_of(&COMMANDS) };
            let size = match name {
                "GET" => self.random.one_of(&[0, 0, 0, 40, 5_000, 9_000]),
                "SET" => self.random.one_of(&[0, 0, 3_000]),
                _ => 0,
            };
            let (connect, command, waits) = self.random.one_of(&POLICIES);
            let policy = Policy {
                connect: Duration::from_millis(connect),
                command: Duration::from_millis(command),
                waits,
                total: self.random.percent(20),
            };
            let words = self.world.words(target, name, size, policy);
            if self.random.percent(10) {
                // The link did not take it, and it waited in the shell.
                let waited = self.random.one_of(&[0, 40, 300]);
                let moment = self.world.now.as_whole_millis().saturating_sub(waited) as u32;
                meta.extend([STAGED_AT, moment]);
            }
            let command = meta.len();
            meta.extend(words.meta);
            text.push_str(&words.text);
            bytes.extend(words.bytes);
            if self.random.percent(5) {
                // Its caller gave up meanwhile.
                meta[command] = CANCELLED;
                self.world.cancel_last();
            }
        }
        self.world.submit_words(target, &meta, &text, &bytes);
    }

    /// Something happens to a link or to a question.
    fn transport(&mut self) {
        if !self.world.questions.is_empty() && self.random.percent(60) {
            return self.answer();
        }
        let links: Vec<u32> = self.world.wires.keys().copied().collect();
        if links.is_empty() {
            return;
        }
        let link = self.random.one_of(&links);
        let accident = self.random.percent(self.mood.trouble);
        if !self.world.wires[&link].opened {
            return match (accident, self.random.below(3)) {
                (false, _) => self.open(link),
                (true, 0) => {} // It hangs a while longer.
                (true, _) => {
                    let code =
                        self.random.one_of(&["ECONNREFUSED", "ECONNREFUSED", "EHOSTUNREACH", "ERUNTIME"]);
                    self.world.lose(link, code);
                }
            };
        }
        if self.world.wires[&link].server.temper == Temper::Liar && self.random.percent(50) {
            return self.lie(link);
        }
        match self.random.below(if accident { 12 } else { 10 }) {
            0..=2 => self.world.work(link),
            3..=4 => self.world.serve(link),
            5..=8 => {
                let most = self.random.one_of(&[1, 2, 7, 30, 1_000, 100_000]);
                self.world.work(link);
                self.world.deliver(link, most);
            }
            9 if self.world.wires[&link].blocked => self.world.unblock(link),
            9 => self.world.block(link),
            10 => {
                // What the server has written before it ended arrives or does not.
                self.world.work(link);
                if self.random.percent(50) {
                    let most = self.random.one_of(&[1, 10, 100_000]);
                    self.world.deliver(link, most);
                }
                if self.world.wires.contains_key(&link) {
                    let code = self.random.one_of(&["END", "ECONNRESET", "EPIPE"]);
                    self.world.lose(link, code);
                }
            }
            _ => {
                let all = [Temper::Silent, Temper::Garbage, Temper::Replica, Temper::Loading, Temper::Liar];
                let temper = self.random.one_of(&all);
                self.world.wires.get_mut(&link).expect("it is there").server.temper = temper;
            }
        }
    }

    fn lie(&mut self, link: u32) {
        let mut said = Vec::new();
        for _ in 0..=self.random.below(6) {
            match self.random.below(LIES.len() + 2) {
                0 => said.push(self.random.next() as u8),
                1 => said.extend(vec![b'x'; self.random.one_of(&[1, 2, 5_000])]),
                other => said.extend_from_slice(LIES[other - 2]),
            }
        }
        let wire = self.world.wires.get_mut(&link).expect("it is there");
        wire.server.output.extend(said);
        wire.server.lied = true;
        let most = self.random.one_of(&[1, 3, 20, 100_000]);
        self.world.deliver(link, most);
    }

    fn open(&mut self, link: u32) {
        let all = [Temper::Old, Temper::Loading, Temper::Full, Temper::Silent, Temper::Garbage, Temper::Liar];
        let bad = self.random.percent(self.mood.trouble);
        let mut server = Server::new(if bad { self.random.one_of(&all) } else { Temper::Good });
        server.password = self.mood.password;
        server.permissive = self.mood.permissive;
        server.databases = self.mood.databases;
        server.secretive = bad;
        self.world.wires.get_mut(&link).expect("it is there").server = server;
        self.world.accept(link);
    }

    fn answer(&mut self) {
        if self.random.percent(self.mood.trouble) {
            let code = self.random.one_of(&["ENOTFOUND", "ECREDENTIALS"]);
            return self.world.unprepared(code);
        }
        let known: &[&str] = &["[::1]:6379", "127.0.0.1:6379", "10.0.0.3:6379"];
        let count = 1 + self.random.below(3);
        let credentials = self.random.one_of(&[None, Some(("", "secret"))]);
        self.world.prepared(&known[..count], credentials);
    }

    fn abandon(&mut self) {
        let waiting: Vec<usize> =
            (0..self.world.commands.len()).filter(|tag| self.world.commands[*tag].ended.is_none()).collect();
        if !waiting.is_empty() {
            let tag = self.random.one_of(&waiting);
            self.world.abandon(tag as u32);
        }
    }

    fn release(&mut self) {
        if let Some(target) = self.target() {
            self.targets.retain(|other| *other != target);
            self.world.release(target);
            if self.random.percent(50) && self.world.states.len() < 4 {
                self.configure();
            }
        }
    }

    /// A transport speaks of a link that is gone.
    fn late_news(&mut self) {
        let dead = self.random.one_of(&[0u32, 1 << 16, 2 << 16, 1 << 16 | 1, 3 << 16 | 1]);
        if self.world.wires.contains_key(&dead) {
            return;
        }
        let now = self.world.now;
        let which = self.random.below(7);
        let answered = self.world.answered.last().copied();
        let ended = self.world.commands.iter().rposition(|command| command.ended.is_some());
        let manager = &mut self.world.manager;
        match which {
            0 => manager.opened(dead, now),
            1 => manager.lost(dead, "END", "late", now),
            2 => manager.drained(dead, now),
            3 => assert_eq!(manager.receive(dead, b"+OK\r\n", now), 5),
            4 => {
                let Some((target, dial)) = answered else { return };
                manager.prepared(target, dial, vec!["10.0.0.9:6379".into()], None, now);
            }
            5 => {
                let Some((target, dial)) = answered else { return };
                manager.unprepared(target, dial, "ENOTFOUND", "late", now);
            }
            _ => {
                let Some(tag) = ended else { return };
                manager.abandon(self.world.commands[tag].target, tag as u32, now);
            }
        }
        assert!(manager.output().rows.is_empty(), "late news led to something: {:?}", manager.output().rows);
    }

    fn pass(&mut self) {
        let late = if self.random.percent(20) { self.random.below(LATE) as u64 } else { 0 };
        let millis = self.random.one_of(&[0, 1, 1, 5, 20, 60, 260, 1_100, 11_000]);
        self.world.pass(millis, Duration::from_millis(late));
        if self.random.percent(10) {
            // A timer that fires early does no harm.
            self.advance_all();
        }
    }

    fn advance_all(&mut self) {
        for scope in 0..SCOPES {
            self.world.advance(scope);
        }
    }

    /// A request is cancelled.
    fn forget(&mut self) {
        let scope = 1 + self.random.below(SCOPES as usize - 1) as u32;
        self.targets.retain(|target| self.world.scopes[target] != scope);
        self.world.forget(scope);
        if self.world.states.len() < 4 {
            self.configure();
        }
    }

    /// The process was suspended. Flows may have been dropped meanwhile, and anything may come before the timer.
    fn thaw(&mut self) {
        let millis = self.random.one_of(&[300, 3_000, 60_000, 3_600_000, 86_400_000]);
        if self.random.percent(40) {
            for wire in self.world.wires.values_mut() {
                wire.server.temper = Temper::Silent;
            }
        }
        self.world.freeze(millis);
        match self.random.below(4) {
            0 => self.submit(),
            1 => self.transport(),
            2 => self.late_news(),
            _ => {}
        }
        self.advance_all();
    }

    fn check_links(&self) {
        for target in self.world.states.keys() {
            let links = self.world.links(*target).len();
            // The link that is used, one that was replaced, and a dial over three addresses.
            assert!(links <= 5, "target {target} has {links} links");
        }
    }

    /// When all deadlines have passed nobody waits, and when everybody has gone nothing is left.
    fn end(mut self) {
        let mut rounds = 0;
        while self.world.waiting().next().is_some() {
            rounds += 1;
            assert!(rounds < 20, "somebody still waits: {:?}", self.world.waiting().next());
            self.world.pass(1_000, Duration::ZERO);
        }
        self.world.check_commands(slack());
        for target in std::mem::take(&mut self.targets) {
            self.world.release(target);
        }
        self.world.pass(5_000, Duration::ZERO);
        assert!(self.world.wires.is_empty(), "links are left: {:?}", self.world.manager);
        for (target, links) in &self.world.announced {
            let used = links.windows(2).all(|pair| pair[0].0 != pair[1].0 || !pair[0].1 || pair[1].1);
            assert!(used, "target {target} ceased to be told of changes on a link: {links:?}");
        }
        for (target, states) in &self.world.states {
            assert_eq!(states.last().map(|(state, _)| *state), Some(4), "target {target} is not closed");
        }
        assert_eq!(self.world.deadline().0, Time::NEVER);
    }
}
