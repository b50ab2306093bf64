//! What is said to a server before anything else, and what its answers mean.
//!
//! With RESP3 all of it leaves in one write: `HELLO 3 [AUTH user password] [SETNAME name]`, `SELECT db`, two
//! `CLIENT SETINFO` (Redis 7.2), whose failure means nothing, `CLIENT TRACKING` where somebody wants to be told of changes,
//! and `PING`. A server that is loading its dataset, or a
//! replica without its primary, answers all of these but PING as if nothing were wrong. Only HELLO's own error leads to
//! RESP2 (`AUTH`, `CLIENT SETNAME`, `SELECT`, `PING`): a wrong password must not be tried twice.

use core::fmt;

use crate::error::{Reason, ServerError};
use crate::resp::{decimal, frame, owned};

use super::inflight::Inflight;
use super::output::Frames;

/// What a link needs to know of its target to introduce itself.
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
    /// Changes of keys that begin so are to be told.
    pub tracking: Option<String>,
}

impl Introduction {
    /// Whether read-only commands may ride behind HELLO: as another user, or in another database, they would read
    /// something else.
    pub fn allows_riders(&self) -> bool {
        self.credentials.is_none() && self.db == 0 && !self.resp2
    }

    /// What a server said, without the credentials that it may repeat. A password in it makes all of it worthless: what
    /// is left out would tell where it stood. A user's name is only masked, `default` is everybody's.
    pub(super) fn conceal(&self, said: String) -> String {
        let Some((user, password)) = &self.credentials else { return said };
        if position(&said, password).is_some() {
            return owned("the server's words are left out: they hold the password");
        }
        if user == "default" {
            return said;
        }
        let (mut shown, mut rest) = (String::new(), said.as_str());
        while let Some((before, behind)) =
            position(rest, user).and_then(|at| Some((rest.get(..at)?, rest.get(at + user.len()..)?)))
        {
            shown.push_str(before);
            shown.push_str("***");
            rest = behind;
        }
        shown.push_str(rest);
        shown
    }
}

/// Where `part` stands in `text`; one that is empty stands nowhere.
fn position(text: &str, part: &str) -> Option<usize> {
    // Not `str::find`: nothing else needs the searcher behind it, and it is large.
    let windows = text.as_bytes().windows(part.len().max(1));
    windows.into_iter().position(|window| window == part.as_bytes())
}

impl fmt::Debug for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Introduction { credentials, name, db, resp2, tracking } = self;
        let credentials = credentials.as_ref().map(|_| "***");
        f.debug_struct("Introduction")
            .field("credentials", &credentials)
            .field("name", name)
            .field("db", db)
            .field("resp2", resp2)
            .field("tracking", tracking)
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
            _ => Step::Ping,
        }
    }
}

/// What an answer leads to.
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

