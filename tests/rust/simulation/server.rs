//! The other end of a link: as much of Redis as the core can tell apart.

use std::collections::{BTreeSet, VecDeque};

/// What a server wants to hear at the handshake, and how it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    Good,
    /// Redis before 6: knows no HELLO.
    Old,
    /// Answers everything but the words of a handshake with LOADING, PING included.
    Loading,
    /// A replica: answers writes with READONLY.
    Replica,
    /// Says that there is no room, to whatever it is asked first.
    Full,
    /// Takes the connection and whatever is said, and says nothing.
    Silent,
    /// Answers with bytes that are not RESP.
    Garbage,
    /// One node of several: sends whoever writes elsewhere.
    Cluster,
    /// Executes nothing, and says whatever it is made to say, which may well be RESP.
    Liar,
}

/// One accepted connection.
#[derive(Debug)]
pub struct Server {
    pub temper: Temper,
    /// What it wants as password.
    pub password: Option<&'static str>,
    /// What it lets do without one, if it is permissive.
    pub permissive: bool,
    pub databases: u32,
    /// Bytes that it has not read yet.
    pub input: Vec<u8>,
    /// Bytes that it has written and that have not arrived yet.
    pub output: Vec<u8>,
    /// It has said what is no answer to anything.
    pub lied: bool,
    /// The commands that it has executed: names and keys.
    pub executed: Vec<(String, String)>,
    /// Connection commands that it has heard, in order.
    pub heard: Vec<String>,
    /// It does not let anybody be told of changes.
    pub secretive: bool,
    /// Changes of keys with these prefixes are told.
    pub tracking: Vec<String>,
    /// What it has told and has not arrived yet: names of keys, or all of them.
    pub told: VecDeque<Option<String>>,
    /// Channels, patterns and sharded channels that the client has subscribed to.
    pub subscriptions: BTreeSet<String>,
    /// The keys of commands that wait for something to happen.
    pub blocked: Vec<String>,
    /// The commands of a transaction that is open.
    pub queued: Option<Vec<String>>,
    /// A transaction has begun, or something is watched.
    pub watches: bool,
    resp3: bool,
    authenticated: bool,
    /// An AUTH or SELECT has failed: what a client sends after that is meant for another user or database.
    failed: bool,
}

impl Server {
    pub fn new(temper: Temper) -> Server {
        Server {
            temper,
            password: None,
            permissive: false,
            databases: 16,
            input: Vec::new(),
            output: Vec::new(),
            lied: false,
            executed: Vec::new(),
            heard: Vec::new(),
            secretive: false,
            tracking: Vec::new(),
            told: VecDeque::new(),
            subscriptions: BTreeSet::new(),
            blocked: Vec::new(),
            queued: None,
            watches: false,
            resp3: false,
            authenticated: false,
            failed: false,
        }
    }

    /// Wants a password; a permissive one lets everybody run commands without.
    pub fn locked(temper: Temper, password: &'static str, permissive: bool) -> Server {
        Server { password: Some(password), permissive, ..Server::new(temper) }
    }

    /// Reads, executes and answers whatever is complete.
    pub fn work(&mut self) {
        match self.temper {
            Temper::Silent | Temper::Liar => return,
            Temper::Garbage => return self.output.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n"),
            _ => {}
        }
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        // Nothing is read behind a command that blocks.
        while let Some((command, used)) = frame(&input[at..]).filter(|_| self.blocked.is_empty()) {
            at += used;
            self.answer(&command);
        }
        self.input = input[at..].to_vec();
    }

