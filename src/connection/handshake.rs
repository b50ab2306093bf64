//! The handshake: what is sent to a server first, and what its answers mean.
//!
//! With RESP3 all of it leaves in one write: `HELLO 3 [AUTH user password] [SETNAME name]`, `SELECT db`, `CLIENT TRACKING`
//! if a cache wants to hear of changes, and `PING`. A server that is loading its dataset, or a replica without its
//! primary, answers all of these except PING as if nothing were wrong.
//!
//! If HELLO is refused, RESP2 follows (`AUTH`, `CLIENT SETNAME`, `SELECT`, `PING`). Servers and proxies that do not know HELLO
//! say so in different words, so any answer counts as a refusal, except a verdict on the credentials or on all
//! connections. A wrong password is not tried twice.
//!
//! `CLIENT SETINFO` names the library. It follows once the link is ready, in the write of the first commands, and only from
//! Redis 7.2 on: an older server would count two errors for each connection. HELLO reveals the version; if RESP2 is wanted
//! from the start, `COMMAND INFO` reveals the command, which no server counts as an error.

use core::fmt;

use crate::error::{Reason, ServerError};
use crate::resp::{decimal, frame, owned, whole, Kind, Token};

use super::inflight::Inflight;
use super::output::Frames;
use super::standing::Standing;

/// The settings of a target that a link sends in its handshake.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Introduction {
    /// User and password; an empty user is the server's `default`.
    pub credentials: Option<(String, String)>,
    /// The client's name in `CLIENT LIST`.
    pub name: Option<String>,
    /// The database.
    pub db: u32,
    /// Speak RESP2 from the start.
    pub resp2: bool,
    /// Changes of keys that begin with one of these are to be told. None is the beginning of another.
    pub tracking: Vec<String>,
    /// Subscriptions of the link before, which are asked for again.
    pub standing: Standing,
    /// The server's number of this client is needed, for CLIENT UNBLOCK.
    pub needs_id: bool,
    /// Ask nothing that one can do without: the peer may be a proxy that hangs up on what it does not know.
    pub bare: bool,
}

impl Introduction {
    /// Whether read-only commands may ride behind HELLO: as another user, or in another database, they would read
    /// something else.
    pub fn allows_riders(&self) -> bool {
        self.credentials.is_none() && self.db == 0 && !self.resp2
    }

    /// The words of a server, without credentials that it may repeat. If they contain the password, all of them are dropped,
    /// since a gap would reveal its position. A user's name is masked, except `default`. Long text is cut.
    pub(super) fn conceal(&self, said: String) -> String {
        let Some((user, password)) = &self.credentials else { return shortened(said) };
        if holds(&said, password) {
            return owned("the server's words are left out: they hold the password");
        }
        if user == "default" {
            return shortened(said);
        }
        let (mut shown, mut rest) = (String::new(), said.as_str());
        let mut before_it = b' ';
        while let Some((before, behind)) =
            position(rest, user).and_then(|at| Some((rest.get(..at)?, rest.get(at + user.len()..)?)))
        {
            // Letters of a name may be part of any word.
            before_it = before.bytes().next_back().unwrap_or(before_it);
            let is_name = !is_of_a_word(before_it) && !behind.bytes().next().is_some_and(is_of_a_word);
            shown.push_str(before);
            shown.push_str(if is_name { "***" } else { user });
            before_it = user.bytes().next_back().unwrap_or(before_it);
            rest = behind;
        }
        shown.push_str(rest);
        shortened(shown)
    }
}

/// Whether a byte of UTF-8 is, or is part of, what words are made of.
fn is_of_a_word(byte: u8) -> bool {
    byte == b'_' || byte >= 0x80 || byte.is_ascii_alphanumeric()
}

/// Where `part` stands in `text`; one that is empty stands nowhere.
/// Stands for each byte of words that are not UTF-8 and not ASCII.
pub(super) const ELSE: char = '?';
/// Of what a server says of itself so many bytes are shown.
const LONGEST: usize = 500;
/// This many characters of the password at the end of cut words count as part of it.
const PREFIX: usize = 4;

/// Whether a server's words hold the password, as it is, with [`ELSE`], or cut where the words were.
fn holds(said: &str, password: &str) -> bool {
    let bytes = password.bytes().map(|byte| if byte.is_ascii() { char::from(byte) } else { ELSE });
    let replaced: String = bytes.collect();
    let stands = |password: &str| {
        let ends =
            || (PREFIX..password.len()).any(|end| said.as_bytes().ends_with(&password.as_bytes()[..end]));
        position(said, password).is_some() || said.len() > LONGEST && ends()
    };
    stands(password) || stands(&replaced)
}