/// Where the handshake stands.
#[derive(Debug, Default)]
pub struct Handshake {
    /// Answers that must be good before the link is ready.
    owed: u32,
    downgraded: bool,
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
        set_info(inflight, frames);
        track(introduction, inflight, frames);
        self.ask(Step::Ping, &[b"PING"], inflight, frames);
    }

    fn begin_resp2(&mut self, introduction: &Introduction, inflight: &mut Inflight, frames: &mut Frames) {
        if let Some((user, password)) = &introduction.credentials {
            // Redis before 6 knows no users: AUTH with one argument is what it understands.
            if user.is_empty() {
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
        self.ask(Step::Ping, &[b"PING"], inflight, frames);
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

    /// An answer came: `error` is the server's text when it is one.
    pub fn answered(&mut self, step: Step, error: Option<&str>) -> Progress {
        match step {
            Step::SetName | Step::SetInfo | Step::Track => return Progress::Wait,
            Step::Hello => {}
            _ if self.stale > 0 => {
                self.stale -= 1;
                return Progress::Wait;
            }
            _ => {}
        }
        if let Some(text) = error {
            return self.refused(step, text);
        }
        self.proven()
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

    fn refused(&mut self, step: Step, text: &str) -> Progress {
        let reason = match ServerError::of(text.as_bytes()) {
            ServerError::NoHello if step == Step::Hello && !self.downgraded => {
                self.downgraded = true;
                self.stale = self.owed - 1;
                return Progress::Downgrade;
            }
            ServerError::Auth => Reason::Auth,
            ServerError::Loading => Reason::Loading,
            ServerError::MaxClients => Reason::MaxClients,
            ServerError::Cluster => Reason::Cluster,
            _ if step == Step::Auth => Reason::Auth,
            // Whoever may not PING is served all the same.
            ServerError::Command | ServerError::ReadOnly if step == Step::Ping => return self.proven(),
            _ => Reason::Denied,
        };
        // Redis repeats the arguments of a command that it does not know.
        let end = position(text, ", with args beginning with").unwrap_or(text.len());
        Progress::Failed(reason, owned(text.get(..end).unwrap_or_default()))
    }
}

/// Names the library in `CLIENT LIST`.
fn set_info(inflight: &mut Inflight, frames: &mut Frames) {
    for (attribute, value) in [("LIB-NAME", "edgis"), ("LIB-VER", env!("CARGO_PKG_VERSION"))] {
        inflight.push_internal(Step::SetInfo as u32);
        write(frames, &[b"CLIENT", b"SETINFO", attribute.as_bytes(), value.as_bytes()]);
    }
}

/// Asks to be told of changes, where that is wanted. Of all of them, whoever makes them: of two that change a key in one
/// turn of its loop the server remembers the first, so that with NOLOOP our own write would hide another's.
pub fn track(introduction: &Introduction, inflight: &mut Inflight, frames: &mut Frames) {
    let Some(prefix) = &introduction.tracking else { return };
    inflight.push_internal(Step::Track as u32);
    write(frames, &[b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", prefix.as_bytes()]);
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
mod tests {
    use super::*;

    fn begin(introduction: &Introduction) -> (Handshake, Inflight, String) {
        let (mut handshake, mut inflight, mut frames) =
            (Handshake::default(), Inflight::default(), Frames::default());
        handshake.begin(introduction, &mut inflight, &mut frames);
        (handshake, inflight, String::from_utf8(frames.bytes.to_vec()).unwrap())
    }

    #[test]
    fn everything_leaves_in_one_write() {
        let introduction = Introduction {
            credentials: Some((String::new(), "secret".into())),
            name: Some("app".into()),
            db: 3,
            ..Introduction::default()
        };
        let (_, inflight, text) = begin(&introduction);
        assert!(text.starts_with("*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n$7\r\nSETNAME\r\n"));
        assert!(text.contains("$6\r\nSELECT\r\n$1\r\n3\r\n"));
        assert!(text.ends_with("*1\r\n$4\r\nPING\r\n"), "{text}");
        assert_eq!(inflight.len(), 5);
    }

    #[test]
    fn what_a_server_repeats_of_credentials_is_not_shown() {
        let credentials = Some(("app".to_string(), "secret".to_string()));
        let introduction = Introduction { credentials, ..Introduction::default() };
        assert_eq!(introduction.conceal("ERR app maps app".into()), "ERR *** maps ***");
        assert!(!introduction.conceal("ERR secret".into()).contains("secret"));
        assert!(!format!("{introduction:?}").contains("secret"));
        assert!(!format!("{introduction:?}").contains("app"));
        for credentials in [None, Some((String::new(), String::new())), Some(("default".into(), "x".into()))]
        {
            let introduction = Introduction { credentials, ..Introduction::default() };
            assert_eq!(introduction.conceal("ERR default".into()), "ERR default");
        }
    }

    #[test]
    fn a_wrong_password_is_not_tried_again_in_resp2() {
        let (mut handshake, ..) = begin(&Introduction::default());
        let text = "WRONGPASS invalid username-password pair or user is disabled.";
        assert_eq!(handshake.answered(Step::Hello, Some(text)), Progress::Failed(Reason::Auth, text.into()));
    }

    #[test]
    fn the_answers_behind_a_refused_hello_count_for_nothing() {
        let introduction = Introduction { db: 1, ..Introduction::default() };
        // They come before the questions of the second round are asked, or after.
        for in_one_piece in [false, true] {
            let (mut handshake, mut inflight, _) = begin(&introduction);
            let refused = handshake.answered(Step::Hello, Some("ERR unknown command `HELLO`"));
            assert_eq!(refused, Progress::Downgrade);
            let mut downgrade = |handshake: &mut Handshake| {
                handshake.downgrade(&introduction, &mut inflight, &mut Frames::default());
            };
            if !in_one_piece {
                downgrade(&mut handshake);
            }
            let no = Some("NOAUTH Authentication required.");
            assert_eq!(handshake.answered(Step::Select, no), Progress::Wait);
            assert_eq!(handshake.answered(Step::SetInfo, Some("ERR unknown subcommand")), Progress::Wait);
            assert_eq!(handshake.answered(Step::Ping, no), Progress::Wait);
            if in_one_piece {
                downgrade(&mut handshake);
            }
            assert_eq!(handshake.answered(Step::Select, None), Progress::Wait);
            assert_eq!(handshake.answered(Step::Ping, None), Progress::Done);
        }
    }

    #[test]
    fn a_server_that_is_loading_fails_at_the_ping() {
        let (mut handshake, ..) = begin(&Introduction::default());
        assert_eq!(handshake.answered(Step::Hello, None), Progress::Wait);
        let text = "LOADING Redis is loading the dataset in memory";
        let failed = Progress::Failed(Reason::Loading, text.into());
        assert_eq!(handshake.answered(Step::Ping, Some(text)), failed);
    }

    #[test]
    fn a_user_who_may_not_ping_is_served() {
        let (mut handshake, ..) = begin(&Introduction::default());
        assert_eq!(handshake.answered(Step::Hello, None), Progress::Wait);
        let text = "NOPERM User app has no permissions to run the 'ping' command";
        assert_eq!(handshake.answered(Step::Ping, Some(text)), Progress::Done);
    }

    #[test]
    fn a_db_that_does_not_exist_fails_the_handshake() {
        let (mut handshake, ..) = begin(&Introduction { db: 99, ..Introduction::default() });
        assert_eq!(handshake.answered(Step::Hello, None), Progress::Wait);
        let text = "ERR DB index is out of range";
        assert_eq!(
            handshake.answered(Step::Select, Some(text)),
            Progress::Failed(Reason::Denied, text.into())
        );
    }
}
