use super::*;

fn begin(introduction: &Introduction) -> (Handshake, Inflight, String) {
    let (mut handshake, mut inflight, mut frames) =
        (Handshake::default(), Inflight::default(), Frames::default());
    handshake.begin(introduction, &mut inflight, &mut frames);
    (handshake, inflight, String::from_utf8(frames.bytes.to_vec()).unwrap())
}

fn no(text: &str) -> Answer<'_> {
    Answer::Error(text)
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
    assert!(text.starts_with(
        "*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n$7\r\nSETNAME\r\n"
    ));
    assert!(text.contains("$6\r\nSELECT\r\n$1\r\n3\r\n"));
    assert!(text.ends_with("*1\r\n$4\r\nPING\r\n"), "{text}");
    assert_eq!(inflight.len(), 3);
}

#[test]
fn what_a_server_repeats_of_credentials_is_not_shown() {
    let credentials = Some(("app".to_string(), "secret".to_string()));
    let introduction = Introduction { credentials, ..Introduction::default() };
    let said = "ERR app: 'app' has no application, apps, wrapp or app_1 app";
    let shown = "ERR ***: '***' has no application, apps, wrapp or app_1 ***";
    assert_eq!(introduction.conceal(said.into()), shown);
    assert!(!introduction.conceal("ERR secret".into()).contains("secret"));
    // Words are cut for people after that, and may have been cut before.
    for said in [format!("ERR {}secret", "x".repeat(497)), format!("ERR {}secr", "x".repeat(5_000))] {
        assert!(introduction.conceal(said).starts_with("the server's words are left out"));
    }
    assert_eq!(introduction.conceal(format!("ERR {}", "é".repeat(400))).len(), 500);
    let credentials = Some(("app".to_string(), "sécret".to_string()));
    let introduction = Introduction { credentials, ..Introduction::default() };
    assert!(!introduction.conceal("ERR s??cret \u{fffd}".into()).contains("cret"));
    assert!(!format!("{introduction:?}").contains("secret"));
    assert!(!format!("{introduction:?}").contains("app"));
    for credentials in [None, Some((String::new(), String::new())), Some(("default".into(), "x".into()))] {
        let introduction = Introduction { credentials, ..Introduction::default() };
        assert_eq!(introduction.conceal("ERR default".into()), "ERR default");
    }
}

#[test]
fn a_wrong_password_is_not_tried_again_in_resp2() {
    let (mut handshake, ..) = begin(&Introduction::default());
    let text = "WRONGPASS invalid username-password pair or user is disabled.";
    let introduction =
        Introduction { credentials: Some(("app".into(), "x".into())), ..Introduction::default() };
    let failed = Progress::Failed(Reason::Auth, text.into());
    assert_eq!(handshake.answered(Step::Hello, no(text), &introduction), failed);
}

#[test]
fn the_answers_behind_a_refused_hello_count_for_nothing() {
    let introduction = Introduction { db: 1, ..Introduction::default() };
    // They come before the questions of the second round are asked, or after.
    for in_one_piece in [false, true] {
        let (mut handshake, mut inflight, _) = begin(&introduction);
        let refused = handshake.answered(Step::Hello, no("ERR unknown command `HELLO`"), &introduction);
        assert_eq!(refused, Progress::Downgrade);
        let mut downgrade = |handshake: &mut Handshake| {
            handshake.downgrade(&introduction, &mut inflight, &mut Frames::default());
        };
        if !in_one_piece {
            downgrade(&mut handshake);
        }
        let again = no("NOAUTH Authentication required.");
        assert_eq!(handshake.answered(Step::Select, again, &introduction), Progress::Wait);
        assert_eq!(
            handshake.answered(Step::SetInfo, no("ERR unknown subcommand"), &introduction),
            Progress::Wait
        );
        assert_eq!(handshake.answered(Step::Ping, again, &introduction), Progress::Wait);
        if in_one_piece {
            downgrade(&mut handshake);
        }
        assert_eq!(handshake.answered(Step::Select, Answer::Other, &introduction), Progress::Wait);
        assert_eq!(handshake.answered(Step::Ping, Answer::Other, &introduction), Progress::Done);
    }
}

#[test]
fn a_server_that_is_loading_fails_at_the_ping() {
    let (mut handshake, ..) = begin(&Introduction::default());
    assert_eq!(handshake.answered(Step::Hello, Answer::Map, &Introduction::default()), Progress::Wait);
    let text = "LOADING Redis is loading the dataset in memory";
    let failed = Progress::Failed(Reason::Loading, text.into());
    assert_eq!(handshake.answered(Step::Ping, no(text), &Introduction::default()), failed);
}

#[test]
fn a_user_who_may_not_ping_is_served() {
    let (mut handshake, ..) = begin(&Introduction::default());
    assert_eq!(handshake.answered(Step::Hello, Answer::Map, &Introduction::default()), Progress::Wait);
    let text = "NOPERM User app has no permissions to run the 'ping' command";
    assert_eq!(handshake.answered(Step::Ping, no(text), &Introduction::default()), Progress::Done);
}

