//! The URL of a Redis server, after the registration of the `redis` scheme (IANA, prov/redis) and what peers accept.
//!
//! It is read here rather than by a general parser because its likely mistakes have names: an unencoded `/`, `#` or
//! `@` in a password, a missing scheme, an HTTP endpoint. No message repeats any part of the URL.

use super::config::Endpoint;

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

/// Reads a URL; the error is a sentence that says what is wrong with it.
pub fn parse(url: &str) -> Result<Url, &'static str> {
    let split = url.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
    let Some((scheme, rest)) = split else {
        return Err("the URL has no scheme: it must begin with redis:// or rediss://");
    };
    let (tls, unix) = match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => (false, false),
        "rediss" | "valkeys" => (true, false),
        "unix" | "redis+unix" | "valkey+unix" => (false, true),
        "http" | "https" => return Err(
            "the URL is an HTTP endpoint: edgis speaks the Redis protocol over TCP, use the redis[s]:// URL \
                        of the same server",
        ),
        _ => return Err("the URL's scheme is not one of redis, rediss, valkey, valkeys, unix"),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if rest.contains('#') {
        return Err("the URL has a '#': in a password write it as %23");
    }
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    if !unix && path.contains('@') {
        return Err("the URL has a '/' before its '@': in a user or password write it as %2F");
    }
    let (user, password, host) = match authority.rsplit_once('@') {
        None => (None, None, authority),
        Some((userinfo, host)) => {
            let (user, password) = match userinfo.split_once(':') {
                None => (userinfo, None),
                Some((user, password)) => (user, Some(password)),
            };
            let user =
                decode(user).ok_or("the URL's user is not well percent-encoded: write a '%' as %25")?;
            let password = password
                .map(|password| {
                    decode(password)
                        .ok_or("the URL's password is not well percent-encoded: write a '%' as %25")
                })
                .transpose()?;
            (Some(user), password, host)
        }
    };
    let mut parsed = Url {
        endpoint: if unix {
            Endpoint::Unix {
                path: decode(path).filter(|path| path.len() > 1).ok_or("the URL has no socket path")?,
            }
        } else {
            tcp(host)?
        },
        tls,
        user,
        password,
        db: if unix { 0 } else { db(path.trim_matches('/'))? },
        protocol: 0,
    };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "db" | "database" => parsed.db = db(value)?,
            "protocol" if value == "2" || value == "3" => parsed.protocol = value.as_bytes()[0] - b'0',
            "protocol" => return Err("the URL's protocol must be 2 or 3"),
            _ => {} // other clients' parameters; none of them changes what is meant by the rest
        }
    }
    Ok(parsed)
}

fn tcp(authority: &str) -> Result<Endpoint, &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the URL's IPv6 address has no closing bracket")?;
        let v6 = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        if !host.contains(':') || !host.bytes().all(v6) {
            return Err("what stands in brackets in the URL is not an IPv6 address");
        }
        (host, port.strip_prefix(':').unwrap_or(port))
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    if port.contains(':') {
        return Err("an IPv6 address in the URL must stand in brackets: redis://[::1]:6379");
    }
    if host.is_empty() {
        return Err("the URL has no host");
    }
    let host = decode(host).filter(|host| host.bytes().all(|byte| byte.is_ascii_graphic()));
    let host = host.ok_or("the URL's host has characters that no host name has")?;
    let port = match port {
        "" => 6379,
        digits => digits
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("the URL's port is not a number from 1 to 65535")?,
    };
    Ok(Endpoint::Tcp { host, port })
}

fn db(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or("the URL's path must be the number of a database, as in /0")
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
        let url = parse("rediss://app:p%40ss%2Fw%25rd@cache.example:6380/5?protocol=2").unwrap();
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("app"), Some("p@ss/w%rd")));
        assert_eq!((url.tls, url.db, url.protocol), (true, 5, 2));
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
            ("redis://:s3%cret@h", "%25"),
            ("redis://h:99999", "port"),
            ("redis://h:0", "port"),
            ("redis://h/s3cret", "database"),
            ("redis://::1:6379", "brackets"),
            ("redis://[s3cret]:1", "IPv6"),
            ("redis://", "host"),
            ("redis://s3 cret", "host"),
            ("s3cret://h", "scheme"),
            ("unix://", "path"),
            ("redis://h?protocol=9", "protocol"),
        ] {
            let text = parse(url).expect_err(url);
            assert!(text.contains(said), "{url}: {text}");
            assert!(!text.contains("s3"), "{text}");
        }
    }
}