fn shortened(mut said: String) -> String {
    let end = (0..=LONGEST.min(said.len())).rev().find(|end| said.is_char_boundary(*end));
    said.truncate(end.unwrap_or(0));
    said
}

fn position(text: &str, part: &str) -> Option<usize> {
    // Not `str::find`: nothing else needs the searcher behind it, and it is large.
    let windows = text.as_bytes().windows(part.len().max(1));
    windows.into_iter().position(|window| window == part.as_bytes())
}

impl fmt::Debug for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Introduction { credentials, name, db, resp2, tracking, standing, needs_id, bare } = self;
        let credentials = credentials.as_ref().map(|_| "***");
        f.debug_struct("Introduction")
            .field("credentials", &credentials)
            .field("name", name)
            .field("db", db)
            .field("resp2", resp2)
            .field("tracking", tracking)
            .field("is_subscribed", &!standing.is_empty())
            .field("needs_id", needs_id)
            .field("bare", bare)
            .finish()
    }
}

/// The steps of the handshake, as tags of our own commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// `HELLO 3`.
    Hello = 0,
    /// `AUTH`, RESP2 only.
    Auth = 1,
    /// `SELECT`.
    Select = 2,
    /// `CLIENT SETNAME` in RESP2: its answer also proves nothing, so its failure means nothing.
    SetName = 3,
    /// `CLIENT SETINFO`: its failure means nothing.
    SetInfo = 4,
    /// `PING`: proves that the server serves, at the end of the handshake or after idleness.
    Ping = 5,
    /// `CLIENT TRACKING`: where it fails nothing is told, and a cache must do without.
    Track = 6,
    /// `COMMAND INFO client|setinfo`: whether the server knows `CLIENT SETINFO`.
    Knows = 7,
    /// `INFO server`, behind an error that only a server in cluster mode gives.
    Mode = 8,
    /// `CLIENT ID`, where HELLO has not told.
    Id = 9,
    /// The subscriptions of the link before.
    Subscribe = 10,
}

impl Step {
    /// From a tag.
    pub fn of(tag: u32) -> Step {
        match tag {
            0 => Step::Hello,
            1 => Step::Auth,
            2 => Step::Select,
            3 => Step::SetName,
            4 => Step::SetInfo,
            6 => Step::Track,
            7 => Step::Knows,
            8 => Step::Mode,
            9 => Step::Id,
            10 => Step::Subscribe,
            _ => Step::Ping,
        }
    }
}

/// The consequence of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More answers are owed.
    Wait,
    /// Begin again in RESP2.
    Downgrade,
    /// The link is proven.
    Done,
    /// It is not to be used.
    Failed(Reason, String),
}

/// An answer to a question of ours.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// An error, in the server's words.
    Error(&'a str),
    /// A map, which only RESP3 has.
    Map,
    /// Anything else.
    Other,
}

/// Whether the server is in cluster mode. Its errors alone do not prove it: a script may make up any error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Unknown,
    Cluster,
    Alone,
    /// It was asked, because of this error.
    Asked(String),
}

/// Where the handshake stands.
#[derive(Debug, Default)]
pub struct Handshake {
    /// Answers that must be good before the link is ready.
    owed: u32,
    downgraded: bool,
    /// The server knows no users: `AUTH` takes the password alone.
    password_only: bool,
    mode: Mode,
    /// The field of HELLO's reply that comes next, by the name before it.
    telling: Told,
    /// The server knows `CLIENT SETINFO`.
    knows_set_info: bool,
    /// The server's number of this client.
    client_id: Option<i64>,
    /// The subscriptions of the link before have been asked for.
    resubscribed: bool,
    /// HELLO was refused, so the answers to so many questions behind it, which may come along with it, count for
    /// nothing.
    stale: u32,
}

impl Handshake {
    /// Writes the first words.
    pub fn begin(&mut self, introduction: &Introduction, inflight: &mut Inflight, frames: &mut Frames) {
        if introduction.resp2 {
            return self.begin_resp2(introduction, inflight, frames);
        }
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some((user, password)) = &introduction.credentials {
            let user = if user.is_empty() { "default" } else { user };
            hello.extend([b"AUTH", user.as_bytes(), password.as_bytes()]);
        }
        if let Some(name) = &introduction.name {
            hello.extend([b"SETNAME".as_slice(), name.as_bytes()]);
        }
        self.ask(Step::Hello, &hello, inflight, frames);
        self.select(introduction, inflight, frames);
        track(&introduction.tracking, inflight, frames);
        self.ask(Step::Ping, &[b"PING"], inflight, frames);
    }