    fn answer(&mut self, command: &[Vec<u8>]) {
        let text = |index: usize| command.get(index).map(|part| String::from_utf8_lossy(part).into_owned());
        let name = text(0).expect("no command is empty");
        match self.temper {
            Temper::Loading
                if !matches!(name.as_str(), "HELLO" | "AUTH" | "SELECT" | "CLIENT" | "COMMAND") =>
            {
                return self.line(&format!(
                    "-LOADING {} Redis is loading the dataset in memory",
                    text(1).unwrap_or_default()
                ));
            }
            Temper::Replica if matches!(name.as_str(), "SET" | "INCR" | "LPUSH") => {
                return self.line(&format!(
                    "-READONLY {} You can't write against a read only replica.",
                    text(1).unwrap_or_default()
                ));
            }
            Temper::Cluster if matches!(name.as_str(), "SET" | "INCR") => {
                return self.line(&format!("-MOVED 3999 127.0.0.1:6381 {}", text(1).unwrap_or_default()));
            }
            Temper::Full => return self.line("-ERR max number of clients reached"),
            _ => {}
        }
        match name.as_str() {
            "HELLO" | "AUTH" | "SELECT" | "PING" | "CLIENT" | "COMMAND" | "INFO" => {
                self.heard.push(name.clone())
            }
            _ => {}
        }
        match name.as_str() {
            "HELLO" => self.hello(command),
            "AUTH" => {
                if self.authenticate(command.last().map(Vec::as_slice)) {
                    self.line("+OK");
                }
            }
            _ if self.password.is_some() && !self.authenticated && !self.permissive => {
                self.line("-NOAUTH Authentication required.");
            }
            "SELECT" => {
                if text(1).and_then(|db| db.parse().ok()).is_some_and(|db: u32| db < self.databases) {
                    self.line("+OK");
                } else {
                    self.failed = true;
                    self.line("-ERR DB index is out of range");
                }
            }
            "CLIENT" if text(1).as_deref() == Some("SETINFO") && self.temper == Temper::Old => {
                self.line("-ERR unknown subcommand");
            }
            "CLIENT" if text(1).as_deref() == Some("ID") => self.line(":77"),
            "CLIENT" if text(1).as_deref() == Some("TRACKING") => self.track(text(5), command.len()),
            "CLIENT" => self.line("+OK"),
            "PING" if self.queued.is_some() => panic!("a question of the core's inside of a transaction"),
            "PING" if !self.resp3 && !self.subscriptions.is_empty() => {
                self.line("*2\r\n$4\r\npong\r\n$0\r\n")
            }
            "PING" => self.line("+PONG"),
            "COMMAND" if self.temper == Temper::Old => self.line("*1\r\n*-1"),
            "COMMAND" => self.line("*1\r\n*1\r\n$14\r\nclient|setinfo"),
            "INFO" => {
                let mode = if self.temper == Temper::Cluster { "cluster" } else { "standalone" };
                bulk(&mut self.output, format!("# Server\r\nredis_mode:{mode}\r\n").as_bytes());
            }
            "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" => {
                self.subscribe(&name, command);
            }
            _ => self.execute(&name, &text(1).unwrap_or_default()),
        }
    }

    fn hello(&mut self, command: &[Vec<u8>]) {
        if self.temper == Temper::Old {
            return self.line("-ERR unknown command `HELLO`, with args beginning with: `3`");
        }
        let auth = command.iter().position(|part| part == b"AUTH");
        let password = auth.and_then(|at| command.get(at + 2)).map(Vec::as_slice);
        if auth.is_some() && !self.authenticate(password) {
            return;
        }
        if self.password.is_some() && !self.authenticated && !self.permissive {
            return self.line("-NOAUTH HELLO must be called with the client already authenticated");
        }
        self.resp3 = true;
        let mode = if self.temper == Temper::Cluster { "cluster" } else { "standalone" };
        self.line("%5\r\n$2\r\nid\r\n:77\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3");
        self.line(&format!("$4\r\nmode\r\n${}\r\n{mode}", mode.len()));
    }

    fn authenticate(&mut self, password: Option<&[u8]>) -> bool {
        if let Some(wanted) = self.password {
            if password != Some(wanted.as_bytes()) {
                self.failed = true;
                self.line("-WRONGPASS invalid username-password pair or user is disabled.");
                return false;
            }
        }
        self.authenticated = true;
        true
    }

    /// `key` is `k<tag>`, perhaps with `.<size>` of the reply: every reply tells whose it is.
    fn execute(&mut self, name: &str, key: &str) {
        // Who says that all is well must not wonder.
        assert!(!self.failed || self.lied, "{name} {key} was executed behind a failed AUTH or SELECT");
        self.executed.push((name.to_string(), key.to_string()));
        let tag = &key[1..key.find('.').unwrap_or(key.len())];
        match name {
            "GET" => {
                let size = key.split_once('.').map_or(0, |(_, size)| size.parse().expect("a size"));
                let mut value = key.as_bytes().to_vec();
                value.resize(value.len().max(size), b'x');
                // A line of text may be as long as a string.
                match size {
                    9_000 => self.line(&format!("+{}", String::from_utf8_lossy(&value))),
                    _ => bulk(&mut self.output, &value),
                }
            }
            "ECHO" => bulk(&mut self.output, key.as_bytes()),
            "LRANGE" => self.line(&format!("*2\r\n${}\r\n{key}\r\n:{tag}", key.len())),
            "HGETALL" => {
                let head = if self.resp3 { "%1" } else { "*2" };
                self.line(&format!("{head}\r\n+{key}\r\n:{tag}"));
            }
            "BLPOP" => {
                self.executed.pop();
                self.blocked.push(key.to_string());
                return;
            }
            "WATCH" => {
                self.watches = true;
                self.line(&format!("+{key}"));
            }
            "MULTI" => {
                (self.queued, self.watches) = (Some(Vec::new()), true);
                self.line(&format!("+{key}"));
            }
            "EXEC" => {
                let queued = self.queued.take().expect("EXEC behind MULTI");
                self.watches = false;
                // Elements that belong to this command, as the world checks.
                self.line(&format!("*{}", queued.len()));
                queued.iter().for_each(|_| bulk(&mut self.output, key.as_bytes()));
            }
            "INCR" if self.queued.is_some() => {
                self.queued.as_mut().expect("just seen").push(key.to_string());
                self.line(&format!("+{key}"));
            }
            "INCR" => self.line(&format!(":{tag}")),
            // A script may say anything.
            "EVAL" => self.line(&format!("-MOVED 1 127.0.0.1:1 {key}")),
            "LPUSH" => {
                let long = if tag.ends_with('0') { " and".repeat(2_000) } else { String::new() };
                self.line(&format!("-WRONGTYPE {key} is no list{long}"));
            }
            _ => self.line(&format!("+{key}")),
        }
        if self.resp3 && name == "LRANGE" {
            self.line(">3\r\n$7\r\nmessage\r\n$10\r\ninvalidate\r\n$4\r\nnews");
        }
        // Everybody's own changes too.
        if name == "SET" || name == "INCR" {
            self.tell(Some(key));
        }
    }

