//! URLs and options: read or refused, without a panic, and no secret in anything that is said about it.

use edgis::connection::OPEN;
use edgis::manager::{Config, Manager, Options};
use edgis::time::Time;

/// The first byte says what is tried, the others are the text.
pub fn url(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match choice % 4 {
        0 => anything(&text),
        1 => numbers(rest),
        2 => round_trip(&text),
        _ => secrets(*choice, &text),
    }
}

fn anything(text: &str) {
    for url in [text.to_string(), format!("redis://{text}"), format!("unix://{text}")] {
        match Config::new(&Options { url: Some(&url), ..Options::default() }) {
            Ok(config) => {
                config.needs_lookup();
                assert!(!config.display().is_empty() && config.identity().contains(&config.display()));
            }
            Err((_, text)) => assert!(!text.is_empty()),
        }
    }
}

fn numbers(bytes: &[u8]) {
    let mut all = bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().expect("four")));
    let mut next = || all.next().unwrap_or_default();
    let options = Options {
        url: Some("redis://h"),
        db: Some(next()),
        protocol: next() as u8,
        connect_timeout: next(),
        idle_timeout: next(),
        retry_base: next(),
        retry_cap: next(),
        max_pending: next(),
        max_staged: next(),
        max_staged_bytes: next(),
        max_bulk: next(),
        max_depth: next(),
        ..Options::default()
    };
    let mut manager = Manager::new(1);
    let target = manager.configure(&options, Time::ZERO);
    manager.connect(target, Time::ZERO);
    for _ in 0..3 {
        let deadline = manager.deadline(0, Time::ZERO);
        if deadline == Time::NEVER {
            break;
        }
        manager.advance(0, deadline);
        manager.connect(target, deadline);
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// What is encoded as a URL wants it means what it was.
fn round_trip(text: &str) {
    let (user, password) = text.split_once('\0').unwrap_or(("", text));
    let url = format!("redis://{}:{}@h:7/3", percent_encoded(user), percent_encoded(password));
    let config = Config::new(&Options { url: Some(&url), ..Options::default() }).expect("it is well formed");
    assert_eq!(config.introduction.credentials, Some((user.to_string(), password.to_string())));
    assert_eq!((config.display().as_str(), config.introduction.db), ("h:7", 3));
}

/// How a secret gets into a URL, right or wrong; `<P>` and `<Q>` are the password as it is and encoded.
const URLS: [&str; 12] = [
    "redis://<U>:<Q>@10.0.0.1",
    "redis://<U>:<P>@10.0.0.1",
    "redis://:<P>@10.0.0.1/x",
    "redis://<P>",
    "redis://<P>@10.0.0.1:6379",
    "<P>",
    "http://:<P>@h",
    "redis://h/<P>",
    "redis://h:<P>",
    "unix://<U>:<P>@/tmp/x",
    "redis://<U>:<Q>%zz@h",
    "redis://[<P>]:1",
];

/// What a server may say, before or after it has accepted us.
const ANSWERS: [&str; 12] = [
    "-WRONGPASS invalid username-password pair: <U> <P>\r\n",
    "-ERR I do not like <P>\r\n",
    "-NOAUTH <P>\r\n",
    "-NOPROTO <P>\r\n",
    "-MOVED 1 <P>\r\n",
    "-LOADING <P>\r\n",
    "-ERR max number of clients reached by <U>\r\n",
    "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' '<U>' '<P>'\r\n",
    "%0\r\n+OK\r\n+OK\r\n+PONG\r\n-ERR <P>\r\n",
    "%0\r\n+OK\r\n+OK\r\n+PONG\r\n-ERR <U>\r\n",
    "?<P>\r\n",
    "%0\r\n+OK\r\n+OK\r\n+PONG\r\n+<P>\r\n",
];

/// Whatever is wrong with a URL, or said by a server, no secret is in what is shown of it.
fn secrets(choice: u8, text: &str) {
    // No sentence of ours has these signs, so a secret is known when it is seen. A line's end would end a reply.
    let text: String = text.chars().filter(|sign| !matches!(sign, '\r' | '\n')).collect();
    let (user, password) = text.split_once('\0').unwrap_or(("", &text));
    let (user, password) = (format!("§{user}"), format!("¤{password}"));
    let encoded = percent_encoded(&password);
    let fill = |form: &str| form.replace("<U>", &user).replace("<P>", &password).replace("<Q>", &encoded);
    let which = usize::from(choice >> 2);
    let url = fill(URLS[which % URLS.len()]);
    // As options they are used as they are, whatever the URL says.
    let given = which % 3 == 0;
    let options = Options {
        url: Some(if given { "redis://10.0.0.1" } else { &url }),
        username: given.then_some(&user),
        password: given.then_some(&password),
        ..Options::default()
    };
    let mut manager = Manager::new(1);
    let target = manager.configure(&options, Time::ZERO);
    let shown = |manager: &Manager| {
        let status = manager.status(target).expect("it is there");
        let all = format!("{status:?} {options:?} {:?} {manager:?}", manager.config(target));
        for secret in [&user, &password, &encoded] {
            assert!(!all.contains(secret.as_str()), "{secret} is in {all}");
            // As the debug format writes it.
            let escaped = format!("{secret:?}");
            assert!(!all.contains(escaped.trim_matches('"')), "{secret} is in {all}");
        }
    };
    shown(&manager);
    manager.connect(target, Time::ZERO);
    let open = manager.output().rows.iter().find(|row| row[0] == OPEN).map(|row| row[1]);
    let Some(link) = open else { return };
    manager.opened(link, Time::ZERO);
    // A server can repeat only what it was told, and it was told what we have read.
    let config = manager.config(target).and_then(Result::ok).expect("there is a link");
    let (told_user, told_password) = config.introduction.credentials.clone().unwrap_or_default();
    let answer =
        ANSWERS[text.len() % ANSWERS.len()].replace("<U>", &told_user).replace("<P>", &told_password);
    manager.receive(link, answer.as_bytes(), Time::ZERO);
    shown(&manager);
    manager.lost(link, "ECONNRESET", "cut", Time::ZERO);
    shown(&manager);
}
