//! The URL of a Redis server, after the registration of the `redis` scheme (IANA, prov/redis) and what peers accept.
//!
//! It is read here rather than by a general parser because its likely mistakes have names: an unencoded `/`, `#` or
//! `@` in a password, a missing scheme, an HTTP endpoint. No message repeats any part of the URL.

use super::endpoint::Endpoint;
use crate::resp::{is_word, whole};

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Where the server is.
    pub endpoint: Endpoint,
    /// `rediss` and `valkeys`.
    pub tls: bool,
    /// Percent-decoded.
    pub user: Option<String>,
    /// Percent-decoded.
    pub password: Option<String>,
    /// 0 unless given.
    pub db: u32,
    /// 2, 3, or 0 when not given.
    pub protocol: u8,
}

/// Schemes of REST endpoints, which services offer beside Redis itself.
const HTTP: [&str; 2] = ["http", "https"];

/// The schemes, with whether each speaks TLS and whether it names a Unix socket.
const SCHEMES: [(&str, bool, bool); 9] = [
    ("redis", false, false),
    ("valkey", false, false),
    ("rediss", true, false),
    ("valkeys", true, false),
    ("unix", false, true),
    ("redis+unix", false, true),
    ("valkey+unix", false, true),
    (HTTP[0], false, false),
    (HTTP[1], false, false),
];

/// Reads a URL; the error is a sentence that says what is wrong with it.
pub fn parse(url: &str) -> Result<Url, &'static str> {
    let split = cut(url, b':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
    let Some((scheme, rest)) = split else {
        return Err("the URL has no scheme: it must begin with redis:// or rediss://");
    };
    let Some(&(name, tls, unix)) =
        SCHEMES.iter().find(|(name, ..)| is_word(scheme.as_bytes(), name.as_bytes()))
    else {
        return Err("the URL's scheme is not one of redis, rediss, valkey, valkeys, unix");
    };
    if name.starts_with(HTTP[0]) {
        return Err(
            "the URL is an HTTP endpoint: edgis speaks the Redis protocol over TCP, use the redis[s]:// URL of the same \
             server",
        );
    }
    let (rest, query) = cut(rest, b'?').unwrap_or((rest, ""));
    if has(query, b'@') {
        return Err("the URL has a '?' before its '@': in a user or password write it as %3F");
    }
    if has(rest, b'#') {
        return Err("the URL has a '#': in a password write it as %23");
    }
    let (authority, path) = rest.split_at(rest.bytes().take_while(|byte| *byte != b'/').count());
    if !unix && has(path, b'@') {
        return Err("the URL has a '/' before its '@': in a user or password write it as %2F");
    }
    // The last @ ends the user and the password.
    let host = authority.bytes().rev().take_while(|byte| *byte != b'@').count();
    let (userinfo, host) = authority.split_at(authority.len() - host);
    let (mut user, mut password) = (None, None);
    if let Some(userinfo) = userinfo.strip_suffix('@') {
        let (name, secret) = match cut(userinfo, b':') {
            None => (userinfo, None),
            Some((name, secret)) => (name, Some(secret)),
        };
        user = Some(decode(name).ok_or("the URL's user is not well percent-encoded: write a '%' as %25")?);
        if let Some(secret) = secret {
            let text = "the URL's password is not well percent-encoded: write a '%' as %25";
            password = Some(decode(secret).ok_or(text)?);
        }
    }
    let endpoint = if unix {
        let path = decode(path).filter(|path| path.len() > 1);
        Endpoint::Unix { path: path.ok_or("the URL has no socket path")? }
    } else {
        tcp(host)?
    };
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let db = if unix { 0 } else { db(path)? };
    let mut parsed = Url { endpoint, tls, user, password, db, protocol: 0 };
    let mut rest = query;
    while !rest.is_empty() {
        let (pair, behind) = cut(rest, b'&').unwrap_or((rest, ""));
        rest = behind;
        match cut(pair, b'=') {
            Some(("db" | "database", value)) => parsed.db = self::db(value)?,
            Some(("protocol", "2")) => parsed.protocol = 2,
            Some(("protocol", "3")) => parsed.protocol = 3,
            Some(("protocol", _)) => return Err("the URL's protocol must be 2 or 3"),
            Some(("tls" | "ssl", value)) if matches!(value, "false" | "0" | "no") != parsed.tls => {}
            Some(("tls" | "ssl", _)) => return Err("only the URL's scheme asks for TLS: write rediss://"),
            _ => {} // other clients' parameters; none of them changes what is meant by the rest
        }
    }
    Ok(parsed)
}