    fn subscribe(&mut self, name: &str, command: &[Vec<u8>]) {
        let (adds, mut tag) = (!name.contains("UN"), "0".to_string());
        for channel in &command[1..] {
            let channel = String::from_utf8_lossy(channel).into_owned();
            if adds {
                self.subscriptions.insert(channel.clone());
            } else {
                self.subscriptions.remove(&channel);
            }
            let own = channel.strip_prefix('k').filter(|tag| tag.parse::<u32>().is_ok());
            if let Some(own) = own {
                tag = own.to_string();
                self.executed.push((name.to_string(), channel.clone()));
            }
            // The number of subscriptions tells whose the answer is.
            self.push(&name.to_lowercase(), &channel, &format!(":{tag}"));
        }
    }

    fn push(&mut self, name: &str, channel: &str, last: &str) {
        let head = if self.resp3 { '>' } else { '*' };
        let (one, other) = (name.len(), channel.len());
        self.line(&format!("{head}3\r\n${one}\r\n{name}\r\n${other}\r\n{channel}\r\n{last}"));
    }

    /// Somebody publishes a message.
    pub fn publish(&mut self, channel: &str, message: &str) {
        if self.subscriptions.contains(channel) {
            self.push("message", channel, &format!("${}\r\n{message}", message.len()));
        }
    }

    /// What a command waits for happens.
    pub fn unblock(&mut self) {
        for key in std::mem::take(&mut self.blocked) {
            self.executed.push(("BLPOP".into(), key.clone()));
            self.line(&format!("*1\r\n${}\r\n{key}", key.len()));
        }
    }

    fn track(&mut self, prefix: Option<String>, words: usize) {
        assert_eq!(words, 6, "CLIENT TRACKING ON BCAST PREFIX prefix");
        if self.secretive {
            return self.line("-NOPERM User app has no permissions to run the 'client|tracking' command");
        }
        let prefix = prefix.expect("a prefix");
        assert!(!self.tracking.contains(&prefix), "a link is asked twice");
        self.tracking.push(prefix);
        self.line("+OK");
    }

    /// Somebody has changed a key, or all of them.
    pub fn tell(&mut self, key: Option<&str>) {
        // RESP2 has no words for it.
        if self.tracking.is_empty() || !self.resp3 {
            return;
        }
        let Some(key) = key else {
            self.line(">2\r\n$10\r\ninvalidate\r\n_");
            self.told.push_back(None);
            return;
        };
        // A message a prefix.
        for prefix in self.tracking.clone() {
            self.line(">2\r\n$10\r\ninvalidate\r\n*2");
            for name in [format!("{prefix}{key}"), format!("{prefix}é")] {
                bulk(&mut self.output, name.as_bytes());
                self.told.push_back(Some(name));
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }
}

/// The first command of the bytes, and how many bytes it takes; `None` when it is not complete.
fn frame(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut at = 0;
    let number = |sign: u8, at: &mut usize| -> Option<usize> {
        let line = bytes.get(*at..)?;
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        assert_eq!(
            line[0],
            sign,
            "not a command: {:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
        );
        *at += end + 2;
        std::str::from_utf8(&line[1..end]).ok()?.parse().ok()
    };
    let count = number(b'*', &mut at)?;
    let mut command = Vec::with_capacity(count);
    for _ in 0..count {
        let length = number(b'$', &mut at)?;
        let part = bytes.get(at..at + length)?;
        assert!(
            bytes.len() < at + length + 2 || &bytes[at + length..at + length + 2] == b"\r\n",
            "a length is wrong"
        );
        bytes.get(at + length + 1)?;
        command.push(part.to_vec());
        at += length + 2;
    }
    Some((command, at))
}

/// A reply of the server's.
fn bulk(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(format!("${}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}
