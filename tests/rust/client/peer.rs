//! Peers that are no Redis, or one behind a bad line.

use std::cell::Cell;
use std::rc::Rc;

use tokio::io::{copy_bidirectional, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// A listener on a free port, and its URL.
pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("redis://127.0.0.1:{}", listener.local_addr().expect("an address").port());
    (listener, url)
}

/// Accepts and closes.
pub async fn closes() -> String {
    let (listener, url) = listen().await;
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    url
}

/// Accepts, reads, and says `text` to whatever it reads; an empty text is silence.
pub async fn says(text: &'static str) -> String {
    let (listener, url) = listen().await;
    spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            spawn_local(async move {
                let mut buffer = [0; 1_024];
                while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

/// A line to a server that lets so many bytes of what the server says through, and holds the rest back. A connection that
/// is made while nothing may pass is never heard of again.
pub struct Sluice {
    pub url: String,
    /// How many bytes may pass.
    pub allowed: Rc<Cell<usize>>,
}

impl Sluice {
    pub async fn to(port: u16) -> Sluice {
        let (listener, url) = listen().await;
        let allowed = Rc::new(Cell::new(usize::MAX));
        let level = allowed.clone();
        spawn_local(async move {
            while let Ok((near, _)) = listener.accept().await {
                let allowed = level.clone();
                spawn_local(async move {
                    if allowed.get() == 0 {
                        std::future::pending::<()>().await;
                    }
                    let far = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
                    let (mut near_in, mut near_out) = near.into_split();
                    let (mut far_in, mut far_out) = far.into_split();
                    spawn_local(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
                    let mut buffer = vec![0; 64 << 10];
                    while let Ok(count @ 1..) = far_in.read(&mut buffer).await {
                        let mut passed = 0;
                        while passed < count {
                            let some = allowed.get().min(count - passed);
                            allowed.set(allowed.get() - some);
                            if near_out.write_all(&buffer[passed..passed + some]).await.is_err() {
                                return;
                            }
                            passed += some;
                            if some == 0 {
                                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                            }
                        }
                    }
                });
            }
        });
        Sluice { url, allowed }
    }
}

/// A line to a server that can be cut for a while: what is sent meanwhile is lost.
pub struct Line {
    pub url: String,
    dark: Rc<Cell<bool>>,
}

impl Line {
    pub async fn to(port: u16) -> Line {
        let (listener, url) = listen().await;
        let dark = Rc::new(Cell::new(false));
        let seen = dark.clone();
        spawn_local(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let dark = seen.clone();
                spawn_local(async move {
                    if dark.get() {
                        // Accepted by the kernel, and never heard of again.
                        std::future::pending::<()>().await;
                    }
                    let mut far = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
                    let cut = async {
                        while !dark.get() {
                            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                        }
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => return,
                        () = cut => {}
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Line { url, dark }
    }

    pub async fn cut(&self) {
        self.dark.set(true);
        // Until those who copy have seen it.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    pub fn mend(&self) {
        self.dark.set(false);
    }
}

/// xorshift64: the same schedule for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
