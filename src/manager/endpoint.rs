//! Where a server is.

use crate::resp::decimal;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host name or address, and a port.
    Tcp {
        /// Without brackets.
        host: String,
        /// 6379 unless given.
        port: u16,
    },
    /// A Unix socket.
    Unix {
        /// Its path.
        path: String,
    },
}

impl Endpoint {
    /// Whether it is a host name that must be looked up.
    pub fn is_name(&self) -> bool {
        match self {
            Endpoint::Tcp { host, .. } => !is_address(host),
            Endpoint::Unix { .. } => false,
        }
    }

    /// `host:port`, with brackets around an IPv6 address, or the path.
    pub fn display(&self) -> String {
        match self {
            Endpoint::Tcp { host, port } => {
                let (open, close) =
                    if host.bytes().any(|byte| byte == b':') { ("[", "]:") } else { ("", ":") };
                [open, host, close, &decimal((*port).into())].concat()
            }
            Endpoint::Unix { path } => path.clone(),
        }
    }
}

/// An IPv6 address is the only host with a colon; a name that looks like an IPv4 address is one (RFC 3986, 3.2.2).
fn is_address(host: &str) -> bool {
    let (mut dots, mut is_number) = (0, true);
    for byte in host.bytes() {
        match byte {
            b':' => return true,
            b'.' => dots += 1,
            _ => is_number &= byte.is_ascii_digit(),
        }
    }
    dots == 3 && is_number
}