    fn begin_resp2(&mut self, introduction: &Introduction, inflight: &mut Inflight, frames: &mut Frames) {
        if let Some((user, password)) = &introduction.credentials {
            // Redis before 6 knows no users: AUTH with one argument is what it understands.
            if user.is_empty() || self.password_only {
                self.ask(Step::Auth, &[b"AUTH", password.as_bytes()], inflight, frames);
            } else {
                self.ask(Step::Auth, &[b"AUTH", user.as_bytes(), password.as_bytes()], inflight, frames);
            }
        }
        if let Some(name) = &introduction.name {
            inflight.push_internal(Step::SetName as u32);
            write(frames, &[b"CLIENT", b"SETNAME", name.as_bytes()]);
        }
        self.select(introduction, inflight, frames);
        if introduction.resp2 && !introduction.bare {
            inflight.push_internal(Step::Knows as u32);
            write(frames, &[b"COMMAND", b"INFO", b"client|setinfo"]);
        }
        if introduction.needs_id {
            inflight.push_internal(Step::Id as u32);
            write(frames, &[b"CLIENT", b"ID"]);
        }
        self.ask(Step::Ping, &[b"PING"], inflight, frames);
    }

    /// The server's number of this client, once it has told.
    pub fn client_id(&self) -> Option<i64> {
        self.client_id
    }

    /// Asks for the subscriptions of the link before, once the server has accepted this one: in RESP2 it takes no other
    /// commands from then on. Says whether there are any.
    pub fn resubscribe(
        &mut self,
        introduction: &Introduction,
        inflight: &mut Inflight,
        frames: &mut Frames,
    ) -> bool {
        if core::mem::replace(&mut self.resubscribed, true) || introduction.standing.is_empty() {
            return false;
        }
        for (pushed, arguments) in introduction.standing.commands() {
            self.owed += 1;
            inflight.push_subscription(Step::Subscribe as u32, pushed, arguments.len() as u32 - 1);
            write(frames, &arguments);
        }
        true
    }

    fn select(&mut self, introduction: &Introduction, inflight: &mut Inflight, frames: &mut Frames) {
        if introduction.db != 0 {
            self.ask(Step::Select, &[b"SELECT", decimal(introduction.db).as_bytes()], inflight, frames);
        }
    }

    fn ask(&mut self, step: Step, arguments: &[&[u8]], inflight: &mut Inflight, frames: &mut Frames) {
        self.owed += 1;
        inflight.push_internal(step as u32);
        write(frames, arguments);
    }

    /// Begins again in RESP2, after [`Progress::Downgrade`].
    pub fn downgrade(&mut self, introduction: &Introduction, inflight: &mut Inflight, frames: &mut Frames) {
        self.owed = 0;
        self.begin_resp2(introduction, inflight, frames);
    }

    /// An answer came.
    pub fn answered(&mut self, step: Step, answer: Answer<'_>, introduction: &Introduction) -> Progress {
        match step {
            Step::SetName | Step::SetInfo | Step::Track | Step::Knows | Step::Mode | Step::Id => {
                return Progress::Wait;
            }
            Step::Hello => {}
            _ if self.stale > 0 => {
                self.stale -= 1;
                return Progress::Wait;
            }
            _ => {}
        }
        match answer {
            Answer::Error(text) => self.refused(step, text, introduction),
            // A peer that says OK to anything, or repeats its last answer, has not understood.
            Answer::Other if step == Step::Hello && !self.downgraded => self.begin_again(),
            Answer::Map if step == Step::Hello => {
                self.mode = Mode::Alone;
                self.proven()
            }
            _ => self.proven(),
        }
    }

    /// `CLIENT ID` is answered.
    pub fn identified(&mut self, id: i64) {
        self.client_id = Some(id);
    }

    /// Something behind the first token of an answer, with its text if it is one.
    pub fn learn(&mut self, step: Step, token: Token, text: &[u8]) {
        match step {
            Step::Hello => {
                match self.telling {
                    Told::Mode if text == b"cluster" => self.mode = Mode::Cluster,
                    Told::Version => self.knows_set_info = is_since_7_2(text),
                    Told::Id if token.kind == Kind::Int => self.client_id = Some(token.int()),
                    _ => {}
                }
                self.telling = match text {
                    b"mode" => Told::Mode,
                    b"version" => Told::Version,
                    b"id" => Told::Id,
                    _ => Told::Nothing,
                };
            }
            Step::Knows => self.knows_set_info |= token.kind != Kind::Null,
            _ => {}
        }
    }

    /// A server has given an error that tells of a cluster. Says whether that is to be believed; where it is not known the
    /// server is asked.
    pub fn believes(&mut self, error: &str, inflight: &mut Inflight, frames: &mut Frames) -> bool {
        if self.mode == Mode::Unknown {
            self.mode = Mode::Asked(owned(error));
            inflight.push_internal(Step::Mode as u32);
            write(frames, &[b"INFO", b"server"]);
        }
        self.mode == Mode::Cluster
    }