#[test]
fn a_db_that_does_not_exist_fails_the_handshake() {
    let (mut handshake, ..) = begin(&Introduction { db: 99, ..Introduction::default() });
    assert_eq!(handshake.answered(Step::Hello, Answer::Map, &Introduction::default()), Progress::Wait);
    let text = "ERR DB index is out of range";
    assert_eq!(
        handshake.answered(Step::Select, no(text), &Introduction::default()),
        Progress::Failed(Reason::Denied, text.into())
    );
}

#[test]
fn whatever_is_no_answer_to_hello_leads_to_resp2() {
    let introduction =
        Introduction { credentials: Some(("app".into(), "secret".into())), ..Introduction::default() };
    for answer in [
        Answer::Other,
        no("unsupported command 'HELLO'"),
        no("ERR Unknown Redis command 'HELLO'"),
        no("ERR command not supported"),
        no("ERR handle request, command 'HELLO' is not allowed"),
        no("ERR Syntax error in HELLO option 'setname'"),
        no("NOPERM this user has no permissions to run the 'hello' command"),
        // A proxy with a password that looks at each command before AUTH alike.
        no("NOAUTH Authentication required."),
    ] {
        let (mut handshake, mut inflight, _) = begin(&introduction);
        assert_eq!(handshake.answered(Step::Hello, answer, &introduction), Progress::Downgrade, "{answer:?}");
        let mut frames = Frames::default();
        handshake.downgrade(&introduction, &mut inflight, &mut frames);
        assert!(frames.bytes.starts_with(b"*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n"));
    }
    let (mut handshake, ..) = begin(&Introduction::default());
    let text = "NOAUTH HELLO must be called with the client already authenticated";
    let failed = Progress::Failed(Reason::Auth, text.into());
    assert_eq!(handshake.answered(Step::Hello, no(text), &Introduction::default()), failed);
}

#[test]
fn a_user_that_the_server_cannot_know_is_left_out() {
    let introduction =
        Introduction { credentials: Some(("x".into(), "secret".into())), ..Introduction::default() };
    let (mut handshake, mut inflight, _) = begin(&introduction);
    handshake.answered(Step::Hello, no("ERR unknown command"), &introduction);
    assert_eq!(handshake.answered(Step::Ping, no("NOAUTH"), &introduction), Progress::Wait);
    handshake.downgrade(&introduction, &mut inflight, &mut Frames::default());
    let arity = no("ERR wrong number of arguments for 'auth' command");
    assert_eq!(handshake.answered(Step::Auth, arity, &introduction), Progress::Downgrade);
    assert_eq!(handshake.answered(Step::Ping, no("NOAUTH"), &introduction), Progress::Wait);
    let mut frames = Frames::default();
    handshake.downgrade(&introduction, &mut inflight, &mut frames);
    assert!(frames.bytes.starts_with(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"));
    let wrong = handshake.answered(Step::Auth, no("ERR invalid password"), &introduction);
    assert_eq!(wrong, Progress::Failed(Reason::Auth, "ERR invalid password".into()));
}

#[test]
fn a_server_that_is_busy_serves_but_no_other_database() {
    let busy = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    let introduction = Introduction { db: 1, ..Introduction::default() };
    let (mut handshake, ..) = begin(&introduction);
    handshake.answered(Step::Hello, Answer::Map, &introduction);
    let failed = Progress::Failed(Reason::Busy, busy.into());
    assert_eq!(handshake.answered(Step::Select, no(busy), &introduction), failed);
    let (mut handshake, ..) = begin(&Introduction::default());
    handshake.answered(Step::Hello, Answer::Map, &Introduction::default());
    assert_eq!(handshake.answered(Step::Ping, no(busy), &Introduction::default()), Progress::Done);
}

fn token(kind: Kind) -> Token {
    Token { kind, flags: 0, a: 0, b: 0 }
}

#[test]
fn the_library_is_named_where_that_is_no_error() {
    let lines = |handshake: &Handshake| {
        let mut frames = Frames::default();
        handshake.introduce_library(&mut Inflight::default(), &mut frames);
        frames.bytes.split(|byte| *byte == b'*').count() - 1
    };
    for (version, expected) in
        [("7.1.9", 0), ("6.2.5", 0), ("7.2.0", 2), ("7.10.1", 2), ("8.0", 2), ("10", 2), ("x", 0), ("", 0)]
    {
        let (mut handshake, ..) = begin(&Introduction::default());
        for text in ["server", "redis", "version", version, "mode", "standalone"] {
            handshake.learn(Step::Hello, token(Kind::Bulk), text.as_bytes());
        }
        assert_eq!(lines(&handshake), expected, "{version}");
    }
    let introduction = Introduction { resp2: true, ..Introduction::default() };
    for (kind, expected) in [(Kind::Null, 0), (Kind::Array, 2)] {
        let (mut handshake, _, text) = begin(&introduction);
        assert!(text.contains("client|setinfo"));
        handshake.learn(Step::Knows, token(kind), b"");
        assert_eq!(lines(&handshake), expected);
    }
    let (.., text) = begin(&Introduction { bare: true, ..introduction });
    assert_eq!(text, "*1\r\n$4\r\nPING\r\n");
}