fn tcp(authority: &str) -> Result<Endpoint, &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = cut(rest, b']').ok_or("the URL's IPv6 address has no closing bracket")?;
        let (address, zone) = cut(host, b'%').unwrap_or((host, "0"));
        let v6 = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        if !has(address, b':') || !address.bytes().all(v6) {
            return Err("what stands in brackets in the URL is not an IPv6 address");
        }
        // A zone, which names the interface of a link-local address (RFC 6874); its '%' is often left as it is.
        let zone = zone.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(zone);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if zone.is_empty() || !zone.bytes().all(is_plain) {
            return Err(
                "the zone of the URL's IPv6 address is no name of an interface, as in [fe80::1%25eth0]",
            );
        }
        let port = port.strip_prefix(':').unwrap_or(port);
        if address.len() < host.len() {
            let host = [address, "%", zone].concat();
            return Ok(Endpoint::Tcp { host, port: port_of(port)? });
        }
        (host, port)
    } else {
        cut(authority, b':').unwrap_or((authority, ""))
    };
    if has(port, b':') {
        return Err("an IPv6 address in the URL must stand in brackets: redis://[::1]:6379");
    }
    if host.is_empty() {
        return Err("the URL has no host");
    }
    let host = decode(host).filter(|host| host.bytes().all(|byte| byte.is_ascii_graphic()));
    let host = host.ok_or("the URL's host has characters that no host name has")?;
    Ok(Endpoint::Tcp { host, port: port_of(port)? })
}

fn port_of(text: &str) -> Result<u16, &'static str> {
    if text.is_empty() {
        return Ok(6379);
    }
    let port = whole(text.as_bytes()).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    port.ok_or("the URL's port is not a number from 1 to 65535")
}

fn db(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Ok(0);
    }
    let number = whole(text.as_bytes()).and_then(|db| u32::try_from(db).ok());
    number.ok_or("the URL's path must be the number of a database, as in /0")
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { hex(rest.next()?)? << 4 | hex(rest.next()?)? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Splits at the first `at`, an ASCII character. Each of the library's generic searches is larger than this file.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let index = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..index)?, text.get(index + 1..)?))
}

fn has(text: &str, wanted: u8) -> bool {
    text.bytes().any(|byte| byte == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp_of(url: &str) -> (String, u16) {
        match parse(url).unwrap().endpoint {
            Endpoint::Tcp { host, port } => (host, port),
            Endpoint::Unix { .. } => panic!("a Unix socket"),
        }
    }

    #[test]
    fn the_usual_forms() {
        assert_eq!(tcp_of("redis://localhost"), ("localhost".into(), 6379));
        assert_eq!(tcp_of("REDIS://h:1/"), ("h".into(), 1));
        assert_eq!(tcp_of("redis://[::1]:7000/2"), ("::1".into(), 7000));
        for url in ["redis://[fe80::1%25eth0]:7000", "redis://[fe80::1%eth0]:7000/"] {
            assert_eq!(tcp_of(url), ("fe80::1%eth0".into(), 7000), "{url}");
        }
        assert_eq!(tcp_of("redis://[::1%252]"), ("::1%2".into(), 6379));
        let url = parse("rediss://app:p%40ss%2Fw%25rd@cache.example:6380/5?protocol=2").unwrap();
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("app"), Some("p@ss/w%rd")));
        assert_eq!((url.tls, url.db, url.protocol), (true, 5, 2));
        assert!(parse("rediss://h?tls=true").unwrap().tls && !parse("redis://h?ssl=false&x=y").unwrap().tls);
        assert_eq!(parse("redis://:secret@h").unwrap().user.as_deref(), Some(""));
        let url = parse("unix://:secret@/run/redis.sock?db=3").unwrap();
        assert_eq!((url.endpoint, url.db), (Endpoint::Unix { path: "/run/redis.sock".into() }, 3));
    }

    #[test]
    fn mistakes_are_named_and_nothing_of_the_url_is_repeated() {
        for (url, said) in [
            ("localhost:6379", "scheme"),
            ("https://s3cret.upstash.io", "HTTP"),
            ("redis://:s3/cret@h", "%2F"),
            ("redis://:s3#cret@h", "%23"),
            ("redis://:s3?cret@h", "%3F"),
            ("redis://user:12?s3cret@h", "%3F"),
            ("redis://user:s3@cr?et@h", "%3F"),
            ("redis://:s3%cret@h", "%25"),
            ("redis://h:99999", "port"),
            ("redis://h:0", "port"),
            ("redis://h/s3cret", "database"),
            ("redis://::1:6379", "brackets"),
            ("redis://[s3cret]:1", "IPv6"),
            ("redis://[fe80::1%]:1", "zone"),
            ("redis://[fe80::1%25s3/cret]:1", "IPv6"),
            ("redis://[fe80::1%25s3 cret]:1", "zone"),
            ("redis://", "host"),
            ("redis://s3 cret", "host"),
            ("s3cret://h", "scheme"),
            ("unix://", "path"),
            ("redis://h?protocol=9", "protocol"),
            ("redis://h?tls=true", "rediss://"),
            ("redis://h/0?db=1&ssl=1", "rediss://"),
            ("rediss://h?tls=false", "rediss://"),
        ] {
            let text = parse(url).expect_err(url);
            assert!(text.contains(said), "{url}: {text}");
            assert!(!text.contains("s3"), "{text}");
        }
    }
}