    /// Takes the server's answer about its cluster mode. Returns the error that raised the question, if it was genuine.
    pub fn reveal(&mut self, info: &[u8]) -> Option<String> {
        let wanted = b"redis_mode:cluster";
        let is_cluster = info.windows(wanted.len()).any(|window| window == wanted);
        match core::mem::replace(&mut self.mode, if is_cluster { Mode::Cluster } else { Mode::Alone }) {
            Mode::Asked(error) if is_cluster => Some(error),
            _ => None,
        }
    }

    /// Names the library in `CLIENT LIST`, where the server can take that. The link is ready.
    pub fn introduce_library(&self, inflight: &mut Inflight, frames: &mut Frames) {
        if !self.knows_set_info {
            return;
        }
        for (attribute, value) in [("LIB-NAME", "edgis"), ("LIB-VER", env!("CARGO_PKG_VERSION"))] {
            inflight.push_internal(Step::SetInfo as u32);
            write(frames, &[b"CLIENT", b"SETINFO", attribute.as_bytes(), value.as_bytes()]);
        }
    }

    /// One answer that was owed has come.
    fn proven(&mut self) -> Progress {
        self.owed = self.owed.saturating_sub(1);
        if self.owed == 0 {
            Progress::Done
        } else {
            Progress::Wait
        }
    }

    fn begin_again(&mut self) -> Progress {
        self.downgraded = true;
        self.stale = self.owed - 1;
        Progress::Downgrade
    }

    fn refused(&mut self, step: Step, text: &str, introduction: &Introduction) -> Progress {
        let meaning = ServerError::of(text.as_bytes());
        let is_first_hello = step == Step::Hello && !self.downgraded;
        let reason = match meaning {
            // A server that had understood HELLO would have checked the credentials in it.
            ServerError::Auth if is_first_hello && introduction.credentials.is_some() && is_no_auth(text) => {
                return self.begin_again();
            }
            ServerError::Auth => Reason::Auth,
            ServerError::Loading => Reason::Loading,
            ServerError::MaxClients => Reason::MaxClients,
            ServerError::Cluster => Reason::Cluster,
            ServerError::Denied => Reason::Denied,
            // It serves, only not at this moment: SCRIPT KILL is one of the commands that it takes.
            ServerError::Busy if step == Step::Ping => return self.proven(),
            ServerError::Busy => Reason::Busy,
            _ if is_first_hello => return self.begin_again(),
            _ if step == Step::Auth
                && !self.password_only
                && position(text, "wrong number of arg").is_some() =>
            {
                self.password_only = true;
                return self.begin_again();
            }
            _ if step == Step::Auth => Reason::Auth,
            // A user without permission to PING is served anyway.
            ServerError::Command | ServerError::ReadOnly if step == Step::Ping => return self.proven(),
            _ => Reason::Denied,
        };
        // Redis repeats the arguments of a command that it does not know.
        let end = position(text, ", with args beginning with").unwrap_or(text.len());
        Progress::Failed(reason, owned(text.get(..end).unwrap_or_default()))
    }
}

/// Fields of HELLO's reply.
#[derive(Clone, Copy, Debug, Default)]
enum Told {
    #[default]
    Nothing,
    Mode,
    Version,
    Id,
}

fn is_no_auth(text: &str) -> bool {
    text.starts_with("NOAUTH")
}

/// Whether a version is 7.2 or later.
fn is_since_7_2(version: &[u8]) -> bool {
    let mut numbers = version.split(|byte| *byte == b'.').map(|part| whole(part).unwrap_or_default());
    let major = numbers.next().unwrap_or_default();
    major > 7 || major == 7 && numbers.next() >= Some(2)
}

/// Asks the server to report changes, if that is wanted. Without NOLOOP: if two clients change a key in one turn of its loop,
/// the server remembers the first, so that our own write could hide another's.
///
/// One command for each prefix: later ones add to the earlier.
pub fn track(prefixes: &[String], inflight: &mut Inflight, frames: &mut Frames) {
    for prefix in prefixes {
        inflight.push_internal(Step::Track as u32);
        write(frames, &[b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", prefix.as_bytes()]);
    }
}

/// Asks a link for a sign of life.
pub fn ping(inflight: &mut Inflight, frames: &mut Frames) {
    inflight.push_internal(Step::Ping as u32);
    write(frames, &[b"PING"]);
}

fn write(frames: &mut Frames, arguments: &[&[u8]]) {
    frame(&mut frames.bytes, arguments);
}

#[cfg(test)]
mod tests;
